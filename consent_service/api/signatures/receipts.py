"""The receipt of an organisation over HTTP."""

from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.services.signatures.receipts import party_receipt


def get_receipt(call: Call) -> Reply:
    """GET /v1/consents/{id}/receipt."""
    receipt = party_receipt(call.uow, call.context, call.caller, call.path["consent_id"])
    return Reply(200, receipt)


ENDPOINTS = [
    Endpoint(
        "GET",
        "/v1/consents/<consent_id>/receipt",
        "consents:read",
        "The sealed evidence, to verify offline",
        get_receipt,
        {200: "Receipt", 404: "Problem"},
        tag="Consents",
    ),
]
