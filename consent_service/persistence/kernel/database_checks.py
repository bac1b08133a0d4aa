"""What an operator is told of a database that cannot be used: a sentence, never its own words.

A server's messages name users and hosts, and hold values of rows; from here go classes and codes.
"""

import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from consent_service.errors import Misconfigured, Unavailable
from consent_service.logs import Alarm
from consent_service.persistence.kernel.migrate import is_current, is_known

PROBE_BYTES = 16 * 1024
"""What a probe writes on PostgreSQL: more than any page of a table has room for."""

_THE_DATABASE = "the database (CONSENT_DATABASE_URL)"
_CODES = {
    "42P01": "it waits for `consent-service migrate`",
    "42703": "it waits for `consent-service migrate`",
    "42501": "its role may not read and write the tables (deploy/postgres-roles.sql)",
    "25006": "it takes no writes: it is read-only",
    "53100": "it takes no writes: its disk is full",
    "53300": "it has no connection left (max_connections)",
    "28P01": "it refuses the role or its password",
    "28000": "it refuses the role or its password",
    "3D000": "its server has no database of that name",
}
_WORDS = {
    r"password|role \S+ does not exist|no pg_hba": "it refuses the role or its password",
    r"database \S+ does not exist": "its server has no database of that name",
    r"resolve|name or service not known": "the name of its host is not known",
    r"too many|remaining connection": "it has no connection left (max_connections)",
    r"readonly|read-only": "it takes no writes: it is read-only",
    r"is full": "it takes no writes: its disk is full",
    r"not a database|malformed": "its file is no SQLite database, or is damaged",
    r"unable to open": "its file cannot be opened",
    r"no such table": "it waits for `consent-service migrate`",
    r"is locked": "another process has locked it for too long",
}


def sentence_of(error: BaseException) -> str:
    """What a database's error comes to, as a sentence about CONSENT_DATABASE_URL."""
    cause = getattr(error, "orig", None) or error
    code, words = str(getattr(cause, "sqlstate", None) or ""), str(cause)
    known = _CODES.get(code) or next(
        (said for form, said in _WORDS.items() if re.search(form, words, re.IGNORECASE)), None
    )
    if known is None and isinstance(error, sa.exc.OperationalError) and not code:
        known = "it cannot be reached"
    named = f"{type(cause).__name__} {code}".strip()
    return f"{_THE_DATABASE}: {known or f'it answers {named}'}"


@contextmanager
def plainly() -> Iterator[None]:
    """Turn what a database answers in here into a sentence. Raises Misconfigured."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise Misconfigured(sentence_of(error)) from None


def require_reachable(engine: Engine) -> None:
    """Raise Misconfigured unless the database answers; an SQLite file is not made."""
    path = str(engine.url.database or ":memory:")
    if engine.dialect.name == "sqlite" and path != ":memory:" and not Path(path).exists():
        raise Misconfigured(
            f"{_THE_DATABASE}: there is no file {path}; `consent-service migrate` makes it"
        )
    # SQLite reads the file when it is opened (`database.prepare`).
    with plainly(), engine.connect() as connection:
        connection.execute(sa.select(1))


def require_migrated(engine: Engine) -> None:
    """Raise Misconfigured unless the schema is the one of this version."""
    with plainly():
        fits, waits = is_current(engine), is_known(engine)
    if not fits and waits:
        raise Misconfigured(f"{_THE_DATABASE}: it waits for `consent-service migrate`")
    if not fits:
        raise Misconfigured(f"{_THE_DATABASE}: it was made by another version of the service")


def require_small_role(engine: Engine) -> None:
    """Raise Misconfigured where the role could change tables: the service only needs their rows."""
    if engine.dialect.name != "postgresql":
        return
    owns = (
        "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() "
        "AND pg_has_role(current_user, tableowner, 'MEMBER')"
    )
    with plainly(), engine.connect() as connection:
        owned = connection.exec_driver_sql(owns).scalar()
    if owned:
        raise Misconfigured(
            f"{_THE_DATABASE}: its role owns the tables, and only what migrates should "
            "(deploy/postgres-roles.sql)"
        )


def require_writes(engine: Engine) -> None:
    """Raise Misconfigured unless rows can be written; nothing stays of what is tried."""
    with plainly(), engine.connect().execution_options(writes=True) as connection:
        _write(connection)


def _write(connection: Connection) -> None:
    """A write that reaches the disk.

    SQLite keeps what is rolled back in memory, so its own version number is written as it is.
    PostgreSQL writes a row that needs a new page, in a table whose rows live a day, and takes it
    back. Neither is a change of anything.
    """
    if connection.dialect.name == "sqlite":
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        connection.exec_driver_sql(f"PRAGMA user_version = {int(version)}")
        connection.commit()
        return
    statement = sa.text(
        "INSERT INTO kept_answer (key_hash, body_hash, status, sealed, created_at) "
        "VALUES (:key, :key, 0, :bytes, :now)"
    )
    row = {"key": secrets.token_bytes(32), "bytes": secrets.token_bytes(PROBE_BYTES)}
    connection.execute(statement, row | {"now": datetime.now(UTC)})
    connection.rollback()


class Writes:
    """Whether the database takes writes, tried again only where it is a while ago."""

    good_for_seconds = 15.0
    """A failure is good for nothing: whoever asks next wants to know whether it is over."""

    def __init__(
        self, engine: Engine, alarm: Alarm, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._alarm = alarm
        self._monotonic = monotonic
        self._until = monotonic()

    def require(self) -> None:
        """Raise Unavailable (`not_writable`) where a write fails."""
        if self._monotonic() < self._until:
            return
        try:
            require_writes(self._engine)
        except Misconfigured as wrong:
            self._alarm.sound("%s", wrong.detail)
            raise Unavailable("not_writable", "The database takes no writes now.") from None
        self._until = self._monotonic() + self.good_for_seconds
