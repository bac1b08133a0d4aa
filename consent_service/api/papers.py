"""Papers over HTTP: recorded by one employee, counted once another confirmed them."""

from consent_service.api.commands import employee, paper
from consent_service.api.endpoint import Call, Endpoint, Reply
from consent_service.api.paper_schemas import PaperBody, PaperRejectionBody
from consent_service.api.schemas import PerformedByBody
from consent_service.services.consents.view_consent import consent_as_it_stands
from consent_service.services.signatures.sign_on_paper import (
    confirm_paper,
    record_paper,
    reject_paper,
)


def create_paper(call: Call) -> Reply:
    """POST /v1/consents/{id}/paper-grants."""
    consent = call.path["consent_id"]
    recorded = record_paper(call.uow, call.context, call.caller, consent, paper(call.body))
    shown = consent_as_it_stands(call.uow, call.context, call.caller, consent)
    return Reply(201, {"id": recorded, "consent": shown})


def create_paper_confirmation(call: Call) -> Reply:
    """POST /v1/consents/{id}/paper-grants/{pid}/confirmation."""
    consent = call.path["consent_id"]
    confirm_paper(
        call.uow,
        call.context,
        call.caller,
        consent,
        call.path["paper_id"],
        employee(call.body),
    )
    return Reply(200, consent_as_it_stands(call.uow, call.context, call.caller, consent))


def create_paper_rejection(call: Call) -> Reply:
    """POST /v1/consents/{id}/paper-grants/{pid}/rejection."""
    consent = call.path["consent_id"]
    reject_paper(
        call.uow,
        call.context,
        call.caller,
        consent,
        call.path["paper_id"],
        call.body["note"],
        employee(call.body),
    )
    return Reply(200, consent_as_it_stands(call.uow, call.context, call.caller, consent))


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/paper-grants",
        "consents:write",
        "Record what somebody signed on paper",
        create_paper,
        {201: "Paper", 404: "Problem", 409: "Problem"},
        body=PaperBody,
        idempotency="optional",
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/paper-grants/<paper_id>/confirmation",
        "consents:write",
        "Confirm a paper that a colleague recorded",
        create_paper_confirmation,
        {200: "Consent", 404: "Problem", 409: "Problem"},
        body=PerformedByBody,
        idempotency="optional",
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/paper-grants/<paper_id>/rejection",
        "consents:write",
        "Take back a paper that was recorded by mistake and is not confirmed",
        create_paper_rejection,
        {200: "Consent", 404: "Problem", 409: "Problem"},
        body=PaperRejectionBody,
        idempotency="optional",
        tag="Consents",
    ),
]
