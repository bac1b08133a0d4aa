"""Computing keyed hashes again from what the rows themselves say, opened by their data keys.

Every function fills one slot where the other slot has a value, a few rows to a transaction, and
says how many it filled; what was erased meanwhile stays erased.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from consent_service.audit.entry import SALT_BYTES, parse_header
from consent_service.domain.cpr import CprNumber
from consent_service.errors import Unreadable
from consent_service.persistence.column_checks import (
    bodies_query,
    entry_hashes,
    open_body,
    open_value,
)
from consent_service.persistence.index_slots import other_slot, slot_column
from consent_service.persistence.sealing import Index, KeyRing, Place, Slot
from consent_service.persistence.tables import (
    child,
    data_key,
    log_body,
    person,
    person_details,
)

AT_ONCE = 100

Fill = Callable[[Connection, Sequence[Row[Any]]], int]


def fill_children(engine: Engine, ring: KeyRing, index: Index, slot: Slot) -> int:
    """The children, by the number that a controller or an entry of the log has for each."""

    def fill(connection: Connection, rows: Sequence[Row[Any]]) -> int:
        numbers = _numbers(connection, ring, [row.id for row in rows])
        return sum(
            _set(connection, child, row.id, "cpr_hash", slot, index.child(numbers[row.id])[slot])
            for row in rows
        )

    query = sa.select(child.c.id).where(_is_missing(child, "cpr_hash", slot))
    return _in_steps(engine, query, child.c.id, fill)


def fill_people(engine: Engine, ring: KeyRing, index: Index, slot: Slot) -> int:
    """The people around the children; the child's own row is one of them."""

    def fill(connection: Connection, rows: Sequence[Row[Any]]) -> int:
        numbers = _numbers(connection, ring, [row.id for row in rows])
        return sum(
            _set(
                connection,
                person,
                row.id,
                "cpr_hash",
                slot,
                index.person(row.child_id, numbers[row.id])[slot],
            )
            for row in rows
        )

    query = sa.select(person.c.id, person.c.child_id).where(_is_missing(person, "cpr_hash", slot))
    return _in_steps(engine, query, person.c.id, fill)


def fill_entries(engine: Engine, ring: KeyRing, index: Index, slot: Slot) -> int:
    """What a tenant's searches find the entries of the log by."""
    names = ("child_hash", "employee_hash")

    def fill(connection: Connection, rows: Sequence[Row[Any]]) -> int:
        for row in rows:
            body = json.loads(open_body(ring, row)[SALT_BYTES:])
            found = dict(entry_hashes(row, parse_header(row.header), body, ring, index))
            for name in names:
                hashes = found[name]
                if hashes is not None:
                    _set(connection, log_body, row.entry_id, name, slot, hashes[slot])
        return len(rows)

    missing = sa.or_(*(_is_missing(log_body, name, slot) for name in names))
    return _in_steps(engine, bodies_query().where(missing), log_body.c.entry_id, fill)


def _in_steps(engine: Engine, query: sa.Select[Any], key: sa.ColumnElement[str], fill: Fill) -> int:
    done, after = 0, ""
    while True:
        with engine.connect().execution_options(writes=True) as connection:
            rows = connection.execute(query.where(key > after).order_by(key).limit(AT_ONCE)).all()
            done += fill(connection, rows) if rows else 0
            connection.commit()
        if not rows:
            return done
        after = rows[-1][0]


def _is_missing(table: sa.Table, name: str, slot: Slot) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c[slot_column(name, other_slot(slot))].is_not(None),
        table.c[slot_column(name, slot)].is_(None),
    )


def _set(
    connection: Connection, table: sa.Table, key: str, name: str, slot: Slot, value: bytes
) -> int:
    return connection.execute(
        sa.update(table)
        .where(next(iter(table.primary_key)) == key, _is_missing(table, name, slot))
        .values({slot_column(name, slot): value})
    ).rowcount


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
