"""Column types that mean the same on SQLite and PostgreSQL."""

import re
from datetime import UTC, datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format
from psycopg.types.string import TextLoader
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_TEXT = "%Y-%m-%dT%H:%M:%S.%fZ"


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC, to the microsecond.

    PostgreSQL keeps a `timestamptz`; SQLite keeps ISO 8601 text of fixed width, whose order is
    the order of time. A naive datetime is refused.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(27))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must be aware")
        utc = value.astimezone(UTC)
        return utc.strftime(_TEXT) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.strptime(value, _TEXT).replace(tzinfo=UTC)
        utc: datetime = value.astimezone(UTC)
        return utc


class _UuidSentAsText(postgresql.UUID[str]):
    """PostgreSQL's own, whose values come from the driver as they are wanted."""

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """Nothing is left to convert."""


class UuidText(TypeDecorator[str]):
    """An id: a UUID (RFC 9562) as the text that everything outside the database knows it by.

    PostgreSQL keeps it as its own 16 bytes, SQLite as text; by either the order is that of the
    bytes. What is written in no other way than this can be an id: anything else is the id of
    nothing, so that asking for it finds nothing.
    """

    impl = sa.String(36)
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        return str

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(_UuidSentAsText(as_uuid=False))
        return dialect.type_descriptor(sa.String(36))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name != "postgresql":
            return value
        return value if _UUID.fullmatch(value) else None


class _TextOfUuid(Loader):
    """A UUID that PostgreSQL sends, as text: so too where a statement names no types."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        digits = bytes(data).hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# Whatever connection of ours: an id is never a `uuid.UUID` here. What is sent as text is one.
for _loader in (_TextOfUuid, TextLoader):
    psycopg.adapters.register_loader("uuid", _loader)
