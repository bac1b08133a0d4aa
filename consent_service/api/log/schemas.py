"""The shape of searches of the log and of a person's export, as they are sent."""

from marshmallow import fields

from consent_service.api.http.fields import (
    EmployeeId,
    InstantField,
    PageBody,
    PageQuery,
    Text,
    one_of,
    slug,
)
from consent_service.api.http.schemas import ChildCpr


class EntryQuery(PageQuery):
    """Which log entries to list."""

    since = InstantField(data_key="from")
    until = InstantField(data_key="to")
    type = Text(most=40)
    organisation = slug()
    outcome = one_of("permitted", "denied", "recorded")


class ExportQuery(EntryQuery):
    """Which log entries to export, and whether the hashes of all leaves follow them."""

    leaves = fields.Boolean(truthy={"true"}, falsy={"false"}, load_default=False)


class EntrySearchBody(PageBody):
    """A search of the log that names people."""

    child = fields.Nested(ChildCpr)
    employee = EmployeeId()
    since = InstantField(data_key="from")
    until = InstantField(data_key="to")
    type = Text(most=40)
    organisation = slug()
    outcome = one_of("permitted", "denied", "recorded")
