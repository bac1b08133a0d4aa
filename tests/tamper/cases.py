"""Every way in which somebody who owns the tables may change them, one change at a time.

Of every column some rows, and of each of these: a bit, character, number or instant changed; NULL;
exchanged with another row's; set to another valid value. Of every table rows deleted, copied under
a new key, and put back from an earlier moment.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import UuidText
from tests.tamper.world import Rows

ROWS_OF_EACH = 4
ROWS_DELETED = 8

Row = Mapping[str, Any]
Change = tuple[Row | None, Row | None]
"""A row of one table before and after; None where it is not there."""


@dataclass(frozen=True)
class Case:
    """A change of one table; `column` is None where whole rows come or go."""

    table: sa.Table
    column: str | None
    kind: str
    number: int
    changes: Sequence[Change] = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.column or 'rows'} {self.kind} {self.number}"


def cases_of(table: sa.Table, moments: Sequence[Rows]) -> Iterator[Case]:
    """Every case of a table, always the same for the same rows."""
    rows = sorted(moments[-1][table.name], key=lambda row: repr(_key(table, row)))
    for column in table.columns:
        yield from filter(_changes_something, _of_column(table, column, rows))
    yield from _of_rows(table, rows)
    yield from _put_back(table, rows, moments[:-1])


def _changes_something(case: Case) -> bool:
    """Two rows that differ in nothing else are the same two when exchanged."""
    before = [repr(sorted(old.items())) for old, _ in case.changes if old is not None]
    after = [repr(sorted(new.items())) for _, new in case.changes if new is not None]
    return sorted(before) != sorted(after)


def _of_column(table: sa.Table, column: sa.Column[Any], rows: list[Row]) -> Iterator[Case]:
    chance = random.Random(f"{table.name}.{column.name}")
    name = column.name
    for number, row in enumerate(_some(rows, name, chance)):
        old = row[name]
        others = [one for one in rows if one[name] != old]
        if old is not None:
            yield _case(table, name, "changed", number, row, _flipped(table, column, old, chance))
            if not column.primary_key:
                yield _case(table, name, "emptied", number, row, None)
        for kind, value in _valid(table, column, old, others, chance):
            yield _case(table, name, kind, number, row, value)
        if others:
            other = chance.choice(others)
            exchanged = [
                (row, {**row, name: other[name]}),
                (other, {**other, name: old}),
            ]
            yield Case(table, name, "exchanged", number, exchanged)


def _of_rows(table: sa.Table, rows: list[Row]) -> Iterator[Case]:
    chance = random.Random(table.name)
    chosen = chance.sample(rows, min(ROWS_DELETED, len(rows)))
    for number, row in enumerate(chosen):
        yield Case(table, None, "deleted", number, [(row, None)])
        copied = {**row, **_new_key(table, row, rows, chance)}
        yield Case(table, None, "copied", number, [(None, copied)])
    if len(rows) > 1:
        yield Case(table, None, "all deleted", 0, [(row, None) for row in rows])


def _put_back(table: sa.Table, rows: list[Row], earlier: Sequence[Rows]) -> Iterator[Case]:
    """Each row that was otherwise, or is gone, as it was; and the whole table."""
    now = {_key(table, row): row for row in rows}
    number = 0
    seen: list[Row] = []
    for moment, kept in enumerate(earlier):
        changes: list[Change] = []
        for old in kept[table.name]:
            current = now.get(_key(table, old))
            if current == old:
                continue
            changes.append((current, old))
            if old not in seen:
                seen.append(old)
                yield Case(table, None, "put back", number, [(current, old)])
                number += 1
        was = {_key(table, row) for row in kept[table.name]}
        changes += [(row, None) for key, row in now.items() if key not in was]
        if changes:
            yield Case(table, None, "all put back", moment, changes)


def _case(table: sa.Table, column: str, kind: str, number: int, row: Row, value: Any) -> Case:
    return Case(table, column, kind, number, [(row, {**row, column: value})])


def _key(table: sa.Table, row: Row) -> tuple[Any, ...]:
    columns = [c.name for c in table.primary_key] or [c.name for c in table.columns]
    return tuple(row[name] for name in columns)


def _some(rows: list[Row], column: str, chance: random.Random) -> list[Row]:
    """Rows with different values, those with none among them."""
    by_value: dict[str, Row] = {}
    for row in chance.sample(rows, len(rows)):
        by_value.setdefault(repr(row[column]), row)
    chosen = list(by_value.values())
    chosen.sort(key=lambda row: row[column] is not None)
    rest = [row for row in rows if row not in chosen]
    return (chosen + rest)[:ROWS_OF_EACH]


def _flipped(table: sa.Table, column: sa.Column[Any], old: Any, chance: random.Random) -> Any:
    if isinstance(column.type, UuidText):
        # Still a UUID: PostgreSQL can hold nothing else there.
        place, digit = chance.choice([(n, c) for n, c in enumerate(old) if c != "-"])
        return old[:place] + chance.choice([c for c in "0a7" if c != digit]) + old[place + 1 :]
    if isinstance(old, bytes):
        place = chance.randrange(len(old))
        return old[:place] + bytes([old[place] ^ 1 << chance.randrange(8)]) + old[place + 1 :]
    if isinstance(old, str):
        place = chance.randrange(len(old)) if old else 0
        other = chance.choice([c for c in "0aZ" if c != old[place : place + 1]])
        return old[:place] + other + old[place + 1 :]
    if isinstance(old, datetime):
        return old + timedelta(microseconds=1)
    if isinstance(old, date):
        return old + timedelta(days=1)
    if isinstance(old, int):
        return old + 1
    return _changed_leaf(old)


def _changed_leaf(old: Any) -> Any:
    """A document with one of its texts changed."""
    if isinstance(old, dict) and old:
        last = sorted(old)[-1]
        return {**old, last: _changed_leaf(old[last])}
    if isinstance(old, str):
        return old + "0"
    return {"more": "0"}


WORDS: Mapping[tuple[str, str], Sequence[str]] = {
    ("organisation", "kind"): ("municipality", "other"),
    ("organisation", "confirmation"): ("any", "login"),
    ("client", "auth_method"): ("private_key_jwt", "client_secret"),
    ("client", "scopes"): ("consents:read", "organisations:write"),
    ("staff_session", "roles"): ("dpo", "operator"),
    ("fact", "kind"): ("grant", "withdraw", "cancellation", "exemption_revoked"),
    ("signatory", "role"): ("custody_holder", "guardian", "child"),
    ("key_state", "index_slot"): ("a", "b"),
    ("key_state", "index_phase"): ("steady", "filling", "clearing"),
    ("log_body", "outcome"): ("permitted", "denied"),
}
"""What else a column may hold that another row does not happen to hold."""


def _valid(
    table: sa.Table, column: sa.Column[Any], old: Any, others: list[Row], chance: random.Random
) -> Iterator[tuple[str, Any]]:
    """Other values of the column that look right."""
    for word in WORDS.get((table.name, column.name), ()):
        if word != old:
            yield f"set to {word}", word
    if isinstance(old, datetime):
        yield "a day earlier", old - timedelta(days=1)
        yield "a year later", old + timedelta(days=365)
    elif isinstance(old, date):
        yield "a month earlier", old - timedelta(days=30)
    elif isinstance(old, int) and not isinstance(old, bool):
        yield "one less", old - 1
    elif old is None and column.type.python_type is datetime:
        times = [v for row in others for v in row.values() if isinstance(v, datetime)]
        if times:
            yield "set", chance.choice(times)
    if others:
        yield "another row's", chance.choice(others)[column.name]


def _new_key(table: sa.Table, row: Row, rows: list[Row], chance: random.Random) -> dict[str, Any]:
    """Values of the key, and of what else has to be unique, that no row has yet."""
    unique = {column.name for column in table.primary_key}
    for index in table.indexes:
        if index.unique:
            unique |= {column.name for column in index.columns}
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            unique |= {column.name for column in constraint.columns}
    return {
        name: _fresh(table.c[name], row[name], [one[name] for one in rows], chance)
        for name in sorted(unique)
        if row[name] is not None
    }


def _fresh(column: sa.Column[Any], old: Any, taken: list[Any], chance: random.Random) -> Any:
    if isinstance(column.type, UuidText):
        return str(UUID(int=chance.getrandbits(128), version=4))
    if isinstance(old, bytes):
        return chance.randbytes(len(old))
    if isinstance(old, int):
        return max(taken) + 1
    return f"{old}-copy"[: getattr(column.type, "length", None) or 200]
