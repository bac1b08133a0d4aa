"""The shape of every answer, as JSON Schema for the OpenAPI document.

Answers are built by the services; schemathesis checks that they agree with this.
"""

from typing import Any

from consent_service.api.schemas import STATUSES
from consent_service.domain.consents.state import ReasonCode
from consent_service.domain.kernel.facts import Role, SignerRule

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
INSTANT: Json = {"type": "string", "format": "date-time"}
DATE: Json = {"type": "string", "format": "date"}
SHA: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
ROLE: Json = {"enum": [role.value for role in Role]}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: Json) -> Json:
    return {"type": "array", "items": schema}


def _object(required: Json, optional: Json | None = None) -> Json:
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def _open(required: Json) -> Json:
    return _object(required) | {"additionalProperties": True}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _page(name: str) -> Json:
    return _object({"items": _list(_ref(name)), "next": _or_null(TEXT)})


SCOPE = _object({"parties": _list(TEXT), "categories": _list(TEXT)})
REASON = _object(
    {"code": {"enum": [code.value for code in ReasonCode]}},
    {"role": ROLE, "party": TEXT, "category": TEXT, "signatory": TEXT},
)
SIGNATORY = _object(
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
CONTROLLED = _object(
    {
        "id": TEXT,
        "status": {"enum": STATUSES},
        "status_reasons": _list(REASON),
        "controller": TEXT,
        "template": _object({"id": TEXT, "version": {"type": "integer"}, "sha256": SHA}),
        "terms_sha256": SHA,
        "parties": _list(TEXT),
        "purpose": TEXT,
        "categories": _list(TEXT),
        "effective_scope": _or_null(SCOPE),
        "case_reference": TEXT,
        "deadline": DATE,
        "lapses_at": INSTANT,
        "created_at": INSTANT,
        "complete_at": _or_null(INSTANT),
        "expires_at": _or_null(INSTANT),
        "renews": _or_null(TEXT),
        "signatories": _list(SIGNATORY),
    }
)
COVERED = _object(
    {
        "id": TEXT,
        "status": {"enum": STATUSES},
        "controller": TEXT,
        "purpose": TEXT,
        "effective_scope": _or_null(SCOPE),
        "expires_at": _or_null(INSTANT),
    },
    {"terms": {"type": "object"}},
)
PROOF = _object({"index": {"type": "integer"}, "path": _list(TEXT), "checkpoint": _or_null(TEXT)})
DISCLOSED = _object(
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
        "warnings": _list({"enum": ["family_objected", "objections_unknown"]}),
    },
)
_PROBLEM: Json = {
    "type": TEXT,
    "title": TEXT,
    "status": {"type": "integer"},
    "detail": TEXT,
    "code": TEXT,
}

ANSWERS: dict[str, Json] = {
    "Problem": _open(_PROBLEM)
    | {"properties": _PROBLEM | {"errors": _list(_object({"pointer": TEXT, "detail": TEXT}))}},
    "Consent": {"anyOf": [CONTROLLED, COVERED]},
    "ConsentPage": _page("Consent"),
    "Exemption": _object({"id": TEXT, "consent": _ref("Consent")}),
    "Paper": _object({"id": TEXT, "consent": _ref("Consent")}),
    "CustodyChange": _object({"id": TEXT, "consents": _list(TEXT)}),
    "Receipt": _object(
        {"v": {"const": 1}, "terms": TEXT, "statements": _list({"type": "object"})},
        {"checkpoint": TEXT},
    ),
    "TimelineEvent": _object(
        {
            "time": INSTANT,
            "type": TEXT,
            "by_role": _or_null(TEXT),
            "detail": {"type": "object"},
            "entry": TEXT,
        }
    ),
    "Timeline": _page("TimelineEvent"),
    "Organisation": _object(
        {
            "id": TEXT,
            "name": TEXT,
            "kind": TEXT,
            "descriptions": {"type": "object"},
            "contact": {"type": "object"},
            "identifiers": {"type": "object"},
        }
    ),
    "OrganisationPage": _page("Organisation"),
    "Template": _object(
        {
            "id": TEXT,
            "organisation": TEXT,
            "version": {"type": "integer"},
            "sha256": SHA,
            "published_at": INSTANT,
            "purpose": TEXT,
            "categories": _list(TEXT),
            "signer_rule": {"enum": [rule.value for rule in SignerRule]},
            "max_validity": TEXT,
            "granular": {"type": "boolean"},
            "labels": {"type": "object"},
            "texts": {"type": "object"},
        },
        {"text_bound_login": {"const": True}, "minimum_assurance": {"const": "high"}},
    ),
    "TemplatePage": _page("Template"),
    "Disclosed": DISCLOSED,
    "DisclosureDenied": _open(_PROBLEM),
    "Disclosure": _object(
        {
            "id": TEXT,
            "decision": {"enum": ["permitted", "denied", "recorded"]},
            "decided_at": INSTANT,
            "consent": _or_null(TEXT),
            "sender": TEXT,
            "recipient": TEXT,
            "purpose": TEXT,
            "categories": _list(TEXT),
            "legal_basis": {"type": "object"},
            "channel": TEXT,
            "document": _or_null({"type": "object"}),
            "reasons": _list(REASON),
            "warnings": _list(TEXT),
            "outcome": _or_null({"enum": ["sent", "not_sent"]}),
        }
    ),
    "DisclosurePage": _page("Disclosure"),
    "Decision": _object(
        {
            "decision": {"enum": ["permitted", "denied"]},
            "reasons": _list(REASON),
            "as_of": INSTANT,
        }
    ),
    "Entry": _object({"id": TEXT, "time": INSTANT, "controller": TEXT, "body": {"type": "object"}}),
    "EntryPage": _page("Entry"),
    "EntryProof": _object(
        {
            "id": TEXT,
            "header": TEXT,
            "body": TEXT,
            "salt": TEXT,
            "promise": TEXT,
            "proof": _or_null(PROOF),
        }
    ),
    "SubjectExport": _object(
        {
            "v": {"const": 1},
            "made_at": INSTANT,
            "audience": {"enum": ["citizen", "dpo"]},
            "controller": _open({"id": TEXT, "name": TEXT}),
            "cpr": TEXT,
            "about": _list(
                _open(
                    {
                        "relation": {"enum": ["child", "holder"]},
                        "disclosures": _list(_open({"id": TEXT, "time": INSTANT})),
                        "consents": _list(_open({"id": TEXT})),
                        "statements": _list(_open({"decision": TEXT, "time": INSTANT})),
                        "logins": _list(_open({"time": INSTANT, "type": TEXT})),
                        "accesses": _list(_open({"time": INSTANT, "type": TEXT})),
                        "questions": _list(_open({"time": INSTANT})),
                        "steps": _list(_open({"time": INSTANT, "type": TEXT})),
                    }
                )
            ),
            "organisations": {"type": "object", "additionalProperties": TEXT},
            "words": {"type": "object"},
        }
    ),
}
