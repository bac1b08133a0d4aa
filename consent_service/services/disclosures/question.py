"""What somebody wants to pass on, about whom and to whom, and by what right (R5, R6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from consent_service.domain.disclosures.objections import Transfer
from consent_service.services.kernel.model import Employee


@dataclass(frozen=True)
class Question:
    """What somebody wants to pass on, about whom, from whom to whom, and what for."""

    cpr: str
    sender: str
    recipient: str
    purpose: str
    categories: tuple[str, ...]

    def transfer(self) -> Transfer:
        """The question without the child."""
        return Transfer(self.sender, self.recipient, self.purpose, frozenset(self.categories))


@dataclass(frozen=True)
class LegalBasis:
    """By what right: consent, or another basis with its provision and justification (R6)."""

    type: str
    provision: str | None = None
    justification: str | None = None
    visible_from: date | None = None
    postponed_because: str | None = None

    @property
    def is_consent(self) -> bool:
        """Whether the family's consent is what permits."""
        return self.type == "consent"

    def as_json(self) -> dict[str, Any]:
        """The basis as the log keeps it."""
        if self.is_consent:
            return {"type": self.type}
        basis: dict[str, Any] = {
            "type": self.type,
            "provision": self.provision or "",
            "justification": self.justification or "",
        }
        if self.visible_from is not None:
            basis["family_visibility"] = {
                "from": self.visible_from.isoformat(),
                "reason": self.postponed_because or "",
            }
        return basis


@dataclass(frozen=True)
class Disclosure:
    """A disclosure about to be made by the caller's organisation."""

    question: Question
    legal_basis: LegalBasis
    channel: str
    document: Mapping[str, Any] | None
    performed_by: Employee
