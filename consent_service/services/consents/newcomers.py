"""Whoever holds custody now, or will, is filed under every live consent of the municipality (R10).

Filed is not asked: nobody who holds custody only from a date ahead acts before it (R9).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from consent_service.domain.consents.signers import holders_from
from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.facts import History, Role
from consent_service.services.consents.model import Signatory
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context


def newcomers(
    uow: ConsentsUnit, context: Context, history: History, controller: str, now: datetime
) -> Iterator[Signatory]:
    """Whoever holds custody, or will, and is not filed under a live consent yet (R10)."""
    holders = holders_from(history, controller, now)
    for request in history.requests:
        if request.controller == controller and state_at(history, request.consent, now).is_live:
            yield from new_signatories(uow, context, request.consent, holders)


def new_signatories(
    uow: ConsentsUnit, context: Context, consent: str, people: Mapping[str, Role]
) -> Iterator[Signatory]:
    """Each of these who is no signatory of a consent yet, as one."""
    known = {signatory.person for signatory in uow.consents.signatories(consent)}
    for person, role in people.items():
        if person not in known:
            yield Signatory(context.new_id(), consent, person, role)


def signatories_json(added: Sequence[Signatory]) -> list[dict[str, str]]:
    """How the entry of the act vouches for whom it files."""
    return [
        {"id": one.id, "consent": one.consent, "person": one.person, "role": one.role.value}
        for one in added
    ]
