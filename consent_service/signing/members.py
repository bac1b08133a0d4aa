"""Reading a JSON object whose members must be exactly the expected ones."""

import re
from collections.abc import Callable, Collection
from datetime import datetime
from itertools import pairwise
from typing import Any, Self, TypeVar

from consent_service.errors import ConsentServiceError
from consent_service.signing import base64url
from consent_service.signing.canonical import NotCanonical, parse_canonical, parse_instant

_HEX_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_Read = TypeVar("_Read")


class Members:
    """The members of one JSON object, read by name and type.

    `refusal` is the exception raised for a missing, unknown or wrongly typed member; its
    detail names the member, never its value.
    """

    def __init__(
        self,
        value: Any,
        required: Collection[str],
        optional: Collection[str] = (),
        *,
        refusal: type[ConsentServiceError],
    ) -> None:
        self._refusal = refusal
        if not isinstance(value, dict):
            raise refusal("not a JSON object")
        missing = [name for name in required if name not in value]
        if missing:
            raise refusal(f"missing member {missing[0]}")
        if any(name not in required and name not in optional for name in value):
            raise refusal("an unknown member")
        self._value = value

    @classmethod
    def from_canonical(
        cls, data: bytes, required: Collection[str], *, refusal: type[ConsentServiceError]
    ) -> Self:
        """The members of an object as canonical JSON wrote it. Raises `refusal`."""
        try:
            value = parse_canonical(data)
        except NotCanonical as wrong:
            raise refusal(wrong.detail) from None
        return cls(value, required, refusal=refusal)

    def __contains__(self, name: str) -> bool:
        return name in self._value

    def raw(self, name: str) -> Any:
        """The member as it stands."""
        return self._value[name]

    def text(self, name: str) -> str:
        """A member that is text and not empty."""
        value = self._value[name]
        if not isinstance(value, str) or not value:
            raise self._refusal(f"{name} is not text")
        return value

    def integer(self, name: str) -> int:
        """A member that is an integer, zero or more."""
        value = self._value[name]
        if type(value) is not int or value < 0:
            raise self._refusal(f"{name} is not a count")
        return value

    def sha256(self, name: str) -> str:
        """A member that is 32 bytes in lower-case hexadecimal."""
        value = self.text(name)
        if _HEX_SHA256.fullmatch(value) is None:
            raise self._refusal(f"{name} is not 32 bytes in hexadecimal")
        return value

    def one_of(self, name: str, allowed: Collection[Any]) -> Any:
        """A member that is one of a few values, of the same type (true is not 1)."""
        value = self._value[name]
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise self._refusal(f"{name} is not one of the known values")
        return value

    def instant(self, name: str) -> datetime:
        """A member that is an instant as `instant_text` writes it."""
        try:
            return parse_instant(self.text(name))
        except NotCanonical as wrong:
            raise self._refusal(f"{name}: {wrong.detail}") from None

    def base64url(self, name: str) -> bytes:
        """A member that is bytes in base64url."""
        try:
            return base64url.decode(self.text(name))
        except base64url.NotBase64Url as wrong:
            raise self._refusal(f"{name}: {wrong.detail}") from None

    def items(self, name: str) -> list[Any]:
        """A member that is an array."""
        value = self._value[name]
        if not isinstance(value, list):
            raise self._refusal(f"{name} is not an array")
        return value

    def slugs(self, name: str) -> tuple[str, ...]:
        """A member that is a sorted array of distinct, non-empty texts."""
        value = self.items(name)
        if not all(isinstance(one, str) and one for one in value):
            raise self._refusal(f"{name} is not an array of texts")
        if any(later <= earlier for earlier, later in pairwise(value)):
            raise self._refusal(f"{name} is not sorted, or repeats itself")
        return tuple(value)

    def optional(self, name: str, read: Callable[[str], _Read]) -> _Read | None:
        """None where the member is null, else what `read` makes of it."""
        return None if self._value[name] is None else read(name)
