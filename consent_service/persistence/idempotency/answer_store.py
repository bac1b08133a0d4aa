"""Answers kept for 24 hours, so that a repeated request happens once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.idempotency.tables import kept_answer
from consent_service.persistence.kernel.insert import insert_or_ignore
from consent_service.persistence.keys.data_keys import DataKeys
from consent_service.services.kernel.ports import Answer

KEPT_FOR = timedelta(hours=24)


def answer_row(answer: Answer, now: datetime, data_key: str | None) -> dict[str, Any]:
    """A kept answer as its table has it; the data key says whose child it is about."""
    return {
        "key_hash": answer.key_hash,
        "body_hash": answer.body_hash,
        "status": answer.status,
        "sealed": answer.sealed,
        "created_at": now,
        "replays": 0,
        "data_key_id": data_key,
    }


class AnswerStore:
    """Kept answers (`services.kernel.ports.Answers`).

    `claims` are the keys that requests of this process are working on; on PostgreSQL an advisory
    lock of the transaction says the same across processes, and goes away with a crash.
    """

    def __init__(
        self,
        connection: Connection,
        keys: DataKeys,
        clock: Callable[[], datetime],
        claims: set[bytes],
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._clock = clock
        self._claims = claims
        self._own: set[bytes] = set()

    def claim(self, key_hash: bytes) -> bool:
        if self._connection.dialect.name == "postgresql":
            number = int.from_bytes(key_hash[:8], signed=True)
            query = sa.select(sa.func.pg_try_advisory_xact_lock(sa.literal(number, sa.BigInteger)))
            return bool(self._connection.scalar(query))
        if key_hash in self._claims:
            return False
        self._claims.add(key_hash)
        self._own.add(key_hash)
        return True

    def release(self) -> None:
        """Let go of this unit's claims."""
        self._claims -= self._own

    def find(self, key_hash: bytes) -> Answer | None:
        query = sa.select(kept_answer).where(kept_answer.c.key_hash == key_hash)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        if row.created_at < self._clock() - KEPT_FOR:
            self._connection.execute(
                sa.delete(kept_answer).where(kept_answer.c.key_hash == key_hash)
            )
            return None
        return Answer(row.key_hash, row.body_hash, row.status, row.sealed)

    def keep(self, answer: Answer) -> None:
        row = answer_row(answer, self._clock(), self._keys.written_about)
        self._connection.execute(insert_or_ignore(self._connection, kept_answer).values(**row))

    def count_replay(self, key_hash: bytes) -> int:
        counted = self._connection.scalar(
            sa.update(kept_answer)
            .where(kept_answer.c.key_hash == key_hash)
            .values(replays=kept_answer.c.replays + 1)
            .returning(kept_answer.c.replays)
        )
        return int(counted or 0)


def forget_old_answers(connection: Connection, now: datetime) -> int:
    """Delete what is older than 24 hours; how many."""
    old = sa.delete(kept_answer).where(kept_answer.c.created_at < now - KEPT_FOR)
    return connection.execute(old).rowcount
