"""Integrates pending entries into the tree, and signs the heads that were committed.

Pending rows are taken by DELETE … RETURNING in a statement of its own after the head is locked,
never by id ranges: ids become visible out of order, and a slow transaction's row would be skipped
for ever. A crash leaves the old head or the new one; starting again runs this same path.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from consent_service.audit.checkpoint import is_dated_apart, sign_checkpoint
from consent_service.audit.entry import Entry
from consent_service.audit.merkle import Coordinate, Frontier, frontier_coordinates, leaf_hash
from consent_service.audit.promise import (
    InvalidPromise,
    check_promise_for,
    make_promise,
    verify_promise,
)
from consent_service.errors import ConsentServiceError
from consent_service.persistence.kernel.insert import insert_or_ignore
from consent_service.persistence.log.sequencer_rows import Pending, add_to_tree, take_pending
from consent_service.persistence.log.tables import (
    log_checkpoint,
    log_head,
    log_leaf,
    log_node,
    log_pending,
    log_rejected,
    log_sequencer,
)
from consent_service.signing.keys import KeySet, SigningKey
from consent_service.signing.schedule import NoKey, Schedule

MOST_AT_ONCE = 5_000
TAKE_OVER_AFTER = timedelta(seconds=5)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogIdentity:
    """What the log signs with and is known by, at the moment."""

    origin: str
    keys: Schedule
    cosigners: Schedule
    promise_keys: Schedule
    published: KeySet


@dataclass(frozen=True)
class Head:
    """The tree as last committed; `time` is when, in UTC."""

    size: int
    root: bytes
    time: datetime


class Sequencer:
    """The one who makes the tree grow; any number may run, one at a time works."""

    def __init__(
        self, engine: Engine, identity: Callable[[], LogIdentity], clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._clock = clock

    def run_once(self) -> int:
        """Integrate what is pending and sign the newest head; how many were integrated."""
        with self._engine.connect() as connection:
            waiting = connection.scalar(sa.select(log_pending.c.entry_id).limit(1)) is not None
        integrated = 0
        if waiting:
            with self._engine.connect().execution_options(writes=True) as connection:
                integrated = self.integrate(connection)
                connection.commit()
        self._keep_newest_checkpoint()
        return integrated

    def lag(self) -> timedelta:
        """How long the oldest pending entry has waited."""
        with self._engine.connect() as connection:
            oldest = connection.scalar(sa.select(sa.func.min(log_pending.c.time)))
        return timedelta(0) if oldest is None else self._clock() - oldest

    def integrate(self, connection: Connection) -> int:
        """Within a transaction: take what is pending and grow the tree; how many entries."""
        if not _take_turn(connection):
            return 0
        taken = take_pending(connection, MOST_AT_ONCE)
        if not taken:
            return 0
        sound = self._reject_forged(connection, taken)
        if sound:
            _grow(connection, sound, self._clock())
        return len(sound)

    def _reject_forged(self, connection: Connection, entries: Sequence[Pending]) -> list[Pending]:
        """An entry without a valid promise never enters the tree (nobody but us signs one)."""
        sound = []
        for entry in entries:
            try:
                self._check_promise(entry)
                sound.append(entry)
            except ConsentServiceError as error:
                log.critical("log entry %s rejected: %s", entry.id, error.code)
                connection.execute(
                    sa.insert(log_rejected).values(
                        entry_id=entry.id, reason=error.code, rejected_at=self._clock()
                    )
                )
        return sound

    def _check_promise(self, entry: Pending) -> None:
        """Raise InvalidSignature unless we promised this entry.

        Ed25519 is deterministic: making the promise again and comparing costs half of verifying
        it. A promise by a key whose private half is gone, or not in this process, is verified.
        """
        identity = self._identity()
        ours = Entry(identity.origin, entry.id, entry.time, entry.header, entry.leaf, b"", b"")
        if entry.leaf != leaf_hash(entry.header):
            raise InvalidPromise("the leaf is not the header's")
        with suppress(NoKey):
            key = identity.promise_keys.at(entry.time)
            if key.is_in_process and compare_digest(make_promise(ours, key), entry.promise):
                return
        promise = verify_promise(entry.promise, identity.published)
        check_promise_for(promise, entry.header)

    def checkpoint_of(self, connection: Connection, head: Head) -> str:
        """The checkpoint of a committed head, kept or signed now: the same bytes."""
        return _kept_checkpoint(connection, head) or self._sign(head)

    def _keep_newest_checkpoint(self) -> None:
        with self._engine.connect() as connection:
            head = newest_head(connection)
            if head is None or _kept_checkpoint(connection, head) is not None:
                return
        with self._engine.connect().execution_options(writes=True) as connection:
            connection.execute(
                insert_or_ignore(connection, log_checkpoint).values(
                    size=head.size, note=self._sign(head)
                )
            )
            connection.commit()

    def _sign(self, head: Head) -> str:
        """By the keys of the head's time, or as of the first moment of the next ones.

        The latter where one was destroyed before anybody signed: at that moment too the head
        was the newest.
        """
        identity = self._identity()
        key, cosigner, time = _signers(identity, head.time)
        return sign_checkpoint(identity.origin, head.size, head.root, time, key, cosigner)


def _signers(
    identity: LogIdentity, time: datetime
) -> tuple[SigningKey, SigningKey | None, datetime]:
    """The log's key, what dates beside it where there is such a key by then, and the time."""
    key, later = identity.keys.at_or_after(time)
    if not is_dated_apart(identity.published, later):
        return key, None, later
    cosigner, latest = identity.cosigners.at_or_after(later)
    # Where the second begins later than the first, the first must be that time's too.
    return (key, cosigner, later) if latest == later else _signers(identity, latest)


