"""What the shapes of answers are put together from: JSON Schema for the OpenAPI document.

Each room's `answers` says the shape of its own. Answers are built by the services; schemathesis
checks that they agree with what is said there.
"""

from typing import Any

from consent_service.domain.kernel.facts import Role

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
INSTANT: Json = {"type": "string", "format": "date-time"}
DATE: Json = {"type": "string", "format": "date"}
SHA: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
ROLE: Json = {"enum": [role.value for role in Role]}


def or_null(schema: Json) -> Json:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def list_of(schema: Json) -> Json:
    """An array of these."""
    return {"type": "array", "items": schema}


def object_of(required: Json, optional: Json | None = None) -> Json:
    """An object with exactly these members."""
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def open_object(required: Json) -> Json:
    """An object with these members and any others."""
    return object_of(required) | {"additionalProperties": True}


def ref(name: str) -> Json:
    """A shape by its name in the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def page_of(name: str) -> Json:
    """A page of a list, and where the next begins."""
    return object_of({"items": list_of(ref(name)), "next": or_null(TEXT)})


PROBLEM_MEMBERS: Json = {
    "type": TEXT,
    "title": TEXT,
    "status": {"type": "integer"},
    "detail": TEXT,
    "code": TEXT,
}
PROBLEM: Json = open_object(PROBLEM_MEMBERS) | {
    "properties": PROBLEM_MEMBERS
    | {"errors": list_of(object_of({"pointer": TEXT, "detail": TEXT}))}
}
"""A problem document (RFC 9457)."""
