"""The tree as stored: checkpoints and proofs for everybody, without a single personal datum.

Whatever is proven is proven under a released checkpoint: what stands beyond the newest one nobody
has checked yet, and it has no proof yet.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.audit.merkle import Coordinate, consistency_plan, fold, inclusion_plan
from consent_service.audit.origins import OriginRow
from consent_service.audit.receipt_document import InclusionProof
from consent_service.errors import InvalidInput
from consent_service.persistence.log.tables import log_leaf
from consent_service.persistence.log.tree_rows import (
    Released,
    newest_released,
    origin_rows,
    tree_hashes,
)


class TreeStore:
    """Checkpoints and proofs (`services.log.ports.Tree`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seen: Released | None = None

    def checkpoint(self) -> str | None:
        released = self._released()
        return None if released is None else released.note

    def _released(self) -> Released | None:
        """One for the whole unit: the proofs of a receipt lead to its one checkpoint."""
        if self._seen is None:
            self._seen = newest_released(self._connection)
        return self._seen

    def inclusion(self, entry: str) -> InclusionProof | None:
        index = self._connection.scalar(
            sa.select(log_leaf.c.index).where(log_leaf.c.entry_id == entry)
        )
        return None if index is None else self._prove(index)

    def inclusion_of_leaf(self, leaf: bytes) -> InclusionProof | None:
        first = sa.select(sa.func.min(log_leaf.c.index)).where(log_leaf.c.leaf == leaf)
        index = self._connection.scalar(first)
        return None if index is None else self._prove(index)

    def _prove(self, index: int) -> InclusionProof | None:
        released = self._released()
        if released is None or index >= released.size:
            return None
        path = self._path(inclusion_plan(index, released.size))
        return InclusionProof(index, tuple(path), released.note)

    def consistency(self, old: int, new: int) -> list[bytes]:
        released = self._released()
        if not 0 < old <= new or released is None or new > released.size:
            raise InvalidInput.field("/old", "Two sizes of this log: 0 < old ≤ new ≤ its size.")
        return self._path(consistency_plan(old, new))

    def origins(self) -> Sequence[OriginRow]:
        return origin_rows(self._connection)

    def leaves(self, first: int, until: int) -> list[bytes]:
        position = log_leaf.c.index
        query = sa.select(log_leaf.c.leaf).where(position >= first, position < until)
        return [bytes(leaf) for leaf in self._connection.scalars(query.order_by(position))]

    def _path(self, plan: Sequence[Sequence[Coordinate]]) -> list[bytes]:
        needed = [coordinate for element in plan for coordinate in element]
        hashes = tree_hashes(self._connection, needed)
        return [fold([hashes[coordinate] for coordinate in element]) for element in plan]
