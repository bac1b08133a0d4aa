"""Fills a PostgreSQL database fast, with nothing but what the service itself would write.

Each process lets the real use cases (ask, grant, disclose) write one family to an SQLite database
in memory, and copies it for every other family (`copies`). The tree over all of them is then grown
in one pass with the log's own mathematics. `consent-service audit verify` accepts the result.
"""

import multiprocessing
import os
import random
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.pool import StaticPool

from benchmarks.bulk_load import Loader, loading
from benchmarks.copies import Copies
from benchmarks.families import CONTROLLER, SENDER, Family
from benchmarks.pattern import Pattern, Rows, case_reference
from benchmarks.serving import Bench
from consent_service.audit.merkle import Frontier
from consent_service.config import Settings
from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.facts import Scope
from consent_service.persistence.access.tables import client_epoch
from consent_service.persistence.catalogue.tables import organisation, template_version
from consent_service.persistence.kernel.database import prepare
from consent_service.persistence.keys.tables import data_key, key_state
from consent_service.persistence.log.tables import log_body, log_header
from consent_service.persistence.log.tree_rows import newest_head, stored_frontier
from consent_service.persistence.schema import metadata
from consent_service.services.children.acts import begin_act
from consent_service.services.children.family import CustodyFacts, NamedPerson
from consent_service.services.consents.find_consent import child_of
from consent_service.services.consents.request_consent import ConsentRequest, request_consent
from consent_service.services.disclosures.disclose import disclose
from consent_service.services.disclosures.question import Disclosure, LegalBasis, Question
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, Employee
from consent_service.services.signatures.identity import Identity
from consent_service.services.signatures.sign import ShownText, evidence_of_login, grant, kept_scope
from consent_service.services.units import UnitOfWork
from consent_service.wiring import Parts, assemble
from tests.deployment import CATEGORIES, PARTIES, PURPOSE

PRESENT = (organisation, client_epoch, key_state, template_version)
FAMILIES_AT_ONCE = 250
LEAVES_AT_ONCE = 5_000
EMPLOYEE = Employee("e1", "Karen Sagsbehandler")
DOCTOR = Employee("g1", "Lise Læge")
NOTHING_LEFT_OUT = Scope(frozenset(), frozenset())


def populate(bench: Bench, begin: int, end: int, *, is_filler: bool = False) -> None:
    """Add the families from one number up to another, and integrate their entries.

    With `is_filler` only busy children are real, and all others fillers: rows of the same widths
    and keys, that nobody can open and no verification accepts.
    """
    starts = range(begin, end, FAMILIES_AT_ONCE)
    batches = [(start, min(start + FAMILIES_AT_ONCE, end)) for start in starts]
    arguments = (bench.deployment.settings, bench.conninfo, is_filler)
    context = multiprocessing.get_context("spawn")
    while bench.deployment.parts.sequencer.run_once():
        pass
    with loading(bench.conninfo):
        with context.Pool(os.cpu_count(), _begin_process, arguments) as pool:
            for _ in pool.imap_unordered(_add_families, batches):
                pass
        _grow_tree(bench)
    while bench.deployment.parts.sequencer.run_once():
        pass
    bench.settle()


# -- in each process ------------------------------------------------------------------------

_process: "_Writer"


def _begin_process(settings: Settings, conninfo: str, is_filler: bool) -> None:
    global _process  # noqa: PLW0603 - a pool's process has no other place for what it keeps
    parts = _empty_service(settings)
    pattern = Pattern.of(parts, _PatternFamily(0), _written(parts, _PatternFamily(0)))
    _process = _Writer(Loader(conninfo), Copies(parts, pattern), is_filler)


def _add_families(numbers: tuple[int, int]) -> None:
    _process.add(range(*numbers))


