"""Fills a PostgreSQL database fast, with nothing but what the service itself would write.

Each process runs the real use cases (ask, grant, disclose) on an SQLite database in memory and
copies the rows they wrote, as they are, into PostgreSQL. The tree over them is then grown in one
pass with the log's own mathematics. `consent-service audit verify` accepts the result.
"""

import multiprocessing
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection, Row
from sqlalchemy.pool import StaticPool

from benchmarks.families import CONTROLLER, SENDER, Family
from benchmarks.serving import Bench
from consent_service.audit.merkle import Frontier
from consent_service.config import Settings
from consent_service.domain.facts import Scope
from consent_service.persistence.database import prepare
from consent_service.persistence.tables import (
    client_epoch,
    data_key,
    key_state,
    log_head,
    log_header,
    log_leaf,
    log_node,
    log_pending,
    metadata,
    organisation,
    template_version,
)
from consent_service.services.acts import begin_act
from consent_service.services.context import Context
from consent_service.services.disclose import disclose
from consent_service.services.find_consent import child_of
from consent_service.services.identity import Identity
from consent_service.services.model import Caller, Employee
from consent_service.services.people import CustodyFacts, NamedPerson
from consent_service.services.ports import UnitOfWork
from consent_service.services.question import Disclosure, LegalBasis, Question
from consent_service.services.request_consent import ConsentRequest, request_consent
from consent_service.services.sign import (
    ShownText,
    evidence_of_login,
    grant,
    kept_scope,
)
from consent_service.wiring import Parts, assemble
from tests.deployment import CATEGORIES, PARTIES, PURPOSE

PRESENT = (organisation, template_version, client_epoch, key_state)
FAMILIES_AT_ONCE = 250
LEAVES_AT_ONCE = 5_000
EMPLOYEE = Employee("e1", "Karen Sagsbehandler")
DOCTOR = Employee("g1", "Lise Læge")
NOTHING_LEFT_OUT = Scope(frozenset(), frozenset())


def populate(bench: Bench, begin: int, end: int) -> None:
    """Add the families from one number up to another, and integrate their entries."""
    starts = range(begin, end, FAMILIES_AT_ONCE)
    batches = [(start, min(start + FAMILIES_AT_ONCE, end)) for start in starts]
    arguments = (bench.deployment.settings, bench.conninfo)
    context = multiprocessing.get_context("spawn")
    with context.Pool(os.cpu_count(), _begin_process, arguments) as pool:
        for _ in pool.imap_unordered(_add_families, batches):
            pass
    _grow_tree(bench)
    bench.settle()


# -- in each process ------------------------------------------------------------------------

_process: "_Writer"


def _begin_process(settings: Settings, conninfo: str) -> None:
    global _process  # noqa: PLW0603 - a pool's process has no other place for what it keeps
    _process = _Writer(settings, conninfo)


def _add_families(numbers: tuple[int, int]) -> None:
    _process.add(range(*numbers))


class _Writer:
    """An empty service in memory, and the database that its rows are copied into."""

    def __init__(self, settings: Settings, conninfo: str) -> None:
        self._target = psycopg.connect(conninfo)
        engine = prepare(sa.create_engine("sqlite://", poolclass=StaticPool))
        metadata.create_all(engine)
        self._parts = assemble(settings, engine)
        self._catalogue: set[str] = set()
        with engine.connect() as connection, sa.create_engine(settings.database_url).connect() as s:
            for table in (*PRESENT, data_key):
                query = sa.select(table)
                if table is data_key:
                    query = query.where(data_key.c.child_id.is_(None))
                rows = [row._asdict() for row in s.execute(query)]
                if rows:
                    connection.execute(sa.insert(table), rows)
            self._own_keys = set(connection.scalars(sa.select(data_key.c.id)))
            connection.commit()

    def add(self, numbers: range) -> None:
        # The unit of work is left without a commit: the memory is empty again for the next.
        with self._parts.units.writing() as uow:
            for number in numbers:
                _add_family(uow, self._parts, Family(number))
            connection: Connection = uow.connection  # type: ignore[attr-defined]
            with self._target.transaction(), self._target.cursor() as cursor:
                for table in metadata.sorted_tables:
                    if table not in (*PRESENT, log_pending):
                        copy_rows(cursor, table, self._rows(connection, table))

    def _rows(self, connection: Connection, table: sa.Table) -> Iterator[Row[Any]]:
        for row in connection.execute(sa.select(table)):
            if table is not data_key or row.id not in self._own_keys:
                yield row


