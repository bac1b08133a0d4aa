"""What many bodies hold: a child by its number, and the employee behind the system."""

from typing import Any

from marshmallow import Schema, fields

from consent_service.api.http.fields import EmployeeId, FreeText, Text


def cpr(**kwargs: Any) -> Text:
    """A CPR or replacement number; whether it is one is the domain's to say."""
    return Text(most=20, metadata={"example": "070761-4285"}, **kwargs)


class PerformedBy(Schema):
    """The employee behind the system."""

    id = EmployeeId(required=True)
    name = FreeText(lines=False, required=True)


class PerformedByBody(Schema):
    """An act that needs nothing but who did it."""

    performed_by = fields.Nested(PerformedBy, required=True)


class ChildCpr(Schema):
    """A child by its number alone."""

    cpr = cpr(required=True)
