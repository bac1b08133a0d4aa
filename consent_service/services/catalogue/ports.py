"""What the catalogue needs from storage."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from consent_service.services.catalogue.model import (
    Category,
    Confirmation,
    Organisation,
    Purpose,
    TemplateVersion,
)
from consent_service.services.kernel.ports import Unit


class Catalogue(Protocol):
    """Organisations and templates."""

    def add_organisation(self, organisation: Organisation, now: datetime) -> None: ...

    def organisation(self, organisation: str) -> Organisation | None: ...

    def hold_organisation(self, organisation: str) -> Organisation | None:
        """The organisation, which nobody else changes until this unit of work ends."""
        ...

    def change_organisation(self, organisation: Organisation, now: datetime) -> bool:
        """Write what may be changed. False, and nothing written, unless later than before."""
        ...

    def hold_confirmation(self, organisation: str) -> Confirmation:
        """How its records are confirmed, which nobody changes until this unit of work ends."""
        ...

    def has_organisation(self, organisation: str) -> bool: ...

    def organisations(self, after: str | None, limit: int) -> Sequence[Organisation]: ...

    def add_template(self, template: TemplateVersion, entry: str) -> None:
        """Keep a version that this entry of the log vouches for."""
        ...

    def template(
        self, organisation: str, template: str, version: int | None = None
    ) -> TemplateVersion | None:
        """A version, the newest unless told which. Raises Unreadable unless it is vouched for."""
        ...

    def templates(
        self, organisation: str, after: str | None, limit: int
    ) -> Sequence[TemplateVersion]:
        """The newest version of each. Raises as `template` does."""
        ...


class Register(Protocol):
    """The operator's purposes and categories (R5g). It only grows; `entry` vouches for each row."""

    def purposes(self) -> Sequence[Purpose]:
        """All of them, by their slugs."""
        ...

    def add_purpose(self, purpose: str, at: datetime, entry: str) -> None: ...

    def add_overlap(self, one: str, other: str, since: datetime, entry: str) -> None: ...

    def categories(self) -> Sequence[Category]:
        """All of them, by their slugs."""
        ...

    def add_categories(self, categories: Iterable[str], at: datetime, entry: str) -> None: ...


class CatalogueUnit(Unit, Protocol):
    """A unit of work that knows the organisations."""

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def register(self) -> Register: ...
