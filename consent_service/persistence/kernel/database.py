"""The engine: flask-sqlalchemy's, set up so that a commit is durable and a lock is a lock."""

from typing import Any

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.engine import Connection, Engine

from consent_service.errors import Misconfigured
from consent_service.persistence.kernel.metadata import metadata

db = SQLAlchemy(metadata=metadata)

_SERVES = "serves_requests"
BUSY_TIMEOUT_MS = 20_000
LOCK_TIMEOUT_MS = 10_000
STATEMENT_TIMEOUT_MS = 30_000
IDLE_TIMEOUT_MS = 60_000
"""How long a request may leave a transaction open without a word: then its locks are let go."""


def engine_options(url: str) -> dict[str, Any]:
    """Options for an engine: parameters never reach a log, and a dead connection is noticed.

    The pool has no size of its own (0). It holds as many connections as threads ever asked for one
    at once, and keeps them: a pool smaller than the threads would connect anew for each request.
    Raises Misconfigured for what is no database's address.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise Misconfigured("CONSENT_DATABASE_URL is no address of a database") from None
    options: dict[str, Any] = {"hide_parameters": True}
    if parsed.get_backend_name() == "postgresql":
        options |= {"isolation_level": "READ COMMITTED", "pool_pre_ping": False, "pool_size": 0}
    elif parsed.database not in (None, "", ":memory:"):
        options |= {"pool_size": 0}
    return options


def serving_options(url: str) -> dict[str, Any]:
    """The same for what serves requests: on PostgreSQL no wait is endless.

    Not for the commands: verifying a large log is one long transaction.
    """
    options = engine_options(url)
    if sa.make_url(url).get_backend_name() == "postgresql":
        options["connect_args"] = {"options": _timeouts()}
        options["execution_options"] = {_SERVES: True}
    return options


def _timeouts() -> str:
    limits = {
        "lock_timeout": LOCK_TIMEOUT_MS,
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT_MS,
    }
    return " ".join(f"-c {name}={value}" for name, value in limits.items())


def prepare(engine: Engine) -> Engine:
    """Attach what SQLite needs; harmless to call once per engine."""
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def stepwise(engine: Engine) -> Engine:
    """An engine whose statements each stand alone, where the database makes that worth while.

    PostgreSQL: a pool of its own with autocommit on, so that nothing is switched to and fro and a
    request costs one round trip for each statement. SQLite: the transactions of the first.
    """
    if engine.dialect.name != "postgresql":
        return engine.execution_options(writes=True)
    options_of = serving_options if _SERVES in engine.get_execution_options() else engine_options
    options = options_of(engine.url.render_as_string(hide_password=False))
    options |= {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
    options |= {"skip_autocommit_rollback": True}
    return sa.create_engine(engine.url, **options)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN would come too late: we say BEGIN ourselves.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "recursive_triggers = ON",
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def check_durability(engine: Engine) -> None:
    """Refuse a database that may lose what it said was committed. Raises Misconfigured."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                value = connection.exec_driver_sql(f"SHOW {setting}").scalar()
                if value == "off":
                    raise Misconfigured(f"PostgreSQL runs with {setting} off")
        elif connection.exec_driver_sql("PRAGMA synchronous").scalar() != 2:  # FULL
            raise Misconfigured("SQLite runs without synchronous=FULL")
