"""Somebody without MitID signed on paper: one employee records it, another confirms it (R3, R8).

A paper counts from its confirmation, as a sealed act like any other. It is only as new as its
signature (`domain.consents.paper`): a grant never clears what its signer refused on that day or
since, and its year counts from 00:00 of that day. A refusal counts whatever its date. A lift takes
back what was refused before that day, under this organisation's requests (R5c).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from consent_service.domain.consents.latecomers import custody_begins
from consent_service.domain.consents.paper import (
    find_paper,
    is_too_young,
    refused_since,
    rejected_papers,
)
from consent_service.domain.consents.signers import may_act
from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.calendar import local_date, local_instant
from consent_service.domain.kernel.facts import (
    ActKind,
    PaperRecorded,
    PaperRejected,
    Request,
    Scope,
)
from consent_service.domain.kernel.limits import paper_kind
from consent_service.domain.kernel.validity import expiry
from consent_service.errors import Conflict, InvalidInput, NotFound
from consent_service.services.children.acts import ActInProgress, begin_act, record
from consent_service.services.children.limits import check_room
from consent_service.services.consents.consent_event import consent_event
from consent_service.services.consents.find_consent import (
    child_of,
    controlled_consent,
    find_signatory,
)
from consent_service.services.consents.four_eyes import (
    ASSERTED,
    check_client_may_confirm,
    recorded_by_another,
)
from consent_service.services.consents.model import Signatory
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, Employee
from consent_service.services.signatures.ports import SignaturesUnit
from consent_service.services.signatures.sign import Evidence, grant, kept_scope, lift, refuse
from consent_service.signing.statement import ON_PAPER, IdentityEvidence, Paper


@dataclass(frozen=True)
class KeptOnPaper:
    """What a narrower grant keeps, as the caller wrote it down from the paper."""

    parties: tuple[str, ...]
    categories: tuple[str, ...]


@dataclass(frozen=True)
class PaperDraft:
    """What stands on the paper, where it is filed, and how its signer was identified.

    `scope` None means all that was asked; `document_sha256` is of the scanned paper.
    """

    signatory: str
    decision: ActKind
    scope: KeptOnPaper | None
    signed_on: date
    document_reference: str
    document_sha256: str
    identity_checked: str
    performed_by: Employee


def record_paper(
    uow: SignaturesUnit, context: Context, caller: Caller, consent: str, draft: PaperDraft
) -> str:
    """Record a paper, which counts only once confirmed. Returns its id.

    Raises NotFound, InvalidInput for an unknown signatory or a day or scope that cannot be, and
    Conflict for a signer without a say now and for a grant of what has ended; for a grant also
    LimitReached, but never for a no or a lift.
    """
    file = controlled_consent(uow, caller, consent)
    signatory = find_signatory(uow, consent, draft.signatory)
    act = begin_act(uow, context, child_of(uow, file))
    request = act.history.request(consent)
    _check_day(context, act, request, draft.signed_on)
    signed_at = local_instant(draft.signed_on)
    if draft.decision is ActKind.GRANT and is_too_young(request, signatory.person, signed_at):
        raise InvalidInput.field("/signed_on", "The child was not yet 15 on that day.")
    kept = _kept(request, draft)
    _check_may_sign(act, request, signatory, draft.decision)
    begins = custody_begins(act.history, request, signatory.person, act.now)
    if draft.decision is ActKind.GRANT and begins is not None and signed_at < begins:
        raise InvalidInput.field("/signed_on", "This person held no custody yet on that day.")
    counted = paper_kind(draft.decision)
    if counted is not None:
        check_room(act, caller.organisation, counted)
    paper = context.new_id()
    fact = PaperRecorded(
        act.seq, act.now, paper, consent, signatory.person, draft.decision, kept, signed_at
    )
    details = _details(draft, paper, signatory, kept)
    event = consent_event(caller, "paper_recorded", file, act.child, draft.performed_by, details)
    record(uow, context, act, fact, event)
    return paper


def confirm_paper(
    uow: SignaturesUnit,
    context: Context,
    caller: Caller,
    consent: str,
    paper: str,
    performed_by: Employee,
    *,
    is_lift: bool = False,
) -> None:
    """Confirm what a colleague recorded: from here it counts. Confirming again changes nothing.

    `is_lift` says which of the two is meant: a lift is not confirmed as a grant or a no, nor the
    other way round.

    Raises NotFound, LoginRequired, and Conflict when the same employee recorded it, when it was
    rejected, when the signer has no say now or has answered so already, and for a grant that can
    no longer count.
    """
    file = controlled_consent(uow, caller, consent)
    check_client_may_confirm(uow, file)
    act = begin_act(uow, context, child_of(uow, file))
    found = find_paper(act.history, consent, paper)
    if found is None or (found.kind is ActKind.LIFT) is not is_lift:
        raise NotFound("There is no such paper.")
    if _is_confirmed(act, consent, paper):
        return
    if paper in rejected_papers(act.history, consent):
        raise Conflict("paper_rejected", "This paper was rejected: record it anew if it is right.")
    recorded = recorded_by_another(uow, file, "paper_recorded", paper, performed_by)
    signatory = find_signatory(uow, consent, recorded["signatory"])
    request = act.history.request(consent)
    _check_may_sign(act, request, signatory, found.kind)
    evidence = _evidence(caller, found.signed_at, paper, recorded["document"]["sha256"])
    if found.kind is ActKind.GRANT and found.kept is not None:
        _check_still_counts(act, request, found)
        is_new = grant(uow, context, act, file, signatory, found.kept, evidence)
    elif found.kind is ActKind.LIFT:
        is_new = lift(uow, context, act, file, signatory, evidence)
    else:
        is_new = refuse(uow, context, act, file, signatory, evidence)
    if not is_new:
        raise Conflict("answer_stands", "The signer has given this answer already.")
    details = {"paper": paper, "signatory": signatory.id, **ASSERTED}
    event = consent_event(caller, "paper_confirmed", file, act.child, performed_by, details)
    context.journal.write(uow, event, act.now)


def reject_paper(
    uow: SignaturesUnit,
    context: Context,
    caller: Caller,
    consent: str,
    paper: str,
    note: str | None,
    performed_by: Employee,
) -> None:
    """Take back a paper that was recorded by mistake. Rejecting again changes nothing.

    Any employee may, the one who recorded it too: nothing is granted by it. Raises NotFound, and
    Conflict for a paper that counts already.
    """
    file = controlled_consent(uow, caller, consent)
    act = begin_act(uow, context, child_of(uow, file))
    if find_paper(act.history, consent, paper) is None:
        raise NotFound("There is no such paper.")
    if paper in rejected_papers(act.history, consent):
        return
    if _is_confirmed(act, consent, paper):
        detail = "This paper was confirmed and counts: record what the signer says now instead."
        raise Conflict("paper_confirmed", detail)
    fact = PaperRejected(act.seq, act.now, paper, consent)
    details = {"paper": paper, **({"note": note} if note else {})}
    event = consent_event(caller, "paper_rejected", file, act.child, performed_by, details)
    record(uow, context, act, fact, event)


def _is_confirmed(act: ActInProgress, consent: str, paper: str) -> bool:
    return any(known.paper == paper for known in act.history.acts(consent))


def _check_day(context: Context, act: ActInProgress, request: Request, signed_on: date) -> None:
    if signed_on > local_date(act.now):
        raise InvalidInput.field("/signed_on", "This is in the future.")
    if signed_on < local_date(request.at):
        raise InvalidInput.field("/signed_on", "This is before the day of the request.")
    if signed_on < context.periods.oldest_paper(act.now):
        raise InvalidInput.field("/signed_on", "This is too long ago: ask for a new signature.")


def _check_may_sign(
    act: ActInProgress, request: Request, signatory: Signatory, decision: ActKind
) -> None:
    if signatory.person not in may_act(act.history, request, act.now):
        raise Conflict("signatory_without_standing", "This person has no part in the consent now.")
    is_live = state_at(act.history, request.consent, act.now).is_live
    if decision is ActKind.GRANT and not is_live:
        raise Conflict("consent_not_live", "This consent can no longer be given.")


def _check_still_counts(act: ActInProgress, request: Request, paper: PaperRecorded) -> None:
    """The rules hold without this; here they are told to the one who could still do something."""
    signed_at = paper.signed_at
    if refused_since(
        act.history, request, paper.person, signed_at, before=act.seq, known_by=act.now
    ):
        raise Conflict(
            "newer_refusal",
            "The signer has refused since the day of this paper: only a newer grant can count.",
        )
    if is_too_young(request, paper.person, signed_at):
        raise Conflict("signer_too_young", "The child was not yet 15 on the day of this paper.")
    if expiry(signed_at, request.validity) <= act.now:
        raise Conflict("paper_expired", "Counted from the day of this paper, the consent is over.")


def _kept(request: Request, draft: PaperDraft) -> Scope | None:
    """The scope of a grant. Raises InvalidInput for one that is more than asked, or nothing."""
    if draft.scope is None:
        return request.asked if draft.decision is ActKind.GRANT else None
    if draft.decision is not ActKind.GRANT:
        raise InvalidInput.field("/scope", "Only a grant keeps a scope.")
    scope = Scope(frozenset(draft.scope.parties), frozenset(draft.scope.categories))
    if not scope.parties <= request.asked.parties:
        raise InvalidInput.field("/scope/parties", "Not all of these were asked for.")
    if not scope.categories <= request.asked.categories:
        raise InvalidInput.field("/scope/categories", "Not all of these were asked for.")
    left_out = Scope(
        request.asked.parties - scope.parties, request.asked.categories - scope.categories
    )
    kept = kept_scope(request, left_out)
    if kept is None:
        detail = "So much is left out that it is a decline: record it as one."
        raise InvalidInput.field("/scope", detail)
    return kept


def _details(
    draft: PaperDraft, paper: str, signatory: Signatory, kept: Scope | None
) -> dict[str, Any]:
    scope = kept and {"parties": sorted(kept.parties), "categories": sorted(kept.categories)}
    return {
        "paper": paper,
        "signatory": signatory.id,
        "decision": draft.decision.value,
        "scope": scope,
        "signed_on": draft.signed_on.isoformat(),
        "document": {"reference": draft.document_reference, "sha256": draft.document_sha256},
        "identity_checked": draft.identity_checked,
    }


def _evidence(caller: Caller, signed_at: datetime, paper: str, document_sha256: str) -> Evidence:
    """The seal, which every party reads, names the organisation, the paper and its hash.

    Who recorded it and where it is filed stand in the controller's log alone.
    """
    identity = IdentityEvidence(
        issuer=caller.organisation,
        subject=caller.organisation,
        loa=ON_PAPER,
        time=signed_at,
        id_token_sha256=None,
        paper=Paper(paper, document_sha256),
    )
    return Evidence(identity, None, {}, attested_by=caller.organisation)
