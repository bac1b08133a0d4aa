"""Signing the heads: by the one process that holds the anchor's lock, and never inside a request.

From the anchored size on everything is looked at again: that each leaf is the hash of its entry's
header, that we promised that entry in this log, and that each head has the root of the leaves. So
nothing that was written past the service is ever signed. Then, in this order: the note is made in
memory, written to the anchor, and released by its row. A crash in between leaves the anchor ahead,
and the row is made from it. So there are never two checkpoints of one size (decision 35).
"""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from consent_service.audit.checkpoint import (
    Checkpoint,
    InvalidCheckpoint,
    verify_checkpoint,
)
from consent_service.audit.merkle import EMPTY_ROOT, Frontier
from consent_service.audit.origins import Origins
from consent_service.errors import ConsentServiceError, LogContradicted
from consent_service.logs import Alarm
from consent_service.persistence.log.anchor import Anchor, AnchorUnreadable
from consent_service.persistence.log.anchor_journal import AnchorNotWritable
from consent_service.persistence.log.guard import Guard
from consent_service.persistence.log.log_identity import LogIdentity
from consent_service.persistence.log.tables import log_checkpoint
from consent_service.persistence.log.tree_rows import (
    Head,
    Leaf,
    heads_between,
    leaves_between,
    newest_head,
    newest_released,
    origin_rows,
    stored_frontier,
)

CLOCKS_APART = timedelta(minutes=1)
"""A head that is dated later than this process's clock by more is not signed yet."""

_AT_ONCE = 1_000

log = logging.getLogger(__name__)


