"""The operator's register of purposes and categories grows (R5g).

What was registered stays: a template names it for ever, and an overlap that ended would turn a no
into a yes. Two purposes may be found to overlap later; from then on they do.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from consent_service.audit.entry import Entry
from consent_service.errors import Conflict, NotFound
from consent_service.services.catalogue.model import (
    CATEGORIES_REGISTERED,
    OVERLAP_REGISTERED,
    PURPOSE_REGISTERED,
)
from consent_service.services.catalogue.ports import CatalogueUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller


def register_purpose(
    uow: CatalogueUnit,
    context: Context,
    caller: Caller,
    organisation: str,
    purpose: str,
    overlaps: Sequence[str] = (),
) -> None:
    """Register a purpose, and those registered before that it overlaps from now on.

    `organisation` is whose log says so. Raises NotFound for an organisation or an overlapped
    purpose that is not registered, and Conflict for a purpose that is.
    """
    known = {one.id for one in uow.register.purposes()}
    if purpose in known:
        raise Conflict("already_exists", f"The purpose {purpose} is registered already.")
    named = sorted(set(overlaps))
    _check_registered(named, known)
    details = {"purpose": purpose, "overlaps": named}
    entry = _log(uow, context, caller, organisation, PURPOSE_REGISTERED, details)
    uow.register.add_purpose(purpose, entry.time, entry.id)
    for other in named:
        uow.register.add_overlap(purpose, other, entry.time, entry.id)


def register_overlap(
    uow: CatalogueUnit, context: Context, caller: Caller, organisation: str, one: str, other: str
) -> None:
    """Two purposes that were registered apart overlap from now on.

    Raises NotFound as `register_purpose` does, and Conflict where they overlap already.
    """
    known = {purpose.id: purpose for purpose in uow.register.purposes()}
    _check_registered((one, other), known.keys())
    if one == other or other in known[one].overlaps:
        raise Conflict("already_exists", f"The purposes {one} and {other} overlap already.")
    details = {"purposes": sorted((one, other))}
    entry = _log(uow, context, caller, organisation, OVERLAP_REGISTERED, details)
    uow.register.add_overlap(one, other, entry.time, entry.id)


def register_categories(
    uow: CatalogueUnit,
    context: Context,
    caller: Caller,
    organisation: str,
    categories: Iterable[str],
) -> None:
    """Register categories, all of these or none. Raises NotFound and Conflict as above."""
    named = sorted(set(categories))
    if again := {one.id for one in uow.register.categories()}.intersection(named):
        raise Conflict("already_exists", f"Registered already: {', '.join(sorted(again))}.")
    details = {"categories": named}
    entry = _log(uow, context, caller, organisation, CATEGORIES_REGISTERED, details)
    uow.register.add_categories(named, entry.time, entry.id)


def _check_registered(purposes: Iterable[str], known: AbstractSet[str]) -> None:
    if unknown := [purpose for purpose in purposes if purpose not in known]:
        raise NotFound(f"Not registered as a purpose: {', '.join(unknown)}.")


def _log(
    uow: CatalogueUnit,
    context: Context,
    caller: Caller,
    organisation: str,
    type_: str,
    details: dict[str, Any],
) -> Entry:
    """The entry that vouches for what is registered; its time is when that begins to count."""
    if not uow.catalogue.has_organisation(organisation):
        raise NotFound(f"There is no organisation {organisation}.")
    event = Event.by(caller, type_, organisation, details=details)
    return context.journal.write(uow, event, context.clock()).entry
