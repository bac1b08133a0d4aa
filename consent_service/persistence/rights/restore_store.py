"""What a database that was put back from an older copy needs before it is used again."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.idempotency.tables import kept_answer
from consent_service.persistence.log.sequencer import Sequencer, wait_for_turn
from consent_service.persistence.log.tables import log_origin, log_pending
from consent_service.persistence.log.tree_rows import newest_head
from consent_service.persistence.signatures.tables import signing_session


class RestoreStore:
    """The steps of a restore (`services.rights.ports.Restoring`)."""

    def __init__(self, connection: Connection, sequencer: Sequencer) -> None:
        self._connection = connection
        self._sequencer = sequencer

    def begin_name(self, before: str, name: str, predecessor: str) -> int:
        wait_for_turn(self._connection)
        # What was promised under the old name enters under it: nobody signs that any more.
        while self._connection.scalar(sa.select(log_pending.c.entry_id).limit(1)) is not None:
            self._sequencer.integrate(self._connection, before)
        head = newest_head(self._connection)
        first = head.size if head is not None else 0
        self._connection.execute(
            sa.insert(log_origin).values(first_index=first, origin=name, predecessor=predecessor)
        )
        return first

    def end_sessions(self) -> None:
        for table in (signing_session, kept_answer):
            self._connection.execute(sa.delete(table))
