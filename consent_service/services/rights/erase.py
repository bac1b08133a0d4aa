"""Erase what one controller has about a child, or all that has had its time, provably (R12).

Everything happens in one transaction: the child's row is taken (R8), the erasure is logged with
the list of what it erases and stands in the tree, then the rows go. Headers and leaves stay, so
that every proof and every receipt still verifies; another controller's data is never touched.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any

from consent_service.audit.entry import erased_list
from consent_service.audit.merkle import leaf_hash
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.cpr_text import contains_cpr
from consent_service.domain.kernel.employee import is_same_person, verify_employee_id
from consent_service.domain.kernel.facts import CustodyChange, History, Request
from consent_service.domain.kernel.text import RefusedText, clean_text
from consent_service.domain.rights.forgetting import (
    RetentionRule,
    consents_final_before,
    consents_of,
    live_consents,
    still_needed,
    without,
)
from consent_service.errors import Conflict, InvalidInput, NotFound, Unavailable
from consent_service.services.children.acts import moment_after
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import ChildRef, Employee
from consent_service.services.log.model import ERASURE, RETENTION_SET, LoggedEntry
from consent_service.services.log.taken import withdrawals_taken
from consent_service.services.rights.erased import (
    ErasableEntry,
    ErasedRows,
    Forgotten,
    LostErasure,
    StillThere,
)
from consent_service.services.rights.ports import RightsUnit


@dataclass(frozen=True)
class Approval:
    """Who erases, who approved it, and why. Ids and a reason, nothing about the child."""

    performed_by: str
    approved_by: str
    reason: str

    @property
    def words(self) -> str:
        """The reason in its one form. Raises InvalidInput."""
        try:
            return clean_text(self.reason, lines=True)
        except RefusedText as refused:
            raise InvalidInput.field("/reason", str(refused)) from None

    def check(self) -> None:
        """Raise InvalidInput unless two employees stand behind it, and no number is repeated."""
        verify_employee_id("/performed_by", self.performed_by)
        verify_employee_id("/approved_by", self.approved_by)
        if not self.words or contains_cpr(self.words):
            raise InvalidInput.field("/reason", "This is missing, or holds a CPR number.")
        if is_same_person(self.performed_by, self.approved_by):
            raise InvalidInput.field("/approved_by", "Another employee than the one who erases.")


@dataclass(frozen=True)
class ChildPlan:
    """What would go of one child, and what has to stay.

    `live` are consents among those to erase that have not ended; `needed` are consents that stay
    because a denial said under them still stops a live one.
    """

    forgotten: Forgotten
    entries: tuple[ErasableEntry, ...]
    live: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nothing would go."""
        return not self.entries and not self.forgotten.is_whole


@dataclass(frozen=True)
class Erased:
    """A finished erasure: its entry in the log, and how much went."""

    entry: str
    rows: ErasedRows
    plans: Sequence[ChildPlan] = field(repr=False)


def plan_for_child(
    uow: RightsUnit, context: Context, controller: str, cpr: CprNumber
) -> tuple[ChildPlan | None, tuple[ErasableEntry, ...]]:
    """Everything the controller has about a child, and the stops it took about it (R4).

    Raises NotFound where that is nothing; the plan is None where there are but such stops.
    """
    child, taken = _known(uow, controller, cpr)
    if child is None:
        return None, taken
    history = uow.children.snapshot(child.id).history
    now = moment_after(history, context.clock())
    return _whole(uow, controller, child.id, history, now), taken


def _known(
    uow: RightsUnit, controller: str, cpr: CprNumber
) -> tuple[ChildRef | None, tuple[ErasableEntry, ...]]:
    child = uow.children.find(cpr)
    if child is not None and child.id not in uow.erasures.children(controller):
        child = None
    taken = tuple(map(_erasable, withdrawals_taken(uow, controller, cpr)))
    if child is None and not taken:
        raise NotFound("This organisation has nothing about such a child.")
    return child, taken


def erase_child(
    uow: RightsUnit, context: Context, controller: str, cpr: CprNumber, approval: Approval
) -> Erased:
    """Erase everything a controller has about a child, live consents too.

    Raises InvalidInput, NotFound, and Conflict `denial_still_needed` while a denial said to this
    controller stops a live consent of another: forgetting it would turn a no into a yes.
    """
    approval.check()
    child, taken = _known(uow, controller, cpr)

    def plan(history: History, child: str, now: datetime) -> ChildPlan:
        whole = _whole(uow, controller, child, history, now)
        if whole.needed:
            raise Conflict(
                "denial_still_needed",
                "A denial about this child stops a live consent of another controller.",
            )
        return whole

    children = [] if child is None else [child.id]
    erased = _erase(uow, context, controller, children, plan, approval, {"by": "child"}, taken)
    if erased is None:
        raise NotFound("This organisation has nothing about such a child.")
    return erased


