"""Rotating the key-encryption key while traffic goes on; run again, it goes on where it stopped.

1. A new key stands first in the file; wait until every process has read it. New data keys are
   wrapped by it now, and all that were wrapped before open still.
2. The database names the key that wraps: a process that missed it can make no data key.
3. Wrap every data key again, a few at a time, until none is under another key.
4. Wait until whoever read a wrapped key before has opened it; then destroy the old key.

Where the rotation stands is read from the file and the database themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from consent_service.errors import Unreadable
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.document import KeyFile
from consent_service.persistence.keys.sealing import KeyRing
from consent_service.persistence.keys.tables import data_key, key_state
from consent_service.persistence.keys.writing import Home, destroy_unused, unused

AT_ONCE = 200

_WRAPPED_BY: sa.ColumnElement[bytes] = sa.func.substr(
    data_key.c.wrapped, 2, 16, type_=sa.LargeBinary
)


@dataclass(frozen=True)
class WrappingRotation:
    """`settle` waits until every process has read the key file again; `home` is the new key's."""

    engine: Engine
    file: KeyFile
    settle: Callable[[], None]
    say: Callable[[str], None]
    home: Home | None = None

    def run(self) -> None:
        """Rotate, or finish an interrupted rotation. Raises Unreadable, Misconfigured."""
        if len(self.file.read().key_encryption) == 1:
            changes.add_key_encryption_key(self.file, self.home)
            self.say("A new key-encryption key is in the key file.")
        self.settle()
        ring = KeyRing(self.file.read().key_encryption)
        self._require(ring)
        self.say(f"Wrapped {self._wrap_all_again(ring)} data keys again.")
        self.settle()
        if self._left(ring):
            raise Unreadable("a data key is left under the old key: run this again")
        changes.destroy_old_key_encryption_keys(self.file)
        if unused(self.file):
            self.settle()
            destroy_unused(self.file)
        self.say("The old key-encryption key is destroyed.")

    def _require(self, ring: KeyRing) -> None:
        """Waits for who is inserting a data key; whoever comes later wraps by the new key."""
        with self.engine.connect().execution_options(writes=True) as connection:
            connection.execute(sa.update(key_state).values(wrapping_key=ring.current_id))
            connection.commit()

    def _wrap_all_again(self, ring: KeyRing) -> int:
        by_others = (
            sa.select(data_key.c.id, data_key.c.wrapped)
            .where(_WRAPPED_BY.is_distinct_from(ring.current_id))
            .order_by(data_key.c.id)
            .limit(AT_ONCE)
        )
        done, following = 0, by_others
        while True:
            with self.engine.connect().execution_options(writes=True) as connection:
                rows = connection.execute(following).all()
                done += sum(_wrap_again(connection, ring, row.id, row.wrapped) for row in rows)
                connection.commit()
            if not rows:
                return done
            following = by_others.where(data_key.c.id > rows[-1].id)

    def _left(self, ring: KeyRing) -> int:
        query = sa.select(sa.func.count()).where(_WRAPPED_BY.is_distinct_from(ring.current_id))
        with self.engine.connect() as connection:
            return int(connection.scalar(query.select_from(data_key)) or 0)


def _wrap_again(connection: Connection, ring: KeyRing, key_id: str, wrapped: bytes) -> int:
    # Only what was read: the row may have been erased, or wrapped by another such command.
    return connection.execute(
        sa.update(data_key)
        .where(data_key.c.id == key_id, data_key.c.wrapped == wrapped)
        .values(wrapped=ring.rewrap(key_id, wrapped))
    ).rowcount
