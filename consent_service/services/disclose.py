"""Decide a disclosure, log it and answer, in one step that a withdrawal cannot slip into (R5-R8).

Facts and version are read, the pure domain decides, and the entry is appended in one statement
that is guarded by the version still being the same. When somebody acted in between, nothing was
written and the whole is done again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_service.domain.consents.state import Reason, ReasonCode
from consent_service.domain.disclosures.decision import Decision, Denied, Permitted, decide_transfer
from consent_service.domain.disclosures.objections import Transfer, standing_objections
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import InvalidInput, NotAllowed, Unavailable
from consent_service.services.acts import moment_after
from consent_service.services.context import Context
from consent_service.services.journal import Event, Prepared
from consent_service.services.model import Caller, ChildRef, Employee
from consent_service.services.people import check_cpr
from consent_service.services.ports import Answer, Guard, Snapshot, UnitOfWork
from consent_service.services.question import Disclosure, LegalBasis, Question

ATTEMPTS = 4
"""Once, and three times again when the facts changed meanwhile (R8)."""


@dataclass(frozen=True)
class Disclosed:
    """What was decided and logged; `decision` is None for one on another legal basis (R6).

    `warnings` are such a one's: `family_objected` when somebody's denial stands, and
    `objections_unknown` when the facts about the child cannot be read.
    """

    entry: str
    promise: str
    decided_at: datetime
    decision: Decision | None
    warnings: tuple[str, ...] = ()


AnswerFor = Callable[[Disclosed], Answer | None]


def disclose(
    uow: UnitOfWork,
    context: Context,
    caller: Caller,
    disclosure: Disclosure,
    answer_for: AnswerFor,
) -> Disclosed | None:
    """Decide and log a disclosure; `answer_for` makes the answer kept with it.

    None when an answer for the same key was kept meanwhile. Raises InvalidInput, NotAllowed when
    the sender is not the caller, and Unavailable when others kept acting about this child.
    """
    if disclosure.question.sender != caller.organisation:
        raise NotAllowed("The sender is the organisation that calls.")
    cpr = check_cpr(disclosure.question.cpr, "/child/cpr")
    _check_recipient(uow, disclosure.question)
    for _ in range(ATTEMPTS):
        snapshot = uow.children.snapshot_by_cpr(cpr)
        if snapshot is None:
            snapshot = uow.children.snapshot(uow.children.find_or_add(cpr).id)
        now = _moment(snapshot, context)
        prepared, disclosed = _decide(context, caller, disclosure, snapshot, cpr, now)
        answer = answer_for(disclosed)
        if uow.log.append(
            prepared.entry,
            prepared.promise,
            prepared.event.search(),
            snapshot.child,
            Guard(snapshot.child, snapshot.version),
            answer,
        ):
            return disclosed
        if answer is not None and uow.answers.find(answer.key_hash) is not None:
            return None
    raise Unavailable("contention", "Others are acting about the same child.")


def _decide(
    context: Context,
    caller: Caller,
    disclosure: Disclosure,
    snapshot: Snapshot,
    cpr: CprNumber,
    now: datetime,
) -> tuple[Prepared, Disclosed]:
    transfer = disclosure.question.transfer()
    decision: Decision | None = None
    warnings: tuple[str, ...] = ()
    if disclosure.legal_basis.is_consent:
        decision = _decision(snapshot, transfer, caller, now)
    else:
        warnings = _warnings(snapshot, transfer, now)
    consent, controller = _consent_and_controller(decision, caller)
    event = Event.by(
        caller,
        "disclosure",
        controller,
        child=ChildRef(snapshot.child, cpr),
        employee=disclosure.performed_by,
        recipient=transfer.recipient,
        outcome=outcome_of(decision),
        consent=consent,
        details=_details(disclosure, decision, warnings),
    )
    prepared = context.journal.prepare(event, now)
    disclosed = Disclosed(prepared.entry.id, prepared.promise, now, decision, warnings)
    return prepared, disclosed


def _moment(snapshot: Snapshot, context: Context) -> datetime:
    now = context.clock()
    return now if snapshot.facts is None else moment_after(snapshot.facts, now)


def _decision(
    snapshot: Snapshot, transfer: Transfer, caller: Caller, instant: datetime
) -> Decision:
    if snapshot.facts is None:
        return Denied((Reason(ReasonCode.UNVERIFIABLE),))
    return decide_transfer(snapshot.facts, transfer, caller.organisation, instant)


def _warnings(snapshot: Snapshot, transfer: Transfer, instant: datetime) -> tuple[str, ...]:
    """What the sender should know. It is recorded all the same: the law may demand it."""
    if snapshot.facts is None:
        return ("objections_unknown",)
    objections = standing_objections(snapshot.facts, transfer, instant)
    return ("family_objected",) if objections else ()


def _consent_and_controller(decision: Decision | None, caller: Caller) -> tuple[str | None, str]:
    if decision is None:
        return None, caller.organisation
    return decision.consent, decision.controller or caller.organisation


def outcome_of(decision: Decision | None) -> str:
    """What the log calls it."""
    if decision is None:
        return "recorded"
    return "permitted" if isinstance(decision, Permitted) else "denied"


def reason_json(reason: Reason) -> dict[str, str]:
    """A reason as callers see it: a code and by role whose signature, never a name."""
    members = {
        "code": reason.code.value,
        "role": reason.role.value if reason.role else None,
        "party": reason.party,
        "category": reason.category,
    }
    return {name: value for name, value in members.items() if value is not None}


def reasons_json(decision: Decision | None) -> list[dict[str, str]]:
    """The reasons of a denial, each once; none for anything else."""
    if not isinstance(decision, Denied):
        return []
    unique: list[dict[str, str]] = []
    for reason in map(reason_json, decision.reasons):
        if reason not in unique:
            unique.append(reason)
    return unique


def _details(
    disclosure: Disclosure,
    decision: Decision | None,
    warnings: tuple[str, ...],
) -> dict[str, Any]:
    question = disclosure.question
    details: dict[str, Any] = {
        "purpose": question.purpose,
        "categories": sorted(question.categories),
        "legal_basis": disclosure.legal_basis.as_json(),
        "channel": disclosure.channel,
    }
    if disclosure.document is not None:
        details["document"] = dict(disclosure.document)
    if isinstance(decision, Permitted):
        details["terms_sha256"] = decision.terms_sha256
        details["valid_until"] = decision.valid_until.isoformat()
    if reasons := reasons_json(decision):
        details["reasons"] = reasons
    if warnings:
        details["warnings"] = list(warnings)
    return details


def _check_recipient(uow: UnitOfWork, question: Question) -> None:
    if question.recipient == question.sender:
        raise InvalidInput.field("/recipient", "Sender and recipient are two organisations.")
    if not uow.catalogue.has_organisation(question.recipient):
        raise InvalidInput.field("/recipient", "There is no such organisation.")


def ask_decision(
    uow: UnitOfWork,
    context: Context,
    caller: Caller,
    question: Question,
    legal_basis: LegalBasis,
    as_of: datetime | None,
    performed_by: Employee,
) -> tuple[Decision, datetime]:
    """Whether a disclosure would be permitted at an instant not in the future; logged.

    The caller is sender or recipient. No lock is taken. Raises InvalidInput and NotAllowed.
    """
    if caller.organisation not in (question.sender, question.recipient):
        raise NotAllowed("The caller is the sender or the recipient.")
    if not legal_basis.is_consent:
        raise InvalidInput.field(
            "/legal_basis/type", "Only consent is decided; others are recorded."
        )
    cpr = check_cpr(question.cpr, "/child/cpr")
    if question.sender == question.recipient:
        raise InvalidInput.field("/recipient", "Sender and recipient are two organisations.")
    snapshot = uow.children.snapshot_by_cpr(cpr)
    if snapshot is None:
        snapshot = uow.children.snapshot(uow.children.find_or_add(cpr).id)
    now = _moment(snapshot, context)
    if as_of is not None and as_of > now:
        raise InvalidInput.field("/as_of", "This is in the future.")
    instant = as_of or now
    decision = _decision(snapshot, question.transfer(), caller, instant)
    consent, controller = _consent_and_controller(decision, caller)
    event = Event.by(
        caller,
        "decision",
        controller,
        child=ChildRef(snapshot.child, cpr),
        employee=performed_by,
        recipient=question.recipient,
        outcome=outcome_of(decision),
        consent=consent,
        details={
            "sender": question.sender,
            "purpose": question.purpose,
            "categories": sorted(question.categories),
            "as_of": instant.isoformat(),
            "reasons": reasons_json(decision),
        },
    )
    prepared = context.journal.prepare(event, now)
    if not uow.log.append(prepared.entry, prepared.promise, event.search(), snapshot.child):
        raise Unavailable("contention", "The log could not be written at this moment.")
    return decision, instant
