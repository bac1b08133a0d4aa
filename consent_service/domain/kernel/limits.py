"""How much one organisation may have recorded about one child, by kind of act.

Whatever is recorded about a child can be read by every later decision about it, whoever asks. So
each organisation has room of its own, counted from the facts and for itself alone: one that uses it
up takes nothing from another, and room that was used is free again after a day and a year.

Whatever stops or ends something is neither counted nor refused: a no, on paper too, a withdrawal, a
lift, a rejection, a revocation, a cancellation. Nor is a confirmation, of which each recording has
one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consent_service.domain.kernel.facts import (
    ActKind,
    CustodyChange,
    ExemptionRecorded,
    Fact,
    History,
    PaperRecorded,
    Request,
)


class Limited(StrEnum):
    """What is counted, each apart from the others."""

    REQUEST = "request"
    PAPER_GRANT = "paper_grant"
    EXEMPTION = "exemption"
    CUSTODY_CHANGE = "custody_change"
    CUSTODY_CORRECTION = "custody_correction"
    LINK = "link"
    NEW_CHILD = "new_child"


@dataclass(frozen=True)
class Limit:
    """How often at most within a time; `days` are of 24 hours."""

    most: int
    days: int

    @property
    def within(self) -> timedelta:
        """The time that is looked back on."""
        return timedelta(days=self.days)


def _often(a_day: int, a_year: int) -> tuple[Limit, ...]:
    return Limit(a_day, 1), Limit(a_year, 365)


LIMITS: Mapping[Limited, tuple[Limit, ...]] = {
    Limited.REQUEST: _often(20, 40),
    Limited.PAPER_GRANT: _often(20, 60),
    Limited.EXEMPTION: _often(20, 40),
    Limited.CUSTODY_CHANGE: _often(10, 30),
    Limited.CUSTODY_CORRECTION: _often(10, 30),
    Limited.LINK: (Limit(100, 1),),
    Limited.NEW_CHILD: (Limit(1000, 1),),
}
"""By organisation and child; of new children by organisation alone.

Links and new children are no facts: their limits keep rows from being made without end.
"""


def recorded(history: History, organisation: str, kind: Limited) -> tuple[datetime, ...]:
    """When the organisation recorded acts of this kind about the child, oldest first."""
    own = {r.consent for r in history.requests if r.controller == organisation}
    return tuple(
        fact.at
        for fact in history.facts
        if _kind_of(fact) is kind and _is_by(fact, organisation, own)
    )


def wait(
    limits: Iterable[Limit], nth_newest: Callable[[int], datetime | None], now: datetime
) -> tuple[Limit, timedelta] | None:
    """Which limit leaves no room, and for how long, the longest of them; None: there is room.

    `nth_newest` says when the nth newest was made, which with those since fills a limit of n; None
    where there are fewer.
    """
    waits = [
        (limit, first + limit.within - now)
        for limit in limits
        if (first := nth_newest(limit.most)) is not None and now < first + limit.within
    ]
    return max(waits, key=lambda one: one[1], default=None)


def paper_kind(decision: ActKind) -> Limited | None:
    """What a paper counts as: a no and a lift are never counted."""
    return Limited.PAPER_GRANT if decision is ActKind.GRANT else None


def custody_kind(corrects: str | None) -> Limited:
    """What a custody change counts as: what puts a wrong one right has room of its own."""
    return Limited.CUSTODY_CHANGE if corrects is None else Limited.CUSTODY_CORRECTION


def _kind_of(fact: Fact) -> Limited | None:
    match fact:
        case Request():
            return Limited.REQUEST
        case PaperRecorded():
            return paper_kind(fact.kind)
        case ExemptionRecorded():
            return Limited.EXEMPTION
        case CustodyChange():
            return custody_kind(fact.corrects)
        case _:
            return None


def _is_by(fact: Fact, organisation: str, own: set[str]) -> bool:
    if isinstance(fact, Request | CustodyChange):
        return fact.controller == organisation
    return fact.consent in own
