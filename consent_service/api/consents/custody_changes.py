"""Custody changes over HTTP (R10)."""

from consent_service.api.consents import schemas
from consent_service.api.consents.commands import custody
from consent_service.api.http.commands import employee
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.errors import InvalidInput
from consent_service.services.consents.change_custody import CustodyReport, change_custody


def create_custody_change(call: Call) -> Reply:
    """POST /v1/custody-changes."""
    report = CustodyReport(
        child_cpr=call.body["child"]["cpr"],
        custody=custody(call.body),
        effective_from=call.body["effective_from"],
        performed_by=employee(call.body),
        corrects=call.body["corrects"],
    )
    if len(report.custody.holders) > 2:
        raise InvalidInput.field("/custody/holders", "A child has at most two holders.")
    changed = change_custody(call.uow, call.context, call.caller, report)
    return Reply(201, {"id": changed.id, "consents": changed.consents})


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/custody-changes",
        "consents:write",
        "Record a custody change",
        create_custody_change,
        {201: "CustodyChange", 409: "Problem", 429: "Problem"},
        body=schemas.CustodyChangeBody,
        idempotency="optional",
        tag="Consents",
    ),
]
