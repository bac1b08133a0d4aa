"""Reconfirmations over HTTP: after a restore, a controller's records of a child agree."""

from consent_service.api.consents import schemas
from consent_service.api.consents.acts import as_it_stands, on_record
from consent_service.api.http.commands import employee
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.http.schemas import PerformedByBody
from consent_service.services.consents.reconfirm import (
    confirm_reconfirmation,
    record_reconfirmation,
)


def create_reconfirmation(call: Call) -> Reply:
    """POST /v1/consents/{id}/reconfirmations."""
    body = call.body
    reconfirmation = record_reconfirmation(
        call.uow,
        call.context,
        call.caller,
        call.path["consent_id"],
        body["basis"],
        employee(body),
    )
    return Reply(201, {"id": reconfirmation, "consent": as_it_stands(call).content})


def create_reconfirmation_confirmation(call: Call) -> Reply:
    """POST /v1/consents/{id}/reconfirmations/{rid}/confirmation."""
    return on_record(call, confirm_reconfirmation, "reconfirmation_id")


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/reconfirmations",
        "consents:write",
        "After a restore: record that your records of the child agree",
        create_reconfirmation,
        {201: "Reconfirmation", 404: "Problem", 409: "Problem"},
        body=schemas.ReconfirmationBody,
        idempotency="optional",
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/reconfirmations/<reconfirmation_id>/confirmation",
        "consents:write",
        "Confirm a colleague's reconfirmation",
        create_reconfirmation_confirmation,
        {200: "Consent", 404: "Problem", 409: "Problem"},
        body=PerformedByBody,
        idempotency="optional",
        tag="Consents",
    ),
]
