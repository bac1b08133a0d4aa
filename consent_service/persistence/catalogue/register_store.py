"""The operator's purposes and categories: slugs that are never changed nor taken back."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.catalogue.tables import category, purpose, purpose_overlap
from consent_service.services.catalogue.model import Category, Purpose


class RegisterStore:
    """The register (`services.catalogue.ports.Register`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def purposes(self) -> Sequence[Purpose]:
        overlaps: dict[str, set[str]] = {}
        pairs = sa.select(purpose_overlap.c.one_id, purpose_overlap.c.other_id)
        for one, other in self._connection.execute(pairs):
            overlaps.setdefault(one, set()).add(other)
            overlaps.setdefault(other, set()).add(one)
        rows = self._connection.execute(sa.select(purpose))
        found = (
            Purpose(row.id, row.registered_at, tuple(sorted(overlaps.get(row.id, ()))))
            for row in rows
        )
        return sorted(found, key=lambda one: one.id)

    def add_purpose(self, added: str, at: datetime, entry: str) -> None:
        self._connection.execute(
            sa.insert(purpose).values(id=added, registered_at=at, entry_id=entry)
        )

    def add_overlap(self, one: str, other: str, since: datetime, entry: str) -> None:
        self._connection.execute(
            sa.insert(purpose_overlap).values(
                one_id=one, other_id=other, since=since, entry_id=entry
            )
        )

    def categories(self) -> Sequence[Category]:
        rows = self._connection.execute(sa.select(category))
        return sorted((Category(row.id, row.registered_at) for row in rows), key=lambda c: c.id)

    def add_categories(self, added: Iterable[str], at: datetime, entry: str) -> None:
        rows = [{"id": one, "registered_at": at, "entry_id": entry} for one in added]
        self._connection.execute(sa.insert(category), rows)
