"""Units of work over one engine: a connection, its stores, and one commit."""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime

import uuid_utils
from sqlalchemy.engine import Connection, Engine

from consent_service.persistence.access.client_store import ClientStore
from consent_service.persistence.access.epoch import KnownClients, UnitClients
from consent_service.persistence.access.staff_store import StaffStore
from consent_service.persistence.catalogue.catalogue_store import CatalogueStore
from consent_service.persistence.catalogue.register_store import RegisterStore
from consent_service.persistence.children.children_store import ChildrenStore
from consent_service.persistence.consents.consent_store import ConsentStore
from consent_service.persistence.consents.link_store import LinkStore
from consent_service.persistence.idempotency.answer_store import AnswerStore
from consent_service.persistence.kernel.database import stepwise
from consent_service.persistence.keys.data_keys import DataKeys
from consent_service.persistence.keys.index_slots import IndexSlots
from consent_service.persistence.keys.live import LiveKeys
from consent_service.persistence.log.anchor_journal import AnchorJournal, Epoch, Intent
from consent_service.persistence.log.guard import Guard
from consent_service.persistence.log.log_store import LogStore
from consent_service.persistence.log.sequencer import Sequencer
from consent_service.persistence.log.tree_store import TreeStore
from consent_service.persistence.rights.erasure_store import ErasureStore
from consent_service.persistence.rights.restore_store import RestoreStore
from consent_service.persistence.rights.subject_store import SubjectStore
from consent_service.persistence.signatures.session_store import SessionStore
from consent_service.persistence.signatures.statement_store import StatementStore
from consent_service.services.units import UnitOfWork


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562): ids of later things sort later."""
    return str(uuid_utils.uuid7())


def timeless_id() -> str:
    """A fresh id in the form of UUIDv7 whose time is random (RFC 9562, section 6.1).

    For children and people, whom organisations share: their ids do not tell one when another first
    asked, nor in which order.
    """
    return str(uuid_utils.uuid7(nanoseconds=secrets.randbits(63)))


class SqlUnitOfWork:
    """One connection and everything that reads and writes through it."""

    def __init__(
        self,
        connection: Connection,
        units: "SqlUnits",
        *,
        stands_alone: bool = False,
    ) -> None:
        """`stands_alone`: each statement is a transaction of its own."""
        self.connection = connection
        self._units = units
        # A unit sees one state of the keys from its beginning to its end.
        index = units.keys.current().index
        slots = IndexSlots(connection, index)
        keys = DataKeys(connection, units.ring, new_id, units.clock)
        self.keys = keys
        self.children = ChildrenStore(
            connection, keys, index, slots, timeless_id, units.guard.restores
        )
        self.consents = ConsentStore(connection, keys)
        self.links = LinkStore(connection, index)
        self.statements = StatementStore(connection, keys)
        self.signing_sessions = SessionStore(connection, keys, index)
        self.staff = StaffStore(connection, keys, index)
        self.register = RegisterStore(connection)
        clients = UnitClients(connection, units.known_clients, index, may_assume=stands_alone)
        self.clients = ClientStore(connection, clients)
        self.log = LogStore(connection, keys, index, slots, clients)
        self.catalogue = CatalogueStore(connection, units.known_organisations, self.log.body_of)
        self.tree = TreeStore(connection)
        self.answers = AnswerStore(connection, keys, units.clock, units.claims)
        self.erasures = ErasureStore(connection, units.sequencer)
        self.restoring = RestoreStore(connection, units.sequencer)
        self.subjects = SubjectStore(connection, index, slots)

    def commit(self) -> None:
        """Keep all of it. On SQLite the tree grows in this same transaction.

        What a copy put back would have forgotten stands in the anchor's journal first.
        """
        self._units.guard.require()
        epoch = self.clients.vouch_for_changes()
        grows = bool(self.log.appended) and self.connection.dialect.name == "sqlite"
        if grows:
            self._units.sequencer.integrate(self.connection)
        meant = self._journal(epoch)
        self.connection.commit()
        self._units.journal.finish(meant, epoch)
        self.log.appended = []
        if grows:
            self._units.has_grown.set()

    def _journal(self, epoch: int | None) -> Sequence[Intent]:
        """Name what is about to be committed; the erasures among it."""
        meant, self.erasures.meant = self.erasures.meant, []
        begun = None if epoch is None else Epoch(epoch, next(reversed(self.log.appended), None))
        self._units.journal.begin(meant, begun, self._units.clock())
        return meant


class SqlUnits:
    """Begins units of work (`services.units.Units`)."""

    def __init__(
        self,
        engine: Engine,
        keys: LiveKeys,
        sequencer: Sequencer,
        guard: Guard,
        journal: AnchorJournal,
        known_clients: KnownClients,
        clock: Callable[[], datetime],
    ) -> None:
        """`has_grown` is set by every commit that made the tree grow (on SQLite)."""
        self.engine = engine
        self.keys = keys
        self.ring = keys.ring
        self.sequencer = sequencer
        self.guard = guard
        self.journal = journal
        self.has_grown = threading.Event()
        self.clock = clock
        self.claims: set[bytes] = set()
        self.known_organisations: set[str] = set()
        self.known_clients = known_clients
        self._writing = engine.execution_options(writes=True)
        self._stepwise = stepwise(engine)

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._stepwise.dispose()
        self.engine.dispose()

    def writing(self) -> AbstractContextManager[UnitOfWork]:
        return self._unit(self._writing)

    def stepwise(self) -> AbstractContextManager[UnitOfWork]:
        return self._unit(self._stepwise, stands_alone=self.engine.dialect.name == "postgresql")

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        return self._unit(self.engine, is_guarded=False)

    @contextmanager
    def _unit(
        self, engine: Engine, *, stands_alone: bool = False, is_guarded: bool = True
    ) -> Iterator[UnitOfWork]:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                # Whoever waited for the lock sees the keys as they are then.
                connection.begin()
            if is_guarded:
                self.guard.admit(connection)
            unit = SqlUnitOfWork(connection, self, stands_alone=stands_alone)
            try:
                yield unit
            finally:
                unit.answers.release()
