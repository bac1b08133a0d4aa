"""The epoch of the clients as a unit of work takes it: read, or remembered and then verified.

Every request needs the one number that each change of a client raises (`identity.standing`). Where
each statement stands alone, reading it would cost a third of the round trips of a decision. There a
unit takes the number this process knows, and the statement that writes its entry writes only if the
number is still that one: a caller who was revoked meanwhile gets no entry and no answer.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.errors import Unavailable
from consent_service.persistence.access.tables import client_epoch
from consent_service.persistence.kernel.hot_statement import HotStatement

_READ = HotStatement("epoch", sa.select(client_epoch.c.epoch))


class EpochPassed(Unavailable):
    """Somebody changed a client meanwhile: nothing was written, and the request begins again."""

    def __init__(self) -> None:
        super().__init__("contention", "A client was changed at this moment: try again.")


class KnownEpoch:
    """The newest epoch that any request of this process read. May be shared by threads."""

    def __init__(self) -> None:
        self.number: int | None = None


class UnitEpoch:
    """The epoch of one unit of work. `assumed` is None unless the unit relies on memory."""

    def __init__(self, connection: Connection, known: KnownEpoch, *, may_assume: bool) -> None:
        self._connection = connection
        self._known = known
        self._may_assume = may_assume
        self.assumed: int | None = None

    def get(self) -> int:
        """The epoch that counts for this unit: what it writes is fenced by an assumed one."""
        if self._may_assume and self._known.number is not None:
            self.assumed = self._known.number
            return self.assumed
        return self._read()

    def verify(self) -> None:
        """Raise EpochPassed unless an assumed epoch is still the one."""
        if self.assumed is not None and self._read() != self.assumed:
            raise EpochPassed

    def _read(self) -> int:
        rows = _READ.run(self._connection, {})
        if not rows:
            # Without the row nobody can be told to be in good standing.
            raise LookupError("client_epoch has no row")
        self._known.number = int(rows[0][0])
        return self._known.number
