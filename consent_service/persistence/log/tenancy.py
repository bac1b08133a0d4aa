"""Which entries an organisation may be shown: every query for a tenant adds one of these."""

import sqlalchemy as sa

from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body

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
    in_anothers_log = log_body.c.organisation_id != log_body.c.controller_id
    sides = [
        controls_entry(viewer),
        sa.and_(log_body.c.organisation_id == viewer, in_anothers_log),
    ]
    if as_party:
        # What was denied never reached the recipient, who may not know of the consent.
        sides.append(sa.and_(log_body.c.recipient_id == viewer, log_body.c.outcome != "denied"))
    return sa.or_(*sides)
