"""Who of the staff is asking: their session while it is alive, kept alive by being used."""

from dataclasses import dataclass
from datetime import timedelta

from consent_service.domain.access.staff import Ending, SessionLimits, ending_of
from consent_service.services.access.ports import AccessUnit
from consent_service.services.access.staff import StaffSession
from consent_service.services.kernel.context import Context

TOUCH_EVERY = timedelta(minutes=1)
"""How exactly a session's last use is known: a write for each look would be too many."""


@dataclass(frozen=True)
class Found:
    """A session that is alive, or why the one there was is over; both None for no session."""

    session: StaffSession | None = None
    ending: Ending | None = None
    touch_is_due: bool = False


def find_staff_session(
    uow: AccessUnit, context: Context, limits: SessionLimits, token: str
) -> Found:
    """The session of a token, as of now."""
    session = uow.staff.find(token) if token else None
    if session is None:
        return Found()
    now = context.clock()
    ending = ending_of(session.times, limits, now)
    if ending is not None:
        return Found(ending=ending)
    return Found(session, touch_is_due=now - session.times.last_seen_at >= TOUCH_EVERY)


def touch_staff_session(uow: AccessUnit, context: Context, token: str) -> None:
    """Note that a session was used."""
    uow.staff.touch(token, context.clock())
