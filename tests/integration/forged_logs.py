"""What somebody with the database and no key makes of the log: whole, consistent in itself."""

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from consent_service.audit.merkle import Frontier
from consent_service.persistence.children.tables import fact
from consent_service.persistence.log.tables import (
    log_body,
    log_checkpoint,
    log_head,
    log_header,
    log_leaf,
    log_node,
)
from consent_service.persistence.signatures.tables import statement


def as_owner(engine: Engine, do: Callable[[Connection], Any]) -> Any:
    """Change the raw database as its owner: no trigger, no foreign key."""
    own = sa.create_engine(engine.url, poolclass=sa.NullPool)
    with own.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            named = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for name in connection.exec_driver_sql(named).scalars().all():
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        return do(connection)


def entries_of(connection: Connection, type_: str) -> list[str]:
    """The ids of the entries of a type, oldest first."""
    query = sa.select(log_body.c.entry_id).where(log_body.c.type == type_)
    return list(connection.scalars(query.order_by(log_body.c.entry_id)))


def rewrite_without(connection: Connection, gone: Collection[str]) -> int:
    """Take entries out of every table, grow the tree anew, delete the checkpoints; its size."""
    newest = connection.scalar(sa.select(sa.func.max(log_head.c.time)))
    query = sa.select(log_leaf.c.entry_id, log_leaf.c.leaf).order_by(log_leaf.c.index)
    kept = [row for row in connection.execute(query) if row.entry_id not in gone]
    for table in (statement, fact, log_body, log_header):
        connection.execute(sa.delete(table).where(table.c.entry_id.in_(gone)))
    for emptied in (log_checkpoint, log_head, log_node, log_leaf):
        connection.execute(sa.delete(emptied))
    grow(connection, [(row.entry_id, row.leaf) for row in kept], newest)
    return len(kept)


def grow(connection: Connection, leaves: Collection[tuple[str, bytes]], time: Any) -> int:
    """Append leaves to the stored tree as the sequencer does, asking nobody; the new size."""
    query = sa.select(log_leaf.c.leaf).order_by(log_leaf.c.index)
    before, _ = Frontier().append(list(connection.scalars(query)))
    after, nodes = before.append([leaf for _, leaf in leaves])
    rows = [
        {"index": before.size + offset, "entry_id": entry, "leaf": leaf}
        for offset, (entry, leaf) in enumerate(leaves)
    ]
    connection.execute(sa.insert(log_leaf), rows)
    inner = [{"level": at.level, "index": at.index, "hash": hash_} for at, hash_ in nodes]
    if inner:
        connection.execute(sa.insert(log_node), inner)
    head = {"size": after.size, "root": after.root(), "time": time}
    if "previous" in log_head.c:
        head["previous"] = before.size
    connection.execute(sa.insert(log_head).values(head))
    return after.size
