"""Custody changed: record the fact, and ask whoever must sign now (R10)."""

from dataclasses import dataclass
from datetime import date

from consent_service.domain.consents.signers import corrected_changes
from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.calendar import local_instant
from consent_service.domain.kernel.facts import CustodyChange, Request
from consent_service.domain.kernel.limits import custody_kind
from consent_service.errors import Conflict, InvalidInput
from consent_service.services.children.acts import ActInProgress, begin_act, record
from consent_service.services.children.family import (
    CustodyFacts,
    check_cpr,
    check_custody,
    check_holder_count,
    check_languages,
    file_people,
    find_holders,
    holder_languages,
    people_json,
)
from consent_service.services.children.limits import check_room
from consent_service.services.children.model import PEOPLE
from consent_service.services.consents.check_lookup import check_lookup
from consent_service.services.consents.find_consent import NOBODY
from consent_service.services.consents.model import SIGNATORIES
from consent_service.services.consents.newcomers import newcomers, signatories_json
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller, Employee
from consent_service.services.log.model import CUSTODY_CHANGED


@dataclass(frozen=True)
class CustodyReport:
    """What a municipality found in the register, and from which day it holds.

    `corrects` names an earlier change of the same municipality that was wrong.
    """

    child_cpr: str
    custody: CustodyFacts
    effective_from: date
    performed_by: Employee
    corrects: str | None = None


@dataclass(frozen=True)
class CustodyChanged:
    """The id to correct this change by, and the live consents it re-evaluated."""

    id: str
    consents: list[str]


def change_custody(
    uow: ConsentsUnit, context: Context, caller: Caller, report: CustodyReport
) -> CustodyChanged:
    """Record the custody facts for the caller's own consents, and re-evaluate the live ones.

    Whoever has facts about the child may, also when its consents have ended: they still speak
    where another's are decided on (R5e). Takes effect at the later of its date and now; what it
    corrects ends now. Raises InvalidInput, Conflict when that was corrected already or the look-up
    is older than what is known, and LimitReached.
    """
    cpr = check_cpr(report.child_cpr, "/child/cpr")
    holders = check_custody(report.custody, cpr)
    child = uow.children.find(cpr)
    # Another municipality's child is not even held, and is as quickly unknown as nobody's.
    filed_as = uow.children.child_number(caller.organisation, child.id if child else NOBODY)
    if child is None or filed_as is None:
        raise _no_consent()
    act = begin_act(uow, context, child)
    own = [r for r in act.history.requests if r.controller == caller.organisation]
    if not own:
        raise _no_consent()
    if report.corrects is not None:
        _check_correctable(act, caller, report.corrects)
    check_lookup(context, act, caller.organisation, report.custody.as_of, report.corrects)
    if report.effective_from < own[-1].birth_date:
        raise InvalidInput.field("/effective_from", "This is before the child was born.")
    effective_from = local_instant(report.effective_from)
    check_holder_count(len(holders), own[-1].birth_date, max(act.now, effective_from))
    live = [r for r in own if state_at(act.history, r.consent, act.now).is_live]
    for request in live:
        check_languages(holder_languages(report.custody), _languages(uow, request))
    check_room(act, caller.organisation, custody_kind(report.corrects))
    filed, people = find_holders(uow, child, holders)
    change = context.new_id()
    fact = CustodyChange(
        seq=act.seq,
        at=act.now,
        controller=caller.organisation,
        holders=filed,
        effective_from=effective_from,
        id=change,
        corrects=report.corrects,
        as_of=report.custody.as_of,
    )
    history = act.history.with_fact(fact)
    added = list(newcomers(uow, context, history, caller.organisation, act.now))
    event = Event.by(
        caller,
        CUSTODY_CHANGED,
        caller.organisation,
        child=child,
        employee=report.performed_by,
        details={
            "change": change,
            **({"corrects": report.corrects} if report.corrects else {}),
            "custody": {
                "source": report.custody.source,
                "as_of": report.custody.as_of.isoformat(),
                "holders": [holder.details.cpr.value for holder in holders],
            },
            "effective_from": report.effective_from.isoformat(),
            PEOPLE: people_json(people),
            SIGNATORIES: signatories_json(added),
        },
    )
    prepared = record(uow, context, act, fact, event)
    file_people(uow, caller.organisation, child, people, prepared.entry.id)
    for signatory in added:
        uow.consents.add_signatory(signatory, prepared.entry.id)
    return CustodyChanged(change, [request.consent for request in live])


def _check_correctable(act: ActInProgress, caller: Caller, change: str) -> None:
    own = {
        fact.id
        for fact in act.history.facts
        if isinstance(fact, CustodyChange) and fact.controller == caller.organisation
    }
    if change not in own:
        detail = "Your organisation has recorded no such custody change about this child."
        raise InvalidInput.field("/corrects", detail)
    if change in corrected_changes(act.history, caller.organisation, act.now):
        raise Conflict("already_corrected", "Correct the change that corrected it instead.")


def _languages(uow: ConsentsUnit, request: Request) -> frozenset[str]:
    file = uow.consents.controlled(request.consent, request.controller)
    template = (
        uow.catalogue.template(file.controller, file.template, file.template_version)
        if file
        else None
    )
    return template.languages if template else frozenset()


def _no_consent() -> InvalidInput:
    return InvalidInput.field("/child/cpr", "Your organisation has no consent about this child.")
