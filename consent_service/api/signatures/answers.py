"""The shape of the answers about papers and receipts."""

from consent_service.api.http.shapes import TEXT, Json, list_of, object_of, ref

ANSWERS: dict[str, Json] = {
    "WithdrawalTaken": object_of({"id": TEXT}),
    "Paper": object_of({"id": TEXT, "consent": ref("Consent")}),
    "Receipt": object_of(
        {"v": {"const": 1}, "terms": TEXT, "statements": list_of({"type": "object"})},
        {"checkpoint": TEXT},
    ),
}
