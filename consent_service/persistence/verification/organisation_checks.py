"""Every organisation is what its entries say: as it was registered, with what was changed since.

So a telephone number that somebody put in the place of the right one, which a family would call,
is found and named, and so is who may confirm what.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.entry import SALT_BYTES
from consent_service.audit.finding import Finding
from consent_service.errors import Unreadable
from consent_service.persistence.catalogue.tables import organisation
from consent_service.persistence.log.tables import log_body
from consent_service.persistence.verification.column_checks import bodies_query, open_body
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import covered_whole
from consent_service.services.catalogue.model import ORGANISATION_CHANGED, ORGANISATION_REGISTERED

_NAMED = ("name", "kind", "descriptions", "contact", "identifiers", "confirmation")


@dataclass
class _Said:
    """What the entries about one organisation say: when it was made and last changed, and how."""

    times: list[datetime] = field(default_factory=list)
    content: dict[str, Any] = field(default_factory=dict)

    def take(self, time: datetime, body: Mapping[str, Any]) -> None:
        self.times.append(time)
        self.content.update((name, body[name]) for name in _NAMED if name in body)

    def as_kept(self) -> tuple[Any, ...]:
        """As the row has it."""
        content = (self.content.get(name) for name in _NAMED)
        return (self.times[0], self.times[-1], *content)


class OrganisationChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = covered_whole(organisation)

    def findings(self) -> Iterator[Finding]:
        if self._checks.opened is None:
            return
        said = self._said()
        for row in self._reading.rows(sa.select(organisation), "columns_mismatch", "organisation"):
            self._checked += 1
            entries = said.pop(row.id, None)
            kept = (row.created_at, row.changed_at, *(getattr(row, name) for name in _NAMED))
            if entries is None or entries.as_kept() != kept:
                detail = "not as its entries say, or since another time"
                yield Finding("columns_mismatch", f"organisation {row.id}", detail)
        for gone in said:
            detail = "its entries are there, it is not"
            yield Finding("columns_mismatch", f"organisation {gone}", detail)

    def checked(self) -> Iterator[str]:
        if self._opens:
            yield f"{self._checked} organisations and how their records are confirmed"

    def _said(self) -> dict[str, _Said]:
        types = (ORGANISATION_REGISTERED, ORGANISATION_CHANGED)
        entries = bodies_query().where(log_body.c.type.in_(types))
        in_order = entries.order_by(log_body.c.controller_id, log_body.c.time)
        found: dict[str, _Said] = {}
        for row in self._reading.rows(in_order, "columns_mismatch", "organisation"):
            body = self._body(row)
            if body is not None:
                found.setdefault(row.controller_id, _Said()).take(row.time, body)
        return found

    def _body(self, row: Row[Any]) -> Mapping[str, Any] | None:
        """None where it cannot be opened, which is said of the body elsewhere."""
        if self._checks.opened is None:
            return None
        try:
            body: dict[str, Any] = json.loads(open_body(self._checks.opened[0], row)[SALT_BYTES:])
        except (Unreadable, ValueError):
            return None
        return body
