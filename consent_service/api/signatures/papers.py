"""Papers over HTTP: recorded by one employee, counted once another confirmed them."""

from functools import partial

from consent_service.api.consents.acts import as_it_stands, on_record
from consent_service.api.http.commands import Loaded, employee
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.http.schemas import PerformedByBody
from consent_service.api.signatures.schemas import LiftBody, PaperBody, PaperRejectionBody
from consent_service.domain.kernel.facts import ActKind
from consent_service.services.signatures.sign_on_paper import (
    KeptOnPaper,
    PaperDraft,
    confirm_paper,
    record_paper,
    reject_paper,
)


def paper(body: Loaded) -> PaperDraft:
    """What stands on a paper."""
    scope = body["scope"]
    return PaperDraft(
        signatory=body["signatory"],
        decision=ActKind(body["decision"]),
        scope=scope and KeptOnPaper(tuple(scope["parties"]), tuple(scope["categories"])),
        signed_on=body["signed_on"],
        document_reference=body["document"]["reference"],
        document_sha256=body["document"]["sha256"],
        identity_checked=body["identity_checked"],
        performed_by=employee(body),
    )


def create_paper(call: Call) -> Reply:
    """POST /v1/consents/{id}/paper-grants."""
    recorded = record_paper(
        call.uow, call.context, call.caller, call.path["consent_id"], paper(call.body)
    )
    return Reply(201, {"id": recorded, "consent": as_it_stands(call).content})


def create_paper_confirmation(call: Call) -> Reply:
    """POST /v1/consents/{id}/paper-grants/{pid}/confirmation."""
    return on_record(call, confirm_paper, "paper_id")


def create_paper_rejection(call: Call) -> Reply:
    """POST /v1/consents/{id}/paper-grants/{pid}/rejection."""
    reject_paper(
        call.uow,
        call.context,
        call.caller,
        call.path["consent_id"],
        call.path["paper_id"],
        call.body["note"],
        employee(call.body),
    )
    return as_it_stands(call)


def create_lift(call: Call) -> Reply:
    """POST /v1/consents/{id}/lifts."""
    draft = paper({**call.body, "decision": ActKind.LIFT.value, "scope": None})
    recorded = record_paper(call.uow, call.context, call.caller, call.path["consent_id"], draft)
    return Reply(201, {"id": recorded, "consent": as_it_stands(call).content})


def create_lift_confirmation(call: Call) -> Reply:
    """POST /v1/consents/{id}/lifts/{lid}/confirmation."""
    return on_record(call, partial(confirm_paper, is_lift=True), "lift_id")


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/lifts",
        "consents:write",
        "Record on paper that somebody takes their own no back, granting nothing",
        create_lift,
        {201: "Paper", 404: "Problem", 409: "Problem"},
        body=LiftBody,
        idempotency="optional",
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/lifts/<lift_id>/confirmation",
        "consents:write",
        "Confirm a lift that a colleague recorded",
        create_lift_confirmation,
        {200: "Consent", 404: "Problem", 409: "Problem"},
        body=PerformedByBody,
        idempotency="optional",
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/paper-grants",
        "consents:write",
        "Record what somebody signed on paper",
        create_paper,
        {201: "Paper", 404: "Problem", 409: "Problem", 429: "Problem"},
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
