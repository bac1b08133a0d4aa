"""Computing keyed hashes again from what the rows themselves say, opened by their data keys.

Every function fills one slot where the other slot has a value, a few rows to a transaction, and
says how many it filled; what was erased meanwhile stays erased.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from consent_service.audit.entry import SALT_BYTES, parse_header
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Unreadable
from consent_service.persistence.children.tables import child, person, person_details
from consent_service.persistence.keys.index_slots import other_slot, slot_column
from consent_service.persistence.keys.sealing import Index, KeyRing, Place, Slot
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body
from consent_service.persistence.verification.column_checks import (
    bodies_query,
    employee_hashes,
    open_body,
    open_value,
)

AT_ONCE = 100
PAUSE_SECONDS = 0.02
"""Between two transactions: on SQLite a request that waits for the lock gets its turn."""

Fill = Callable[[Connection, Sequence[Row[Any]]], None]


def fill_children(engine: Engine, ring: KeyRing, index: Index, slot: Slot) -> int:
    """The children, by the number that a controller or an entry of the log has for each."""

    def fill(connection: Connection, rows: Sequence[Row[Any]]) -> None:
        numbers = _numbers(connection, ring, [row.id for row in rows])
        hashes = {row.id: index.child(numbers[row.id])[slot] for row in rows}
        _set(connection, child, "cpr_hash", slot, hashes)

    query = sa.select(child.c.id).where(_is_missing(child, "cpr_hash", slot))
    return _in_steps(engine, query, child.c.id, fill)


def fill_people(engine: Engine, ring: KeyRing, index: Index, slot: Slot) -> int:
    """The people around the children; the child's own row is one of them."""

    def fill(connection: Connection, rows: Sequence[Row[Any]]) -> None:
        numbers = _numbers(connection, ring, [row.id for row in rows])
        hashes = {row.id: index.person(row.child_id, numbers[row.id])[slot] for row in rows}
        _set(connection, person, "cpr_hash", slot, hashes)

    query = sa.select(person.c.id, person.c.child_id).where(_is_missing(person, "cpr_hash", slot))
    return _in_steps(engine, query, person.c.id, fill)


def fill_entries(engine: Engine, ring: KeyRing, index: Index, slot: Slot) -> int:
    """What a tenant's searches find an employee's entries of the log by."""

    def fill(connection: Connection, rows: Sequence[Row[Any]]) -> None:
        hashes = {row.entry_id: _employee_hash(row, ring, index, slot) for row in rows}
        _set(connection, log_body, "employee_hash", slot, hashes)

    missing = _is_missing(log_body, "employee_hash", slot)
    return _in_steps(engine, bodies_query().where(missing), log_body.c.entry_id, fill)


def _employee_hash(row: Row[Any], ring: KeyRing, index: Index, slot: Slot) -> bytes:
    """Raises Unreadable where the entry's body names no employee."""
    body = json.loads(open_body(ring, row)[SALT_BYTES:])
    hashes = employee_hashes(parse_header(row.header), body, index)
    if hashes is None:
        raise Unreadable(f"entry {row.entry_id} is found by what its body does not say")
    return hashes[slot]


def _in_steps(engine: Engine, query: sa.Select[Any], key: sa.ColumnElement[str], fill: Fill) -> int:
    done, query = 0, query.order_by(key).limit(AT_ONCE)
    following = query
    while True:
        with engine.connect().execution_options(writes=True) as connection:
            rows = connection.execute(following).all()
            if not rows:
                return done
            fill(connection, rows)
            connection.commit()
        done, following = done + len(rows), query.where(key > rows[-1][0])
        time.sleep(PAUSE_SECONDS)


def _is_missing(table: sa.Table, name: str, slot: Slot) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c[slot_column(name, other_slot(slot))].is_not(None),
        table.c[slot_column(name, slot)].is_(None),
    )


def _set(
    connection: Connection, table: sa.Table, name: str, slot: Slot, hashes: Mapping[str, bytes]
) -> None:
    """Fill the column of the rows with these keys, unless somebody did or they were erased."""
    if not hashes:
        return
    key = next(iter(table.primary_key))
    connection.execute(
        sa.update(table)
        .where(key == sa.bindparam("of_row"), _is_missing(table, name, slot))
        .values({slot_column(name, slot): sa.bindparam("value")}),
        [{"of_row": row, "value": value} for row, value in hashes.items()],
    )


def _numbers(connection: Connection, ring: KeyRing, people: Sequence[str]) -> dict[str, CprNumber]:
    """The number of each person, from whoever knows it. Raises Unreadable where nobody does."""
    found = {}
    query = (
        sa.select(person_details, data_key.c.wrapped)
        .join(data_key, data_key.c.id == person_details.c.data_key_id)
        .where(person_details.c.person_id.in_(people))
    )
    for row in connection.execute(query):
        place = Place("person_details", "sealed", f"{row.organisation_id}/{row.person_id}")
        details = json.loads(open_value(ring, row.data_key_id, row, row.sealed, place))
        found[row.person_id] = CprNumber(details["cpr"])
    for one in people:
        if one not in found:
            found[one] = _number_in_the_log(connection, ring, one)
    return found


def _number_in_the_log(connection: Connection, ring: KeyRing, child_id: str) -> CprNumber:
    """Of a child that no controller keeps details of: an entry about it names it."""
    query = bodies_query().where(data_key.c.child_id == child_id).order_by(log_body.c.entry_id)
    for row in connection.execute(query):
        body = json.loads(open_body(ring, row)[SALT_BYTES:])
        if number := body.get("child", {}).get("cpr"):
            return CprNumber(number)
    raise Unreadable(f"nothing says the number of person {child_id}, who is found by it")
