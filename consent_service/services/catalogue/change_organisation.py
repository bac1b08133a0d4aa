"""Change what is said of an organisation of the deployment, and what it wants."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

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
    changed = replace(held, confirmation=confirmation)
    _change(uow, context, caller, changed, {"confirmation": confirmation})
    return changed


def change_organisation(
    uow: CatalogueUnit, context: Context, caller: Caller, wanted: Organisation
) -> bool:
    """Say of an organisation what is wanted; False, and nothing written, where that is so already.

    The entry has what is changed. Its id and kind stay. Raises NotFound, and Unavailable when the
    clock is behind the change before.
    """
    held = uow.catalogue.hold_organisation(wanted.id)
    if held is None:
        raise NotFound("There is no such organisation.")
    before, after = held.as_registered(), replace(wanted, kind=held.kind).as_registered()
    details = {name: value for name, value in after.items() if before[name] != value}
    if details:
        _change(uow, context, caller, replace(wanted, kind=held.kind), details)
    return bool(details)


def _change(
    uow: CatalogueUnit,
    context: Context,
    caller: Caller,
    changed: Organisation,
    details: Mapping[str, Any],
) -> None:
    now = context.clock()
    # The entries of one organisation are in the order of their times: the newest is what holds.
    if not uow.catalogue.change_organisation(changed, now):
        raise Unavailable("clock_behind", "The clock is behind what has been recorded.")
    event = Event.by(caller, ORGANISATION_CHANGED, changed.id, details=details)
    context.journal.write(uow, event, now)
