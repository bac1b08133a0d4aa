"""JSON as this service reads it: one value for one text, and nothing a database cannot hold."""

import codecs
import json
import math
import re
from typing import Any

from consent_service.errors import Malformed

DEEPEST = 32
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def parse_json(data: bytes) -> Any:
    """Parse a body. Raises Malformed without repeating any of it.

    Refused besides what is no JSON: duplicate member names, numbers that are no finite double,
    nesting deeper than 32, NUL and lone surrogates in text.
    """
    try:
        # RFC 8259 § 8.1: a parser may ignore a byte order mark instead of calling it an error.
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        value = _DECODER.decode(text)
    except RecursionError:
        raise Malformed("The JSON is nested too deeply.") from None
    except ValueError:
        raise Malformed("The body is not JSON in UTF-8.") from None
    # Only an escape of NUL or of half a pair can bring in what raw UTF-8 JSON cannot hold.
    _check(value, DEEPEST, look_into_text=_SUSPECT.search(text) is not None)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Malformed("A member name stands twice in one object.")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Malformed("A number is too large.")
    return number


def _constant(_text: str) -> float:
    raise Malformed("NaN and Infinity are not JSON.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_finite, parse_constant=_constant
)


def _check(value: Any, depth: int, *, look_into_text: bool) -> None:
    if isinstance(value, str):
        if look_into_text:
            _check_text(value)
    elif isinstance(value, dict | list):
        if depth == 0:
            raise Malformed("The JSON is nested too deeply.")
        members = (*value, *value.values()) if isinstance(value, dict) else value
        for member in members:
            if look_into_text or not isinstance(member, str):
                _check(member, depth - 1, look_into_text=look_into_text)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Malformed("A text holds NUL.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("A text holds a lone surrogate.") from None
