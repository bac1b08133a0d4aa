"""What is known of a child and of the people around it."""

from dataclasses import dataclass
from datetime import date

from consent_service.domain.kernel.cpr import CprNumber


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
