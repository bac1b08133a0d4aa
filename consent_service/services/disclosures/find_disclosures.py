"""Disclosures as the organisations that took part may see them."""

from collections.abc import Sequence

from consent_service.errors import NotFound
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller
from consent_service.services.log.model import EntryFilter, LoggedEntry
from consent_service.services.log.read_log import log_look


def visible_disclosures(
    uow: ConsentsUnit, context: Context, caller: Caller, *, after: str | None, limit: int
) -> tuple[Sequence[LoggedEntry], str | None]:
    """Disclosures the caller sent, received, or controls the consent of, oldest first; logged.

    A page can be short, or empty, with more to come.
    """
    search = EntryFilter(viewer=caller.organisation, type="disclosure", as_party=True)
    page, last = uow.log.page(search, after=after, limit=limit)
    log_look(uow, context, caller, page, "disclosures")
    return page, last


def visible_disclosure(
    uow: ConsentsUnit, context: Context, caller: Caller, entry: str
) -> LoggedEntry:
    """One disclosure, to its sender, recipient or controller; logged. Raises NotFound."""
    found = find_disclosure(uow, caller, entry)
    log_look(uow, context, caller, [found], "disclosure")
    return found


def find_disclosure(uow: ConsentsUnit, caller: Caller, entry: str) -> LoggedEntry:
    """One disclosure, as the caller may see it. Raises NotFound."""
    search = EntryFilter(viewer=caller.organisation, type="disclosure", as_party=True)
    found = uow.log.get(entry, search)
    if found is None:
        raise NotFound("There is no such disclosure.")
    return found
