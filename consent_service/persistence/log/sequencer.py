"""Integrates pending entries into the tree; who signs the heads is `signer`'s business.

Pending rows are taken by DELETE … RETURNING in a statement of its own after the head is locked,
never by id ranges: ids become visible out of order, and a slow transaction's row would be skipped
for ever. A crash leaves the old head or the new one; starting again runs this same path.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from consent_service.errors import ConsentServiceError, Unreadable
from consent_service.persistence.log.log_identity import LogIdentity
from consent_service.persistence.log.sequencer_rows import add_to_tree, take_pending
from consent_service.persistence.log.tables import (
    log_head,
    log_origin,
    log_pending,
    log_rejected,
    log_sequencer,
)
from consent_service.persistence.log.tree_rows import Pending, newest_head, stored_frontier

MOST_AT_ONCE = 5_000
TAKE_OVER_AFTER = timedelta(seconds=5)

log = logging.getLogger(__name__)


class Sequencer:
    """The one who makes the tree grow; any number may run, one at a time works."""

    def __init__(
        self, engine: Engine, identity: Callable[[], LogIdentity], clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._clock = clock

    def run_once(self) -> int:
        """Integrate what is pending; how many entries that were."""
        with self._engine.connect() as connection:
            waiting = connection.scalar(sa.select(log_pending.c.entry_id).limit(1)) is not None
        if not waiting:
            return 0
        with self._engine.connect().execution_options(writes=True) as connection:
            integrated = self.integrate(connection)
            connection.commit()
        return integrated

    def lag(self) -> timedelta:
        """How long the oldest pending entry has waited."""
        with self._engine.connect() as connection:
            oldest = connection.scalar(sa.select(sa.func.min(log_pending.c.time)))
        return timedelta(0) if oldest is None else self._clock() - oldest

    def integrate(self, connection: Connection, name: str | None = None) -> int:
        """Within a transaction: take what is pending and grow the tree; how many entries.

        `name` is that of the log they were promised in, where a restore is about to end it.
        """
        if not _take_turn(connection):
            return 0
        taken = take_pending(connection, MOST_AT_ONCE)
        if not taken:
            return 0
        identity = self._identity()
        if name is not None:
            identity = replace(identity, origin=name)
        sound = self._reject_forged(connection, taken, identity)
        if sound:
            self._grow(connection, sound, identity.origin)
        return len(sound)

    def _reject_forged(
        self, connection: Connection, entries: Sequence[Pending], identity: LogIdentity
    ) -> list[Pending]:
        """An entry without a valid promise never enters the tree (nobody but us signs one)."""
        sound = []
        for entry in entries:
            try:
                identity.check_promised(entry)
                sound.append(entry)
            except ConsentServiceError as error:
                log.critical("log entry %s rejected: %s", entry.id, error.code)
                connection.execute(
                    sa.insert(log_rejected).values(
                        entry_id=entry.id, reason=error.code, rejected_at=self._clock()
                    )
                )
        return sound

    def _grow(self, connection: Connection, entries: Sequence[Pending], name: str) -> None:
        head = newest_head(connection)
        size = head.size if head else 0
        before = stored_frontier(connection, size)
        if before is None:
            raise Unreadable(f"log_node: what the tree of size {size} grows from is missing")
        after, nodes = before.append([entry.leaf for entry in entries])
        add_to_tree(connection, size, entries, nodes)
        # Not before any of its entries, nor before the head before it, whatever the clocks say.
        before_it = [entry.time for entry in entries] + ([head.time] if head else [])
        moment = max(self._clock(), *before_it)
        if head is None:
            named = {"first_index": 0, "origin": name}
            connection.execute(sa.insert(log_origin).values(named))
        row = {"size": after.size, "previous": size, "root": after.root(), "time": moment}
        connection.execute(sa.insert(log_head).values(row))


def wait_for_turn(connection: Connection) -> None:
    """Within a transaction: wait until nobody else integrates. Raises Unreadable."""
    if connection.scalar(sa.select(log_sequencer.c.id).with_for_update()) is None:
        raise Unreadable("log_sequencer: its row is missing, so nobody gets the turn")


def _take_turn(connection: Connection) -> bool:
    """Whether it is our turn; on SQLite the write transaction is the turn."""
    query = sa.select(log_sequencer.c.id).with_for_update(skip_locked=True)
    return connection.scalar(query) is not None
