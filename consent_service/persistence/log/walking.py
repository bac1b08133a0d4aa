"""A bounded walk through the log: how far a page looks, however little of it was asked for.

Each way in which entries are reached has an index that ends in the entry's id (`log.tables`). A
walk reads along each of them, from where the last page ended, as many rows as it may look at, and
merges them. So it reads no more in a log of a million entries than in one of a thousand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.kernel.metadata import Id
from consent_service.persistence.log.tables import log_body

MOST_WALKED = 1000
"""Rows looked at for one page; of each, two columns and what the filters compare."""


@dataclass(frozen=True)
class Way:
    """The rows of one index: those with a value in its first column, that also meet a condition."""

    column: sa.Column[str]
    value: str
    condition: sa.ColumnElement[bool] | None = None

    def rows(self) -> sa.ColumnElement[bool]:
        """The condition on a row."""
        condition = sa.true() if self.condition is None else self.condition
        return sa.and_(self.column == self.value, condition)


@dataclass(frozen=True)
class Found:
    """What of the rows fits, in the order of the walk; the last row looked at, if more follow."""

    entries: Sequence[str]
    last: str | None


def walk(
    connection: Connection,
    ways: Sequence[Way],
    fits: Sequence[sa.ColumnElement[bool]],
    *,
    limit: int,
    after: str | None = None,
    before: str | None = None,
    newest_first: bool = False,
) -> Found:
    """At most `limit` entries that fit everything, of at most MOST_WALKED that the ways lead to.

    `after` and `before` are entry ids that all of them follow or precede. Without anything to fit,
    no more is read than the page has.
    """
    if not ways:
        return Found((), None)
    most = MOST_WALKED if fits else limit + 1
    rows = sa.union(
        *(sa.select(_along(way, fits, after, before, most, newest_first)) for way in ways)
    ).subquery()
    place = rows.c.entry_id.desc() if newest_first else rows.c.entry_id
    query = sa.select(rows.c.entry_id, rows.c.fits).order_by(place).limit(most)
    walked = connection.execute(query).all()
    fitting = [row.entry_id for row in walked if row.fits]
    if len(fitting) > limit:
        return Found(fitting[:limit], fitting[limit - 1])
    return Found(fitting, walked[-1].entry_id if len(walked) == most else None)


def _along(
    way: Way,
    fits: Sequence[sa.ColumnElement[bool]],
    after: str | None,
    before: str | None,
    most: int,
    newest_first: bool,
) -> sa.Subquery:
    """One way, read in its index's own order.

    The value is said as a range, and the order by both columns: were it an equation, the planner
    could take any index by entry id instead, and walk what belongs to others.
    """
    first, entry = way.column, log_body.c.entry_id
    value = sa.literal(way.value, first.type)
    conditions: list[sa.ColumnElement[bool]] = [first >= value, first <= value]
    place = sa.tuple_(first, entry)
    if after is not None:
        conditions.append(place > sa.tuple_(value, sa.literal(after, Id)))
    if before is not None:
        conditions.append(place < sa.tuple_(value, sa.literal(before, Id)))
    if way.condition is not None:
        conditions.append(way.condition)
    order: list[sa.ColumnElement[Any]] = [first, entry]
    fit = sa.case((sa.and_(*fits), 1), else_=0) if fits else sa.literal(1)
    return (
        sa.select(entry, fit.label("fits"))
        .where(*conditions)
        .order_by(*(one.desc() if newest_first else one for one in order))
        .limit(most)
        .subquery()
    )
