"""What a family's answers need from storage."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from consent_service.services.consents.model import Link
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.signatures.model import FiledStatement, SigningSession


class Statements(Protocol):
    """Sealed statements with their evidence."""

    def add(self, child: str, controller: str, statement: FiledStatement) -> None: ...

    def of_consent(self, consent: str) -> Sequence[FiledStatement]:
        """In the order they were made."""
        ...


class SigningSessions(Protocol):
    """Browsers that followed a link, each named by a secret of its own."""

    def begin(
        self, secret: str, opened: Link, controller: str, child: str, now: datetime
    ) -> None: ...

    def find(self, secret: str) -> SigningSession | None:
        """The session of a browser, unless its link was replaced.

        Other requests of that browser wait for the end of this unit: what one of them took out of
        the session, such as a login under way, no other puts back.
        """
        ...

    def save(self, secret: str, content: bytes) -> None: ...

    def end(self, secret: str) -> None: ...


class SignaturesUnit(ConsentsUnit, Protocol):
    """A unit of work about what a family answers."""

    @property
    def statements(self) -> Statements: ...

    @property
    def signing_sessions(self) -> SigningSessions: ...