@dataclass(frozen=True)
class _Writer:
    """What a process writes with."""

    loader: Loader
    copies: Copies
    is_filler: bool

    def add(self, numbers: range) -> None:
        rows: dict[str, list[tuple[object, ...]]] = {}
        for number in numbers:
            family = Family(number)
            is_real = family.is_busy or not self.is_filler
            copy = self.copies.real if is_real else self.copies.filler
            for table, made in copy(family, family.disclosures).items():
                rows.setdefault(table, []).extend(made)
        for table, made in rows.items():
            # One child's rows stand apart from one another, as when many families come and go.
            random.shuffle(made)
            self.loader.copy(table, made)
        self.loader.commit()


class _PatternFamily(Family):
    """The family that the service writes itself; a copy repeats the disclosure."""

    @property
    def disclosures(self) -> int:
        return 1


def _empty_service(settings: Settings) -> Parts:
    """A service in memory with the catalogue of the real one."""
    engine = prepare(sa.create_engine("sqlite://", poolclass=StaticPool))
    metadata.create_all(engine)
    source = sa.create_engine(settings.database_url)
    with engine.begin() as connection, source.connect() as present:
        # Each after what it refers to.
        for table in (*PRESENT[:-1], data_key, log_header, log_body, template_version):
            query = sa.select(table)
            if table is data_key:
                query = query.where(data_key.c.child_id.is_(None))
            if table in (log_header, log_body):
                # What vouches for the templates.
                published = sa.select(template_version.c.entry_id)
                query = query.where(table.c.entry_id.in_(published))
            if rows := [row._asdict() for row in present.execute(query)]:
                connection.execute(sa.insert(table), rows)
    source.dispose()
    return assemble(settings, engine)


def _written(parts: Parts, family: Family) -> Rows:
    """What the service writes about one family, by table; nothing of it is kept."""
    with parts.units.writing() as uow:
        connection: Connection = uow.connection  # type: ignore[attr-defined]
        before = _rows(connection)
        _add_family(uow, parts, family)
        return {
            name: [row for row in rows if row not in before[name]]
            for name, rows in _rows(connection).items()
        }


def _rows(connection: Connection) -> Rows:
    return {
        table.name: [row._asdict() for row in connection.execute(sa.select(table))]
        for table in metadata.sorted_tables
        if table not in PRESENT
    }


def _add_family(uow: UnitOfWork, parts: Parts, family: Family) -> None:
    context = parts.context
    mother, father = family.parents
    asked = ConsentRequest(
        template="joint-action-plan",
        case_reference=case_reference(family),
        renews=None,
        child=NamedPerson(family.child, "Alma Test", birth_date=family.birth_date),
        custody=CustodyFacts(
            source="cpr-register",
            as_of=local_date(context.clock()),
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

_WAITING = """
SELECT h.entry_id, h.leaf FROM log_header h
WHERE NOT EXISTS (SELECT FROM log_leaf l WHERE l.entry_id = h.entry_id)
ORDER BY h.time, h.entry_id
"""


def _grow_tree(bench: Bench) -> None:
    """Integrate the copied entries as the sequencer does, by (time, id), without its queue."""
    with bench.deployment.parts.units.engine.connect() as connection:
        frontier = _frontier(connection)
    target = Loader(bench.conninfo)
    with (
        psycopg.connect(bench.conninfo) as source,
        source.cursor("waiting", binary=True) as waiting,
    ):
        waiting.itersize = LEAVES_AT_ONCE
        waiting.execute(_WAITING)
        while entries := waiting.fetchmany(LEAVES_AT_ONCE):
            frontier = _add_leaves(target, frontier, entries)
    target.commit()


def _frontier(connection: Connection) -> Frontier:
    head = newest_head(connection)
    frontier = stored_frontier(connection, head.size if head else 0)
    assert frontier is not None
    return frontier


def _add_leaves(target: Loader, before: Frontier, entries: list[tuple[str, bytes]]) -> Frontier:
    after, nodes = before.append([leaf for _, leaf in entries])
    target.copy("log_leaf", ((before.size + n, *entry) for n, entry in enumerate(entries)))
    target.copy("log_node", ((*coordinate, node) for coordinate, node in nodes))
    target.copy("log_head", [(after.size, before.size, after.root(), datetime.now(UTC))])
    return after
