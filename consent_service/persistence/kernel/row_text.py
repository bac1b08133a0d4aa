"""A row's columns written in one way, the same from either database, to be authenticated."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from consent_service.signing.canonical import canonical_json, instant_text


def row_text(values: Mapping[str, Any], columns: Iterable[str]) -> str:
    """These columns of a row as canonical JSON, each under its name.

    Two rows have the same text only if they hold the same. Raises NotCanonical.
    """
    return canonical_json({name: _writable(values[name]) for name in columns}).decode()


def _writable(value: Any) -> Any:
    if isinstance(value, bytes):
        # Not text: a column of text may hold the same letters.
        return {"hex": value.hex()}
    return instant_text(value.astimezone(UTC)) if isinstance(value, datetime) else value