def copy_rows(cursor: psycopg.Cursor, table: sa.Table, rows: Iterator[Any]) -> None:
    """COPY rows, in the order of the table's columns."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    first = next(rows, None)
    if first is None:
        return
    with cursor.copy(statement) as copy:
        copy.write_row(tuple(first))
        for row in rows:
            copy.write_row(tuple(row))


def _add_family(uow: UnitOfWork, parts: Parts, family: Family) -> None:
    context = parts.context
    mother, father = family.parents
    asked = ConsentRequest(
        template="joint-action-plan",
        case_reference=f"2026-{family.number:06}",
        renews=None,
        child=NamedPerson(family.child, "Alma Test", birth_date=family.birth_date),
        custody=CustodyFacts(
            source="cpr-register",
            as_of=date(2026, 1, 1),
            holders=(NamedPerson(mother, "Mette Mor"), NamedPerson(father, "Frederik Far")),
        ),
        parties=tuple(PARTIES),
        categories=tuple(CATEGORIES),
        deadline=None,
        delivery="caller",
        performed_by=EMPLOYEE,
    )
    municipality = Caller(CONTROLLER, f"{CONTROLLER}-system")
    consent = request_consent(uow, context, municipality, asked).consent
    _sign(uow, context, consent)
    doctor = Caller(SENDER, f"{SENDER}-system")
    for _ in range(family.disclosures):
        disclosed = disclose(uow, context, doctor, disclosure_about(family), lambda _: None)
        assert disclosed is not None


def _sign(uow: UnitOfWork, context: Context, consent: str) -> None:
    """Both parents grant the whole of it."""
    file = uow.consents.controlled(consent, CONTROLLER)
    assert file is not None
    for signatory in uow.consents.signatories(consent):
        if signatory.person == file.child:
            continue
        act = begin_act(uow, context, child_of(uow, file))
        details = uow.children.details(file.controller, [signatory.person])
        identity = Identity(
            issuer="https://broker.example",
            subject=f"subject-{signatory.person}",
            loa="substantial",
            authenticated_at=act.now,
            cpr=details[signatory.person].cpr,
            id_token="header.payload.signature",
        )
        evidence = evidence_of_login(identity, ShownText("da", "Teksten"))
        kept = kept_scope(act.history.request(consent), NOTHING_LEFT_OUT)
        assert kept is not None
        grant(uow, context, act, file, signatory, kept, evidence)


def disclosure_about(family: Family) -> Disclosure:
    """What the doctor sends to the municipality."""
    return Disclosure(
        question=Question(family.child, SENDER, CONTROLLER, PURPOSE, ("health",)),
        legal_basis=LegalBasis("consent"),
        channel="document",
        document={"reference": "doc-1", "sha256": "0" * 64, "media_type": "application/pdf"},
        performed_by=DOCTOR,
    )


# -- the tree -------------------------------------------------------------------------------


def _grow_tree(bench: Bench) -> None:
    """Integrate the copied entries as the sequencer does, by (time, id), without its queue."""
    sequencer = bench.deployment.parts.sequencer
    engine = bench.deployment.parts.units.engine
    while sequencer.run_once():
        pass
    query = (
        sa.select(log_header.c.entry_id, log_header.c.leaf)
        .join(log_leaf, log_leaf.c.entry_id == log_header.c.entry_id, isouter=True)
        .where(log_leaf.c.entry_id.is_(None))
        .order_by(log_header.c.time, log_header.c.entry_id)
    )
    with (
        engine.connect().execution_options(yield_per=LEAVES_AT_ONCE) as source,
        psycopg.connect(bench.conninfo) as target,
    ):
        frontier = _frontier(source)
        entries = iter(source.execute(query))
        while chunk := list(islice(entries, LEAVES_AT_ONCE)):
            frontier = _add_leaves(target.cursor(), frontier, [tuple(entry) for entry in chunk])
    while sequencer.run_once():
        pass


def _frontier(connection: Connection) -> Frontier:
    leaves = connection.scalars(sa.select(log_leaf.c.leaf).order_by(log_leaf.c.index))
    frontier = Frontier()
    for chunk in leaves.partitions(LEAVES_AT_ONCE):
        frontier, _ = frontier.append(chunk)
    return frontier


def _add_leaves(
    cursor: psycopg.Cursor, before: Frontier, entries: list[tuple[str, bytes]]
) -> Frontier:
    after, nodes = before.append([leaf for _, leaf in entries])
    leaves = ((before.size + n, entry, leaf) for n, (entry, leaf) in enumerate(entries))
    copy_rows(cursor, log_leaf, leaves)
    copy_rows(cursor, log_node, ((c.level, c.index, node) for c, node in nodes))
    copy_rows(cursor, log_head, iter([(after.size, after.root(), datetime.now(UTC))]))
    return after
