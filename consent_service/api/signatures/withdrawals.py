"""What a family told an organisation, recorded over HTTP (R4)."""

from consent_service.api.http.commands import employee
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.signatures import schemas
from consent_service.services.signatures.withdraw import Told, record_withdrawal, take_withdrawal


def create_withdrawal(call: Call) -> Reply:
    """POST /v1/consents/{id}/withdrawals."""
    recorded = record_withdrawal(
        call.uow,
        call.context,
        call.caller,
        call.path["consent_id"],
        call.body["signatory"],
        call.body["channel"],
        call.body["note"],
        employee(call.body),
    )
    return Reply(201, recorded)


def create_withdrawal_told(call: Call) -> Reply:
    """POST /v1/withdrawals."""
    told = Told(
        child_cpr=call.body["child"]["cpr"],
        signer_cpr=call.body["signer"]["cpr"],
        purpose=call.body["purpose"],
        channel=call.body["channel"],
        note=call.body["note"],
        performed_by=employee(call.body),
    )
    return Reply(202, {"id": take_withdrawal(call.uow, call.context, call.caller, told)})


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/withdrawals",
        "withdrawals:write",
        "Record a withdrawal made orally or by letter",
        create_withdrawal,
        {201: "Consent", 404: "Problem"},
        body=schemas.WithdrawalBody,
        idempotency="optional",
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/withdrawals",
        "withdrawals:write",
        "Take a stop from a parent or a young person, whether or not a consent is known",
        create_withdrawal_told,
        {202: "WithdrawalTaken"},
        body=schemas.WithdrawalToldBody,
        idempotency="optional",
        tag="Consents",
        description="Always 202 with the id of your own log's entry: it stops whatever requests "
        "about this child name your organisation and ask this signer, and does not tell whether "
        "there are any. With `purpose`, only those for it and for purposes that overlap it. "
        "Effective at once, for the future only.",
    ),
]
