"""What a family told one of the parties, recorded over HTTP (R4)."""

from consent_service.api.consents.acts import as_it_stands
from consent_service.api.http.commands import employee
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.signatures import schemas
from consent_service.services.signatures.withdraw import record_withdrawal


def create_withdrawal(call: Call) -> Reply:
    """POST /v1/consents/{id}/withdrawals."""
    record_withdrawal(
        call.uow,
        call.context,
        call.caller,
        call.path["consent_id"],
        call.body["signatory"],
        call.body["channel"],
        call.body["note"],
        employee(call.body),
    )
    return as_it_stands(call, 201)


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/withdrawals",
        "withdrawals:write",
        "Record a withdrawal made orally or by letter",
        create_withdrawal,
        {201: "Consent", 404: "Problem", 409: "Problem"},
        body=schemas.WithdrawalBody,
        idempotency="optional",
        tag="Consents",
    ),
]