class Signer:
    """The one that signs, if it is this process. May be shared by threads."""

    def __init__(
        self,
        engine: Engine,
        anchor: Anchor,
        guard: Guard,
        identity: Callable[[], LogIdentity],
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._anchor = anchor
        self._guard = guard
        self._identity = identity
        self._clock = clock
        self._turn = threading.Lock()
        self._alarm = Alarm(log)

    @property
    def is_the_one(self) -> bool:
        """Whether this process holds the lock: it does from its first turn to `close`."""
        return self._anchor.is_held

    def lag(self) -> timedelta:
        """How long the newest head has waited for its checkpoint."""
        with self._engine.connect() as connection:
            head, released = newest_head(connection), newest_released(connection)
        if head is None or (released is not None and released.size >= head.size):
            return timedelta(0)
        return self._clock() - head.time

    def run_once(self) -> bool:
        """Sign the newest head, where this is the process that signs; whether it was released.

        Says at level CRITICAL why not, where it should have been; a contradiction stops more.
        """
        with self._turn:
            try:
                return self._guard.contradiction is None and self._anchor.hold() and self._sign()
            except LogContradicted as found:
                self._guard.contradict(found.detail)
            except AnchorUnreadable as unreadable:
                self._alarm.sound("nothing is signed: %s", unreadable.detail)
            except AnchorNotWritable:
                self._alarm.sound("nothing is signed: %s cannot be written", self._anchor.path)
            return False

    def check_whole(self, connection: Connection, head: Head) -> None:
        """Grow the whole tree, where no anchor says from where on. Raises LogContradicted."""
        origins = Origins.of(origin_rows(connection), self._identity().origin)
        self._check_again(connection, (0, EMPTY_ROOT), head, origins)

    def close(self) -> None:
        """Let another process sign."""
        with self._turn:
            self._anchor.release()

    def _sign(self) -> bool:
        """Raises LogContradicted and AnchorNotWritable."""
        anchored = self._guard.anchored()
        with self._engine.connect() as connection:
            head = newest_head(connection)
            if head is None:
                return False
            released = newest_released(connection)
            known = released.size if released else 0
            if known < anchored.size:
                log.warning("the checkpoint of %d entries is taken from the anchor", anchored.size)
                self._release(anchored.size, self._anchor.read() or "", known)
                known = anchored.size
            if head.size <= anchored.size:
                return known == head.size
            origins = Origins.of(origin_rows(connection), self._identity().origin)
            self._check_again(connection, (anchored.size, anchored.root), head, origins)
            stored = self._stored(connection, head, origins)
        note = stored or self._signed(head, anchored)
        if note is None:
            return False
        self._anchor.write(note)
        if stored is None:
            self._release(head.size, note, known)
        return True

    def _check_again(
        self, connection: Connection, known: tuple[int, bytes], head: Head, origins: Origins
    ) -> None:
        """Grow the tree from a size and its known root to a head, believing no row.

        Raises LogContradicted.
        """
        size, root = known
        frontier = stored_frontier(connection, size)
        if frontier is None or frontier.root() != root:
            raise LogContradicted(f"the log had another root when it had {size} entries")
        leaves = leaves_between(connection, size, head.size)
        heads = heads_between(connection, size, head.size)
        for one in heads:
            frontier = self._grown(frontier, leaves, one.size, origins)
            if frontier.root() != one.root:
                raise LogContradicted(f"the head of {one.size} entries has not their root")
        if not heads or heads[-1] != head:
            raise LogContradicted(f"the newest head, of {head.size} entries, went away")

    def _grown(
        self, frontier: Frontier, leaves: Iterator[Leaf], until: int, origins: Origins
    ) -> Frontier:
        while frontier.size < until:
            some = list(islice(leaves, min(_AT_ONCE, until - frontier.size)))
            for offset, leaf in enumerate(some):
                self._check_leaf(leaf, frontier.size + offset, origins)
            if not some:
                raise LogContradicted(f"leaf {frontier.size} is missing")
            frontier, _ = frontier.append([leaf.leaf for leaf in some])
        return frontier

    def _check_leaf(self, leaf: Leaf, position: int, origins: Origins) -> None:
        """A leaf is an entry's, and we promised that. Raises LogContradicted."""
        if leaf.position != position or leaf.entry is None:
            raise LogContradicted(f"leaf {position} is missing, or has no header")
        entry = leaf.entry
        identity = replace(self._identity(), origin=origins.of_leaf(position))
        try:
            identity.check_promised(entry)
        except ConsentServiceError as wrong:
            raise LogContradicted(f"leaf {position}: {wrong.detail or wrong.code}") from None
        # That promise names the log, the entry and the leaf of its header.
        if leaf.leaf != entry.leaf:
            raise LogContradicted(f"leaf {position} is not that of its entry")

    def _stored(self, connection: Connection, head: Head, origins: Origins) -> str | None:
        """A note that was released for this head already, under an anchor from before."""
        query = sa.select(log_checkpoint.c.note).where(log_checkpoint.c.size == head.size)
        note = connection.scalar(query)
        if note is None:
            return None
        try:
            kept = verify_checkpoint(note, origins.of_tree(head.size), self._identity().published)
        except InvalidCheckpoint as wrong:
            raise LogContradicted(f"checkpoint {head.size}: {wrong.detail}") from None
        if (kept.size, kept.root) != (head.size, head.root):
            raise LogContradicted(f"checkpoint {head.size} is of another tree")
        return str(note)

    def _signed(self, head: Head, anchored: Checkpoint) -> str | None:
        note, time = self._identity().sign(head)
        if head.time > self._clock() + CLOCKS_APART:
            self._alarm.sound("nothing is signed: the head of %d entries is not yet", head.size)
            return None
        if anchored.size and time < anchored.time:
            raise LogContradicted(f"the head of {head.size} entries is older than the anchor")
        return note

    def _release(self, size: int, note: str, previous: int) -> None:
        """Raises LogContradicted where the head that was just looked at went away."""
        row = {"size": size, "previous": previous, "note": note}
        with self._engine.connect().execution_options(writes=True) as connection:
            try:
                connection.execute(sa.insert(log_checkpoint).values(row))
                connection.commit()
            except IntegrityError:
                raise LogContradicted(f"the head of {size} entries went away") from None
