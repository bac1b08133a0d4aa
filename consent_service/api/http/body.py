"""A request's body and query, read by their schemas: what is wrong is named by a JSON pointer."""

import json
from collections.abc import Mapping
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from consent_service.api.http.strict_json import parse_json
from consent_service.domain.kernel.cpr_text import mask_cpr
from consent_service.errors import FieldError, InvalidInput

LARGEST_BODY = 256 * 1024
"""In bytes."""


def read_body() -> bytes:
    """The bytes of a request's body. Raises RequestEntityTooLarge."""
    if request.content_length is not None and request.content_length > LARGEST_BODY:
        raise RequestEntityTooLarge
    # A body of unknown length is cut at the limit without a word.
    raw = request.get_data(cache=False)
    if len(raw) >= LARGEST_BODY:
        raise RequestEntityTooLarge
    return raw


def parse_body(raw: bytes) -> Mapping[str, Any]:
    """The JSON object that was sent. Raises UnsupportedMediaType, Malformed or InvalidInput."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if request.mimetype != "application/json" or encoding != "identity":
        raise UnsupportedMediaType
    content = parse_json(raw)
    if not isinstance(content, dict):
        raise InvalidInput.field("", "The body is a JSON object.")
    return content


def same_text(content: Mapping[str, Any]) -> bytes:
    """One text for one JSON object, however its members are ordered, spaced and escaped.

    As RFC 8785 says it, but total: what no schema accepts has a text too, so that its refusal can
    be told from another's.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def load(schema: Schema, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Members by their schema. Raises InvalidInput, which names every wrong one."""
    try:
        loaded: Mapping[str, Any] = schema.load(content)
    except ValidationError as error:
        raise InvalidInput(list(_field_errors(error.messages, ""))) from None
    return loaded


def _field_errors(messages: Any, pointer: str) -> list[FieldError]:
    """Marshmallow's nested messages as JSON pointers (RFC 6901)."""
    if isinstance(messages, dict):
        found = []
        for name, nested in messages.items():
            # `_schema` is about the whole object; `value` and `key` are how a mapping's are named.
            step = "" if name in ("_schema", "value", "key") else f"/{_escape(str(name))}"
            found += _field_errors(nested, pointer + step)
        return found
    listed = messages if isinstance(messages, list) else [messages]
    return [FieldError(pointer, str(message)) for message in listed]


def _escape(name: str) -> str:
    # A member name that the caller made up may hold anything.
    return mask_cpr(name).replace("~", "~0").replace("/", "~1")[:80]
