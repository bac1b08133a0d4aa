"""Custody changed: record the fact, and ask whoever must sign now (R10)."""

from dataclasses import dataclass
from datetime import date

from consent_service.domain.calendar import local_instant
from consent_service.domain.consent import state_at
from consent_service.domain.facts import CustodyChange, Holder, Request
from consent_service.errors import InvalidInput
from consent_service.services.acts import begin_act, record
from consent_service.services.context import Context
from consent_service.services.find_consent import NOBODY
from consent_service.services.journal import Event
from consent_service.services.model import Caller, Employee, Signatory
from consent_service.services.people import (
    CustodyFacts,
    check_cpr,
    check_custody,
    check_holder_count,
    check_languages,
    file_holders,
    holder_languages,
)
from consent_service.services.ports import UnitOfWork


@dataclass(frozen=True)
class CustodyReport:
    """What a municipality found in the register, and from which day it holds."""

    child_cpr: str
    custody: CustodyFacts
    effective_from: date
    performed_by: Employee


def change_custody(
    uow: UnitOfWork, context: Context, caller: Caller, report: CustodyReport
) -> list[str]:
    """Record the custody facts for the caller's own consents; the live ones, re-evaluated.

    Takes effect at the later of its date and now. Raises InvalidInput.
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
    effective_from = local_instant(report.effective_from)
    check_holder_count(len(holders), own[-1].birth_date, max(act.now, effective_from))
    live = [r for r in own if state_at(act.history, r.consent, act.now).is_live]
    for request in live:
        check_languages(holder_languages(report.custody), _languages(uow, request))
    filed = file_holders(uow, caller.organisation, child, holders)
    fact = CustodyChange(act.seq, act.now, caller.organisation, filed, effective_from)
    event = Event.by(
        caller,
        "custody_changed",
        caller.organisation,
        child=child,
        employee=report.performed_by,
        details={
            "custody": {
                "source": report.custody.source,
                "as_of": report.custody.as_of.isoformat(),
                "holders": [holder.details.cpr.value for holder in holders],
            },
            "effective_from": report.effective_from.isoformat(),
        },
    )
    record(uow, context, act, fact, event)
    for request in live:
        _ask_newcomers(uow, context, request, filed)
    return [request.consent for request in live]


def _languages(uow: UnitOfWork, request: Request) -> frozenset[str]:
    file = uow.consents.controlled(request.consent, request.controller)
    template = (
        uow.catalogue.template(file.controller, file.template, file.template_version)
        if file
        else None
    )
    return template.languages if template else frozenset()


def _ask_newcomers(
    uow: UnitOfWork, context: Context, request: Request, holders: tuple[Holder, ...]
) -> None:
    asked = {signatory.person for signatory in uow.consents.signatories(request.consent)}
    for holder in holders:
        if holder.person not in asked:
            uow.consents.add_signatory(
                Signatory(context.new_id(), request.consent, holder.person, holder.role)
            )


def _no_consent() -> InvalidInput:
    return InvalidInput.field("/child/cpr", "Your organisation has no consent about this child.")
