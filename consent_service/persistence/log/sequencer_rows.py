"""The rows that a sequencer takes and those it writes, on PostgreSQL in one statement for a batch.

There the values go as arrays: a full batch has thousands. On SQLite a
batch is what one transaction wrote, and its rows go one after the other.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.audit.merkle import Coordinate
from consent_service.persistence.log.tables import log_header, log_leaf, log_node, log_pending
from consent_service.persistence.log.tree_rows import Pending

log = logging.getLogger(__name__)

# The queue by where its rows lie (only who has the turn deletes any), the log row by row by its
# keys, whatever the planner believes. The queue is empty most of the time, and by statistics of
# such a moment reading the whole log once looks cheaper than a few rows of it; OFFSET 0 keeps each
# of the two from becoming a join that may be turned around.
_TAKE = sa.text(
    "WITH taken AS (DELETE FROM log_pending WHERE ctid = ANY (ARRAY"
    " (SELECT ctid FROM log_pending ORDER BY time, entry_id LIMIT :most))"
    " RETURNING entry_id)"
    " SELECT taken.entry_id, h.time, h.header, h.leaf, h.promise, l.entry_id IS NOT NULL"
    " FROM taken"
    " LEFT JOIN LATERAL (SELECT time, header, leaf, promise FROM log_header"
    " WHERE entry_id = taken.entry_id OFFSET 0) h ON true"
    " LEFT JOIN LATERAL (SELECT entry_id FROM log_leaf"
    " WHERE entry_id = taken.entry_id OFFSET 0) l ON true"
    " ORDER BY h.time, taken.entry_id"
)
_ADD_LEAVES = sa.text(
    "INSERT INTO log_leaf (index, entry_id, leaf) SELECT * FROM unnest("
    "CAST(:indexes AS bigint[]), CAST(:entries AS uuid[]), CAST(:leaves AS bytea[]))"
)
_ADD_NODES = sa.text(
    "INSERT INTO log_node (level, index, hash) SELECT * FROM unnest("
    "CAST(:levels AS integer[]), CAST(:indexes AS bigint[]), CAST(:hashes AS bytea[]))"
)


def take_pending(connection: Connection, most: int) -> list[Pending]:
    """Take at most so many of the oldest out of the queue, by (time, id).

    Nobody but an intruder makes an entry wait that has no header, waits already, or stands in the
    tree: that is left out.
    """
    take = _take_at_once if connection.dialect.name == "postgresql" else _take_in_turn
    taken: dict[str, Pending] = {}
    for id_, time, header, leaf, promise, stands in take(connection, most):
        if header is None:
            log.critical("log entry %s waits, and has no header", id_)
        elif stands:
            log.critical("log entry %s waits, and is in the tree already", id_)
        elif id_ in taken:
            log.critical("log entry %s waits twice", id_)
        else:
            taken[id_] = Pending(id_, time.astimezone(UTC), bytes(header), bytes(leaf), promise)
    return list(taken.values())


def _take_at_once(connection: Connection, most: int) -> Sequence[Sequence[Any]]:
    return connection.execute(_TAKE, {"most": most}).all()


def _take_in_turn(connection: Connection, most: int) -> Sequence[Sequence[Any]]:
    chosen = sa.select(log_pending.c.entry_id).order_by(log_pending.c.time, log_pending.c.entry_id)
    taken = connection.scalars(
        sa.delete(log_pending)
        .where(log_pending.c.entry_id.in_(chosen.limit(most)))
        .returning(log_pending.c.entry_id)
    ).all()
    if not taken:
        return []
    found = connection.execute(
        sa.select(
            log_header.c.entry_id,
            log_header.c.time,
            log_header.c.header,
            log_header.c.leaf,
            log_header.c.promise,
            log_leaf.c.entry_id.is_not(None),
        )
        .outerjoin(log_leaf, log_leaf.c.entry_id == log_header.c.entry_id)
        .where(log_header.c.entry_id.in_(taken))
        .order_by(log_header.c.time, log_header.c.entry_id)
    ).all()
    without = sorted(set(taken) - {row.entry_id for row in found})
    return [*found, *((entry, None, None, None, None, False) for entry in without)]


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