def plan_for_retention(
    uow: RightsUnit, context: Context, controller: str, rule: RetentionRule
) -> Iterator[ChildPlan]:
    """What has had its time by a rule, child by child, without those for whom that is nothing."""
    for child in uow.erasures.children(controller):
        history = uow.children.snapshot(child).history
        now = moment_after(history, context.clock())
        plan = _by_rule(uow, controller, child, history, now, rule)
        if plan.needed or not plan.is_empty:
            yield plan


def taken_before(
    uow: RightsUnit, context: Context, controller: str, rule: RetentionRule
) -> tuple[ErasableEntry, ...]:
    """The stops a controller took that have had their time: about children it need not know."""
    cutoff = rule.log_before(context.clock())
    return tuple(_erasable(e) for e in withdrawals_taken(uow, controller) if e.time < cutoff)


def erase_by_retention(
    uow: RightsUnit,
    context: Context,
    controller: str,
    rule: RetentionRule,
    children: Iterable[str],
    approval: Approval,
) -> Erased | None:
    """Erase what has had its time, as one entry; None if that is nothing.

    About these children, and every stop that was taken (R4).
    """
    approval.check()

    def plan(history: History, child: str, now: datetime) -> ChildPlan:
        return _by_rule(uow, controller, child, history, now, rule)

    described = {
        "by": "retention",
        "consents_years": rule.consents_years,
        "log_years": rule.log_years,
    }
    taken = taken_before(uow, context, controller, rule)
    return _erase(uow, context, controller, children, plan, approval, described, taken)


def erase_again(
    uow: RightsUnit, context: Context, erasures: Sequence[LostErasure], approval: Approval
) -> list[Erased]:
    """Erase what had been erased and is there again, after a restore: one entry a controller.

    Whether a denial is still needed is not asked any more: that it may go was decided. Raises
    InvalidInput.
    """
    approval.check()
    there: dict[str, list[StillThere]] = {}
    for one in uow.erasures.still_there(erasures):
        there.setdefault(one.controller, []).append(one)
    rule = {"by": "restore", "erasures": sorted(one.erasure for one in erasures)}
    done = []
    for controller, found in sorted(there.items()):
        about = {one.child: one for one in found if one.child is not None}

        def plan(
            history: History,
            child: str,
            now: datetime,
            about: Mapping[str, StillThere] = about,
            controller: str = controller,
        ) -> ChildPlan:
            return _as_before(uow, controller, child, history, about[child], now)

        taken = [entry for one in found if one.child is None for entry in one.entries]
        erased = _erase(uow, context, controller, about, plan, approval, rule, taken)
        if erased is not None:
            done.append(erased)
    return done


def set_retention(
    uow: RightsUnit, context: Context, controller: str, rule: RetentionRule, performed_by: str
) -> None:
    """Say how long a controller keeps things; logged.

    Raises NotFound, InvalidInput, and Unavailable when the clock is behind the rule before.
    """
    if not uow.catalogue.has_organisation(controller):
        raise NotFound("There is no such organisation.")
    verify_employee_id("/performed_by", performed_by)
    now = context.clock()
    # The newest entry is what holds.
    if not uow.erasures.set_rule(controller, rule, now):
        raise Unavailable("clock_behind", "The clock is behind what has been recorded.")
    details = {"consents_years": rule.consents_years, "log_years": rule.log_years}
    event = _event(RETENTION_SET, controller, performed_by, details)
    context.journal.write(uow, event, now)


# -- planning ---------------------------------------------------------------------------------


def _whole(
    uow: RightsUnit, controller: str, child: str, history: History, now: datetime
) -> ChildPlan:
    consents = consents_of(history, controller)
    live = {request.consent for request in live_consents(history, now)}
    return ChildPlan(
        forgotten=Forgotten(child, consents, frozenset(), is_whole=True),
        entries=tuple(uow.erasures.entries(controller, child)),
        live=consents & live,
        needed=still_needed(history, controller, consents, now),
    )


def _by_rule(
    uow: RightsUnit,
    controller: str,
    child: str,
    history: History,
    now: datetime,
    rule: RetentionRule,
) -> ChildPlan:
    over = consents_final_before(history, controller, rule.consents_before(now), now)
    needed: frozenset[str] = frozenset()
    # What has to stay may in turn be what custody is known from: until nothing more has to.
    while more := still_needed(history, controller, over - needed, now) - needed:
        needed |= more
    going = over - needed
    keeps_custody = _keeps_custody(history, controller, going)

    def has_had_its_time(entry: ErasableEntry) -> bool:
        if entry.fact is None:
            return entry.time < rule.log_before(now)
        return entry.fact_consent in going if entry.fact_consent else not keeps_custody

    entries = uow.erasures.entries(controller, child)
    gone = tuple(entry for entry in entries if has_had_its_time(entry))
    is_whole = not keeps_custody and len(gone) == len(entries)
    people = _still_known(uow, history, controller, child, going)
    return ChildPlan(Forgotten(child, going, people, is_whole), gone, needed=needed)


