"""Units of work over one engine: a connection, its stores, and one commit."""

from collections.abc import Callable, Iterator
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
from consent_service.persistence.log.log_store import LogStore
from consent_service.persistence.log.sequencer import Sequencer
from consent_service.persistence.log.tree_store import TreeStore
from consent_service.persistence.rights.erasure_store import ErasureStore
from consent_service.persistence.rights.subject_store import SubjectStore
from consent_service.persistence.signatures.session_store import SessionStore
from consent_service.persistence.signatures.statement_store import StatementStore
from consent_service.services.units import UnitOfWork


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562): ids of later things sort later."""
    return str(uuid_utils.uuid7())


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
        self._sequencer = units.sequencer
        # A unit sees one state of the keys from its beginning to its end.
        index = units.keys.current().index
        slots = IndexSlots(connection, index)
        keys = DataKeys(connection, units.ring, new_id, units.clock)
        self.keys = keys
        self.children = ChildrenStore(connection, keys, index, slots, new_id)
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
        self.tree = TreeStore(connection, units.sequencer)
        self.answers = AnswerStore(connection, keys, units.clock, units.claims)
        self.erasures = ErasureStore(connection, units.sequencer)
        self.subjects = SubjectStore(connection, index, slots)

    def commit(self) -> None:
        """Keep all of it. On SQLite the tree grows in this same transaction.

        After `vouch_for_changes` the new epoch of the clients and the ids of the unit's entries are
        known, and nothing is kept yet: that is the moment to tell a memory outside the database.
        """
        self.clients.vouch_for_changes()
        if self.log.appended and self.connection.dialect.name == "sqlite":
            self._sequencer.integrate(self.connection)
        self.connection.commit()
        self.log.appended.clear()


class SqlUnits:
    """Begins units of work (`services.units.Units`)."""

    def __init__(
        self,
        engine: Engine,
        keys: LiveKeys,
        sequencer: Sequencer,
        clock: Callable[[], datetime],
    ) -> None:
        self.engine = engine
        self.keys = keys
        self.ring = keys.ring
        self.sequencer = sequencer
        self.clock = clock
        self.claims: set[bytes] = set()
        self.known_organisations: set[str] = set()
        self.known_clients = KnownClients()
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
        return self._unit(self.engine)

    @contextmanager
    def _unit(self, engine: Engine, *, stands_alone: bool = False) -> Iterator[UnitOfWork]:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                # Whoever waited for the lock sees the keys as they are then.
                connection.begin()
            unit = SqlUnitOfWork(connection, self, stands_alone=stands_alone)
            try:
                yield unit
            finally:
                unit.answers.release()
