"""One act of one signer: a grant, a decline or a withdrawal, and the evidence of who it was.

A statement says that the service saw an authenticated person do this. No key of that
person is involved; the organisation seals it. The person is named by signatory id, role
and a commitment, never by CPR number.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self, get_args

from consent_service.errors import ConsentServiceError
from consent_service.signing.canonical import (
    canonical_json,
    instant_text,
)
from consent_service.signing.members import Members

Decision = Literal["grant", "decline", "withdraw", "lift"]

SALT_BYTES = 32
_CPR_SIGNS = 10

_STATEMENT = (
    "v", "terms_sha256", "consent", "signatory", "role", "person_commitment", "decision",
    "scope", "language", "text_sha256", "time", "identity",
)  # fmt: skip
_IDENTITY = ("issuer", "subject", "loa", "time", "id_token_sha256")
_PAPER = ("id", "sha256")

ON_PAPER = "paper"
"""The level of assurance of an act on paper: an employee looked, no login was seen."""


class InvalidStatement(ConsentServiceError):
    """The bytes are not a statement of the one form there is, or its parts contradict."""

    code = "invalid_statement"


@dataclass(frozen=True)
class Scope:
    """What a narrower grant keeps: ids of parties and slugs of categories, each sorted."""

    parties: tuple[str, ...]
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Paper:
    """The paper somebody signed: our id of it, and the SHA-256 of its scan.

    Where it is filed is the organisation's business: a statement is read by every party.
    """

    id: str
    sha256: str


@dataclass(frozen=True)
class IdentityEvidence:
    """How the signer was identified, and when.

    `loa` is the level of assurance. `id_token_sha256` is None for an act that came on
    paper or orally; then issuer and subject name the organisation that recorded it. `paper`
    is there only for an act on paper, and `time` is then 00:00 of the day it was signed.
    """

    issuer: str
    subject: str = field(repr=False)
    loa: str
    time: datetime
    id_token_sha256: str | None
    paper: Paper | None = None


@dataclass(frozen=True)
class Statement:
    """One act. `time` is UTC; `scope` None means all that was asked.

    `language` and `text_sha256` are of the text as shown, and both None only where no text
    was shown: on paper or orally, never after a login. Only a grant keeps a scope. Raises
    InvalidStatement.

    Evolution rule: bytes once sealed are never read in another way. Version 1 has no paper;
    version 2 is the same with one, so that a reader of version 1 alone refuses it.
    """

    terms_sha256: str
    consent: str
    signatory: str
    role: str
    person_commitment: str
    decision: Decision
    scope: Scope | None
    language: str | None
    text_sha256: str | None
    time: datetime
    identity: IdentityEvidence

    def __post_init__(self) -> None:
        if self.scope is not None and self.decision != "grant":
            raise InvalidStatement("only a grant keeps a scope")
        if (self.language is None) != (self.text_sha256 is None):
            raise InvalidStatement("a text shown has a language and a hash")
        if self.text_sha256 is None and self.identity.id_token_sha256 is not None:
            raise InvalidStatement("after a login a text was shown")
        self._check_paper()

    def _check_paper(self) -> None:
        if (self.identity.paper is None) != (self.identity.loa != ON_PAPER):
            raise InvalidStatement("an act on paper, and only that, has a paper")
        if self.identity.paper is None:
            return
        if self.text_sha256 is not None:
            raise InvalidStatement("an act on paper was not shown a text here")
        if self.identity.time > self.time:
            raise InvalidStatement("a paper is signed before it is recorded")

    def to_bytes(self) -> bytes:
        """The canonical JSON that is sealed. Raises InvalidStatement for a wrong value."""
        data = canonical_json(self._as_json())
        # The one place that knows the form of each member is the reader.
        if Statement.from_bytes(data) != self:
            raise InvalidStatement("not what its own bytes say")
        return data

    def _as_json(self) -> dict[str, Any]:
        scope = self.scope
        return {
            "v": 1 if self.identity.paper is None else 2,
            "terms_sha256": self.terms_sha256,
            "consent": self.consent,
            "signatory": self.signatory,
            "role": self.role,
            "person_commitment": self.person_commitment,
            "decision": self.decision,
            "scope": scope and {"parties": scope.parties, "categories": scope.categories},
            "language": self.language,
            "text_sha256": self.text_sha256,
            "time": instant_text(self.time),
            "identity": _identity_json(self.identity),
        }

    @property
    def sha256_hex(self) -> str:
        """The SHA-256 of the canonical JSON, in hexadecimal: what the log entry names."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote and nothing else. Raises InvalidStatement."""
        members = Members.from_canonical(data, _STATEMENT, refusal=InvalidStatement)
        version = members.one_of("v", (1, 2))
        return cls(
            terms_sha256=members.sha256("terms_sha256"),
            consent=members.text("consent"),
            signatory=members.text("signatory"),
            role=members.text("role"),
            person_commitment=members.sha256("person_commitment"),
            decision=members.one_of("decision", get_args(Decision)),
            scope=_scope(members.raw("scope")),
            language=members.optional("language", members.text),
            text_sha256=members.optional("text_sha256", members.sha256),
            time=members.instant("time"),
            identity=_identity(members.raw("identity"), on_paper=version == 2),
        )


def person_commitment(salt: bytes, cpr: str) -> str:
    """HMAC-SHA-256(salt, CPR number) in hexadecimal.

    `cpr` is the stored form: ten characters without hyphen. The salt has 32 random bytes;
    without it the few CPR numbers there are could all be tried. Raises InvalidStatement.
    """
    if len(salt) != SALT_BYTES:
        raise InvalidStatement("a salt has 32 bytes")
    if len(cpr) != _CPR_SIGNS or not cpr.isascii():
        raise InvalidStatement("not the stored form of a CPR number")
    return hmac.digest(salt, cpr.encode("ascii"), "sha256").hex()


def _scope(value: Any) -> Scope | None:
    if value is None:
        return None
    members = Members(value, ("parties", "categories"), refusal=InvalidStatement)
    return Scope(members.slugs("parties"), members.slugs("categories"))


def _identity_json(identity: IdentityEvidence) -> dict[str, Any]:
    paper = identity.paper
    shown: dict[str, Any] = {
        "issuer": identity.issuer,
        "subject": identity.subject,
        "loa": identity.loa,
        "time": instant_text(identity.time),
        "id_token_sha256": identity.id_token_sha256,
    }
    if paper is not None:
        shown["paper"] = {"id": paper.id, "sha256": paper.sha256}
    return shown


def _identity(value: Any, *, on_paper: bool) -> IdentityEvidence:
    expected = (*_IDENTITY, "paper") if on_paper else _IDENTITY
    members = Members(value, expected, refusal=InvalidStatement)
    return IdentityEvidence(
        issuer=members.text("issuer"),
        subject=members.text("subject"),
        loa=members.text("loa"),
        time=members.instant("time"),
        id_token_sha256=members.optional("id_token_sha256", members.sha256),
        paper=_paper(members.raw("paper")) if on_paper else None,
    )


def _paper(value: Any) -> Paper:
    members = Members(value, _PAPER, refusal=InvalidStatement)
    return Paper(members.text("id"), members.sha256("sha256"))
