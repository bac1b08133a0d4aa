"""One JSON text for one value (RFC 8785), so that a hash or a signature means the value.

The profile is narrower than the RFC: objects with text keys, arrays, text, booleans, null
and integers that every JSON reader keeps exact. Floats have no place in what is signed.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from consent_service.errors import ConsentServiceError

LARGEST_INTEGER = 2**53 - 1
"""The largest integer that a double holds exactly, both ways (RFC 7493 § 2.2)."""

DEEPEST = 32
"""Levels of nesting; a fixed number, so that the answer never depends on the stack."""

_NO_OFFSET = timedelta(0)
_SORTED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_AS_GIVEN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class NotCanonical(ConsentServiceError):
    """The value has no canonical form in this profile, or the bytes are not that form."""

    code = "not_canonical"


def canonical_json(value: Any) -> bytes:
    """The canonical JSON of a value, UTF-8 (RFC 8785).

    Raises NotCanonical for a float, a key that is not text, an integer beyond 2^53 - 1, a
    lone surrogate, nesting deeper than DEEPEST, or any other type.
    """
    ascii_keys = _check(value, DEEPEST)
    try:
        # The standard encoder sorts by code point; the RFC sorts by UTF-16 code unit
        # (§ 3.2.3). They agree on ASCII keys, which is nearly always.
        text = _SORTED(value) if ascii_keys else _AS_GIVEN(_in_utf16_order(value))
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotCanonical("a lone surrogate is not text") from None


def parse_canonical(data: bytes) -> Any:
    """The value of a canonical JSON text; refuses every other spelling of it.

    So two different byte strings never parse to the same value. Raises NotCanonical.
    """
    if data.isascii() and (value := _parse_plain(data.decode("ascii"))) is not None:
        return value
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise NotCanonical("not JSON") from None
    if canonical_json(value) != data:
        raise NotCanonical("JSON, but not in its canonical form")
    return value


def _parse_plain(text: str) -> Any:
    """The value of a canonical text in ASCII, the short way; None where the long way must tell.

    Few brackets cannot nest deeply, and the decoder refuses by itself what else `_check` would:
    this runs several times for every entry of a log that is verified.
    """
    if text.count("{") + text.count("[") > DEEPEST:
        return None
    try:
        value = _DECODE(text)
        return value if _SORTED(value) == text else None
    except (ValueError, RecursionError):
        return None


def _exact_integer(digits: str) -> int:
    value = int(digits)
    if not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        raise ValueError
    return value


def _no_number(_: str) -> Any:
    raise ValueError


_DECODE = json.JSONDecoder(
    parse_float=_no_number, parse_constant=_no_number, parse_int=_exact_integer
).decode


def plain_object(**members: str) -> re.Pattern[bytes]:
    """What matches the canonical form of one object, its members given as regular expressions.

    For what is read a million times: a match has each text member as a group of its name, and is
    what `parse_canonical` accepts. So no expression may match a quote, a backslash, a control
    character or anything beyond ASCII; a member that is no text is given as `=` and its JSON.
    """
    spelled = (
        f'"{name}":{form[1:]}' if form.startswith("=") else f'"{name}":"(?P<{name}>{form})"'
        for name, form in sorted(members.items())
    )
    return re.compile(("\\{" + ",".join(spelled) + "\\}").encode("ascii"))


PLAIN_TEXT = r"[ !#-\[\]-~]+"
"""Printable ASCII that JSON writes as it stands."""
PLAIN_SHA256 = "[0-9a-f]{64}"
PLAIN_INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{15}Z"


def instant_text(instant: datetime) -> str:
    """An instant as `YYYY-MM-DDTHH:MM:SS.ffffffZ`: UTC, always six digits of microseconds.

    Raises NotCanonical unless the instant is aware and in UTC.
    """
    if instant.utcoffset() != _NO_OFFSET:
        raise NotCanonical("an instant must be aware and in UTC")
    return instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_instant(text: str) -> datetime:
    """The instant that `instant_text` wrote; no other spelling. Raises NotCanonical."""
    try:
        instant = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise NotCanonical("not an instant") from None
    if instant.tzinfo is not None or f"{instant.isoformat(timespec='microseconds')}Z" != text:
        raise NotCanonical("an instant, but not in its one spelling")
    return instant.replace(tzinfo=UTC)


def _check(value: Any, depth: int) -> bool:
    """Whether every key is ASCII; raises NotCanonical outside the profile.

    A bare loop over the members: this runs for every entry of the log.
    """
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        if not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
            raise NotCanonical("an integer beyond 2^53 - 1")
        return True
    if depth == 0:
        raise NotCanonical("nested too deeply")
    if isinstance(value, dict):
        ascii_keys = True
        for key, member in value.items():
            if not isinstance(key, str):
                raise NotCanonical("a key that is not text")
            ascii_keys &= key.isascii()
            if type(member) is not str:
                ascii_keys &= _check(member, depth - 1)
        return ascii_keys
    if isinstance(value, list | tuple):
        # Not all(): every element must be looked at.
        return False not in [_check(element, depth - 1) for element in value]
    raise NotCanonical(f"a {type(value).__name__} has no canonical form")


def _in_utf16_order(value: Any) -> Any:
    """The same value with the members of each object in the order of RFC 8785 § 3.2.3."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return {key: _in_utf16_order(value[key]) for key in keys}
    if isinstance(value, list | tuple):
        return [_in_utf16_order(element) for element in value]
    return value
