"""Disclosures as those who took part may see them, and as the family may (R6, R11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from consent_service.domain.kernel.calendar import local_instant
from consent_service.errors import NotFound
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller
from consent_service.services.log.model import EntryFilter, LoggedEntry
from consent_service.services.log.read_log import log_look

SHOWN_AT_ONCE = 50
MOST_READ = 200
"""Exchanges read for one page of the family's, give or take a page: some may not be shown yet."""


@dataclass(frozen=True)
class SharedPage:
    """Exchanges, newest first; `older` is an entry that all older ones precede, None: no more."""

    exchanges: Sequence[Mapping[str, Any]]
    older: str | None


def family_disclosures(
    uow: ConsentsUnit, child: str, now: datetime, before: str | None = None
) -> SharedPage:
    """The newest disclosures about a child that its family may see now, or those before an entry.

    Denied ones are shown as such; those whose showing was postponed are left out until their
    date (R6). Employees are not named.
    """
    shown: list[LoggedEntry] = []
    more, read = True, 0
    while more and len(shown) <= SHOWN_AT_ONCE and read < MOST_READ:
        entries = uow.log.newest_about(child, "disclosure", before=before, limit=SHOWN_AT_ONCE + 1)
        more, read = len(entries) > SHOWN_AT_ONCE, read + len(entries)
        shown += [entry for entry in entries if _is_shown(entry, now)]
        before = entries[-1].id if entries else None
    page = shown[:SHOWN_AT_ONCE]
    older = page[-1].id if len(shown) > SHOWN_AT_ONCE else before if more else None
    return SharedPage([_exchange(entry) for entry in page], older)


def _is_shown(entry: LoggedEntry, now: datetime) -> bool:
    visible = entry.body["legal_basis"].get("family_visibility")
    return not visible or now >= local_instant(date.fromisoformat(visible["from"]))


def _exchange(entry: LoggedEntry) -> dict[str, Any]:
    body = entry.body
    return {
        "time": entry.time,
        "sender": body["organisation"],
        "recipient": body["recipient"],
        "purpose": body["purpose"],
        "categories": body["categories"],
        "outcome": body["outcome"],
        "legal_basis": body["legal_basis"]["type"],
        "provision": body["legal_basis"].get("provision"),
    }


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
