"""Read the log as a data-protection officer, a controller or a family may: opened and logged."""

from collections.abc import Sequence

from consent_service.errors import NotFound
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller, ChildRef
from consent_service.services.log.model import EntryFilter, LoggedEntry
from consent_service.services.log.ports import LogUnit


def find_entries(
    uow: LogUnit,
    context: Context,
    caller: Caller,
    search: EntryFilter,
    *,
    after: str | None,
    limit: int,
    view: str = "search",
) -> tuple[Sequence[LoggedEntry], str | None]:
    """A page of the entries where the caller's organisation is controller or actor, oldest first.

    It can be short, or empty, with more to come. Looking writes one entry for each child whose
    entries were shown, and one where none was.
    """
    page, last = uow.log.page(search, after=after, limit=limit)
    log_look(uow, context, caller, page, view)
    return page, last


def get_entry(uow: LogUnit, context: Context, caller: Caller, entry: str) -> LoggedEntry:
    """One entry. Raises NotFound."""
    found = uow.log.get(entry, EntryFilter(viewer=caller.organisation))
    if found is None:
        raise NotFound("There is no such entry.")
    log_look(uow, context, caller, [found], "entry")
    return found


def log_look(
    uow: LogUnit,
    context: Context,
    caller: Caller,
    shown: Sequence[LoggedEntry],
    view: str,
) -> None:
    """Log that entries were shown: one entry for each child, or one that is about none."""
    now = context.clock()
    type_ = "log_exported" if view == "export" else "personal_data_viewed"
    seen: dict[tuple[str, str], int] = {}
    for entry in shown:
        if entry.child is not None:
            key = (entry.controller, entry.child)
            seen[key] = seen.get(key, 0) + 1
    for (controller, child), count in seen.items():
        details = uow.children.child_number(controller, child)
        about = ChildRef(child, details) if details else None
        event = Event.by(
            caller, type_, controller, child=about, details={"view": view, "count": count}
        )
        context.journal.write(uow, event, now)
    if not seen:
        event = Event.by(
            caller, type_, caller.organisation, details={"view": view, "count": len(shown)}
        )
        context.journal.write(uow, event, now)


def all_entries(uow: LogUnit, search: EntryFilter) -> list[LoggedEntry]:
    """Every entry that is asked for, oldest first, page by page."""
    entries: list[LoggedEntry] = []
    after: str | None = None
    while page := uow.log.find(search, after=after, limit=200):
        entries.extend(page)
        after = page[-1].id
    return entries
