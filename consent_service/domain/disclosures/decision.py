"""May this pass from one party to another now? The decision, with its reasons (R5)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_service.domain.consents.state import ConsentState, Reason, ReasonCode, Status, state_at
from consent_service.domain.disclosures.objections import Transfer, standing_objections
from consent_service.domain.kernel.facts import History, Request, Scope

TIME_TO_START = timedelta(minutes=5)
"""How long after the decision a permitted disclosure may begin."""


@dataclass(frozen=True)
class Permitted:
    """The transfer may begin before `valid_until`, under this consent and its terms."""

    consent: str
    controller: str
    terms_sha256: str
    valid_until: datetime


@dataclass(frozen=True)
class Denied:
    """The transfer may not happen; `consent` is the newest one that was looked at."""

    reasons: tuple[Reason, ...]
    consent: str | None = None
    controller: str | None = None


Decision = Permitted | Denied


def decide_transfer(
    history: History, transfer: Transfer, caller: str, instant: datetime
) -> Decision:
    """Decide at an instant, from what was recorded by then.

    Only consents that the caller may know of are looked at: those it controls, and those that
    covered it once. Any one of them in force permits, unless somebody's denial stands.
    """
    if not transfer.is_between_two:
        return Denied((Reason(ReasonCode.NO_CONSENT),))
    known = history.recorded_by(instant)
    visible = _visible_to(caller, known, instant)
    if not visible:
        return Denied((Reason(ReasonCode.NO_CONSENT),))
    candidates = [(r, s) for r, s in visible if r.purpose == transfer.purpose]
    if not candidates:
        return Denied((Reason(ReasonCode.PURPOSE_NOT_COVERED),))
    for request, state in candidates:
        if _shortcomings(request, state, transfer):
            continue
        if not standing_objections(known, transfer, instant, request):
            valid_until = instant + TIME_TO_START
            if state.expires_at is not None:
                valid_until = min(valid_until, state.expires_at)
            return Permitted(request.consent, request.controller, request.terms_sha256, valid_until)
    request, state = candidates[0]
    reasons = (
        *_shortcomings(request, state, transfer),
        *standing_objections(known, transfer, instant, request),
    )
    return Denied(_without_repeats(reasons), request.consent, request.controller)


def _visible_to(
    caller: str, history: History, instant: datetime
) -> list[tuple[Request, ConsentState]]:
    """The consents a caller may know of, newest first, with their state."""
    visible = []
    for request in reversed(history.requests):
        if caller not in request.asked.parties:
            continue
        state = state_at(history, request.consent, instant)
        if caller == request.controller or caller in state.covered:
            visible.append((request, state))
    return visible


def _shortcomings(request: Request, state: ConsentState, transfer: Transfer) -> list[Reason]:
    """Why this one consent does not cover the transfer; empty when it does."""
    reasons: list[Reason] = []
    scope: Scope = state.effective_scope or request.asked
    if state.status is not Status.IN_FORCE:
        reasons.extend(state.reasons)
    reasons.extend(
        Reason(ReasonCode.PARTY_NOT_COVERED, party=party)
        for party in (transfer.sender, transfer.recipient)
        if party not in scope.parties
    )
    reasons.extend(
        Reason(ReasonCode.CATEGORY_NOT_COVERED, category=category)
        for category in sorted(transfer.categories - scope.categories)
    )
    return reasons


def _without_repeats(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))
