"""Exemptions over HTTP: recorded by one employee, confirmed by another (R1)."""

from consent_service.api.consents import schemas
from consent_service.api.consents.acts import as_it_stands, on_record
from consent_service.api.http.commands import employee
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.http.schemas import PerformedByBody
from consent_service.domain.kernel.facts import ExemptionReason
from consent_service.services.consents.exempt import (
    ExemptionDraft,
    confirm_exemption,
    record_exemption,
    revoke_exemption,
)


def create_exemption(call: Call) -> Reply:
    """POST /v1/consents/{id}/exemptions."""
    body = dict(call.body)
    reason = ExemptionReason(body["reason"])
    draft = ExemptionDraft(**{**body, "reason": reason, "performed_by": employee(body)})
    exemption = record_exemption(
        call.uow, call.context, call.caller, call.path["consent_id"], draft
    )
    consent = as_it_stands(call).content
    return Reply(201, {"id": exemption, "consent": consent})


def create_exemption_confirmation(call: Call) -> Reply:
    """POST /v1/consents/{id}/exemptions/{eid}/confirmation."""
    return on_record(call, confirm_exemption, "exemption_id")


def create_exemption_revocation(call: Call) -> Reply:
    """POST /v1/consents/{id}/exemptions/{eid}/revocation."""
    return on_record(call, revoke_exemption, "exemption_id")


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/exemptions",
        "consents:write",
        "Record why a holder need not sign",
        create_exemption,
        {201: "Exemption", 404: "Problem", 409: "Problem", 429: "Problem"},
        body=schemas.ExemptionBody,
        idempotency="optional",
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/exemptions/<exemption_id>/confirmation",
        "consents:write",
        "Confirm a colleague's exemption",
        create_exemption_confirmation,
        {200: "Consent", 404: "Problem", 409: "Problem"},
        body=PerformedByBody,
        idempotency="optional",
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/exemptions/<exemption_id>/revocation",
        "consents:write",
        "End an exemption",
        create_exemption_revocation,
        {200: "Consent", 404: "Problem", 409: "Problem"},
        body=PerformedByBody,
        idempotency="optional",
        tag="Consents",
    ),
]
