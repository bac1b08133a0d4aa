"""How long each controller keeps things is what the newest entry about it says.

By a shorter rule the next erasure would take what is still to be kept.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

import sqlalchemy as sa

from consent_service.audit.entry import SALT_BYTES
from consent_service.audit.finding import Finding
from consent_service.errors import Unreadable
from consent_service.persistence.log.tables import log_body
from consent_service.persistence.rights.tables import retention_rule
from consent_service.persistence.verification.column_checks import bodies_query, open_body
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import covered_whole
from consent_service.services.log.model import RETENTION_SET


class RetentionChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = covered_whole(retention_rule)

    def findings(self) -> Iterator[Finding]:
        if self._checks.opened is None:
            return
        newest: dict[str, tuple[datetime, object, object]] = {}
        entries = bodies_query().where(log_body.c.type == RETENTION_SET)
        for row in self._reading.rows(entries, "columns_mismatch", "retention rule"):
            try:
                body = json.loads(open_body(self._checks.opened[0], row)[SALT_BYTES:])
                said = row.time, body["consents_years"], body["log_years"]
            except (Unreadable, ValueError, KeyError, TypeError):
                continue  # said of the body already
            newest[row.controller_id] = max(said, newest.get(row.controller_id, said))
        rules = self._reading.rows(sa.select(retention_rule), "columns_mismatch", "retention rule")
        for row in rules:
            self._checked += 1
            kept = row.set_at, row.consents_years, row.log_years
            if newest.pop(row.organisation_id, None) != kept:
                place = f"retention rule of {row.organisation_id}"
                yield Finding("columns_mismatch", place, "not what the newest entry about it says")
        for controller in newest:
            place = f"retention rule of {controller}"
            yield Finding("columns_mismatch", place, "set by an entry, and not there")

    def checked(self) -> Iterator[str]:
        if self._opens:
            yield f"{self._checked} retention rules"
