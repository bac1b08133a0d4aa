"""How much one organisation may have recorded about one child, by kind of act.

Whatever is recorded about a child is read by every later decision about it, whoever asks. So each
organisation has room of its own, counted from the facts and for itself alone: one that uses it up
takes nothing from another. A withdrawal, a decline, a lift by login, a rejection, a revocation or a
cancellation is never counted and never refused.
"""

from collections.abc import Mapping
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

A_DAY = timedelta(hours=24)


class Limited(StrEnum):
    """The kinds of act that are counted, each apart from the others."""

    REQUEST = "request"
    PAPER_GRANT = "paper_grant"
    PAPER_LIFT = "paper_lift"
    EXEMPTION = "exemption"
    CUSTODY_CHANGE = "custody_change"
    CUSTODY_CORRECTION = "custody_correction"


@dataclass(frozen=True)
class Limit:
    """How often in any 24 hours, and how often altogether."""

    a_day: int
    altogether: int


LIMITS: Mapping[Limited, Limit] = {
    Limited.REQUEST: Limit(20, 60),
    Limited.PAPER_GRANT: Limit(20, 90),
    Limited.PAPER_LIFT: Limit(20, 40),
    Limited.EXEMPTION: Limit(20, 40),
    Limited.CUSTODY_CHANGE: Limit(10, 40),
    # Each change can be corrected once, and each correction too.
    Limited.CUSTODY_CORRECTION: Limit(10, 80),
}
"""By organisation and child."""

LINKS_A_DAY = 60
"""Signing links that one organisation makes about one child in any 24 hours."""

NEW_CHILDREN_A_DAY = 500
"""Children an organisation asks about for the first time, in any 24 hours."""


def recorded(history: History, organisation: str, kind: Limited) -> tuple[datetime, ...]:
    """When the organisation recorded acts of this kind about the child, oldest first."""
    own = {r.consent for r in history.requests if r.controller == organisation}
    return tuple(
        fact.at
        for fact in history.facts
        if _kind_of(fact) is kind and _is_by(fact, organisation, own)
    )


def is_used_up(limit: Limit, made: tuple[datetime, ...]) -> bool:
    """Whether no more of it is recorded, at any time."""
    return len(made) >= limit.altogether


def free_at(in_the_way: datetime | None, now: datetime) -> datetime | None:
    """When there is room again, None where there is room now.

    `in_the_way` is when the act was made that with those since fills a day; None: there are fewer.
    """
    if in_the_way is None or in_the_way + A_DAY <= now:
        return None
    return in_the_way + A_DAY


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


def paper_kind(decision: ActKind) -> Limited | None:
    """What a paper counts as. A no on paper is never counted."""
    return {ActKind.GRANT: Limited.PAPER_GRANT, ActKind.LIFT: Limited.PAPER_LIFT}.get(decision)


def custody_kind(corrects: str | None) -> Limited:
    """What a custody change counts as: what puts a wrong one right has room of its own."""
    return Limited.CUSTODY_CHANGE if corrects is None else Limited.CUSTODY_CORRECTION


def _is_by(fact: Fact, organisation: str, own: set[str]) -> bool:
    if isinstance(fact, Request | CustodyChange):
        return fact.controller == organisation
    return fact.consent in own
