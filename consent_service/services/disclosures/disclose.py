"""Decide a disclosure, log it and answer, in one step that a withdrawal cannot slip into (R5-R8).

Facts and version are read, the pure domain decides, and the entry is appended in one statement
that is guarded by the version still being the same. When somebody acted in between, nothing was
written and the whole is done again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_service.domain.disclosures.decision import Decision, Permitted, objections_told
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import InvalidInput, NotAllowed, Unavailable
from consent_service.services.children.family import check_cpr
from consent_service.services.children.ports import Snapshot
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.disclosures.contradicted import note_contradiction
from consent_service.services.disclosures.decided import (
    attested_by_json,
    child_of_entry,
    consent_and_controller,
    decide_by,
    logged_reasons_json,
    moment_of,
    outcome_of,
    snapshot_of,
)
from consent_service.services.disclosures.question import Disclosure, Question
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event, Prepared
from consent_service.services.kernel.model import Caller, ChildRef
from consent_service.services.kernel.ports import Answer, Guard

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
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    disclosure: Disclosure,
    answer_for: AnswerFor,
    *,
    replays: str | None = None,
) -> Disclosed | None:
    """Decide and log a disclosure; `answer_for` makes the answer kept with it.

    `replays` is the entry of a permitted disclosure that is asked for once more: permitted again,
    it is no second disclosure and logged as what it is; denied now, it is a denial like any other.
    None when an answer for the same key was kept meanwhile. Raises InvalidInput, NotAllowed when
    the sender is not the caller, LimitReached when it asks by consent about too many children that
    are new to it, and Unavailable when others kept acting about this child.
    """
    if disclosure.question.sender != caller.organisation:
        raise NotAllowed("The sender is the organisation that calls.")
    cpr = check_cpr(disclosure.question.cpr, "/child/cpr")
    _check_recipient(uow, disclosure.question)
    for _ in range(ATTEMPTS):
        snapshot = snapshot_of(uow, cpr)
        now = moment_of(snapshot, context)
        child, prepared, disclosed = _decide(
            uow, context, caller, disclosure, snapshot, cpr, now, replays
        )
        note_contradiction(uow, context, snapshot, cpr, disclosed.decision, now)
        answer = answer_for(disclosed)
        if uow.log.append(
            prepared.entry,
            prepared.promise,
            prepared.event.search(),
            child.id,
            Guard(child.id, snapshot.version),
            answer,
        ):
            return disclosed
        if answer is not None and uow.answers.find(answer.key_hash) is not None:
            return None
    raise Unavailable("contention", "Others are acting about the same child.")


def _decide(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    disclosure: Disclosure,
    snapshot: Snapshot,
    cpr: CprNumber,
    now: datetime,
    replays: str | None,
) -> tuple[ChildRef, Prepared, Disclosed]:
    transfer = disclosure.question.transfer()
    decision: Decision | None = None
    warnings: tuple[str, ...] = ()
    is_objected = False
    if disclosure.legal_basis.is_consent:
        decision = decide_by(snapshot, transfer, caller, now)
    else:
        warnings, is_objected = _warnings(snapshot, transfer, caller, now)
    consent, controller = consent_and_controller(decision, caller)
    # A denial names no first: its controller need not know of a consent that permitted before.
    first = replays if isinstance(decision, Permitted) else None
    # What happens on another basis must be written down, however many children it is about (R6).
    child = child_of_entry(uow, snapshot, controller, cpr, now, always=decision is None)
    event = Event.by(
        caller,
        "disclosure" if first is None else "disclosure_replayed",
        controller,
        child=child,
        employee=disclosure.performed_by,
        recipient=transfer.recipient,
        outcome=outcome_of(decision),
        consent=consent,
        about=first,
        details=_details(disclosure, decision, warnings, is_objected=is_objected),
    )
    prepared = context.journal.prepare(event, now)
    disclosed = Disclosed(prepared.entry.id, prepared.promise, now, decision, warnings)
    return child, prepared, disclosed


def _warnings(
    snapshot: Snapshot, transfer: Transfer, caller: Caller, instant: datetime
) -> tuple[tuple[str, ...], bool]:
    """What the sender may know, and whether somebody's denial stands: the log has it always (R6).

    It is recorded all the same: the law may demand it.
    """
    if snapshot.facts is None:
        return ("objections_unknown",), False
    objections, is_told = objections_told(snapshot.facts, transfer, caller.organisation, instant)
    return (("family_objected",) if is_told else ()), bool(objections)


def _details(
    disclosure: Disclosure,
    decision: Decision | None,
    warnings: tuple[str, ...],
    *,
    is_objected: bool,
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
    details |= attested_by_json(decision)
    if reasons := logged_reasons_json(decision):
        details["reasons"] = reasons
    if warnings:
        details["warnings"] = list(warnings)
    if is_objected:
        details["objected"] = True
    return details


def _check_recipient(uow: ConsentsUnit, question: Question) -> None:
    if question.recipient == question.sender:
        raise InvalidInput.field("/recipient", "Sender and recipient are two organisations.")
    if not uow.catalogue.has_organisation(question.recipient):
        raise InvalidInput.field("/recipient", "There is no such organisation.")
