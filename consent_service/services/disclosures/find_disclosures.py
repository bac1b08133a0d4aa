"""Disclosures as those who took part may see them, and as the family may (R6, R11)."""

from datetime import date, datetime
from typing import Any

from consent_service.domain.kernel.calendar import local_instant
from consent_service.errors import NotFound
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller
from consent_service.services.log.model import EntryFilter, LoggedEntry
from consent_service.services.log.read_log import log_look


def family_disclosures(uow: ConsentsUnit, child: str, now: datetime) -> list[dict[str, Any]]:
    """Every disclosure about a child that its family may see now, oldest first.

    Denied ones are shown as such; those whose showing was postponed are left out until their
    date (R6). Employees are not named.
    """
    shown = []
    for entry in uow.log.about_child(child, controller=None, types=("disclosure",)):
        body = entry.body
        visible = body["legal_basis"].get("family_visibility")
        if visible and now < local_instant(date.fromisoformat(visible["from"])):
            continue
        shown.append(
            {
                "time": entry.time,
                "sender": body["organisation"],
                "recipient": body["recipient"],
                "purpose": body["purpose"],
                "categories": body["categories"],
                "outcome": body["outcome"],
                "legal_basis": body["legal_basis"]["type"],
                "provision": body["legal_basis"].get("provision"),
            }
        )
    return shown


def visible_disclosures(
    uow: ConsentsUnit, context: Context, caller: Caller, *, after: str | None, limit: int
) -> tuple[list[LoggedEntry], str | None]:
    """Disclosures the caller sent, received, or controls the consent of, oldest first; logged."""
    search = EntryFilter(viewer=caller.organisation, type="disclosure", as_party=True)
    found = uow.log.find(search, after=after, limit=limit + 1)
    page = list(found[:limit])
    log_look(uow, context, caller, page, "disclosures")
    return page, page[-1].id if len(found) > limit else None


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
