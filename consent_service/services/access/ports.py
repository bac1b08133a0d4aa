"""What logins of systems and of staff need from storage."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from consent_service.services.access.client import Client, ClientKey, ClientSecret, Standing
from consent_service.services.access.staff import ProviderLogout, StaffSession, TakenLogin
from consent_service.services.catalogue.ports import CatalogueUnit


class Clients(Protocol):
    """Clients, revocations and the assertions that were used.

    `issuer` is `OURS` or another's name. Every change raises the epoch.
    """

    def begin_change(self) -> int:
        """Wait for whoever else is changing a client until they commit; the epoch of this change.

        Raises ClientsNotVouchedFor: nothing is changed, and thereby vouched for, that is not right.
        """
        ...

    def begin_change_of_all(self, above: int) -> int:
        """The same, though nothing vouches for what stands there; the epoch is above this one.

        For whoever suspends all of it: this unit's commit vouches for what stands now, with its
        own changes.
        """
        ...

    def add(self, client: Client) -> None: ...

    def find(self, client: str) -> Client | None:
        """A client as its rows stand, or as this unit changes it: not to let in."""
        ...

    def revoked_at(self, issuer: str, client: str) -> datetime | None:
        """Since when a client of an issuer is refused for ever; likewise."""
        ...

    def vouched(self, client: str) -> Client | None:
        """A client to let in. Raises ClientsNotVouchedFor."""
        ...

    def page(self, after: str | None, limit: int) -> Sequence[Client]: ...

    def set_scopes(self, client: str, scopes: frozenset[str]) -> None: ...

    def set_suspended(self, client: str, since: datetime | None) -> None: ...

    def add_key(self, client: str, key: ClientKey) -> None: ...

    def remove_key(self, client: str, kid: str) -> None: ...

    def add_secret(self, client: str, secret: ClientSecret) -> None: ...

    def remove_secret(self, client: str, secret: str) -> None: ...

    def revoke(self, issuer: str, client: str, now: datetime) -> bool:
        """Refuse it for ever. False: it was revoked already."""
        ...

    def standing(self, issuer: str, client: str) -> Standing:
        """What is known of a client. Raises ClientsNotVouchedFor.

        It may be from memory: then nothing is written unless no client was changed meanwhile.
        """
        ...

    def use_assertion(self, digest: bytes, expires: datetime) -> bool:
        """Whether this is the first use of an assertion, in any process."""
        ...


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


class AccessUnit(CatalogueUnit, Protocol):
    """A unit of work about clients and staff."""

    @property
    def clients(self) -> Clients: ...

    @property
    def staff(self) -> StaffSessions: ...
