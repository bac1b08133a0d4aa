"""Staff as the services know them, and what their logins and sessions need from storage."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

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


class StaffSessions(Protocol):
    """Logins under way, and sessions. Secrets are kept as keyed hashes, names sealed."""

    def remember_login(
        self, home: str, browser: str, state: str, content: bytes, now: datetime
    ) -> None: ...

    def take_login(self, browser: str, state: str, now: datetime) -> TakenLogin: ...

    def begin(self, token: str, session: StaffSession) -> None: ...

    def find(self, token: str) -> StaffSession | None: ...

    def touch(self, token: str, now: datetime) -> None:
        """The session was used."""
        ...

    def end(self, token: str, now: datetime) -> None: ...

    def end_of_subject(self, issuer: str, subject: str, now: datetime) -> Sequence[str]:
        """End all sessions of one person; the organisations they were for, each once."""
        ...

    def end_of_provider(self, named: ProviderLogout, now: datetime) -> Sequence[StaffSession]:
        """End what the provider names and had begun by then; what was ended."""
        ...

    def end_all(self, now: datetime) -> Sequence[str]:
        """End every session; the organisations they were for, each once."""
        ...

    def last_login(self, issuer: str, subject: str) -> datetime | None: ...
