"""The shape of the answers about consents."""

from consent_service.api.consents.schemas import STATUSES
from consent_service.api.http.shapes import (
    DATE,
    INSTANT,
    ROLE,
    SHA,
    TEXT,
    Json,
    list_of,
    object_of,
    or_null,
    page_of,
    ref,
)
from consent_service.domain.consents.state import ReasonCode
from consent_service.services.consents.work import RECONFIRMATION
from consent_service.services.log.model import CUSTODY_TO_CHECK

SCOPE = object_of({"parties": list_of(TEXT), "categories": list_of(TEXT)})

REASON = object_of(
    {"code": {"enum": [code.value for code in ReasonCode]}},
    {"role": ROLE, "party": TEXT, "category": TEXT, "signatory": TEXT},
)

SIGNATORY = object_of(
    {
        "id": TEXT,
        "role": ROLE,
        "required": {"type": "boolean"},
        "state": {
            "enum": [
                "invited",
                "opened",
                "granted",
                "declined",
                "withdrawn",
                "excused",
                "not_required",
            ]
        },
    },
    {"name": TEXT, "signing_url": {"type": "string", "format": "uri"}},
)

CONTROLLED = object_of(
    {
        "id": TEXT,
        "status": {"enum": STATUSES},
        "status_reasons": list_of(REASON),
        "controller": TEXT,
        "template": object_of({"id": TEXT, "version": {"type": "integer"}, "sha256": SHA}),
        "terms_sha256": SHA,
        "parties": list_of(TEXT),
        "purpose": TEXT,
        "categories": list_of(TEXT),
        "effective_scope": or_null(SCOPE),
        "case_reference": TEXT,
        "deadline": DATE,
        "lapses_at": INSTANT,
        "created_at": INSTANT,
        "complete_at": or_null(INSTANT),
        "expires_at": or_null(INSTANT),
        "renews": or_null(TEXT),
        "signatories": list_of(SIGNATORY),
    }
)

COVERED = object_of(
    {
        "id": TEXT,
        "status": {"enum": STATUSES},
        "controller": TEXT,
        "purpose": TEXT,
        "effective_scope": or_null(SCOPE),
        "expires_at": or_null(INSTANT),
    },
    {"terms": {"type": "object"}},
)


ANSWERS: dict[str, Json] = {
    "Consent": {"anyOf": [CONTROLLED, COVERED]},
    "ConsentPage": page_of("Consent"),
    "Exemption": object_of({"id": TEXT, "consent": ref("Consent")}),
    "Reconfirmation": object_of({"id": TEXT, "consent": ref("Consent")}),
    "CustodyChange": object_of({"id": TEXT, "consents": list_of(TEXT)}),
    "WorkItem": object_of(
        {
            "kind": {"enum": [CUSTODY_TO_CHECK, RECONFIRMATION]},
            "consent": TEXT,
            "case_reference": TEXT,
        }
    ),
    "WorkPage": page_of("WorkItem"),
    "TimelineEvent": object_of(
        {
            "time": INSTANT,
            "type": TEXT,
            "by_role": or_null(TEXT),
            "detail": {"type": "object"},
            "entry": TEXT,
        }
    ),
    "Timeline": page_of("TimelineEvent"),
}
