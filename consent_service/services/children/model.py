"""What is known of a child and of the people around it."""

import hashlib
from dataclasses import dataclass
from datetime import date

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.signing.canonical import canonical_json


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

    def to_bytes(self) -> bytes:
        """What is encrypted: canonical JSON."""
        return canonical_json(
            {
                "cpr": self.cpr.value,
                "name": self.name,
                "birth_date": self.birth_date.isoformat() if self.birth_date else None,
                "email": self.email,
                "phone": self.phone,
                "language": self.language,
                "name_protected": self.name_protected,
            }
        )


def details_sha256(details: bytes) -> str:
    """By what an entry vouches for somebody's details, in the form of `PersonDetails.to_bytes`."""
    return hashlib.sha256(details).hexdigest()


PEOPLE = "people"
"""The member of an entry's body: each person whose details it filed, with that SHA-256."""
