"""Rows into PostgreSQL as fast as it takes them: binary COPY, indexes and foreign keys afterwards.

Meanwhile nothing but primary keys and unique constraints is maintained. Then the very indexes that
migrations made are built again, those over hashes as full as inserts in random order leave them.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from consent_service.persistence.schema import metadata

_FOREIGN_KEYS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY conname
"""
_INDEXES = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = 'public'::regnamespace
AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype <> 'f')
ORDER BY 1
"""
_MEMORY = "SET maintenance_work_mem = '512MB'"
_IN_RANDOM_ORDER = ("hash", "leaf", "data_key")
"""What the names of such indexes hold."""

_UUID = psycopg.adapters.types["uuid"].oid
_FULL_PERCENT = 70
"""What pages of a B-tree are filled to on average where keys come in random order (about ln 2)."""


@contextmanager
def loading(conninfo: str) -> Iterator[None]:
    """Do without foreign keys and secondary indexes for a while, and without checkpoints."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        foreign_keys = connection.execute(_FOREIGN_KEYS).fetchall()
        indexes = connection.execute(_INDEXES).fetchall()
        for table, name, _ in foreign_keys:
            _run(connection, f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for name, _ in indexes:
            _run(connection, f"DROP INDEX {name}")
        _set_server(connection, "SET max_wal_size = '16GB'", "SET checkpoint_timeout = '1h'")
        yield
        connection.execute(_MEMORY)
        for name, definition in indexes:
            _build(connection, name, definition)
        connection.execute("ANALYZE")
        for table, name, definition in foreign_keys:
            _run(connection, f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
        _set_server(connection, "RESET max_wal_size", "RESET checkpoint_timeout")


def _build(connection: psycopg.Connection, name: str, definition: str) -> None:
    if not any(part in name for part in _IN_RANDOM_ORDER):
        _run(connection, definition)
        return
    index, where, condition = definition.partition(" WHERE ")
    _run(connection, f"{index} WITH (fillfactor = {_FULL_PERCENT}){where}{condition}")
    _run(connection, f"ALTER INDEX {name} RESET (fillfactor)")


def _set_server(connection: psycopg.Connection, *settings: str) -> None:
    for setting in settings:
        _run(connection, f"ALTER SYSTEM {setting}")
    connection.execute("SELECT pg_reload_conf()")


def _run(connection: psycopg.Connection, statement: str) -> None:
    # What the catalogue itself says, so as it stands.
    connection.execute(statement.encode())


class Loader:
    """A connection that copies rows, whose durability is looked after at the end."""

    def __init__(self, conninfo: str) -> None:
        self._connection = psycopg.connect(conninfo)
        self._connection.execute("SET synchronous_commit = off")
        self._connection.commit()
        self._copy_of = cache(self._prepare)

    def copy(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """COPY rows, in the order of the table's columns."""
        statement, types = self._copy_of(table)
        with self._connection.cursor().copy(statement) as copy:
            copy.set_types(types)
            ids = [n for n, code in enumerate(types) if code == _UUID]
            for row in rows:
                values = list(row)
                for n in ids:
                    values[n] = values[n] and UUID(values[n])
                copy.write_row(values)

    def commit(self) -> None:
        self._connection.commit()

    def _prepare(self, table: str) -> tuple[sql.Composed, list[int]]:
        name = sql.Identifier(table)
        names = sql.SQL(", ").join(sql.Identifier(c.name) for c in metadata.tables[table].columns)
        empty = self._connection.execute(sql.SQL("SELECT {} FROM {} LIMIT 0").format(names, name))
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(name, names)
        return statement, [column.type_code for column in empty.description or ()]
