"""What an organisation knows about one person, for its data-protection officer (R12)."""

from consent_service.api.http.commands import employee
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.rights import schemas
from consent_service.services.children.family import check_cpr
from consent_service.services.rights.export_subject import SubjectRequest, export_subject


def post_subject_export(call: Call) -> Reply:
    """POST /v1/audit/subject-export."""
    number = check_cpr(call.body["subject"]["cpr"], "/subject/cpr")
    asked = SubjectRequest(
        call.caller.organisation, number, "dpo", employee(call.body), call.caller.client
    )
    return Reply(200, export_subject(call.uow, call.context, asked))


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/audit/subject-export",
        "audit:read",
        "Everything about one person, with employees' names",
        post_subject_export,
        {200: "SubjectExport"},
        body=schemas.SubjectExportBody,
        tag="Log",
    )
]
