"""What a compact JWS says before anybody verified it, read so strictly that it says one thing."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consent_service.signing import base64url
from consent_service.signing.base64url import NotBase64Url

_NEVER = frozenset({"b64", "crit", "enc", "jku", "jwk", "x5c", "x5u", "zip"})
"""Header members that bring a key or another way to read the token along (RFC 7515 § 4.1).

Keys come from what the operator configured and from nowhere else.
"""


class Unreadable(ValueError):
    """No token this service reads. The message never repeats any of it."""


@dataclass(frozen=True)
class JwtParts:
    """Header and claims, unverified: good for choosing a key, for nothing else."""

    header: dict[str, Any]
    claims: dict[str, Any]


def read_parts(token: str, longest: int) -> JwtParts:
    """Read a token. Raises Unreadable.

    Refused: more than `longest` characters, other than three parts, a part that is empty or not
    base64url in its one spelling, members named twice, numbers that are no finite double, what is
    no text (`verify_text`), and a header that brings its own key.
    """
    if len(token) > longest:
        raise Unreadable("too long")
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise Unreadable("not three parts")
    header, claims = _members(parts[0]), _members(parts[1])
    if _NEVER & header.keys():
        raise Unreadable("a header that is never followed")
    return JwtParts(header, claims)


def media_type(header: dict[str, Any]) -> str:
    """The `typ` in its short form (RFC 7515 § 4.1.9); empty for none."""
    typ = header.get("typ", "")
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else ""


def _members(part: str) -> dict[str, Any]:
    try:
        value = json.loads(
            base64url.decode(part),
            object_pairs_hook=_once,
            parse_int=_short,
            parse_float=_finite,
            parse_constant=_constant,
        )
        verify_text(value)
    except (NotBase64Url, ValueError, RecursionError):
        raise Unreadable("not JSON in base64url") from None
    if not isinstance(value, dict):
        raise Unreadable("not an object")
    return value


def verify_text(value: Any) -> None:
    """Refuse JSON with half a character, or with one that no database keeps as text.

    A signature vouches for whatever was signed: what nobody can hash, keep or send on is refused
    before anybody tries. Raises Unreadable, RecursionError.
    """
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= one <= "\udfff" for one in value):
            raise Unreadable("no text")
    elif isinstance(value, Mapping):
        for name, member in value.items():
            verify_text(name)
            verify_text(member)
    elif isinstance(value, list):
        for member in value:
            verify_text(member)


def seconds(claims: Mapping[str, Any], name: str) -> int | float:
    """A time among claims (NumericDate, RFC 7519 § 2). Raises Unreadable for anything else."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable("a time is a number")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Unreadable("a member named twice")
    return members


def _short(text: str) -> int:
    if len(text) > 20:
        raise Unreadable("a number beyond 64 bits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unreadable("a number beyond a double")
    return number


def _constant(_text: str) -> float:
    raise Unreadable("NaN and Infinity are not JSON")
