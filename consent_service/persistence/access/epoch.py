"""The clients as a unit of work takes them: read and verified, or remembered.

Every request needs the one number that each change of a client raises (`identity.standing`). A set
of clients is read and verified once, under the number that is new to this process, and from then on
it is asked in memory: rows that somebody changes beneath are followed by nobody. Where each
statement stands alone, reading the number would cost a third of the round trips of a decision.
There a unit takes the number this process knows, and the statement that writes its entry writes
only if the number is still that one: a caller who was revoked meanwhile gets no entry and no
answer.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.errors import ClientsNotVouchedFor, Unavailable
from consent_service.persistence.access.client_set import ClientRows, ClientSet
from consent_service.persistence.access.tables import client_epoch
from consent_service.persistence.kernel.hot_statement import HotStatement
from consent_service.persistence.keys.sealing import Index

ATTEMPTS = 4
"""How often the rows are read anew because somebody changed a client meanwhile."""

ALARM_EVERY = timedelta(minutes=1)

_THE_ROW = sa.select(client_epoch.c.epoch, client_epoch.c.mac)
_READ = HotStatement("epoch", _THE_ROW)

log = logging.getLogger(__name__)

EpochRow = tuple[int, bytes | None]
"""The number of the last change of a client, and the MAC over what it left."""


class EpochPassed(Unavailable):
    """Somebody changed a client meanwhile: nothing was written, and the request begins again."""

    def __init__(self) -> None:
        super().__init__("contention", "A client was changed at this moment: try again.")


class KnownClients:
    """The newest set of clients that this process verified. May be shared by threads.

    `least` is the largest number that this process, or a memory outside it, knows of: a smaller
    one is an older state, and no authority.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.newest: tuple[EpochRow, ClientSet] | None = None
        self.least = 0
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._next_alarm = monotonic()

    def expect(self, epoch: int) -> None:
        """Take no smaller number than this any more."""
        with self._lock:
            self.least = max(self.least, epoch)

    def keep(self, row: EpochRow, verified: ClientSet) -> None:
        """Remember a set, unless a newer one was met meanwhile."""
        with self._lock:
            if verified.epoch >= self.least:
                self.newest, self.least = (row, verified), verified.epoch

    def alarm(self, refused: ClientsNotVouchedFor) -> None:
        """Tell the operator, though not with each request that is refused."""
        if self._monotonic() >= self._next_alarm:
            self._next_alarm = self._monotonic() + ALARM_EVERY.total_seconds()
            log.critical("%s, so no client is let in: %s", refused.code, refused.detail)


class UnitClients:
    """The clients of one unit of work. `assumed` is None unless the unit relies on memory."""

    def __init__(
        self, connection: Connection, known: KnownClients, index: Index, *, may_assume: bool
    ) -> None:
        self._connection = connection
        self._known = known
        self._index = index
        self._may_assume = may_assume
        # What is read from here on is at least as new as what was known before.
        self._least = known.least
        self._clients: ClientSet | None = None
        # Where this unit changes something: the rows it verified, with its own changes.
        self._rows: ClientRows | None = None
        self._next: int | None = None
        self.assumed: int | None = None

    def get(self) -> ClientSet:
        """The set that counts for this unit: what it writes is fenced by an assumed number.

        Raises ClientsNotVouchedFor, and EpochPassed.
        """
        if self._clients is None:
            known = self._known.newest
            if self._may_assume and known is not None and known[1].epoch >= self._least:
                self._clients = known[1]
                self.assumed = self._clients.epoch
            else:
                self._clients = self._read()
        return self._clients

    def verify(self) -> None:
        """Raise EpochPassed unless an assumed number is still the one, or ClientsNotVouchedFor."""
        if self.assumed is not None and self._read().epoch != self.assumed:
            raise EpochPassed

    def lock(self) -> int:
        """Wait for whoever else is changing clients; the number that this unit's change gets.

        Raises ClientsNotVouchedFor: the next MAC is over all rows, so all of them are looked at.
        """
        if self._next is None:
            with self._reported():
                row, rows = self._row(locks=True), ClientRows.read(self._connection)
                self._clients = self._verified(row, rows)
            self._rows, self._next = rows, row[0] + 1
        return self._next

    def lock_whatever_stands(self, above: int) -> int:
        """As `lock`, though nothing vouches for what is there; the number is larger than `above`.

        For whoever then suspends all of it: the next MAC vouches for what is suspended.
        """
        try:
            epoch, _ = self._row(locks=True)
        except ClientsNotVouchedFor:
            epoch = 0
        self._rows = ClientRows.read(self._connection)
        self._clients = self._rows.found(epoch)
        self._next = max(epoch, above, self._least) + 1
        return self._next

    def rows(self) -> ClientRows:
        """The rows that this unit changes and vouches for, or else those that stand there."""
        return self._rows or ClientRows.read(self._connection)

    def vouch(self) -> int:
        """Vouch for what was verified, with this unit's changes, under the number of the commit.

        Not for what stands there by now. To be called once, after the last change.
        """
        epoch = self.lock()
        mac = self.rows().mac(self._index, epoch)
        values = {"epoch": epoch, "mac": mac}
        if self._connection.execute(sa.update(client_epoch).values(**values)).rowcount == 0:
            # Somebody deleted it, and somebody else has just suspended everything.
            self._connection.execute(sa.insert(client_epoch).values(id=1, **values))
        self._clients = self._rows = self._next = None
        return epoch

    def _read(self) -> ClientSet:
        """The set as it stands; one that this process knows costs a look at its number."""
        with self._reported():
            row = self._row()
            for _ in range(ATTEMPTS):
                known = self._known.newest
                if known is not None and known[0] == row and row[0] >= self._least:
                    return known[1]
                rows, before = ClientRows.read(self._connection), row
                row = self._row()
                # Each change raises the number: what was read between two looks is of one moment.
                if row == before:
                    return self._verified(row, rows)
        raise EpochPassed

    def _verified(self, row: EpochRow, rows: ClientRows) -> ClientSet:
        epoch, mac = row
        if epoch < self._least:
            raise ClientsNotVouchedFor("client_epoch is of an older state than was seen before")
        rows.verify(self._index, epoch, mac)
        found = rows.found(epoch)
        self._known.keep(row, found)
        return found

    def _row(self, *, locks: bool = False) -> EpochRow:
        try:
            if locks:
                ((epoch, mac),) = self._connection.execute(_THE_ROW.with_for_update()).all()
            else:
                ((epoch, mac),) = _READ.run(self._connection, {})
            return int(epoch), mac
        except (ValueError, TypeError):
            raise ClientsNotVouchedFor("client_epoch is not one readable row") from None

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except ClientsNotVouchedFor as refused:
            self._known.alarm(refused)
            raise
