"""Each organisation's room about a child is its own (`domain.kernel.limits`): checked here."""

import math
from datetime import datetime

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.limits import (
    LIMITS,
    NEW_CHILDREN_A_DAY,
    Limited,
    free_at,
    is_used_up,
    recorded,
)
from consent_service.errors import Conflict, DailyLimit
from consent_service.services.children.acts import ActInProgress
from consent_service.services.children.ports import ChildrenUnit
from consent_service.services.kernel.model import ChildRef


def check_room(act: ActInProgress, organisation: str, kind: Limited) -> None:
    """Whether the organisation may record one more of this kind about the child.

    Raises Conflict `limit_reached` when it has recorded all it ever may, DailyLimit when it has
    for today.
    """
    limit, made = LIMITS[kind], recorded(act.history, organisation, kind)
    if is_used_up(limit, made):
        detail = "Your organisation has recorded as many of these about this child as it may."
        raise Conflict("limit_reached", detail, {"limit": limit.altogether, "of": kind.value})
    in_the_way = made[-limit.a_day] if len(made) >= limit.a_day else None
    check_day(in_the_way, act.now, f"{limit.a_day} of these about one child")


def check_day(in_the_way: datetime | None, now: datetime, most: str) -> None:
    """Whether the last 24 hours have room. Raises DailyLimit with the seconds until they have."""
    free = free_at(in_the_way, now)
    if free is not None:
        detail = f"Your organisation may make {most} in 24 hours: try again later."
        raise DailyLimit(detail, max(1, math.ceil((free - now).total_seconds())))


def admit(uow: ChildrenUnit, organisation: str, cpr: CprNumber, now: datetime) -> ChildRef:
    """The child, which from here on the organisation has something filed about.

    Counted are children that are new to the organisation, whether or not another knows them: its
    answer would tell otherwise. Raises DailyLimit, and then nothing was added.
    """
    # Both are read for every child, so that the time of the answer does not tell one from another.
    in_the_way = uow.children.filed_at(organisation, NEW_CHILDREN_A_DAY)
    if not uow.children.is_filed(organisation, cpr):
        check_day(in_the_way, now, f"{NEW_CHILDREN_A_DAY} first questions about a child")
    return uow.children.find_or_add(cpr)
