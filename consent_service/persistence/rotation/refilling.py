"""Making search hashes of employees anew that an older version wrote in another form.

An employee is found by the hash of one form of the id (`domain.kernel.employee.employee_key`).
Only a hash that an older version would have written is replaced. One that nothing explains is
left to `audit verify`: whoever put it there must not be helped to hide it.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from consent_service.audit.entry import SALT_BYTES, InvalidEntry, parse_header
from consent_service.errors import Unreadable
from consent_service.persistence.keys.index_slots import slot_column
from consent_service.persistence.keys.sealing import Index, KeyRing, Slot
from consent_service.persistence.log.tables import EMPLOYEE_HASHES, log_body
from consent_service.persistence.rotation.filling import AT_ONCE, PAUSE_SECONDS
from consent_service.persistence.verification.column_checks import (
    bodies_query,
    employee_hashes,
    former_employee_hashes,
    open_body,
)


@dataclass(frozen=True)
class Refilled:
    """How many entries with an employee there were, were made anew, and are left unexplained."""

    entries: int = 0
    refilled: int = 0
    unexplained: int = 0


@dataclass(frozen=True)
class _Replacement:
    """One column of one entry: what stands there, and what has to."""

    entry: str
    slot: Slot
    former: bytes
    right: bytes


def refill_employees(engine: Engine, ring: KeyRing, index: Index) -> Refilled:
    """Go through the log as it is now, a few entries to a transaction.

    Run again, it changes nothing more. What is entered meanwhile is in the right form already. A
    row is written only while it still says what was read: an erasure or another such command is
    not undone.
    """
    last = sa.select(log_body.c.entry_id).order_by(log_body.c.entry_id.desc()).limit(1)
    with engine.connect() as connection:
        newest = connection.scalar(last)
    if newest is None:
        return Refilled()
    named = sa.or_(*(log_body.c[column].is_not(None) for column in EMPLOYEE_HASHES))
    query = (
        bodies_query()
        .where(named, log_body.c.entry_id <= newest)
        .order_by(log_body.c.entry_id)
        .limit(AT_ONCE)
    )
    entries = refilled = unexplained = 0
    following = query
    while True:
        with engine.connect() as connection:
            rows = connection.execute(following).all()
        if not rows:
            return Refilled(entries, refilled, unexplained)
        found = [_replacements(row, ring, index) for row in rows]
        entries += len(rows)
        unexplained += found.count(None)
        wanted = [one for replacements in found for one in replacements or ()]
        if wanted:
            refilled += _replace(engine, wanted)
        following = query.where(log_body.c.entry_id > rows[-1].entry_id)
        time.sleep(PAUSE_SECONDS)


def _replacements(row: Row[Any], ring: KeyRing, index: Index) -> list[_Replacement] | None:
    """What has to be replaced in one row; None where nothing explains what stands there.

    A column whose key is not in the file is being cleared by a rotation.
    """
    standing = {slot: row._mapping[slot_column("employee_hash", slot)] for slot in index.keys}
    try:
        header, body = parse_header(row.header), json.loads(open_body(ring, row)[SALT_BYTES:])
        right = employee_hashes(header, body, index) or {}
        wrong = [slot for slot, value in standing.items() if value not in (None, right.get(slot))]
        former = former_employee_hashes(header, body, index) if wrong else ()
    except (Unreadable, InvalidEntry, ValueError, KeyError, TypeError, AttributeError):
        return None
    if any(standing[slot] not in [one[slot] for one in former] for slot in wrong):
        return None
    return [_Replacement(row.entry_id, slot, standing[slot], right[slot]) for slot in wrong]


def _replace(engine: Engine, wanted: list[_Replacement]) -> int:
    """How many entries were changed."""
    with engine.connect().execution_options(writes=True) as connection:
        changed = {one.entry for one in wanted if _replace_one(connection, one)}
        connection.commit()
    return len(changed)


def _replace_one(connection: Connection, wanted: _Replacement) -> bool:
    column = log_body.c[slot_column("employee_hash", wanted.slot)]
    update = (
        sa.update(log_body)
        .where(log_body.c.entry_id == wanted.entry, column == wanted.former)
        .values({column.name: wanted.right})
    )
    return connection.execute(update).rowcount == 1
