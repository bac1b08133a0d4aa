"""Which entries an organisation may be shown: every query for a tenant adds one of these."""

import sqlalchemy as sa

from consent_service.persistence.log.tables import log_body

Condition = sa.ColumnElement[bool]


def controls_entry(viewer: str) -> Condition:
    """Log entries under the organisation's control."""
    return log_body.c.controller_id == viewer


def may_read_entry(viewer: str, *, as_party: bool) -> Condition:
    """Log entries the organisation controls or brought about; as a party also those it received."""
    sides = [controls_entry(viewer), log_body.c.organisation_id == viewer]
    if as_party:
        # What was denied never reached the recipient, who may not know of the consent.
        sides.append(sa.and_(log_body.c.recipient_id == viewer, log_body.c.outcome != "denied"))
    return sa.or_(*sides)
