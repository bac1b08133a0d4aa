"""JSON that means one thing to everybody who reads it: no member name stands twice."""

import json
from typing import Any

from consent_service.errors import ConsentServiceError


class NotJson(ConsentServiceError):
    """The text is not JSON, or two readers could take it differently."""

    code = "not_json"


def parse_json(text: bytes | str) -> Any:
    """The value of a JSON text (RFC 8259 § 4: names should be unique). Raises NotJson."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise NotJson("not JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a repeated member")
    return members