def _kept_checkpoint(connection: Connection, head: Head) -> str | None:
    query = sa.select(log_checkpoint.c.note).where(log_checkpoint.c.size == head.size)
    return connection.scalar(query)


def newest_head(connection: Connection) -> Head | None:
    """The newest committed head, if the log has begun."""
    query = sa.select(log_head).order_by(log_head.c.size.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Head(row.size, row.root, row.time)


def tree_hashes(
    connection: Connection, coordinates: Sequence[Coordinate]
) -> dict[Coordinate, bytes]:
    """The stored hashes of perfect subtrees; level 0 are the leaves."""
    leaves = [coordinate.index for coordinate in coordinates if coordinate.level == 0]
    nodes = [tuple(coordinate) for coordinate in coordinates if coordinate.level > 0]
    query = sa.union_all(
        sa.select(sa.literal(0), log_leaf.c.index, log_leaf.c.leaf).where(
            log_leaf.c.index.in_(leaves)
        ),
        sa.select(log_node.c.level, log_node.c.index, log_node.c.hash).where(
            sa.tuple_(log_node.c.level, log_node.c.index).in_(nodes)
        ),
    )
    return {Coordinate(level, index): bytes(h) for level, index, h in connection.execute(query)}


def _take_turn(connection: Connection) -> bool:
    """Whether it is our turn; on SQLite the write transaction is the turn."""
    query = sa.select(log_sequencer.c.id).with_for_update(skip_locked=True)
    return connection.scalar(query) is not None


def _grow(connection: Connection, entries: Sequence[Pending], now: datetime) -> None:
    head = newest_head(connection)
    size = head.size if head else 0
    coordinates = frontier_coordinates(size)
    hashes = tree_hashes(connection, coordinates)
    before = Frontier(size, tuple(hashes[coordinate] for coordinate in coordinates))
    after, nodes = before.append([entry.leaf for entry in entries])
    add_to_tree(connection, size, entries, nodes)
    moment = max(now, head.time) if head else now
    connection.execute(sa.insert(log_head).values(size=after.size, root=after.root(), time=moment))
