"""Rotating the index key while traffic goes on; run again, it goes on where it stopped.

1. A key for the empty slot is in the file; wait until every process has read it: each now writes
   both columns of every keyed hash, and finds by either.
2. The database says `filling`: whoever writes one column only is refused from here on.
3. Fill the empty column of every row from what the row itself says, opened by its data key.
4. In one transaction: nothing is left to fill, so the other slot is the current one.
5. The old key is destroyed in the file; wait; clear the old column.

Where the rotation stands is read from the file and from `key_state`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from consent_service.errors import Unreadable
from consent_service.persistence.children.tables import child, person
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.document import KeyFile, Keys
from consent_service.persistence.keys.index_slots import (
    IndexState,
    check_index_fits,
    read_state,
    slot_column,
    write_state,
)
from consent_service.persistence.keys.sealing import KeyRing, Slot
from consent_service.persistence.keys.writing import Home, destroy_unused
from consent_service.persistence.log.tables import log_body
from consent_service.persistence.rotation.filling import (
    PAUSE_SECONDS,
    fill_children,
    fill_entries,
    fill_people,
)

HASHED: Sequence[tuple[sa.Table, str]] = (
    (child, "cpr_hash"),
    (person, "cpr_hash"),
    (log_body, "employee_hash"),
)
AT_ONCE = 500


@dataclass(frozen=True)
class IndexRotation:
    """`settle` waits until every process has read the key file again; `home` is the new key's."""

    engine: Engine
    file: KeyFile
    settle: Callable[[], None]
    say: Callable[[str], None]
    home: Home | None = None

    def run(self) -> None:
        """Rotate, or finish an interrupted rotation. Raises Unreadable, Misconfigured."""
        check_index_fits(self.engine, self.file.read().index)
        state = self._state()
        if state.phase != "clearing":
            self._fill(state)
        self._clear()

    def _state(self) -> IndexState:
        with self.engine.connect() as connection:
            return read_state(connection)

    def _fill(self, state: IndexState) -> None:
        if state.other not in self.file.read().index.keys:
            changes.add_index_key(self.file, state.other, self.home)
            self.say("A new index key is in the key file.")
        self.settle()
        keys = self.file.read()
        self._begin_filling(keys, state)
        filled = 0
        while again := self._fill_once(keys, state.other):
            filled += again
        self.say(f"Filled the new column of {filled} rows.")
        self._flip(keys, state)
        self.say("Everything is found by the new key.")

    def _begin_filling(self, keys: Keys, state: IndexState) -> None:
        """Empty what a rotation under another key has left, and say `filling` in the database."""
        if state != (filling := _filling(keys, state)):
            self._empty(state.other)
            self._write(filling)

    def _fill_once(self, keys: Keys, slot: Slot) -> int:
        ring = KeyRing(keys.key_encryption)
        return sum(
            fill(self.engine, ring, keys.index, slot)
            for fill in (fill_children, fill_people, fill_entries)
        )

    def _flip(self, keys: Keys, state: IndexState) -> None:
        with self.engine.connect().execution_options(writes=True) as connection:
            # From here nobody inserts a child or a person until we are done.
            locked = read_state(connection, lock=True)
            if locked != _filling(keys, state) or _is_left(connection, state):
                raise Unreadable("a row was left over: run this again")
            write_state(connection, IndexState(state.other, "clearing", locked.filling_key))
            connection.commit()

    def _clear(self) -> None:
        state = self._state()
        current, old = state.current, state.other
        if old in self.file.read().index.keys:
            changes.destroy_index_key(self.file, old)
            self.say("The old index key is destroyed.")
        self.settle()
        destroy_unused(self.file)
        # What a process wrote by the old key alone while it had not yet read the new one.
        keys = self.file.read()
        while fill_entries(self.engine, KeyRing(keys.key_encryption), keys.index, current):
            pass
        self._empty(old)
        self._write(IndexState(current, "steady", state.current_key))
        self.say("Nothing in the database is found by the old key.")

    def _write(self, state: IndexState) -> None:
        with self.engine.connect().execution_options(writes=True) as connection:
            write_state(connection, state)
            connection.commit()

    def _empty(self, slot: Slot) -> None:
        """Clear a slot's column, a few rows at a time."""
        for table, name in HASHED:
            column, key = table.c[slot_column(name, slot)], next(iter(table.primary_key))
            while True:
                with self.engine.connect().execution_options(writes=True) as connection:
                    some = sa.select(key).where(column.is_not(None)).limit(AT_ONCE)
                    chosen = connection.scalars(some).all()
                    connection.execute(
                        sa.update(table).where(key.in_(chosen)).values({column.name: None})
                    )
                    connection.commit()
                if len(chosen) < AT_ONCE:
                    break
                time.sleep(PAUSE_SECONDS)


def _filling(keys: Keys, state: IndexState) -> IndexState:
    """What the database says while the other slot is filled under the keys of the file."""
    current, filling = (keys.index.key_id(slot) for slot in (state.current, state.other))
    return IndexState(state.current, "filling", current, filling)


def _is_left(connection: Connection, state: IndexState) -> bool:
    """Whether a row that is found by the current slot is not found by the other."""
    return any(
        connection.scalar(
            sa.select(sa.literal(1))
            .where(
                table.c[slot_column(name, state.current)].is_not(None),
                table.c[slot_column(name, state.other)].is_(None),
            )
            .limit(1)
        )
        is not None
        for table, name in HASHED
    )