def _as_before(
    uow: RightsUnit,
    controller: str,
    child: str,
    history: History,
    there: StillThere,
    now: datetime,
) -> ChildPlan:
    """What had gone of one child, of what is there again."""
    if there.is_whole:
        return replace(_whole(uow, controller, child, history, now), needed=frozenset())
    going = frozenset(
        entry.fact_consent
        for entry in there.entries
        if entry.fact == "request" and entry.fact_consent is not None
    )
    people = _still_known(uow, history, controller, child, going)
    return ChildPlan(Forgotten(child, going, people, is_whole=False), there.entries)


def _keeps_custody(history: History, controller: str, going: frozenset[str]) -> bool:
    """Whether a consent is left, and with it what the controller recorded of custody."""
    return bool(consents_of(without(history, controller, going), controller))


def _still_known(
    uow: RightsUnit, history: History, controller: str, child: str, going: frozenset[str]
) -> frozenset[str]:
    """Whom a controller still has to know around a child when these consents are gone."""
    if not _keeps_custody(history, controller, going):
        return frozenset()
    return _people(uow, without(history, controller, going), controller) | {child}


def _people(uow: RightsUnit, history: History, controller: str) -> frozenset[str]:
    """Everybody a controller's custody facts name, and whoever may act on its consents or did."""
    own = consents_of(history, controller)
    people = {s.person for consent in own for s in uow.consents.signatories(consent)}
    for fact in history.facts:
        if isinstance(fact, Request | CustodyChange) and fact.controller == controller:
            people |= {holder.person for holder in fact.holders}
    return frozenset(people)


# -- the act ----------------------------------------------------------------------------------


def _erase(
    uow: RightsUnit,
    context: Context,
    controller: str,
    children: Iterable[str],
    plan: Callable[[History, str, datetime], ChildPlan],
    approval: Approval,
    rule: dict[str, Any],
    taken: Iterable[ErasableEntry],
) -> Erased | None:
    """Take the children's rows, plan again on what stands now, log it, and only then delete."""
    plans, moment = _take(uow, context, controller, children, plan)
    going = chain(taken, *(one.entries for one in plans))
    listed = sorted((entry.id, entry.leaf) for entry in going)
    if not plans and not listed:
        return None
    counts = {
        "children": len(plans),
        "consents": sum(len(one.forgotten.consents) for one in plans),
        "entries": len(listed),
    }
    details = {
        "approved_by": {"id": approval.approved_by},
        "reason": approval.words,
        "rule": rule,
        "counts": counts,
    }
    event = _event(ERASURE, controller, approval.performed_by, details)
    prepared = context.journal.prepare(event, moment, erased_list(listed))
    uow.log.append(prepared.entry, prepared.promise, event.search(), None)
    if listed:
        uow.erasures.list_erased(prepared.entry.id, listed)
    uow.erasures.integrate()
    rows = uow.erasures.erase(prepared.entry.id, controller, [one.forgotten for one in plans])
    return Erased(prepared.entry.id, rows, plans)


def _take(
    uow: RightsUnit,
    context: Context,
    controller: str,
    children: Iterable[str],
    plan: Callable[[History, str, datetime], ChildPlan],
) -> tuple[list[ChildPlan], datetime]:
    """The children's rows (R8) and data keys, held until the commit; what goes, and the moment."""
    plans, moment = [], context.clock()
    for child in sorted(children):
        uow.children.begin_act(child)
        if not uow.erasures.hold(controller, child):
            continue
        history = uow.children.snapshot(child).history
        now = moment_after(history, context.clock())
        planned = plan(history, child, now)
        moment = max(moment, now)
        if not planned.is_empty:
            plans.append(planned)
    return plans, moment


def _erasable(taken: LoggedEntry) -> ErasableEntry:
    """The entry of a stop that was taken: it vouches for no fact."""
    return ErasableEntry(taken.id, leaf_hash(taken.header), taken.time, None, None)


def _event(type_: str, controller: str, performed_by: str, details: dict[str, Any]) -> Event:
    return Event(
        type_,
        controller,
        controller,
        employee=Employee(performed_by, performed_by),
        # The employee's name is not asked for here: the id is who it was.
        details={**details, "performed_by": {"id": performed_by}},
    )
