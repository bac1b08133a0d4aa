"""Change what an organisation of the deployment wants."""

from dataclasses import replace

from consent_service.errors import NotFound, Unavailable
from consent_service.services.catalogue.model import (
    ORGANISATION_CHANGED,
    Confirmation,
    Organisation,
)
from consent_service.services.catalogue.ports import CatalogueUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller


def set_confirmation(
    uow: CatalogueUnit,
    context: Context,
    caller: Caller,
    organisation: str,
    confirmation: Confirmation,
) -> Organisation:
    """Say how an organisation's records are confirmed; saying it again changes nothing.

    It holds for whatever is confirmed after the answer. Raises NotFound, and Unavailable when
    the clock is behind the change before.
    """
    held = uow.catalogue.hold_organisation(organisation)
    if held is None:
        raise NotFound("There is no such organisation.")
    if held.confirmation == confirmation:
        return held
    now, changed = context.clock(), replace(held, confirmation=confirmation)
    # The entries of one organisation are in the order of their times: the newest is what holds.
    if not uow.catalogue.change_organisation(changed, now):
        raise Unavailable("clock_behind", "The clock is behind what has been recorded.")
    details = {"confirmation": confirmation}
    event = Event.by(caller, ORGANISATION_CHANGED, organisation, details=details)
    context.journal.write(uow, event, now)
    return changed
