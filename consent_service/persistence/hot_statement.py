"""A statement of the hot path, straight through psycopg: half the cost of the same through Core.

What Core still does is begin the transaction and keep the pool: an error comes out as the
SQLAlchemy one it would have been, and a lost connection is not used again.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

_DIALECT = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]


class HotStatement:
    """One statement for PostgreSQL, compiled once. Values and rows are psycopg's own types."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        self._text = str(statement.compile(dialect=_DIALECT)).encode()

    def run(self, connection: Connection, values: Mapping[str, Any]) -> psycopg.Cursor[Any]:
        """Execute it within the connection's transaction. Raises DBAPIError."""
        if not connection.in_transaction():
            connection.begin()
        driver: Any = connection.connection.driver_connection
        try:
            cursor: psycopg.Cursor[Any] = driver.execute(self._text, values)
        except psycopg.Error as error:
            if driver.broken:
                connection.invalidate(error)
            raise DBAPIError.instance(
                None, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
            ) from None
        return cursor
