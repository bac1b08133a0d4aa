"""The catalogue's values: organisations, purposes, categories, and templates version by version."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from consent_service.domain.kernel.assurance import Minimum

Confirmation = Literal["any", "login"]
"""How what one employee recorded is confirmed: by a client as well, or only by another login."""


@dataclass(frozen=True)
class Organisation:
    """A party as a consent form names it."""

    id: str
    name: str
    kind: str
    descriptions: Mapping[str, str]
    contact: Mapping[str, str | None]
    identifiers: Mapping[str, str]
    confirmation: Confirmation = "any"

    def as_registered(self) -> dict[str, Any]:
        """What the entry of its registration says of it: everything."""
        return {
            "name": self.name,
            "kind": self.kind,
            "descriptions": dict(self.descriptions),
            "contact": dict(self.contact),
            "identifiers": dict(self.identifiers),
            "confirmation": self.confirmation,
        }


ORGANISATION_REGISTERED = "organisation_registered"
ORGANISATION_CHANGED = "organisation_changed"
"""The types of the entries that vouch for an organisation."""


@dataclass(frozen=True)
class TemplateVersion:
    """One immutable version of a template; `content` is what its SHA-256 covers."""

    organisation: str
    id: str
    version: int
    content: Mapping[str, Any]
    sha256: str
    published_at: datetime

    def as_published(self) -> Mapping[str, Any]:
        """What the entry that vouches for it says of it."""
        return {"template": self.id, "version": self.version, "sha256": self.sha256}

    @property
    def languages(self) -> frozenset[str]:
        """The languages it can be read in."""
        return frozenset(self.content["texts"])

    @property
    def text_bound_login(self) -> bool:
        """Whether each answer needs a login of its own, in which MitID shows what is answered."""
        return bool(self.content.get("text_bound_login", False))

    @property
    def minimum_assurance(self) -> Minimum:
        """The least level of assurance of a signer's login."""
        return "high" if self.content.get("minimum_assurance") == "high" else "substantial"


TEMPLATE_PUBLISHED = "template_published"
"""The type of the entry that vouches for a template version."""

PURPOSE_REGISTERED = "purpose_registered"
OVERLAP_REGISTERED = "purpose_overlap_registered"
CATEGORIES_REGISTERED = "categories_registered"
"""The types of the entries that vouch for the register."""


@dataclass(frozen=True)
class Purpose:
    """A purpose of the operator's register, and those it overlaps by now (R5g)."""

    id: str
    registered_at: datetime
    overlaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Category:
    """A category of the operator's register."""

    id: str
    registered_at: datetime
