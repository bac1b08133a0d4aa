"""The tree's own rows: heads, hashes of perfect subtrees, entries, and the names of the log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.audit.entry import Header, InvalidEntry, parse_header
from consent_service.audit.merkle import (
    Coordinate,
    Frontier,
    InvalidProof,
    fold,
    frontier_coordinates,
    inclusion_plan,
    leaf_hash,
    verify_inclusion,
)
from consent_service.audit.origins import OriginRow
from consent_service.errors import LogContradicted
from consent_service.persistence.log.tables import (
    log_checkpoint,
    log_head,
    log_header,
    log_leaf,
    log_node,
    log_origin,
)

_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Head:
    """The tree as last committed; `time` is when, in UTC."""

    size: int
    root: bytes
    time: datetime


@dataclass(frozen=True)
class Pending:
    """An entry as its header row has it; `time` is UTC."""

    id: str
    time: datetime
    header: bytes
    leaf: bytes
    promise: str


@dataclass(frozen=True)
class Leaf:
    """A leaf of the stored tree, and the entry that it is of, where there is one."""

    position: int
    leaf: bytes
    entry: Pending | None


@dataclass(frozen=True)
class Released:
    """A checkpoint that was released; `size` is the one it is stored under."""

    size: int
    note: str


def newest_head(connection: Connection) -> Head | None:
    """The newest committed head, if the log has begun."""
    query = sa.select(log_head).order_by(log_head.c.size.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Head(row.size, row.root, row.time)


def heads_between(connection: Connection, after: int, until: int) -> Sequence[Head]:
    """The heads of the sizes (after, until], the smallest first."""
    query = sa.select(log_head).where(log_head.c.size > after, log_head.c.size <= until)
    rows = connection.execute(query.order_by(log_head.c.size))
    return [Head(row.size, row.root, row.time) for row in rows]


def newest_released(connection: Connection) -> Released | None:
    """The newest checkpoint that was released."""
    columns = log_checkpoint.c.size, log_checkpoint.c.note
    query = sa.select(*columns).order_by(log_checkpoint.c.size.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Released(row.size, row.note)


def tree_hashes(
    connection: Connection, coordinates: Sequence[Coordinate]
) -> dict[Coordinate, bytes]:
    """The stored hashes of perfect subtrees; level 0 are the leaves."""
    leaves = [coordinate.index for coordinate in coordinates if coordinate.level == 0]
    nodes = [tuple(coordinate) for coordinate in coordinates if coordinate.level > 0]
    query = sa.union_all(
        sa.select(sa.literal(0), log_leaf.c.index, log_leaf.c.leaf).where(
            log_leaf.c.index.in_(leaves)
        ),
        sa.select(log_node.c.level, log_node.c.index, log_node.c.hash).where(
            sa.tuple_(log_node.c.level, log_node.c.index).in_(nodes)
        ),
    )
    return {Coordinate(level, index): bytes(h) for level, index, h in connection.execute(query)}


def stored_frontier(connection: Connection, size: int) -> Frontier | None:
    """What the stored tree had grown from at a size; None where hashes of it are missing."""
    coordinates = frontier_coordinates(size)
    hashes = tree_hashes(connection, coordinates)
    if len(hashes) != len(coordinates):
        return None
    return Frontier(size, tuple(hashes[coordinate] for coordinate in coordinates))


def leaves_between(connection: Connection, first: int, until: int) -> Iterator[Leaf]:
    """The leaves at the positions [first, until), as far as there are any, in order.

    Read in parts: there can be many.
    """
    for begin in range(first, until, _ROWS_AT_ONCE):
        yield from _leaves(connection, begin, min(until, begin + _ROWS_AT_ONCE))


def _leaves(connection: Connection, first: int, until: int) -> Iterator[Leaf]:
    query = (
        sa.select(
            log_leaf.c.index.label("position"),
            log_leaf.c.leaf.label("stands"),
            log_header.c.entry_id,
            log_header.c.time,
            log_header.c.header,
            log_header.c.leaf,
            log_header.c.promise,
        )
        .outerjoin(log_header, log_header.c.entry_id == log_leaf.c.entry_id)
        .where(log_leaf.c.index >= first, log_leaf.c.index < until)
        .order_by(log_leaf.c.index)
    )
    for row in connection.execute(query).all():
        entry = None
        if row.entry_id is not None:
            time = row.time.astimezone(UTC)
            entry = Pending(row.entry_id, time, bytes(row.header), bytes(row.leaf), row.promise)
        yield Leaf(row.position, bytes(row.stands), entry)


def newest_entry(connection: Connection) -> Pending | None:
    """The newest entry by its time, whether it is in the tree or waits."""
    columns = (log_header.c.entry_id, log_header.c.time, log_header.c.header)
    query = sa.select(*columns, log_header.c.leaf, log_header.c.promise)
    row = connection.execute(query.order_by(log_header.c.time.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    time = row.time.astimezone(UTC)
    return Pending(row.entry_id, time, bytes(row.header), bytes(row.leaf), row.promise)


def began_at(connection: Connection, row: OriginRow, head: Head) -> datetime:
    """When a name of the log began: the time of its first entry, proven by the tree of a head.

    Consents are held by it (decision 37), so no row alone says it: the entry before is proven to
    have another name. Raises LogContradicted.
    """
    try:
        before, first = (
            _proven_header(connection, row.first_index + step, head) for step in (-1, 0)
        )
    except (InvalidProof, InvalidEntry, KeyError):
        raise LogContradicted(f"the first entry of {row.origin!r} cannot be proven") from None
    if first.log != row.origin or before.log == row.origin:
        raise LogContradicted(f"{row.origin!r} does not begin at entry {row.first_index}")
    return first.time


def _proven_header(connection: Connection, position: int, head: Head) -> Header:
    """Raises InvalidProof, InvalidEntry, and KeyError for a hash that is not stored."""
    found = next(leaves_between(connection, position, position + 1), None)
    if found is None or found.entry is None:
        raise InvalidProof("it is not there")
    plan = inclusion_plan(position, head.size)
    hashes = tree_hashes(connection, [coordinate for part in plan for coordinate in part])
    path = [fold([hashes[coordinate] for coordinate in part]) for part in plan]
    header = found.entry.header
    verify_inclusion(leaf_hash(header), position, head.size, path, head.root)
    return parse_header(header)


def origin_rows(connection: Connection) -> Sequence[OriginRow]:
    """The names of the log, in order; none before its first entry."""
    query = sa.select(log_origin).order_by(log_origin.c.first_index)
    rows = connection.execute(query)
    return [OriginRow(row.first_index, row.origin, row.predecessor) for row in rows]
