"""From loaded bodies to the frozen commands that services take."""

from collections.abc import Mapping
from typing import Any

from consent_service.errors import InvalidInput
from consent_service.services.kernel.model import Employee
from consent_service.signing import base64url

Loaded = Mapping[str, Any]


def employee(body: Loaded) -> Employee:
    """The employee behind the system."""
    named = body["performed_by"]
    return Employee(named["id"], named["name"])


def encode_cursor(last: str | None) -> str | None:
    """An opaque cursor."""
    return None if last is None else base64url.encode(last.encode())


def decode_cursor(cursor: str | None) -> str | None:
    """The other way. Raises InvalidInput for one we did not make."""
    if cursor is None:
        return None
    try:
        raw = base64url.decode(cursor).decode("ascii")
    except (base64url.NotBase64Url, ValueError):
        raise InvalidInput.field("/cursor", "Not a cursor from an earlier page.") from None
    if not raw.isprintable() or len(raw) > 128:
        raise InvalidInput.field("/cursor", "Not a cursor from an earlier page.")
    return raw
