"""The log in a database, read for the verifier: one snapshot, streamed, whatever its size."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine, Row

from consent_service.audit.finding import Finding, VerifyReport
from consent_service.audit.log_reader import (
    CheckpointRow,
    ErasedRow,
    HeadRow,
    LeafRow,
    NodeRow,
    PendingRow,
)
from consent_service.audit.origins import OriginRow, Origins, wrong_origins
from consent_service.audit.spread import Alone, Spread, over_processes
from consent_service.audit.tree_checks import NO_CLAIMS, Claims
from consent_service.audit.verify import verify_log
from consent_service.persistence.keys.document import KeySource
from consent_service.persistence.keys.index_slots import IndexState, index_state_of
from consent_service.persistence.keys.sealing import Index, KeyRing
from consent_service.persistence.keys.tables import data_key, key_state
from consent_service.persistence.log.tables import (
    log_body,
    log_checkpoint,
    log_erased,
    log_head,
    log_header,
    log_leaf,
    log_node,
    log_origin,
    log_pending,
)
from consent_service.persistence.verification.checks import (
    DatabaseChecks,
    OwnProcess,
    RememberedIndex,
)
from consent_service.persistence.verification.client_checks import ClientChecks
from consent_service.persistence.verification.column_checks import bodies_query
from consent_service.persistence.verification.consent_checks import ConsentChecks
from consent_service.persistence.verification.fact_checks import FactChecks
from consent_service.persistence.verification.file_checks import FileChecks
from consent_service.persistence.verification.key_checks import KeyChecks
from consent_service.persistence.verification.organisation_checks import OrganisationChecks
from consent_service.persistence.verification.people_checks import PeopleChecks
from consent_service.persistence.verification.register_checks import RegisterChecks
from consent_service.persistence.verification.retention_checks import RetentionChecks
from consent_service.persistence.verification.schema_checks import SchemaChecks
from consent_service.persistence.verification.snapshot import Damaged, Reading, snapshot
from consent_service.persistence.verification.stray_checks import StrayChecks
from consent_service.persistence.verification.template_checks import TemplateChecks
from consent_service.persistence.verification.vouchers import GONE, covered, covered_whole
from consent_service.signing.keys import KeySet

CHECKS = (
    SchemaChecks,
    StrayChecks,
    FactChecks,
    ConsentChecks,
    RegisterChecks,
    TemplateChecks,
    PeopleChecks,
    FileChecks,
    KeyChecks,
    OrganisationChecks,
    ClientChecks,
    RetentionChecks,
)
"""Beyond the tree: each a group of checks over the same snapshot, in this order."""


@dataclass(frozen=True)
class Processes:
    """How many processes check side by side, and where each of them reads the keys."""

    count: int
    source: KeySource


def verify_database(
    engine: Engine,
    ring: KeyRing | None,
    index: Index | None,
    keys: KeySet,
    origin: str,
    now: datetime,
    claims: Claims = NO_CLAIMS,
    processes: Processes | None = None,
) -> VerifyReport:
    """Verify a database's log, and its facts, terms and statements against it; `now` is UTC.

    Without the key ring or the index key nothing is opened, and the report says so. `claims`
    are what is known from outside the database; without `processes` everything happens in this one.
    """
    with snapshot(engine) as reading, ExitStack() as stack:
        opened, state = None, None
        if ring is not None and index is not None:
            state = _index_state(reading) or IndexState.of_one_key(index)
            opened = ring, RememberedIndex.of_database(index, state)
        try:
            named = list(_origin_rows(reading))
            misnamed = tuple(_wrong_names(reading, named, origin))
        except Damaged as damaged:
            return VerifyReport(0, 0, 0, 0, (damaged.finding,), (), (), is_complete=False)
        origins = Origins.of(named, origin)
        checks = DatabaseChecks(keys, origins, opened, claims.destroyed)
        spread: Spread[DatabaseChecks] = Alone(checks)
        if processes is not None and processes.count > 1:
            prepare = OwnProcess(processes.source, origins, state)
            spread = stack.enter_context(over_processes(processes.count, prepare))
        groups = [group(reading, checks, spread) for group in CHECKS]
        try:
            report = verify_log(
                DatabaseLog(reading, looks_at_bodies=opened is not None),
                checks,
                now,
                claims=claims,
                extra_checks=chain.from_iterable(group.findings() for group in groups),
                spread=spread,
            )
        except Damaged as damaged:
            return VerifyReport(0, 0, 0, 0, (damaged.finding,), (), (), is_complete=False)
        # First: what is wrong with a name is wrong with every entry under it.
        report = replace(report, findings=(*misnamed, *report.findings))
        if not report.is_complete:
            return report
        said = chain.from_iterable(group.checked() for group in groups)
        return replace(report, checked=(*report.checked, *said))


def _origin_rows(reading: Reading) -> Iterator[OriginRow]:
    query = sa.select(log_origin).order_by(log_origin.c.first_index)
    for row in reading.rows(query, "origin_mismatch", "names of the log"):
        yield OriginRow(row.first_index, row.origin, row.predecessor)


def _wrong_names(reading: Reading, named: Sequence[OriginRow], origin: str) -> Iterator[Finding]:
    query = sa.select(log_leaf.c.index).order_by(log_leaf.c.index.desc()).limit(1)
    sizes = [row[0] + 1 for row in reading.rows(query, "leaf_mismatch", "leaf")]
    yield from wrong_origins(named, origin, sum(sizes))


def _index_state(reading: Reading) -> IndexState | None:
    """What this snapshot says of the slots of keyed hashes; None where it does not say."""
    rows = reading.rows(sa.select(key_state), "columns_mismatch", "key state")
    return next(map(index_state_of, rows), None)


class DatabaseLog:
    """The log of one snapshot (`audit.log_reader.LogReader`); `COVERS` is as for other checks."""

    COVERS: ClassVar = (
        covered(log_header, "entry_id", "header", "promise", GONE)
        | covered_whole(log_leaf)
        | covered_whole(log_node)
        | covered_whole(log_head)
        | covered_whole(log_checkpoint)
        | covered_whole(log_origin)
        | covered_whole(log_erased)
        | covered_whole(log_body)
        | covered(data_key, GONE)
    )
    is_whole = True

    def __init__(self, reading: Reading, *, looks_at_bodies: bool) -> None:
        self._reading = reading
        self._looks_at_bodies = looks_at_bodies

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
            yield HeadRow(row.size, row.previous, row.root, row.time)

    def checkpoints(self) -> Iterator[CheckpointRow]:
        query = sa.select(log_checkpoint).order_by(log_checkpoint.c.size)
        for row in self._reading.rows(query, "checkpoint_invalid", "checkpoint"):
            yield CheckpointRow(row.size, row.previous, row.note)

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
        query = (
            sa.select(log_erased.c.entry_id, log_erased.c.leaf)
            .where(log_erased.c.erasure_id == erasure_id)
            .order_by(log_erased.c.entry_id)  # by its bytes, as the digest was made
        )
        for row in self._reading.rows(query, "erasure_mismatch", f"erasure {erasure_id}"):
            yield row.entry_id, row.leaf

    def bodies(self, rows: Sequence[LeafRow]) -> Mapping[str, Row[Any]] | None:
        """Rows that `DatabaseChecks.check_body` opens."""
        if not self._looks_at_bodies:
            return None
        query = (
            bodies_query()
            .join(log_leaf, log_leaf.c.entry_id == log_body.c.entry_id)
            .where(log_leaf.c.index.between(rows[0].position, rows[-1].position))
        )
        found = self._reading.rows(query, "body_unreadable", f"body {rows[0].position}")
        return {row.entry_id: row for row in found}
