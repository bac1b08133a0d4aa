"""How each organisation's records are confirmed, and since when, is what the newest entry says."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.entry import SALT_BYTES, InvalidEntry, parse_header
from consent_service.audit.finding import Finding
from consent_service.errors import Unreadable
from consent_service.persistence.catalogue.tables import organisation
from consent_service.persistence.keys.sealing import KeyRing
from consent_service.persistence.log.tables import log_body
from consent_service.persistence.verification.column_checks import bodies_query, open_body
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks

ENTRY_TYPES = ("organisation_registered", "organisation_changed")

_Since = tuple[datetime, str]
"""When an entry was made, and the confirmation that holds since."""


class OrganisationChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    def findings(self) -> Iterator[Finding]:
        if self._checks.opened is None:
            return
        ring, _ = self._checks.opened
        newest: dict[str, _Since] = {}
        entries = bodies_query().where(log_body.c.type.in_(ENTRY_TYPES))
        for row in self._reading.rows(entries, "columns_mismatch", "organisation"):
            said = _said(row, ring)
            if said is not None:
                newest[row.controller_id] = max(said, newest.get(row.controller_id, said))
        for row in self._reading.rows(sa.select(organisation), "columns_mismatch", "organisation"):
            self._checked += 1
            if newest.pop(row.id, None) != (row.changed_at, row.confirmation):
                detail = "confirmed otherwise, or since another time, than its entries say"
                yield Finding("columns_mismatch", f"organisation {row.id}", detail)
        for gone in newest:
            detail = "its entries are there, it is not"
            yield Finding("columns_mismatch", f"organisation {gone}", detail)

    def checked(self) -> Iterator[str]:
        if self._opens:
            yield f"how the records of {self._checked} organisations are confirmed"


def _said(row: Row[Any], ring: KeyRing) -> _Since | None:
    """What an entry says; None where it cannot be opened, which is said of it elsewhere."""
    try:
        body = json.loads(open_body(ring, row)[SALT_BYTES:])
        # Registered before there was a choice: by whomever.
        return parse_header(row.header).time, str(body.get("confirmation", "any"))
    except (Unreadable, InvalidEntry, ValueError, AttributeError):
        return None
