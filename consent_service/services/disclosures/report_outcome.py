"""Whether what was permitted was carried out, as its sender reports it."""

from consent_service.errors import Conflict, NotFound
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.disclosures.find_disclosures import find_disclosure
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller, ChildRef, Employee
from consent_service.services.log.model import EntryFilter, LoggedEntry
from consent_service.services.log.read_log import all_entries


def disclosure_outcome(uow: ConsentsUnit, entry: LoggedEntry) -> str | None:
    """What its sender last reported: sent, not sent, or nothing yet."""
    search = EntryFilter(viewer=entry.controller, type="disclosure_outcome", about=entry.id)
    reported = all_entries(uow, search)
    return reported[-1].body["reported"] if reported else None


def record_outcome(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    entry: str,
    outcome: str,
    performed_by: Employee,
) -> LoggedEntry:
    """Report whether a disclosure was carried out.

    Raises NotFound for all but its sender, and Conflict for one that was denied.
    """
    found = find_disclosure(uow, caller, entry)
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
