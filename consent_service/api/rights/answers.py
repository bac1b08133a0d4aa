"""The shape of the answers about a person's export."""

from consent_service.api.http.shapes import INSTANT, TEXT, Json, list_of, object_of, open_object

ANSWERS: dict[str, Json] = {
    "SubjectExport": object_of(
        {
            "v": {"const": 1},
            "made_at": INSTANT,
            "audience": {"enum": ["citizen", "dpo"]},
            "controller": open_object({"id": TEXT, "name": TEXT}),
            "cpr": TEXT,
            "about": list_of(
                open_object(
                    {
                        "relation": {"enum": ["child", "holder"]},
                        "disclosures": list_of(open_object({"id": TEXT, "time": INSTANT})),
                        "consents": list_of(open_object({"id": TEXT})),
                        "statements": list_of(open_object({"decision": TEXT, "time": INSTANT})),
                        "logins": list_of(open_object({"time": INSTANT, "type": TEXT})),
                        "accesses": list_of(open_object({"time": INSTANT, "type": TEXT})),
                        "questions": list_of(open_object({"time": INSTANT})),
                        "steps": list_of(open_object({"time": INSTANT, "type": TEXT})),
                    }
                )
            ),
            "stops": list_of(
                open_object(
                    {"entry": TEXT, "time": INSTANT, "channel": {"enum": ["oral", "letter"]}}
                )
            ),
            "organisations": {"type": "object", "additionalProperties": TEXT},
            "words": {"type": "object"},
        }
    ),
}
