"""Which entries an organisation may be shown: every query for a tenant adds one of these."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import RECEIVED, log_body
from consent_service.persistence.log.walking import Way

Condition = sa.ColumnElement[bool]


def controls_entry(viewer: str) -> Condition:
    """Log entries under the organisation's control."""
    return log_body.c.controller_id == viewer


def is_under_key_of(viewer: str) -> Condition:
    """The same entries by the owner of their data key, by which a child's are looked for."""
    return data_key.c.organisation_id == viewer


def may_read_entry(viewer: str, *, as_party: bool) -> Condition:
    """Log entries the organisation controls or brought about; as a party also those it received.

    Each side has an index of its own (`log.tables`), whose condition is said here.
    """
    ways = ways_to_read(viewer, as_party=as_party)
    return sa.or_(*(way.rows() for way in ways))


def ways_to_read(viewer: str, *, as_party: bool) -> list[Way]:
    """The same entries, one side after the other, each along its index."""
    in_anothers_log = log_body.c.organisation_id != log_body.c.controller_id
    ways = [
        Way(log_body.c.controller_id, viewer),
        Way(log_body.c.organisation_id, viewer, in_anothers_log),
    ]
    if as_party:
        # What was denied never reached the recipient, who may not know of the consent.
        received = sa.literal_column(f"({RECEIVED})", sa.Boolean)
        ways.append(Way(log_body.c.recipient_id, viewer, received))
    return ways


def ways_to_child(
    connection: Connection, child: str, condition: Condition | None = None
) -> list[Way]:
    """What is about a child, by its data keys: of every controller, unless a condition says whose.

    Who of the family sees what, insight decides.
    """
    keys = sa.select(data_key.c.id).where(data_key.c.child_id == child)
    if condition is not None:
        keys = keys.where(condition)
    return [Way(log_body.c.data_key_id, key) for key in connection.scalars(keys)]
