"""Counters of failed attempts in our own database, so that every process counts the same ones.

A storage for `limits`: fixed windows only. A row holds a keyed hash, a number and an instant;
whose address it was cannot be read from it. Each event is one statement that commits by itself,
on a connection that no request's transaction uses.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from limits.storage import Storage
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from consent_service.persistence.access.tables import failed_attempt
from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.keys.sealing import Index

_key = sa.bindparam("key", type_=sa.LargeBinary)
_now, _until = sa.bindparam("now", type_=Instant), sa.bindparam("until", type_=Instant)


class AttemptStore(Storage):
    """What `limits` counts with. Raises SQLAlchemy's errors: where nobody counts, nobody enters."""

    STORAGE_SCHEME = None

    def __init__(
        self, engine: Engine, index: Index, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        on_postgresql = engine.dialect.name == "postgresql"
        own: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"} if on_postgresql else {}
        self._engine = engine.execution_options(writes=True, **own)
        self._index = index
        self._clock = clock
        self._count = _counting(postgresql.insert if on_postgresql else sqlite.insert)

    @property
    def base_exceptions(self) -> type[Exception]:
        """What a failing store raises, for `limits` to wrap; it is not asked to."""
        return sa.exc.SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count an event, in a window that begins with its first; how many there are now."""
        now = self._clock()
        values = {
            "key": self._index.attempt(key),
            "amount": amount,
            "now": _instant(now),
            "until": _instant(now + expiry),
        }
        with self._engine.connect() as connection:
            count: int = connection.execute(self._count, values).scalar_one()
            connection.commit()
        return count

    def get(self, key: str) -> int:
        """How many events the running window has."""
        row = self._row(key)
        return (
            row["count"] if row is not None and row["expires_at"] > _instant(self._clock()) else 0
        )

    def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since 1970; now, where none is running."""
        row = self._row(key)
        return self._clock() if row is None else row["expires_at"].timestamp()

    def check(self) -> bool:
        """Whether the store answers."""
        try:
            self._row("")
        except sa.exc.SQLAlchemyError:
            return False
        return True

    def reset(self) -> int | None:
        """Forget every counter; how many there were."""
        return self._delete(sa.delete(failed_attempt))

    def clear(self, key: str) -> None:
        """Forget one counter."""
        named = failed_attempt.c.key_hash == self._index.attempt(key)
        self._delete(sa.delete(failed_attempt).where(named))

    def _row(self, key: str) -> Any:
        named = failed_attempt.c.key_hash == self._index.attempt(key)
        query = sa.select(failed_attempt.c["count"], failed_attempt.c.expires_at)
        with self._engine.connect() as connection:
            return connection.execute(query.where(named)).mappings().one_or_none()

    def _delete(self, statement: sa.Delete) -> int:
        with self._engine.connect() as connection:
            deleted = connection.execute(statement).rowcount
            connection.commit()
        return deleted


def forget_old_attempts(connection: Connection, now: datetime) -> int:
    """Delete the counters whose window is over; how many."""
    return connection.execute(
        sa.delete(failed_attempt).where(failed_attempt.c.expires_at <= now)
    ).rowcount


def _counting(insert: Callable[..., Any]) -> Any:
    """One statement: begin a window, begin the next, or count in the one that runs."""
    amount = sa.bindparam("amount", type_=sa.Integer)
    values = {"key_hash": _key, "count": amount, "expires_at": _until}
    statement = insert(failed_attempt).values(**values)
    kept = failed_attempt.c
    is_over = kept.expires_at <= _now
    changed = {
        "count": sa.case((is_over, amount), else_=kept["count"] + amount),
        "expires_at": sa.case((is_over, _until), else_=kept.expires_at),
    }
    return statement.on_conflict_do_update(index_elements=[kept.key_hash], set_=changed).returning(
        kept["count"]
    )


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
