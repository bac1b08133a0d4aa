"""A page of the consents a caller may know of: derived states, and no names."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from consent_service.domain.consents.state import ConsentState, state_at
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import History
from consent_service.errors import NotFound
from consent_service.services.children.acts import moment_after
from consent_service.services.consents.find_consent import NOBODY
from consent_service.services.consents.model import ConsentFile
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.consents.view_consent import controller_view, party_view
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller

MOST_WALKED = 250
"""Files looked at for one page, give or take a page: what is derived is derived for each."""

_READ_AT_LEAST = 50


@dataclass(frozen=True)
class ConsentFilter:
    """Which consents to list; None means any. Its controller alone filters by its own members."""

    child: CprNumber | None = None
    case_reference: str | None = None
    deadline_before: date | None = None
    status: str | None = None
    expires_before: datetime | None = None

    def fits_file(self, file: ConsentFile, viewer: str) -> bool:
        """Whether a file may be what is asked for; a deadline is its controller's own."""
        if self.deadline_before is None:
            return True
        return file.controller == viewer and file.deadline < self.deadline_before

    def fits(self, state: ConsentState) -> bool:
        """Whether a derived state is asked for."""
        if self.status is not None and state.status.value != self.status:
            return False
        if self.expires_before is None:
            return True
        return state.expires_at is not None and state.expires_at < self.expires_before


def list_consents(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    wanted: ConsentFilter,
    *,
    after: str | None,
    limit: int,
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the consents the caller may know of, oldest first, without names; logged once.

    A status is derived, so a page is found by walking the files and keeping what fits. No page
    walks more than MOST_WALKED of them: one may be short or empty, with others to follow. All
    about one child are walked at once, for those are few (`domain.kernel.limits`), and a page that
    ended among them would tell of consents that the caller may not know of.
    """
    items: list[dict[str, Any]] = []
    child = _child_asked_about(uow, wanted.child)
    histories: dict[str, History] = {}
    if child is not None:
        # Read whatever is found: a consent that never covered the caller costs it nothing more.
        with suppress(NotFound):
            histories[child] = uow.children.snapshot(child).history
    cursor, more, walked = after, True, 0
    at_once = max(limit + 1, _READ_AT_LEAST)
    while more and len(items) <= limit and (child is not None or walked < MOST_WALKED):
        files = uow.consents.page(
            caller.organisation,
            after=cursor,
            limit=at_once,
            child=child,
            case_reference=wanted.case_reference,
        )
        more, walked = len(files) == at_once, walked + len(files)
        for file in files:
            cursor = file.id
            if not wanted.fits_file(file, caller.organisation):
                continue
            if file.child not in histories:
                histories[file.child] = uow.children.snapshot(file.child).history
            item = _listed(uow, context, caller, file, histories[file.child], wanted)
            if item is not None:
                items.append(item)
    page = items[:limit]
    event = Event.by(caller, "consents_listed", caller.organisation, details={"count": len(page)})
    context.journal.write(uow, event, context.clock())
    if len(items) > limit:
        return page, page[-1]["id"]
    return page, cursor if more else None


def _child_asked_about(uow: ConsentsUnit, cpr: CprNumber | None) -> str | None:
    if cpr is None:
        return None
    found = uow.children.find(cpr)
    return found.id if found else NOBODY


def _listed(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    file: ConsentFile,
    history: History,
    wanted: ConsentFilter,
) -> dict[str, Any] | None:
    now = moment_after(history, context.clock())
    state = state_at(history, file.id, now)
    if not wanted.fits(state):
        return None
    if caller.organisation == file.controller:
        return controller_view(uow, file, history, state, now, names=False)
    if caller.organisation not in state.covered:
        return None
    view = party_view(file, history, state)
    view.pop("terms")
    return view
