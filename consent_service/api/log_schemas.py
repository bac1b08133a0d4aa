"""The shape of searches of the log and of a person's export, as they are sent."""

from marshmallow import Schema, fields

from consent_service.api.fields import (
    InstantField,
    PageBody,
    PageQuery,
    Reference,
    Text,
    one_of,
    slug,
)
from consent_service.api.schemas import ChildCpr, PerformedBy


class EntryQuery(PageQuery):
    """Which log entries to list."""

    since = InstantField(data_key="from")
    until = InstantField(data_key="to")
    type = Text(most=40)
    organisation = slug()
    outcome = one_of("permitted", "denied", "recorded")


class EntrySearchBody(PageBody):
    """A search of the log that names people."""

    child = fields.Nested(ChildCpr)
    employee = Reference(most=64)
    since = InstantField(data_key="from")
    until = InstantField(data_key="to")
    type = Text(most=40)
    organisation = slug()
    outcome = one_of("permitted", "denied", "recorded")


class SubjectExportBody(Schema):
    """A person by number, and the employee who asks."""

    subject = fields.Nested(ChildCpr, required=True)
    performed_by = fields.Nested(PerformedBy, required=True)
