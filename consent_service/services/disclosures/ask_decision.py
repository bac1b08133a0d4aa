"""Ask whether a disclosure would be permitted, now or at a past moment; logged (R5-R7)."""

from datetime import datetime

from consent_service.domain.disclosures.decision import Decision
from consent_service.errors import InvalidInput, NotAllowed, Unavailable
from consent_service.services.children.family import check_cpr
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
from consent_service.services.disclosures.question import LegalBasis, Question
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller, Employee


def ask_decision(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    question: Question,
    legal_basis: LegalBasis,
    as_of: datetime | None,
    performed_by: Employee,
) -> tuple[Decision, datetime]:
    """Whether a disclosure would be permitted at an instant not in the future; logged.

    The caller is sender or recipient. No lock is taken. Raises InvalidInput, NotAllowed and, for a
    child that is new to the caller's organisation, LimitReached.
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
    snapshot = snapshot_of(uow, cpr)
    now = moment_of(snapshot, context)
    if as_of is not None and as_of > now:
        raise InvalidInput.field("/as_of", "This is in the future.")
    instant = as_of or now
    decision = decide_by(snapshot, question.transfer(), caller, instant)
    if as_of is None:
        note_contradiction(uow, context, snapshot, cpr, decision, now)
    consent, controller = consent_and_controller(decision, caller)
    child = child_of_entry(uow, snapshot, controller, cpr, now)
    event = Event.by(
        caller,
        "decision",
        controller,
        child=child,
        employee=performed_by,
        recipient=question.recipient,
        outcome=outcome_of(decision),
        consent=consent,
        details={
            "sender": question.sender,
            "purpose": question.purpose,
            "categories": sorted(question.categories),
            "as_of": instant.isoformat(),
            "reasons": logged_reasons_json(decision),
            **attested_by_json(decision),
        },
    )
    prepared = context.journal.prepare(event, now)
    if not uow.log.append(prepared.entry, prepared.promise, event.search(), child.id):
        raise Unavailable("contention", "The log could not be written at this moment.")
    return decision, instant
