"""A consent as filed, who is asked under it, and the links they follow."""

from dataclasses import dataclass
from datetime import date, datetime

from consent_service.domain.kernel.facts import Role


@dataclass(frozen=True)
class Signatory:
    """A person asked under one consent."""

    id: str
    consent: str
    person: str
    role: Role


CONSENT_REQUESTED = "consent_requested"
LINK_ISSUED = "link_issued"
LINK_OPENED = "link_opened"
"""The types of the entries that vouch for a consent as filed, and for a link and its first use."""

SIGNATORIES = "signatories"
"""The member of an entry's body that names whom the act filed as signatories."""


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
