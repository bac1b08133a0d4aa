"""Whether this process may rely on the database: it agrees with the anchor, and never shrinks.

A process compares when it starts, on each new connection, and every second in its watching thread;
requests read a flag in memory. The anchor is read first and the database after it: the signer
commits a head before it anchors it, so a sound database holds at least what the anchor says. Being
behind is no contradiction, whatever else it means. A process that saw one relies on nothing until
it is started again, by somebody who looked (docs/decisions/0035).
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from consent_service.audit.checkpoint import (
    Checkpoint,
    InvalidCheckpoint,
    parse_checkpoint,
    verify_checkpoint,
)
from consent_service.audit.merkle import EMPTY_ROOT
from consent_service.audit.origins import Origins
from consent_service.errors import LogContradicted, Misconfigured
from consent_service.logs import Alarm
from consent_service.persistence.access.tables import client_epoch
from consent_service.persistence.log.anchor import Anchor, AnchorUnreadable
from consent_service.persistence.log.log_identity import LogIdentity
from consent_service.persistence.log.tables import log_header
from consent_service.persistence.log.tree_rows import (
    Head,
    began_at,
    newest_head,
    origin_rows,
    stored_frontier,
)

FIRST_ANCHOR_SECONDS = 10.0
"""How long a start waits for the first anchor, while another process makes it."""

_LOOKED_AT = "log_looked_at"

log = logging.getLogger(__name__)


class Guard:
    """The flag of one process, and what it is set by. May be shared by threads.

    `restores` is when the database was put back from an older copy: when each name of its log but
    the first began.
    """

    def __init__(
        self,
        engine: Engine,
        anchor: Anchor,
        identity: Callable[[], LogIdentity],
        clock: Callable[[], datetime],
        expect_epoch: Callable[[int], None],
    ) -> None:
        """`expect_epoch` is told the least that the number of the clients' last change can be."""
        self._engine = engine
        self._anchor = anchor
        self._identity = identity
        self._clock = clock
        self._expect_epoch = expect_epoch
        self._lock = threading.Lock()
        self._alarm = Alarm(log)
        self._verified: tuple[str, Checkpoint] | None = None
        self._seen = Head(0, EMPTY_ROOT, clock())
        self._file: tuple[int, int] | None = None
        self._is_set_aside = False
        self._word = anchor.word()
        self._has_begun = False
        self.contradiction: str | None = None
        self.restores: tuple[datetime, ...] = ()

    # -- what requests ask ---------------------------------------------------------------------

    def require(self) -> None:
        """Raise LogContradicted where something does not agree."""
        if self.contradiction is not None:
            raise LogContradicted(self.contradiction)

    def admit(self, connection: Connection) -> None:
        """The same, after a look at the database through a connection that is new."""
        if self._is_set_aside:
            return
        if _LOOKED_AT not in connection.info:
            self._look(connection)
            connection.info[_LOOKED_AT] = True
        self.require()

    def set_aside(self) -> None:
        """Compare nothing in this process from here on: it brings an older copy in."""
        self._is_set_aside = True

    # -- looking -------------------------------------------------------------------------------

    def begin(self) -> None:
        """What a process does before it serves or writes. Raises Misconfigured.

        The anchor of a log that has not begun is made here: the checkpoint of the empty tree.
        """
        with self._engine.connect() as connection:
            if not self._has_anchor(connection):
                self._make_first_anchor()
            self._require_agreement(connection)
            self._settle_journal(connection)
        self._has_begun = True

    def examine(self) -> None:
        """What `begin` would refuse, with nothing written. Raises Misconfigured."""
        with self._engine.connect() as connection:
            if self._has_anchor(connection):
                self._require_agreement(connection)

    def _has_anchor(self, connection: Connection) -> bool:
        """False for a log that has not begun. Raises Misconfigured where the anchor is missing."""
        if self._anchor.read() is not None:
            return True
        if newest_head(connection) is not None:
            raise Misconfigured(
                f"the log has begun, and its anchor {self._anchor.path} "
                "(CONSENT_LOG_ANCHOR_FILE) is missing: put it back, or have a checkpoint "
                "that was kept adopted by `consent-service audit adopt`"
            )
        return False

    def _require_agreement(self, connection: Connection) -> None:
        origin = self.anchored().origin
        if origin != self._identity().origin:
            raise Misconfigured(
                f"CONSENT_LOG_ORIGIN is {self._identity().origin!r}, and this log is {origin!r}"
                ": set it back; only a restore gives a log another name"
            )
        self._look(connection)
        if self.contradiction is not None:
            raise Misconfigured(
                f"{self.contradiction}. Nothing is served on it. Find out who changed the "
                "database; one that comes from a backup is brought in by `consent-service restore`"
            )

    def look(self) -> None:
        """Compare once. What keeps the database or the anchor from being read is raised."""
        with self._engine.connect() as connection:
            self._look(connection)

    def require_now(self) -> None:
        """Compare, and raise LogContradicted where something does not agree."""
        self.look()
        self.require()

    def contradict(self, reason: str) -> None:
        """From here on no process that runs relies on anything that the database says.

        One that has not begun leaves the others alone: what it was pointed at may be its mistake.
        """
        if self._has_begun and self.contradiction is None:
            self._word = self._anchor.leave_word(reason) or self._word
        self._stop(reason)

    def _stop(self, reason: str) -> None:
        self._alarm.sound("the log is contradicted: %s", reason)
        self.contradiction = self.contradiction or reason

    def anchored(self) -> Checkpoint:
        """The anchor's checkpoint. Raises AnchorUnreadable where it is none of this log."""
        note = self._anchor.read()
        if note is None:
            raise AnchorUnreadable(f"the log's anchor {self._anchor.path} is missing")
        if self._verified is None or self._verified[0] != note:
            try:
                origin = parse_checkpoint(note).origin
                published = self._identity().published
                self._verified = (note, verify_checkpoint(note, origin, published))
            except InvalidCheckpoint as wrong:
                raise AnchorUnreadable(
                    f"the log's anchor {self._anchor.path} (CONSENT_LOG_ANCHOR_FILE) is no "
                    f"checkpoint by this deployment's keys: {wrong.detail}"
                ) from None
        return self._verified[1]

    def _known_anchor(self) -> Checkpoint:
        """The anchor's checkpoint, or the last that was read: a running process goes on."""
        try:
            return self.anchored()
        except AnchorUnreadable as unreadable:
            if self._verified is None:
                raise
            self._alarm.sound("%s", unreadable.detail)
            return self._verified[1]

    def _look(self, connection: Connection) -> None:
        with self._lock:
            anchored = self._known_anchor()
            reason = self._is_another_file() or self._is_another_log(connection, anchored)
        if reason is not None:
            self.contradict(reason)
        # A word from before this process was made counts no more: whoever started it looked.
        elif self._anchor.word() not in (None, self._word):
            self._stop("another process found a contradiction")

    def _is_another_file(self) -> str | None:
        """SQLite: whether another file was put in the place of the one that was opened."""
        path = self._engine.url.database
        if self._engine.dialect.name != "sqlite" or path in (None, "", ":memory:"):
            return None
        try:
            status = Path(str(path)).stat()
        except OSError:
            return "the database's file is gone"
        file = (status.st_dev, status.st_ino)
        self._file = self._file or file
        return None if file == self._file else "another file stands in the database's place"

    def _is_another_log(self, connection: Connection, anchored: Checkpoint) -> str | None:
        """Against the anchor, and the newest head that this process saw, signed or not."""
        head = newest_head(connection) or Head(0, EMPTY_ROOT, self._seen.time)
        for size, whose in ((anchored.size, "were signed"), (self._seen.size, "were there")):
            if head.size < size:
                return f"the database's log has {head.size} entries, and {size} {whose} before"
        claims = {(one.size, one.root) for one in (anchored, self._seen, head)}
        for size, root in sorted(claims):
            frontier = stored_frontier(connection, size)
            if frontier is None or frontier.root() != root:
                return f"the database's log is not the one whose {size} entries had a root before"
        rows, configured = origin_rows(connection), self._identity().origin
        if Origins.of(rows, configured).newest != configured or (head.size and not rows):
            return f"CONSENT_LOG_ORIGIN is {configured!r}, and the database's log is another"
        try:
            self.restores = tuple(began_at(connection, row, head) for row in rows[1:])
        except LogContradicted as wrong:
            return wrong.detail
        self._seen = head
        return None

    # -- at the start --------------------------------------------------------------------------

    def _make_first_anchor(self) -> None:
        """The checkpoint of the empty tree, by whoever comes first."""
        until = time.monotonic() + FIRST_ANCHOR_SECONDS
        while self._anchor.read() is None:
            held = self._anchor.is_held
            if self._anchor.hold():
                try:
                    if self._anchor.read() is None:
                        empty = Head(0, EMPTY_ROOT, self._clock())
                        self._anchor.write(self._identity().sign(empty)[0])
                finally:
                    if not held:
                        self._anchor.release()
            elif time.monotonic() > until:
                raise AnchorUnreadable(f"the log's anchor {self._anchor.path} is not made")
            else:
                time.sleep(0.05)

    def _settle_journal(self, connection: Connection) -> None:
        """Ask the log what became of what was meant. Raises Misconfigured."""
        journal = self._anchor.journal
        journal.settle(lambda entry: is_in(connection, entry), self._clock())
        # What is done is so, also where somebody took its entry out of the log since.
        least = max(journal.read().reached, default=0)
        self._expect_epoch(least)
        epoch = connection.scalar(sa.select(client_epoch.c.epoch)) or 0
        if epoch < least:
            raise Misconfigured(
                f"the clients' epoch is {epoch}, and was {least} already: rows of clients "
                "were put back from before: consent-service clients suspend-all"
            )


def is_in(connection: Connection, entry: str) -> bool:
    """Whether the log has an entry, in the tree or waiting."""
    found = sa.select(log_header.c.entry_id).where(log_header.c.entry_id == entry)
    return connection.scalar(found) is not None
