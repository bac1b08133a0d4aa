"""A statement of the hot path, straight through libpq: a fifth of what it costs through a cursor.

Only where every statement stands alone (`database.stepwise` on PostgreSQL). Anywhere else, inside a
transaction or on SQLite, Core executes it. Values and rows are the same either way.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

_DIALECT = postgresql.psycopg.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_BYTEA = psycopg.adapters.types["bytea"].oid
_INFERRED = 0
"""The server's choice, from where a parameter stands."""


class HotStatement:
    """One statement, compiled once, prepared once on each connection that runs it."""

    def __init__(self, name: str, statement: sa.ClauseElement) -> None:
        """`name` is unique among the statements of the service."""
        self._statement = statement
        self._name = f"hot_{name}".encode()
        compiled = statement.compile(dialect=_DIALECT)
        self._text = str(compiled).encode()
        self._parameters: tuple[str, ...] = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]  # SQLCompiler's
        self._types = [_type_of(compiled.binds[name]) for name in self._parameters]  # type: ignore[attr-defined]  # as above

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Execute it; the rows it returns, empty for a statement that returns none.

        Raises DBAPIError, as Core does.
        """
        driver: Any = connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection) or not driver.autocommit:
            result = connection.execute(self._statement, values)  # type: ignore[call-overload]  # it is executable
            return result.all() if result.returns_rows else ()
        try:
            return self._run_alone(driver, connection.info, values)
        except psycopg.Error as error:
            if driver.pgconn.status == ConnStatus.BAD:
                connection.invalidate(error)
            raise DBAPIError.instance(
                None, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
            ) from None

    def _run_alone(
        self, driver: psycopg.Connection, prepared: dict[Any, Any], values: Mapping[str, Any]
    ) -> Sequence[Sequence[Any]]:
        if self._name not in prepared:
            _check(driver, driver.pgconn.prepare(self._name, self._text, self._types))
            prepared[self._name] = True
        sent: list[Any] = [_dump(values[name]) for name in self._parameters]
        # Bytes are sent as they are, the rest as text.
        formats = [Format.BINARY if kind == _BYTEA else Format.TEXT for kind in self._types]
        result = driver.pgconn.exec_prepared(self._name, sent, formats, Format.BINARY)
        _check(driver, result)
        rows = Transformer(driver)
        rows.set_pgresult(result)
        return rows.load_rows(0, result.ntuples, tuple)


def _type_of(parameter: sa.BindParameter[Any]) -> int:
    return _BYTEA if isinstance(parameter.type, sa.LargeBinary) else _INFERRED


def _dump(value: Any) -> bytes | None:
    """A value as libpq takes it. Raises TypeError for a kind that no hot statement has."""
    match value:
        case None | bytes():
            return value
        case str():
            return value.encode()
        case datetime() if value.tzinfo is not None:
            return value.isoformat().encode()
        case int():
            return b"%d" % value
    raise TypeError(f"a hot statement takes no {type(value).__name__}")


def _check(driver: psycopg.Connection, result: PGresult) -> None:
    """Raise what the server answered, or that it is gone."""
    if result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        return
    if driver.pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError("the connection to the server was lost")
    raise psycopg.errors.error_from_result(result)
