"""Staff as the services know them: who they are, their logins and their sessions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from consent_service.domain.access.staff import SessionTimes, Standing

LOGIN_LASTS = timedelta(minutes=15)
"""How long somebody may take at their provider."""


@dataclass(frozen=True)
class StaffMember:
    """Somebody as their provider names them: `subject` is theirs at that issuer for good."""

    issuer: str
    subject: str = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True)
class StaffIdentity:
    """What a login proved: who it is, and the values of the claims that give them a part here.

    `provider_session` is the provider's `sid`, by which it can end what it began.
    """

    member: StaffMember
    role_values: tuple[str, ...] = ()
    organisation_values: tuple[str, ...] = ()
    provider_session: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class StaffSession:
    """A session as it began; whether it is alive follows from its times (`domain.access.staff`)."""

    member: StaffMember
    standing: Standing
    times: SessionTimes
    previous_login_at: datetime | None
    provider_session: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class TakenLogin:
    """What is known of a state that came back: `content` only once, and to its own browser.

    `unknown`: we never made it, or it is forgotten. `spent`: it came back before, from whichever
    browser, or too late. `other_browser`: another browser began it, and it is still good there.
    """

    status: Literal["taken", "unknown", "spent", "other_browser"]
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ProviderLogout:
    """Whom a provider logged out: a person, one session of theirs, or that person's session.

    Only what had begun when that was said: said again, it ends nothing newer.
    """

    issuer: str
    subject: str | None = field(repr=False)
    session: str | None = field(repr=False)
    made_at: datetime
