"""What asking for consent needs from storage."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol

from consent_service.services.catalogue.ports import CatalogueUnit
from consent_service.services.consents.model import ConsentFile, Link, Signatory
from consent_service.services.log.ports import LogUnit

TwoPersonKind = Literal["exemption_recorded", "paper_recorded", "reconfirmation_recorded"]
"""What one employee records and another confirms."""


class Consents(Protocol):
    """Consents as filed, their signatories and facts."""

    def add(self, file: ConsentFile, parties: Iterable[str]) -> None: ...

    def get(self, consent: str, viewer: str) -> ConsentFile | None:
        """The consent, if it names the viewer's organisation among its parties."""
        ...

    def controlled(self, consent: str, viewer: str) -> ConsentFile | None:
        """The consent, if the viewer's organisation is its controller."""
        ...

    def of_signatory(self, found: Signatory) -> ConsentFile | None:
        """The consent of somebody whose link or session was verified: the family's own way in."""
        ...

    def page(
        self,
        viewer: str,
        *,
        after: str | None,
        limit: int,
        child: str | None = None,
        case_reference: str | None = None,
    ) -> Sequence[ConsentFile]:
        """Consents that name the viewer, by ascending id, at the cost of those found alone.

        With a case reference only those it controls: a reference is the controller's own.
        """
        ...

    def to_reconfirm(
        self, controller: str, since: datetime, *, after: str | None, limit: int
    ) -> Sequence[ConsentFile]:
        """Of each child that the controller knew by then, its newest consent, by ascending id.

        Without the children whose records it has confirmed after that instant.
        """
        ...

    def add_signatory(self, signatory: Signatory, entry: str) -> None:
        """File somebody, as this entry says."""
        ...

    def signatory(self, signatory: str) -> Signatory | None: ...

    def signatories(self, consent: str) -> Sequence[Signatory]: ...

    def recorded_in(self, consent: str, kind: TwoPersonKind, named: str) -> str | None:
        """The entry in which a first employee recorded this exemption or paper."""
        ...


class Links(Protocol):
    """Signing links."""

    def name_of(self, token: str) -> str:
        """What a link is called in the log: nobody can follow it by that."""
        ...

    def replace(self, signatory: str, token: str, now: datetime, entry: str) -> None:
        """Make the link that this entry vouches for; the one before leads nowhere from now on."""
        ...

    def find(self, token: str) -> Link | None: ...

    def mark_opened(self, link: Link, now: datetime) -> None: ...

    def opened(self, consent: str) -> frozenset[str]: ...

    def made_at(self, controller: str, child: str, nth: int) -> datetime | None:
        """When a controller made the nth newest of its links about a child; None: fewer."""
        ...


class ConsentsUnit(CatalogueUnit, LogUnit, Protocol):
    """A unit of work about consents."""

    @property
    def consents(self) -> Consents: ...

    @property
    def links(self) -> Links: ...
