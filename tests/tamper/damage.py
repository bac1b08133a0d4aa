"""Changing the raw database as the owner of its tables: no trigger, no foreign key; and back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, StatementError

from tests.tamper.cases import Case, Change, Row


def owner_of(url: str) -> Engine:
    """An engine past every guard."""
    engine = sa.create_engine(url, poolclass=sa.StaticPool)
    if engine.dialect.name == "postgresql":

        @sa.event.listens_for(engine, "connect")
        def _past_triggers(connection, _record):
            connection.execute("SET session_replication_role = replica")
            connection.commit()

        return engine
    with engine.begin() as connection:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for name in names.scalars().all():
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    return engine


@contextmanager
def damaged(owner: Engine, case: Case) -> Iterator[bool]:
    """Change the database, and change it back; False where the schema itself refused."""
    try:
        with owner.begin() as connection:
            _replace(connection, case.table, case.changes)
    except (DBAPIError, StatementError):
        yield False
        return
    try:
        yield True
    finally:
        with owner.begin() as connection:
            _replace(connection, case.table, [(new, old) for old, new in case.changes])


def _replace(connection: Connection, table: sa.Table, changes: Sequence[Change]) -> None:
    for old, _ in changes:
        if old is not None:
            _delete(connection, table, old)
    rows = [dict(new) for _, new in changes if new is not None]
    if rows:
        connection.execute(sa.insert(table), rows)


def _delete(connection: Connection, table: sa.Table, row: Row) -> None:
    columns = list(table.primary_key) or list(table.columns)
    deleted = connection.execute(sa.delete(table).where(*(c == row[c.name] for c in columns)))
    assert deleted.rowcount >= 1
    # Without a key a row may stand there twice, and one of the two stays.
    again = [dict(row)] * (deleted.rowcount - 1)
    if again:
        connection.execute(sa.insert(table), again)
