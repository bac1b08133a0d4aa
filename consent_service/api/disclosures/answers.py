"""The shape of the answers about disclosures and decisions."""

from consent_service.api.consents.answers import REASON
from consent_service.api.http.shapes import (
    INSTANT,
    PROBLEM_MEMBERS,
    SHA,
    TEXT,
    Json,
    list_of,
    object_of,
    open_object,
    or_null,
    page_of,
)

DISCLOSED = object_of(
    {
        "id": TEXT,
        "decision": {"enum": ["permitted", "recorded"]},
        "decided_at": INSTANT,
        "log_promise": TEXT,
    },
    {
        "consent": TEXT,
        "terms_sha256": SHA,
        "valid_until": INSTANT,
        "warnings": list_of({"enum": ["family_objected", "objections_unknown"]}),
        "attested_by": list_of(TEXT),
    },
)


ANSWERS: dict[str, Json] = {
    "Disclosed": DISCLOSED,
    "DisclosureDenied": open_object(PROBLEM_MEMBERS),
    "Disclosure": object_of(
        {
            "id": TEXT,
            "decision": {"enum": ["permitted", "denied", "recorded"]},
            "decided_at": INSTANT,
            "consent": or_null(TEXT),
            "sender": TEXT,
            "recipient": TEXT,
            "purpose": TEXT,
            "categories": list_of(TEXT),
            "legal_basis": {"type": "object"},
            "channel": TEXT,
            "document": or_null({"type": "object"}),
            "reasons": list_of(REASON),
            "warnings": list_of(TEXT),
            "outcome": or_null({"enum": ["sent", "not_sent"]}),
        }
    ),
    "DisclosurePage": page_of("Disclosure"),
    "Decision": object_of(
        {
            "decision": {"enum": ["permitted", "denied"]},
            "reasons": list_of(REASON),
            "as_of": INSTANT,
        },
        {"attested_by": list_of(TEXT)},
    ),
}
