"""Field types of the interface: strict about type, silent about the value."""

import re
from contextlib import suppress
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from consent_service.domain.kernel.cpr_text import contains_cpr, mask_cpr
from consent_service.domain.kernel.employee import (
    ALPHABET,
    EMPLOYEE_ID,
    LONGEST,
    is_employee_id,
)
from consent_service.domain.kernel.text import RefusedText, clean_text

RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
# RFC 6838 § 4.2, with parameters as RFC 9110 § 5.6.6 writes them.
MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,63}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,99}"
    r"( ?; ?[A-Za-z0-9!#$&^_.+-]{1,40}=([A-Za-z0-9!#$&^_.+-]{1,80}|\"[ !#-\[\]-~]{0,80}\")){0,4}"
)
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
PHONE = re.compile(r"\+?[0-9 ()-]{4,24}", re.ASCII)


class Text(fields.String):
    """Text of a bounded length in its one form (`domain.kernel.text`), in one line or more."""

    def __init__(
        self, most: int = 200, least: int = 1, *, lines: bool = False, **kwargs: Any
    ) -> None:
        self._lines = lines
        super().__init__(validate=validate.Length(min=least, max=most), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return clean_text(text, lines=self._lines)
        except RefusedText as refused:
            raise ValidationError(str(refused)) from None


class Pattern(fields.String):
    """Text of one form; the message says which, never the value."""

    def __init__(self, form: re.Pattern[str], words: str, **kwargs: Any) -> None:
        self._form = form
        self._words = words
        metadata = {"pattern": f"^{form.pattern}$", **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if self._form.fullmatch(text) is None:
            raise ValidationError(self._words)
        return text


class Reference(Text):
    """A caller's own reference, a name, or words for everybody: a CPR-shaped part is refused."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if contains_cpr(text):
            raise ValidationError("This must not hold anything shaped like a CPR number.")
        return text


class EmployeeId(Reference):
    """An employee's id, of the alphabet that such ids have."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "pattern": f"^{EMPLOYEE_ID.pattern}$",
            "description": "An employee's id, as the client asserts it. In which case it is "
            "typed makes no difference.",
        }
        super().__init__(most=LONGEST, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        # As it was sent: not even a space around it is taken away.
        if not is_employee_id(str(value)):
            raise ValidationError(ALPHABET)
        return text


class TrueFalse(fields.Boolean):
    """A JSON boolean, and nothing that merely looks like one."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("This is true or false.")
        return value


class InstantField(fields.String):
    """An RFC 3339 instant with a time zone, and nothing else that ISO 8601 knows.

    Digits beyond microseconds are cut. A leap second (`:60`) is refused: no clock here has one.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"format": "date-time"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if RFC3339.fullmatch(text) is not None:
            with suppress(ValueError, OverflowError):
                return datetime.fromisoformat(text.upper()).astimezone(UTC)
        raise ValidationError("This is an RFC 3339 time with its zone, like 2026-01-31T12:00:00Z.")


class DateField(fields.String):
    """A date written `YYYY-MM-DD`; what is recorded lies in a century somebody could mean."""

    def __init__(self, *, recorded: bool = True, **kwargs: Any) -> None:
        self._years = range(1850, 2200) if recorded else range(MINYEAR, MAXYEAR + 1)
        super().__init__(metadata={"format": "date"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or day.isoformat() != text or day.year not in self._years:
            raise ValidationError("This is a date like 2026-01-31.")
        return day


class FreeText(Text):
    """Free text: whatever is shaped like a CPR number is blotted out before anybody keeps it."""

    def __init__(self, most: int = 200, *, lines: bool = True, **kwargs: Any) -> None:
        super().__init__(most, lines=lines, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return mask_cpr(super()._deserialize(value, attr, data, **kwargs))


class EmailField(fields.Email):
    """An e-mail address; the message does not repeat it."""

    def __init__(self, **kwargs: Any) -> None:
        words: dict[str, Any] = {"invalid": "This is not an e-mail address."}
        super().__init__(error_messages=words, **kwargs)


def slug(**kwargs: Any) -> Pattern:
    """An identifier of lower-case letters, digits and hyphens."""
    words = "1 to 64 lower-case letters, digits and hyphens, beginning with a letter or digit."
    return Pattern(SLUG, words, **kwargs)


def language(**kwargs: Any) -> Pattern:
    """A language tag such as `da` or `en`."""
    return Pattern(LANGUAGE, "A language tag such as da or en.", **kwargs)


def one_of(*values: str, **kwargs: Any) -> fields.String:
    """One of a few words."""
    listed = ", ".join(values)
    return fields.String(validate=validate.OneOf(values, error=f"One of: {listed}."), **kwargs)


def list_of(member: fields.Field[Any], most: int = 50, **kwargs: Any) -> fields.List[Any]:
    """A list of a bounded length."""
    return fields.List(member, validate=validate.Length(max=most), **kwargs)


class LimitField(fields.Integer):
    """How long a page is, from 1 to 200, in the digits of ASCII where it comes as text."""

    def __init__(self, **kwargs: Any) -> None:
        from_to = validate.Range(1, 200, error="From 1 to 200.")
        super().__init__(load_default=50, validate=from_to, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) is None:
            raise ValidationError("Not a whole number.")
        return super()._deserialize(value, attr, data, **kwargs)


class PageQuery(Schema):
    """Where a page begins, and how long it is."""

    cursor = fields.String(validate=validate.Length(max=200))
    limit = LimitField()


class PageBody(Schema):
    """The same in the body of a search."""

    cursor = fields.String(validate=validate.Length(max=200))
    limit = LimitField(strict=True)
