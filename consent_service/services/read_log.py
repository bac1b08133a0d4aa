"""Read the log as a data-protection officer, a controller or a family may: opened and logged."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from consent_service.audit.receipt import SEAL_TYPES
from consent_service.domain.kernel.calendar import local_instant
from consent_service.errors import Conflict, NotFound
from consent_service.services.context import Context
from consent_service.services.find_consent import child_of, controlled_consent
from consent_service.services.journal import Event
from consent_service.services.model import Caller, ChildRef, Employee, EntryFilter, LoggedEntry
from consent_service.services.ports import UnitOfWork
from consent_service.signing.canonical import instant_text


def find_entries(
    uow: UnitOfWork,
    context: Context,
    caller: Caller,
    search: EntryFilter,
    *,
    after: str | None,
    limit: int,
    view: str = "search",
) -> tuple[list[LoggedEntry], str | None]:
    """A page of the entries where the caller's organisation is controller or actor, oldest first.

    Looking writes one entry for each child whose entries were shown, and one where none was.
    """
    found = uow.log.find(search, after=after, limit=limit + 1)
    page = list(found[:limit])
    _log_look(uow, context, caller, page, view)
    return page, page[-1].id if len(found) > limit else None


def get_entry(uow: UnitOfWork, context: Context, caller: Caller, entry: str) -> LoggedEntry:
    """One entry. Raises NotFound."""
    found = uow.log.get(entry, EntryFilter(viewer=caller.organisation))
    if found is None:
        raise NotFound("There is no such entry.")
    _log_look(uow, context, caller, [found], "entry")
    return found


def _log_look(
    uow: UnitOfWork,
    context: Context,
    caller: Caller,
    shown: Sequence[LoggedEntry],
    view: str,
) -> None:
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


def timeline(
    uow: UnitOfWork, context: Context, caller: Caller, consent: str
) -> list[dict[str, Any]]:
    """Every event of a consent, oldest first, for its controller; looking is logged.

    The municipality's custody changes about the child are events of each of its consents.
    """
    file = controlled_consent(uow, caller, consent)
    child = child_of(uow, file)
    roles = {s.id: s.role.value for s in uow.consents.signatories(consent)}
    entries = _all(uow, EntryFilter(viewer=caller.organisation, consent=consent))
    entries += [
        entry
        for entry in uow.log.about_child(
            file.child, ("custody_changed",), controller=file.controller
        )
        if entry.time >= file.created_at
    ]
    entries.sort(key=lambda entry: entry.id)
    event = Event.by(
        caller, "personal_data_viewed", file.controller, child=child, consent=consent,
        details={"view": "timeline"},
    )  # fmt: skip
    context.journal.write(uow, event, context.clock())
    return [_timeline_item(entry, roles) for entry in entries]


def _all(uow: UnitOfWork, search: EntryFilter) -> list[LoggedEntry]:
    entries: list[LoggedEntry] = []
    after: str | None = None
    while page := uow.log.find(search, after=after, limit=200):
        entries.extend(page)
        after = page[-1].id
    return entries


def _timeline_item(entry: LoggedEntry, roles: dict[str, str]) -> dict[str, Any]:
    body = dict(entry.body)
    type_, signatory = body.pop("type"), body.get("signatory", "")
    by_role = roles.get(signatory) if type_ in SEAL_TYPES.values() else "employee"
    for member in ("child", "consent", "fact", "client"):
        body.pop(member, None)
    return {
        "time": instant_text(entry.time),
        "type": type_,
        "by_role": by_role,
        "detail": body,
        "entry": entry.id,
    }


def family_disclosures(uow: UnitOfWork, child: str, now: datetime) -> list[dict[str, Any]]:
    """Every disclosure about a child that its family may see now, oldest first.

    Denied ones are shown as such; those whose showing was postponed are left out until their
    date (R6). Employees are not named.
    """
    shown = []
    for entry in uow.log.about_child(child, ("disclosure",), controller=None):
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
    uow: UnitOfWork, context: Context, caller: Caller, *, after: str | None, limit: int
) -> tuple[list[LoggedEntry], str | None]:
    """Disclosures the caller sent, received, or controls the consent of, oldest first; logged."""
    search = EntryFilter(viewer=caller.organisation, type="disclosure", as_party=True)
    found = uow.log.find(search, after=after, limit=limit + 1)
    page = list(found[:limit])
    _log_look(uow, context, caller, page, "disclosures")
    return page, page[-1].id if len(found) > limit else None


def visible_disclosure(
    uow: UnitOfWork, context: Context, caller: Caller, entry: str
) -> LoggedEntry:
    """One disclosure, to its sender, recipient or controller; logged. Raises NotFound."""
    found = _find_disclosure(uow, caller, entry)
    _log_look(uow, context, caller, [found], "disclosure")
    return found


def _find_disclosure(uow: UnitOfWork, caller: Caller, entry: str) -> LoggedEntry:
    search = EntryFilter(viewer=caller.organisation, type="disclosure", as_party=True)
    found = uow.log.get(entry, search)
    if found is None:
        raise NotFound("There is no such disclosure.")
    return found


def disclosure_outcome(uow: UnitOfWork, entry: LoggedEntry) -> str | None:
    """What its sender last reported: sent, not sent, or nothing yet."""
    search = EntryFilter(viewer=entry.controller, type="disclosure_outcome", about=entry.id)
    reported = _all(uow, search)
    return reported[-1].body["reported"] if reported else None


def record_outcome(
    uow: UnitOfWork,
    context: Context,
    caller: Caller,
    entry: str,
    outcome: str,
    performed_by: Employee,
) -> LoggedEntry:
    """Report whether a disclosure was carried out.

    Raises NotFound for all but its sender, and Conflict for one that was denied.
    """
    found = _find_disclosure(uow, caller, entry)
    if found.body["organisation"] != caller.organisation:
        raise NotFound("There is no such disclosure.")
    if found.body["outcome"] == "denied":
        raise Conflict("disclosure_denied", "What was denied has no outcome.")
    child = found.child
    number = uow.children.child_number(found.controller, child) if child else None
    event = Event.by(
        caller,
        "disclosure_outcome",
        found.controller,
        child=ChildRef(child, number) if child and number else None,
        employee=performed_by,
        consent=found.body.get("consent"),
        about=found.id,
        details={"reported": outcome},
    )
    context.journal.write(uow, event, context.clock())
    return found
