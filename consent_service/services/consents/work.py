"""What an organisation's caseworkers have to do.

- To look custody up again (R5e): an entry of the organisation's own log says that it is due, and it
  is done when the organisation has recorded a look-up since.
- After a restore, to confirm that its own records of a child agree.

Both are derived. Nothing in the list names another consent, controller or person, and it does not
change by what others do meanwhile.
"""

from collections.abc import Iterator
from datetime import datetime

from consent_service.domain.consents.lookups import is_looked_up_since
from consent_service.services.consents.model import ConsentFile
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller, ChildRef
from consent_service.services.log.model import CUSTODY_TO_CHECK, LoggedEntry

RECONFIRMATION = "reconfirmation"
"""The kind of work that a restore leaves."""


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
    found = sorted(_due(uow, context, caller, after, limit + 1), key=lambda due: due.id)
    page = found[:limit]
    items: list[dict[str, str]] = []
    for due in page:
        item = (
            _item(RECONFIRMATION, due)
            if isinstance(due, ConsentFile)
            else _open_item(uow, caller, due)
        )
        if item is not None and item not in items:
            items.append(item)
    details = {"view": "work", "count": len(items)}
    event = Event.by(caller, "consents_listed", caller.organisation, details=details)
    context.journal.write(uow, event, context.clock())
    return items, page[-1].id if len(found) > limit else None


def _due(
    uow: ConsentsUnit, context: Context, caller: Caller, after: str | None, limit: int
) -> Iterator[LoggedEntry | ConsentFile]:
    """So many of each kind: the entries that ask for custody, and the consents to reconfirm on."""
    own = caller.organisation
    yield from uow.log.custody_to_check(own, after=after, limit=limit)
    since = max((one for one in uow.children.restores if one <= context.clock()), default=None)
    if since is not None:
        yield from uow.consents.to_reconfirm(own, since, after=after, limit=limit)


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
    return _item(CUSTODY_TO_CHECK, file)


def _item(kind: str, file: ConsentFile) -> dict[str, str]:
    return {"kind": kind, "consent": file.id, "case_reference": file.case_reference}
