"""The shape of the answers about log entries."""

from consent_service.api.http.shapes import (
    INSTANT,
    TEXT,
    Json,
    list_of,
    object_of,
    or_null,
    page_of,
)

PROOF = object_of(
    {"index": {"type": "integer"}, "path": list_of(TEXT), "checkpoint": or_null(TEXT)}
)


ANSWERS: dict[str, Json] = {
    "Entry": object_of(
        {"id": TEXT, "time": INSTANT, "controller": TEXT, "body": {"type": "object"}}
    ),
    "EntryPage": page_of("Entry"),
    "EntryProof": object_of(
        {
            "id": TEXT,
            "header": TEXT,
            "body": TEXT,
            "salt": TEXT,
            "promise": TEXT,
            "proof": or_null(PROOF),
        }
    ),
}
