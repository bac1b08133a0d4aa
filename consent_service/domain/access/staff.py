"""Staff: what the claims of a login mean here, and how long a session lives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from consent_service.errors import NotAllowed

CLOCKS_DIFFER = timedelta(minutes=1)
"""How far the clocks of two processes may lie apart."""


class StaffRole(StrEnum):
    """What somebody may do. A data-protection officer does it for one organisation."""

    DPO = "dpo"
    OPERATOR = "operator"


@dataclass(frozen=True)
class RoleGrant:
    """What one value of the role claim gives; without an organisation another claim names it."""

    role: StaffRole
    organisation: str | None = None


@dataclass(frozen=True)
class ClaimMeanings:
    """What the values of two claims mean here; every other value means nothing.

    `home` is the organisation that runs the service: an operator without another belongs to it.
    """

    home: str
    roles: Mapping[str, RoleGrant]
    organisations: Mapping[str, str]


@dataclass(frozen=True)
class Standing:
    """For which organisation somebody is here, and as what."""

    organisation: str
    roles: frozenset[StaffRole]


class NoStanding(NotAllowed):
    """The claims give nobody a part here: `no_role`, `no_organisation`, `several_organisations`."""

    def __init__(
        self, code: Literal["no_role", "no_organisation", "several_organisations"]
    ) -> None:
        super().__init__("The login gives no role here.")
        self.code = code


def standing_of(
    role_values: Iterable[str], organisation_values: Iterable[str], meanings: ClaimMeanings
) -> Standing:
    """What the claims of a login amount to. Raises NoStanding.

    Two organisations at once are refused: everything somebody sees is seen for one.
    """
    granted = {meanings.roles[value] for value in role_values if value in meanings.roles}
    if not granted:
        raise NoStanding("no_role")
    claimed = {
        meanings.organisations[value]
        for value in organisation_values
        if value in meanings.organisations
    }
    named: set[str] = set()
    for grant in granted:
        if grant.organisation is not None:
            named.add(grant.organisation)
        elif grant.role is StaffRole.DPO:
            if not claimed:
                raise NoStanding("no_organisation")
            named |= claimed
    if len(named) > 1:
        raise NoStanding("several_organisations")
    organisation = named.pop() if named else meanings.home
    return Standing(organisation, frozenset(grant.role for grant in granted))


@dataclass(frozen=True)
class SessionLimits:
    """How long a session lives without a request, and at most."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True)
class SessionTimes:
    """When a session began, was last used, and was ended by somebody."""

    created_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None = None


Ending = Literal["ended", "too_old", "idle"]


def ending_of(session: SessionTimes, limits: SessionLimits, now: datetime) -> Ending | None:
    """Why a session is over, or None while it is alive. Both limits are exclusive.

    One that begins in the future, by more than clocks differ, proves nothing: it is over.
    """
    if session.ended_at is not None:
        return "ended"
    if not -CLOCKS_DIFFER <= now - session.created_at < limits.absolute:
        return "too_old"
    return None if now - session.last_seen_at < limits.idle else "idle"


def is_alive(session: SessionTimes, limits: SessionLimits, now: datetime) -> bool:
    """Whether a session still lets somebody in."""
    return ending_of(session, limits, now) is None
