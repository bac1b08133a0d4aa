"""The two columns of each keyed hash, and the one row that says which of them may be relied on.

Slot "a" is the column of the plain name, slot "b" the one ending in `_b`. While the index key is
rotated both are written, and everything is found by either. The row in `key_state` is what a
process that missed the rotation is stopped by: a new child or person is inserted only by who
writes every column that is needed now, and "there is none" is believed only of who looked in the
column that is complete. See docs/decisions/0014-rotating-keys.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from consent_service.errors import Misconfigured
from consent_service.persistence.kernel.insert import insert_or_ignore
from consent_service.persistence.keys.data_keys import KeysOutOfDate
from consent_service.persistence.keys.sealing import SLOTS, Hashes, Index, Slot
from consent_service.persistence.keys.tables import key_state

Phase = Literal["steady", "filling", "clearing"]


@dataclass(frozen=True)
class IndexState:
    """`current` is the complete slot; the other is empty, being filled, or being cleared.

    `current_key` and `filling_key` name the keys of the two; None before the first rotation.
    """

    current: Slot
    phase: Phase = "steady"
    current_key: bytes | None = None
    filling_key: bytes | None = None

    @classmethod
    def of_one_key(cls, index: Index) -> Self:
        """What holds where nothing else is said: the first key's slot is complete."""
        return cls(next(iter(index.keys)))

    @property
    def other(self) -> Slot:
        """The slot that is not complete."""
        return other_slot(self.current)

    def is_reached_by(self, index: Index) -> bool:
        """Whether these keys find every row there is."""
        known = index.key_id(self.current)
        return known is not None and self.current_key in (None, known)


def other_slot(slot: Slot) -> Slot:
    """There are two."""
    return "b" if slot == "a" else "a"


def slot_column(name: str, slot: Slot) -> str:
    """The column of a keyed hash."""
    return name if slot == "a" else f"{name}_b"


def hash_values(name: str, hashes: Hashes | None) -> dict[str, bytes | None]:
    """Both columns of a keyed hash, as a row is written."""
    return {slot_column(name, slot): (hashes or {}).get(slot) for slot in SLOTS}


def found_by(table: sa.Table, name: str, hashes: Hashes) -> sa.ColumnElement[bool]:
    """The condition that a row has this keyed hash, in whichever slot."""
    return sa.or_(
        *(table.c[slot_column(name, slot)] == value for slot, value in hashes.items()),
    )


class IndexSlots:
    """The slots as one unit of work meets them, with the keys it began with."""

    def __init__(self, connection: Connection, index: Index) -> None:
        self._connection = connection
        self._index = index

    def insert(self, table: sa.Table, name: str, hashes: Hashes, **values: Any) -> None:
        """Insert a row found by a keyed hash, unless it is there or our keys are out of date.

        The state is read under FOR SHARE in the same statement: a step of a rotation waits for
        who inserts, and who waited for the step sees it.
        """
        row = values | hash_values(name, hashes)
        source = sa.select(
            *(sa.literal(value, table.c[column].type) for column, value in row.items())
        ).where(self._may_write())
        self._connection.execute(
            insert_or_ignore(self._connection, table).from_select(
                list(row), source.with_for_update(read=True, of=key_state)
            )
        )

    def check_nothing_found(self) -> None:
        """Raise KeysOutOfDate unless our keys reach the complete slot, and so every row."""
        if not read_state(self._connection).is_reached_by(self._index):
            raise KeysOutOfDate

    def _may_write(self) -> sa.ColumnElement[bool]:
        state = key_state.c
        ids = {slot: self._index.key_id(slot) for slot in self._index.keys}
        reaches = (
            sa.and_(
                state.index_slot == slot,
                sa.or_(state.index_key.is_(None), state.index_key == key_id),
            )
            for slot, key_id in ids.items()
        )
        fills = (
            sa.and_(state.index_slot == other_slot(slot), state.index_filling == key_id)
            for slot, key_id in ids.items()
        )
        return sa.and_(sa.or_(*reaches), sa.or_(state.index_phase != "filling", *fills))


def read_state(connection: Connection, *, lock: bool = False) -> IndexState:
    """The one row; with `lock` nobody inserts a child or a person until the transaction ends."""
    query = sa.select(key_state)
    row = connection.execute(query.with_for_update() if lock else query).one()
    return index_state_of(row)


def index_state_of(row: Row[Any]) -> IndexState:
    """What a row of `key_state` says of the slots."""
    return IndexState(row.index_slot, row.index_phase, row.index_key, row.index_filling)


def write_state(connection: Connection, state: IndexState) -> None:
    """Set the one row."""
    connection.execute(
        sa.update(key_state).values(
            index_slot=state.current,
            index_phase=state.phase,
            index_key=state.current_key,
            index_filling=state.filling_key,
        )
    )


def check_index_fits(engine: Engine, index: Index) -> None:
    """Refuse keys from before the last rotation. Raises Misconfigured."""
    with engine.connect() as connection:
        if not read_state(connection).is_reached_by(index):
            raise Misconfigured(
                "the key file (CONSENT_KEYS_FILE) lacks the index key that the database is under"
            )


@dataclass(frozen=True, repr=False)
class CheckedIndex(Index):
    """The keys with the state of the database whose hashes are verified."""

    state: IndexState = IndexState("a")

    @classmethod
    def of_database(cls, index: Index, state: IndexState) -> Self:
        return cls(index.keys, index.secret, state)


def hash_is_wrong(
    index: Index, row: Mapping[Any, Any], name: str, hashes: Hashes | None
) -> str | None:
    """Which of a keyed hash's columns in a row does not hold what it must; None when both do.

    `hashes` are None where there is nothing to find the row by.
    """
    state = index.state if isinstance(index, CheckedIndex) else None
    current = state.current if state else next(iter(index.keys))
    for slot in SLOTS:
        found = row[slot_column(name, slot)]
        if hashes is None or slot in hashes:
            right = hashes and hashes[slot]
            fits = found == right or (slot != current and found is None)
        else:
            # Without its key: empty, unless somebody is clearing it at this moment.
            leftover = state is not None and state.phase == "clearing"
            fits = slot != current and (found is None or leftover)
        if not fits:
            return slot_column(name, slot)
    return None
