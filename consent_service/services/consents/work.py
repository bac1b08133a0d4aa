"""What an organisation's caseworkers have to do: so far, to look custody up again (R5e).

It is derived: an entry of the organisation's own log says that a look-up is due, and it is done
when the organisation has recorded one since. Nothing in it names another consent, controller or
person, and it does not change by what others do meanwhile.
"""

from datetime import datetime

from consent_service.domain.consents.lookups import is_looked_up_since
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller, ChildRef
from consent_service.services.log.model import CUSTODY_TO_CHECK, LoggedEntry


def note_custody_to_check(
    uow: ConsentsUnit, context: Context, organisation: str, child: ChildRef, now: datetime
) -> None:
    """Ask an organisation to look custody up again, unless it is asked already.

    It has facts about the child; the entry stands under the newest of its consents.
    """
    history = uow.children.snapshot(child.id).history
    own = [r.consent for r in history.requests if r.controller == organisation]
    asked = uow.log.last_custody_to_check(organisation, child.id)
    is_asked = asked is not None and not is_looked_up_since(history, organisation, asked.time)
    if not own or is_asked:
        return
    event = Event(CUSTODY_TO_CHECK, organisation, organisation, child=child, consent=own[-1])
    context.journal.write(uow, event, now)


def list_work(
    uow: ConsentsUnit, context: Context, caller: Caller, *, after: str | None, limit: int
) -> tuple[list[dict[str, str]], str | None]:
    """A page of what is to be done, oldest first, without names; logged.

    What is done already is left out, so that a page can be short, or empty, with more to come.
    """
    found = uow.log.custody_to_check(caller.organisation, after=after, limit=limit + 1)
    page = found[:limit]
    items: list[dict[str, str]] = []
    for asked in page:
        item = _open_item(uow, caller, asked)
        if item is not None and item not in items:
            items.append(item)
    details = {"view": "work", "count": len(items)}
    event = Event.by(caller, "consents_listed", caller.organisation, details=details)
    context.journal.write(uow, event, context.clock())
    return items, page[-1].id if len(found) > limit else None


def _open_item(uow: ConsentsUnit, caller: Caller, asked: LoggedEntry) -> dict[str, str] | None:
    """One thing to do, about the newest consent as of now; None where it is done."""
    if asked.child is None:
        return None
    history = uow.children.snapshot(asked.child).history
    own = [r.consent for r in history.requests if r.controller == caller.organisation]
    if not own or is_looked_up_since(history, caller.organisation, asked.time):
        return None
    file = uow.consents.controlled(own[-1], caller.organisation)
    if file is None:
        return None
    return {"kind": CUSTODY_TO_CHECK, "consent": file.id, "case_reference": file.case_reference}
