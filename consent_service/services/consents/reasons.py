"""A reason why a consent does not permit, as callers see it."""

from consent_service.domain.consents.state import Reason


def reason_json(reason: Reason) -> dict[str, str]:
    """A reason as callers see it: a code and by role whose signature, never a name."""
    members = {
        "code": reason.code.value,
        "role": reason.role.value if reason.role else None,
        "party": reason.party,
        "category": reason.category,
    }
    return {name: value for name, value in members.items() if value is not None}
