"""The terms: what every signer of one consent is asked to agree to, in one canonical text.

They are a snapshot. Names and descriptions stay as they stood when the family was asked,
whatever an organisation is called later.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any, Self

from consent_service.errors import ConsentServiceError
from consent_service.signing.canonical import canonical_json
from consent_service.signing.members import Members

_TERMS = (
    "v", "consent", "controller", "parties", "child", "purpose", "categories",
    "signer_rule", "max_validity", "template",
)  # fmt: skip


class InvalidTerms(ConsentServiceError):
    """The bytes are not terms of the one form there is."""

    code = "invalid_terms"


@dataclass(frozen=True)
class NamedController:
    """The organisation that asked, as named to the family."""

    id: str
    name: str


@dataclass(frozen=True)
class NamedParty:
    """An organisation that may exchange; `descriptions` maps a language to its words."""

    id: str
    name: str
    descriptions: Mapping[str, str]


@dataclass(frozen=True)
class NamedChild:
    """The child: its CPR or replacement number in the stored form, name and birth date."""

    cpr: str = field(repr=False)
    name: str = field(repr=False)
    birth_date: date = field(repr=False)


@dataclass(frozen=True)
class TemplateVersion:
    """The template; `sha256` is over all its languages."""

    id: str
    version: int
    sha256: str


@dataclass(frozen=True)
class Terms:
    """What is agreed to. `categories` and the ids of `parties` are sorted and distinct.

    `max_validity` is an ISO 8601 period such as `P1Y`. Raises InvalidTerms.
    """

    consent: str
    controller: NamedController
    parties: tuple[NamedParty, ...]
    child: NamedChild
    purpose: str
    categories: tuple[str, ...]
    signer_rule: str
    max_validity: str
    template: TemplateVersion

    def __post_init__(self) -> None:
        if not self.categories or not self.parties:
            raise InvalidTerms("terms name at least one party and one category")
        if not _is_ascending(self.categories):
            raise InvalidTerms("categories are not sorted, or repeat themselves")
        if not _is_ascending(party.id for party in self.parties):
            raise InvalidTerms("parties are not sorted by id, or repeat themselves")

    def to_bytes(self) -> bytes:
        """The canonical JSON that is hashed into every statement."""
        return canonical_json(
            {
                "v": 1,
                "consent": self.consent,
                "controller": {"id": self.controller.id, "name": self.controller.name},
                "parties": [
                    {"id": one.id, "name": one.name, "descriptions": dict(one.descriptions)}
                    for one in self.parties
                ],
                "child": {
                    "cpr": self.child.cpr,
                    "name": self.child.name,
                    "birth_date": self.child.birth_date.isoformat(),
                },
                "purpose": self.purpose,
                "categories": list(self.categories),
                "signer_rule": self.signer_rule,
                "max_validity": self.max_validity,
                "template": {
                    "id": self.template.id,
                    "version": self.template.version,
                    "sha256": self.template.sha256,
                },
            }
        )

    @property
    def sha256_hex(self) -> str:
        """The SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote and nothing else. Raises InvalidTerms."""
        members = Members.from_canonical(data, _TERMS, refusal=InvalidTerms)
        members.one_of("v", (1,))
        return cls(
            consent=members.text("consent"),
            controller=_controller(members.raw("controller")),
            parties=tuple(_party(one) for one in members.items("parties")),
            child=_child(members.raw("child")),
            purpose=members.text("purpose"),
            categories=members.slugs("categories"),
            signer_rule=members.text("signer_rule"),
            max_validity=members.text("max_validity"),
            template=_template(members.raw("template")),
        )


def _controller(value: Any) -> NamedController:
    members = Members(value, ("id", "name"), refusal=InvalidTerms)
    return NamedController(members.text("id"), members.text("name"))


def _party(value: Any) -> NamedParty:
    members = Members(value, ("id", "name", "descriptions"), refusal=InvalidTerms)
    descriptions = members.raw("descriptions")
    if not isinstance(descriptions, dict) or not all(
        isinstance(words, str) for words in descriptions.values()
    ):
        raise InvalidTerms("descriptions are not one text for each language")
    return NamedParty(members.text("id"), members.text("name"), descriptions)


def _child(value: Any) -> NamedChild:
    members = Members(value, ("cpr", "name", "birth_date"), refusal=InvalidTerms)
    text = members.text("birth_date")
    try:
        birth_date = date.fromisoformat(text)
    except ValueError:
        raise InvalidTerms("birth_date is not a date") from None
    if birth_date.isoformat() != text:
        raise InvalidTerms("birth_date is not written YYYY-MM-DD")
    return NamedChild(members.text("cpr"), members.text("name"), birth_date)


def _template(value: Any) -> TemplateVersion:
    members = Members(value, ("id", "version", "sha256"), refusal=InvalidTerms)
    return TemplateVersion(members.text("id"), members.integer("version"), members.sha256("sha256"))


def _is_ascending(texts: Iterable[str]) -> bool:
    return all(earlier < later for earlier, later in pairwise(texts))
