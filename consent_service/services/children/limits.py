"""Each organisation's room about a child is its own (`domain.kernel.limits`): checked here."""

import math
from collections.abc import Callable
from datetime import datetime

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.limits import LIMITS, Limited, recorded, wait
from consent_service.errors import LimitReached
from consent_service.services.children.acts import ActInProgress
from consent_service.services.children.ports import ChildrenUnit
from consent_service.services.kernel.model import ChildRef


def check_room(act: ActInProgress, organisation: str, kind: Limited) -> None:
    """Whether the organisation may record one more of this kind about the child.

    Raises LimitReached with the seconds until it may.
    """
    made = recorded(act.history, organisation, kind)
    check_made(kind, lambda n: made[-n] if len(made) >= n else None, act.now)


def check_made(kind: Limited, nth_newest: Callable[[int], datetime | None], now: datetime) -> None:
    """The same of what is no fact: `nth_newest` says when the nth newest was made (`wait`)."""
    reached = wait(LIMITS[kind], nth_newest, now)
    if reached is None:
        return
    limit, left = reached
    raise LimitReached(
        "Your organisation has made as many of these as it may for now: try again later.",
        max(1, math.ceil(left.total_seconds())),
        {"of": kind.value, "most": limit.most, "days": limit.days},
    )


def admit(
    uow: ChildrenUnit, organisation: str, cpr: CprNumber, now: datetime, *, always: bool = False
) -> ChildRef:
    """The child, which from here on the organisation has something filed about.

    Counted are children that are new to the organisation, whether or not another knows them: its
    answer would tell otherwise. Raises LimitReached, and then nothing was added; never with
    `always`, for what must be written down.
    """
    # Both are read for every child, so that the time of the answer does not tell one from another.
    limits = LIMITS[Limited.NEW_CHILD]
    filed_at = {limit.most: uow.children.filed_at(organisation, limit.most) for limit in limits}
    if not uow.children.is_filed(organisation, cpr) and not always:
        check_made(Limited.NEW_CHILD, filed_at.__getitem__, now)
    return uow.children.find_or_add(cpr)
