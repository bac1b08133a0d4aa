"""The rows that a sequencer takes and those it writes, on PostgreSQL in one statement for a batch.

There the values go as arrays: a full batch has thousands. On SQLite a
batch is what one transaction wrote, and its rows go one after the other.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.audit.merkle import Coordinate
from consent_service.persistence.log.tables import log_header, log_leaf, log_node, log_pending

log = logging.getLogger(__name__)

_TAKE = sa.text(
    "WITH taken AS (DELETE FROM log_pending WHERE entry_id IN"
    " (SELECT entry_id FROM log_pending ORDER BY time, entry_id LIMIT :most)"
    " RETURNING entry_id)"
    " SELECT h.entry_id, h.time, h.header, h.leaf, h.promise, l.entry_id IS NOT NULL"
    " FROM taken JOIN log_header h ON h.entry_id = taken.entry_id"
    " LEFT JOIN log_leaf l ON l.entry_id = taken.entry_id"
    " ORDER BY h.time, h.entry_id"
)
_ADD_LEAVES = sa.text(
    "INSERT INTO log_leaf (index, entry_id, leaf) SELECT * FROM unnest("
    "CAST(:indexes AS bigint[]), CAST(:entries AS uuid[]), CAST(:leaves AS bytea[]))"
)
_ADD_NODES = sa.text(
    "INSERT INTO log_node (level, index, hash) SELECT * FROM unnest("
    "CAST(:levels AS integer[]), CAST(:indexes AS bigint[]), CAST(:hashes AS bytea[]))"
)


@dataclass(frozen=True)
class Pending:
    """An entry that waits, as its header row has it; `time` is UTC."""

    id: str
    time: datetime
    header: bytes
    leaf: bytes
    promise: str


def take_pending(connection: Connection, most: int) -> list[Pending]:
    """Take at most so many of the oldest out of the queue, by (time, id).

    Nobody but an intruder makes an entry wait that stands in the tree already: it is left out.
    """
    if connection.dialect.name == "postgresql":
        rows = connection.execute(_TAKE, {"most": most})
        taken = [
            (Pending(id_, time.astimezone(UTC), header, leaf, promise), stands)
            for id_, time, header, leaf, promise, stands in rows
        ]
    else:
        taken = _take_in_turn(connection, most)
    for entry, stands in taken:
        if stands:
            log.critical("log entry %s waits, and is in the tree already", entry.id)
    return [entry for entry, stands in taken if not stands]


def _take_in_turn(connection: Connection, most: int) -> list[tuple[Pending, bool]]:
    chosen = sa.select(log_pending.c.entry_id).order_by(log_pending.c.time, log_pending.c.entry_id)
    taken = connection.scalars(
        sa.delete(log_pending)
        .where(log_pending.c.entry_id.in_(chosen.limit(most)))
        .returning(log_pending.c.entry_id)
    ).all()
    if not taken:
        return []
    rows = connection.execute(
        sa.select(log_header, log_leaf.c.entry_id.is_not(None).label("stands"))
        .outerjoin(log_leaf, log_leaf.c.entry_id == log_header.c.entry_id)
        .where(log_header.c.entry_id.in_(taken))
        .order_by(log_header.c.time, log_header.c.entry_id)
    )
    return [
        (
            Pending(row.entry_id, row.time, bytes(row.header), bytes(row.leaf), row.promise),
            bool(row.stands),
        )
        for row in rows
    ]


def add_to_tree(
    connection: Connection,
    size: int,
    entries: Sequence[Pending],
    nodes: Iterable[tuple[Coordinate, bytes]],
) -> None:
    """Write leaves from an index on, and the nodes that they completed."""
    leaves = [
        {"index": size + offset, "entry_id": entry.id, "leaf": entry.leaf}
        for offset, entry in enumerate(entries)
    ]
    inner = [{"level": c.level, "index": c.index, "hash": h} for c, h in nodes]
    if connection.dialect.name == "postgresql":
        connection.execute(
            _ADD_LEAVES, _columns(leaves, indexes="index", entries="entry_id", leaves="leaf")
        )
        connection.execute(
            _ADD_NODES, _columns(inner, levels="level", indexes="index", hashes="hash")
        )
        return
    connection.execute(sa.insert(log_leaf), leaves)
    if inner:
        connection.execute(sa.insert(log_node), inner)


def _columns(rows: Sequence[dict[str, object]], **names: str) -> dict[str, list[object]]:
    return {parameter: [row[column] for row in rows] for parameter, column in names.items()}
