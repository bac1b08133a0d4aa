"""Reading a database that somebody may have damaged: one moment of it, streamed, never trusted.

A value of the wrong form is a finding with a place, not a stack trace: whoever damages a row must
not thereby stop the verification from saying so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult, Engine, Row
from sqlalchemy.exc import SQLAlchemyError

from consent_service.audit.finding import Finding, Kind
from consent_service.errors import Unreadable

_ROWS_AT_ONCE = 1_000


class Damaged(Unreadable):
    """A row holds what no row can hold; nothing after it can be read."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding


class Reading:
    """A read-only transaction that sees the database as it stood at its first read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open: set[CursorResult[Any]] = set()

    @property
    def dialect(self) -> str:
        """The database's name, as SQLAlchemy has it."""
        return self._connection.dialect.name

    def rows(self, query: sa.Select[Any], kind: Kind, place: str) -> Iterator[Row[Any]]:
        """The rows of a query, one by one. Raises Damaged where a row cannot be read."""
        # SQLite holds text in a column of bytes, if told to.
        types = _types(query) if self._connection.dialect.name == "sqlite" else []
        read = 0
        try:
            result = self._connection.execute(query)
            self._open.add(result)
            for row in result:
                if types and not _fits(row, types):
                    raise TypeError
                read += 1
                yield row
            self._open.remove(result)
        except (SQLAlchemyError, TypeError, ValueError) as error:
            # Only the class: a database's own words may repeat what is in the row.
            detail = f"cannot be read ({type(error).__name__})"
            raise Damaged(Finding(kind, f"{place} after row {read}", detail)) from None

    def close(self) -> None:
        """Close what was not read to its end; its readers may live on."""
        for result in self._open:
            result.close()


@contextmanager
def snapshot(engine: Engine) -> Iterator[Reading]:
    """Read one moment of a database."""
    with engine.connect() as connection, _lenient(connection):
        if engine.dialect.name == "postgresql":
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        reading = Reading(connection.execution_options(yield_per=_ROWS_AT_ONCE))
        try:
            yield reading
        finally:
            reading.close()


@contextmanager
def _lenient(connection: Connection) -> Iterator[None]:
    """SQLite: text that is no UTF-8 any more is read as text that is not the same any more."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    before = driver.text_factory
    driver.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        yield
    finally:
        driver.text_factory = before


def _fits(row: Row[Any], types: list[type]) -> bool:
    return all(v is None or isinstance(v, t) for v, t in zip(row, types, strict=False))


def _types(query: sa.Select[Any]) -> list[type]:
    return [column.type.python_type for column in query.selected_columns]
