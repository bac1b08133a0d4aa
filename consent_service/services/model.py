"""The values that services exchange with the edge and with storage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from consent_service.domain.kernel.assurance import Minimum
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import Role


@dataclass(frozen=True)
class Employee:
    """The employee behind a municipal system: named in the log, withheld from the family."""

    id: str
    name: str


@dataclass(frozen=True)
class Caller:
    """The system that is calling, as its token proves: its organisation and its client id.

    `issuer` is who vouches for it; empty: this service itself.
    """

    organisation: str
    client: str
    scopes: frozenset[str] = field(default_factory=frozenset)
    issuer: str = ""


@dataclass(frozen=True)
class Organisation:
    """A party as a consent form names it."""

    id: str
    name: str
    kind: str
    descriptions: Mapping[str, str]
    contact: Mapping[str, str | None]
    identifiers: Mapping[str, str]


@dataclass(frozen=True)
class TemplateVersion:
    """One immutable version of a template; `content` is what its SHA-256 covers."""

    organisation: str
    id: str
    version: int
    content: Mapping[str, Any]
    sha256: str
    published_at: datetime

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


@dataclass(frozen=True)
class PersonDetails:
    """What one controller knows about a person: encrypted at rest, the birth date a child's."""

    cpr: CprNumber
    name: str
    birth_date: date | None
    email: str | None
    phone: str | None
    language: str
    name_protected: bool


@dataclass(frozen=True)
class ChildRef:
    """A child in the deployment: its opaque id, and the number that finds it again."""

    id: str
    cpr: CprNumber


@dataclass(frozen=True)
class Signatory:
    """A person asked under one consent."""

    id: str
    consent: str
    person: str
    role: Role


@dataclass(frozen=True)
class ConsentFile:
    """A consent as filed: what never changes. Its state is derived (`domain.consents.state`)."""

    id: str
    controller: str
    child: str
    template: str
    template_version: int
    case_reference: str
    deadline: date
    created_at: datetime
    terms_sha256: str
    terms: bytes


@dataclass(frozen=True)
class Link:
    """A signing link: found by its token's hash, good until replaced."""

    token_hash: bytes
    signatory: str
    created_at: datetime
    opened_at: datetime | None
    replaced_at: datetime | None


@dataclass(frozen=True)
class SigningSession:
    """A browser that followed a link; `content` is what its login has come to, opened."""

    link: Link
    created_at: datetime
    content: bytes | None


@dataclass(frozen=True)
class FiledStatement:
    """A sealed statement with its evidence, from the controller's evidence file."""

    sha256: str
    consent: str
    signatory: str
    entry: str
    seal: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Search:
    """What an entry is found by; each is compared with the body when the log is verified.

    Storage keeps the child's number and the employee's id as keyed hashes only.
    """

    type: str
    controller: str
    organisation: str
    recipient: str | None = None
    outcome: str | None = None
    consent: str | None = None
    about: str | None = None
    cpr: str | None = None
    employee: str | None = None


@dataclass(frozen=True)
class LoggedEntry:
    """An entry of the log, opened; `child` is the id of the child whose key sealed it."""

    id: str
    time: datetime
    controller: str
    child: str | None
    header: bytes
    promise: str
    body: Mapping[str, Any]
    body_bytes: bytes
    salt: bytes


@dataclass(frozen=True)
class EntryFilter:
    """Which entries a reader asks for; None means any.

    `viewer` is the reader's organisation: it sees what it controls and what it did itself, with
    `as_party` also what it received. `before` is an entry id that all found ones precede.
    """

    viewer: str
    as_party: bool = False
    before: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    type: str | None = None
    organisation: str | None = None
    outcome: str | None = None
    consent: str | None = None
    about: str | None = None
    child: CprNumber | None = None
    employee: str | None = None
