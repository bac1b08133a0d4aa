"""The log in a database, read for the verifier: one snapshot, streamed, whatever its size."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine, Row

from consent_service.audit.entry import SALT_BYTES
from consent_service.audit.finding import VerifyReport
from consent_service.audit.log_reader import (
    CheckpointRow,
    ErasedRow,
    HeadRow,
    LeafRow,
    NodeRow,
    PendingRow,
    StoredBody,
)
from consent_service.audit.verify import verify_log
from consent_service.errors import Unreadable
from consent_service.persistence.keys.index_slots import CheckedIndex, index_state_of
from consent_service.persistence.keys.sealing import Index, KeyRing
from consent_service.persistence.tables import (
    key_state,
    log_body,
    log_checkpoint,
    log_erased,
    log_head,
    log_header,
    log_leaf,
    log_node,
    log_pending,
)
from consent_service.persistence.verification.column_checks import (
    bodies_query,
    open_body,
    wrong_column,
)
from consent_service.persistence.verification.fact_checks import FactChecks
from consent_service.persistence.verification.snapshot import Damaged, Reading, snapshot
from consent_service.persistence.verification.stray_checks import StrayChecks
from consent_service.signing.keys import KeySet


def verify_database(
    engine: Engine,
    ring: KeyRing | None,
    index: Index | None,
    keys: KeySet,
    origin: str,
    now: datetime,
    outside: Sequence[str] = (),
    workers: int = 1,
) -> VerifyReport:
    """Verify a database's log, and its facts, terms and statements against it; `now` is UTC.

    Without the key ring or the index key nothing is opened, and the report says so. `outside`
    are checkpoints that others kept; `workers` spreads the signatures over processes.
    """
    with snapshot(engine) as reading:
        opened = None if ring is None or index is None else (ring, _checked(reading, index))
        log = DatabaseLog(reading, opened)
        facts = FactChecks(reading, opened, keys)
        strays = StrayChecks(reading, opened, keys, origin)
        try:
            report = verify_log(
                log,
                keys,
                origin,
                now,
                outside=outside,
                check_columns=None if opened is None else log.check_columns,
                extra_checks=chain(strays.findings(), facts.findings()),
                workers=workers,
            )
        except Damaged as damaged:
            return VerifyReport(0, 0, 0, 0, (damaged.finding,), (), (), is_complete=False)
        if not report.is_complete:
            return report
        return replace(report, checked=(*report.checked, *strays.checked(), *facts.checked()))


def _checked(reading: Reading, index: Index) -> Index:
    """The keys, with what this snapshot says of the slots they fill."""
    for row in reading.rows(sa.select(key_state), "columns_mismatch", "key state"):
        return CheckedIndex.of_database(index, index_state_of(row))
    return index


class DatabaseLog:
    """The log of one snapshot (`audit.log_reader.LogReader`); with the keys bodies are opened."""

    is_whole = True

    def __init__(self, reading: Reading, opened: tuple[KeyRing, Index] | None) -> None:
        self._reading = reading
        self._opened = opened
        self._rows: dict[str, Row[Any]] = {}

    def leaves(self) -> Iterator[LeafRow]:
        query = (
            sa.select(
                log_leaf.c.index.label("position"),
                log_leaf.c.entry_id,
                log_leaf.c.leaf,
                log_header.c.header,
                log_header.c.promise,
            )
            .select_from(log_leaf)
            .outerjoin(log_header, log_header.c.entry_id == log_leaf.c.entry_id)
            .order_by(log_leaf.c.index)
        )
        for row in self._reading.rows(query, "leaf_mismatch", "leaf"):
            yield LeafRow(row.position, row.entry_id, row.leaf, row.header, row.promise)

    def nodes(self) -> Iterator[NodeRow]:
        # A node completes with the last leaf below it, the lower level first.
        level = log_node.c.level
        below = sa.literal(-1, sa.BigInteger).bitwise_lshift(level).bitwise_not()
        last_leaf = log_node.c.index.bitwise_lshift(level).bitwise_or(below)
        columns = log_node.c.level, log_node.c.index.label("position"), log_node.c.hash
        query = sa.select(*columns).order_by(last_leaf, level)
        for row in self._reading.rows(query, "node_mismatch", "node"):
            yield NodeRow(row.level, row.position, row.hash)

    def heads(self) -> Iterator[HeadRow]:
        query = sa.select(log_head).order_by(log_head.c.size)
        for row in self._reading.rows(query, "head_invalid", "head"):
            yield HeadRow(row.size, row.root, row.time)

    def checkpoints(self) -> Iterator[CheckpointRow]:
        query = sa.select(log_checkpoint).order_by(log_checkpoint.c.size)
        for row in self._reading.rows(query, "checkpoint_invalid", "checkpoint"):
            yield CheckpointRow(row.size, row.note)

    def pending(self) -> Iterator[PendingRow]:
        query = sa.select(
            log_header.c.entry_id, log_header.c.header, log_header.c.promise
        ).join_from(log_pending, log_header, log_header.c.entry_id == log_pending.c.entry_id)
        for row in self._reading.rows(query, "header_invalid", "pending"):
            yield PendingRow(row.entry_id, row.header, row.promise)

    def erased(self) -> Iterator[ErasedRow]:
        query = (
            sa.select(
                log_leaf.c.index.label("position"),
                log_erased.c.entry_id,
                log_erased.c.leaf,
                log_erased.c.erasure_id,
            )
            .select_from(log_erased)
            .outerjoin(log_leaf, log_leaf.c.entry_id == log_erased.c.entry_id)
            .order_by(sa.nulls_last(log_leaf.c.index))
        )
        for row in self._reading.rows(query, "erasure_mismatch", "erasure lists"):
            yield ErasedRow(row.position, row.entry_id, row.leaf, row.erasure_id)

    def erased_by(self, erasure_id: str) -> Iterator[tuple[str, bytes]]:
        # By the bytes of the id, as the digest was made, whatever the database sorts by.
        by = sa.cast(log_erased.c.entry_id, sa.LargeBinary)
        query = (
            sa.select(log_erased.c.entry_id, log_erased.c.leaf)
            .where(log_erased.c.erasure_id == erasure_id)
            .order_by(by)
        )
        for row in self._reading.rows(query, "erasure_mismatch", f"erasure {erasure_id}"):
            yield row.entry_id, row.leaf

    def bodies(self, rows: Sequence[LeafRow]) -> Mapping[str, StoredBody] | None:
        """Opened, and kept until the next chunk for `check_columns`."""
        if self._opened is None:
            return None
        query = (
            bodies_query()
            .join(log_leaf, log_leaf.c.entry_id == log_body.c.entry_id)
            .where(log_leaf.c.index.between(rows[0].position, rows[-1].position))
        )
        found = self._reading.rows(query, "body_unreadable", f"body {rows[0].position}")
        self._rows = {row.entry_id: row for row in found}
        return {entry_id: self._open(row) for entry_id, row in self._rows.items()}

    def check_columns(self, row: LeafRow, body: bytes) -> str | None:
        """What of an entry's search columns is wrong (`audit.verify.CheckColumns`)."""
        if self._opened is None:
            return None
        return wrong_column(self._rows[row.entry_id], body, *self._opened)

    def _open(self, row: Row[Any]) -> StoredBody:
        if self._opened is None:
            return StoredBody()
        try:
            opened = open_body(self._opened[0], row)
        except Unreadable:
            return StoredBody(is_damaged=True)
        return StoredBody(body=opened[SALT_BYTES:], salt=opened[:SALT_BYTES])
