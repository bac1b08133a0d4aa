"""Whoever holds custody now, or will, is filed under every live consent of the municipality (R10).

Filed is not asked: nobody who holds custody only from a date ahead acts before it (R9).
"""

from collections.abc import Mapping
from datetime import datetime

from consent_service.domain.consents.signers import holders_from
from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.facts import History, Role
from consent_service.services.consents.model import Signatory
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context


def add_newcomers(
    uow: ConsentsUnit, context: Context, history: History, controller: str, now: datetime
) -> None:
    """File whoever holds custody, or will, under each live consent of the controller (R10)."""
    holders = holders_from(history, controller, now)
    for request in history.requests:
        if request.controller == controller and state_at(history, request.consent, now).is_live:
            add_signatories(uow, context, request.consent, holders)


def add_signatories(
    uow: ConsentsUnit, context: Context, consent: str, people: Mapping[str, Role]
) -> None:
    """Make each of these a signatory of a consent, unless they are one."""
    known = {signatory.person for signatory in uow.consents.signatories(consent)}
    for person, role in people.items():
        if person not in known:
            uow.consents.add_signatory(Signatory(context.new_id(), consent, person, role))
