"""May this pass from one party to another now? The decision, with its reasons (R5)."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_service.domain.consents.paper import latest_answers
from consent_service.domain.consents.restored import is_held
from consent_service.domain.consents.signers import (
    excused_holders,
    present_holders,
    required_signers,
    with_courses,
)
from consent_service.domain.consents.state import ConsentState, Reason, ReasonCode, Status, state_at
from consent_service.domain.disclosures.contradictions import (
    custody_is_contradicted,
    whose_custody_differs,
)
from consent_service.domain.disclosures.objections import (
    Objection,
    Transfer,
    standing_objections,
)
from consent_service.domain.kernel.facts import Act, ActKind, History, Request, Scope

TIME_TO_START = timedelta(minutes=5)
"""How long after the decision a permitted disclosure may begin."""

_HIDDEN = Reason(ReasonCode.OBJECTION_STANDS)
_CONTRADICTED = Reason(ReasonCode.CUSTODY_CONTRADICTED)
_HELD = Reason(ReasonCode.RECONFIRMATION_REQUIRED)


@dataclass(frozen=True)
class Permitted:
    """The transfer may begin before `valid_until`, under this consent and its terms.

    `attested_by` are the organisations on whose word it rests: a paper's, an exemption's.
    """

    consent: str
    controller: str
    terms_sha256: str
    valid_until: datetime
    attested_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Denied:
    """The transfer may not happen; `consent` is the one whose reasons are told.

    `reasons` are the caller's to know. `logged`, where it is not None, says less: it stands in the
    log of the consent's controller, who may not know of each request that the caller knows.
    `objections` are what the reasons rest on, whether the caller may know of them or not.
    `custody_to_check` are the organisations that know a holder whom the consent's controller
    does not.
    """

    reasons: tuple[Reason, ...]
    consent: str | None = None
    controller: str | None = None
    objections: tuple[Objection, ...] = ()
    custody_to_check: tuple[str, ...] = ()
    logged: tuple[Reason, ...] | None = None


Decision = Permitted | Denied


@dataclass(frozen=True)
class _Candidate:
    """A consent for the purpose that the caller may know of, and what it lacks for itself."""

    request: Request
    state: ConsentState
    shortcomings: tuple[Reason, ...]


def decide_transfer(
    history: History, transfer: Transfer, caller: str, instant: datetime
) -> Decision:
    """Decide at an instant, from what was recorded by then.

    Only consents that the caller may know of are looked at: those it controls, and those that
    covered it once. The newest that has no shortcoming of its own permits, unless custody is
    contradicted (R5e) or somebody's denial stands. Where none permits, the one that comes closest
    is told (R5h): with the fewest shortcomings, and of those the newest.
    """
    if not transfer.is_between_two:
        return Denied((Reason(ReasonCode.NO_CONSENT),))
    known = _known_by(history, instant)
    visible = _visible_to(caller, known, instant)
    if not visible:
        return Denied((Reason(ReasonCode.NO_CONSENT),))
    candidates = _candidates(visible, transfer)
    if not candidates:
        return Denied((Reason(ReasonCode.PURPOSE_NOT_COVERED),))
    told: Denied | None = None
    for candidate in candidates:
        if candidate.shortcomings:
            continue
        denied = _stopped(known, transfer, candidate.request, caller, visible, instant)
        if denied is None:
            return _permitted(known, candidate, instant)
        told = told or denied
    return told or _closest(candidates)


def objections_told(
    history: History, transfer: Transfer, caller: str, instant: datetime
) -> tuple[tuple[Objection, ...], bool]:
    """Whose denials stand where no consent decides (R6), and whether the caller may know.

    It may where one of them was said under a request it may know, or where a consent that it may
    know of would permit but for them: as when it asks by consent.
    """
    known = _known_by(history, instant)
    objections = standing_objections(known, transfer, instant)
    if not objections:
        return (), False
    visible = _visible_to(caller, known, instant)
    names = {request.consent for request, _ in visible}
    is_known = any(one.denial.request.consent in names for one in objections)
    closest = any(not one.shortcomings for one in _candidates(visible, transfer))
    return objections, is_known or closest


def _known_by(history: History, instant: datetime) -> History:
    """What was recorded by an instant, to be asked for that one and earlier ones."""
    known = history.recorded_by(instant)
    return with_courses(known, {request.controller for request in known.requests})


def _visible_to(
    caller: str, history: History, instant: datetime
) -> list[tuple[Request, ConsentState]]:
    """The consents a caller may know of, newest first, with their state."""
    granted = {
        fact.consent
        for fact in history.facts
        if isinstance(fact, Act) and fact.kind is ActKind.GRANT
    }
    visible = []
    for request in reversed(history.requests):
        if caller not in request.asked.parties:
            continue
        if caller != request.controller and request.consent not in granted:
            # It covered nobody yet, whatever else there is to its state.
            continue
        state = state_at(history, request.consent, instant)
        if caller == request.controller or caller in state.covered:
            visible.append((request, state))
    return visible


def _candidates(
    visible: Iterable[tuple[Request, ConsentState]], transfer: Transfer
) -> list[_Candidate]:
    return [
        _Candidate(request, state, _shortcomings(request, state, transfer))
        for request, state in visible
        if request.purpose == transfer.purpose
    ]


def _shortcomings(request: Request, state: ConsentState, transfer: Transfer) -> tuple[Reason, ...]:
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
    return _without_repeats(reasons)


def _stopped(
    history: History,
    transfer: Transfer,
    request: Request,
    caller: str,
    visible: Sequence[tuple[Request, ConsentState]],
    instant: datetime,
) -> Denied | None:
    """What stops a consent that would permit (R5h).

    What a restore may have lost, custody contradicted, and every denial.
    """
    contradicted = custody_is_contradicted(history, request, transfer, instant)
    objections = standing_objections(history, transfer, instant, request)
    held = (_HELD,) if is_held(history, request, instant) else ()
    codes = (*held, _CONTRADICTED) if contradicted else held
    if not codes and not objections:
        return None
    names = frozenset(one.consent for one, _ in visible)
    logged = None
    if objections and caller != request.controller:
        known_there = _visible_to(request.controller, history, instant)
        in_both = names.intersection(one.consent for one, _ in known_there)
        logged = (*codes, *_told(objections, in_both))
    return Denied(
        (*codes, *_told(objections, names)),
        request.consent,
        request.controller,
        objections,
        whose_custody_differs(history, request, transfer, instant) if contradicted else (),
        logged,
    )


def _told(objections: Sequence[Objection], known: AbstractSet[str]) -> tuple[Reason, ...]:
    """Denials as they are told where these requests are known.

    One under such a request by its code and role; all the others are one `objection_stands`,
    whosever and however many they are.
    """
    told = [one.reason for one in objections if one.denial.request.consent in known]
    hidden = [_HIDDEN] if len(told) < len(objections) else []
    return _without_repeats([*told, *hidden])


def _closest(candidates: Sequence[_Candidate]) -> Denied:
    """The one with the fewest shortcomings of its own; the newest of those, which come first."""
    closest = min(candidates, key=lambda candidate: len(candidate.shortcomings))
    request = closest.request
    return Denied(closest.shortcomings, request.consent, request.controller)


def _permitted(history: History, candidate: _Candidate, instant: datetime) -> Permitted:
    request, ends = candidate.request, candidate.state.expires_at
    valid_until = instant + TIME_TO_START
    return Permitted(
        request.consent,
        request.controller,
        request.terms_sha256,
        valid_until if ends is None else min(valid_until, ends),
        _attested_by(history, request, instant),
    )


def _attested_by(history: History, request: Request, instant: datetime) -> tuple[str, ...]:
    """On whose word a consent in force rests, beside its signers' own logins (R5b).

    It rests on the grants of those who must sign. Who took the no of somebody without a say in it
    is not told.
    """
    answers = latest_answers(history, request.consent)
    grants = [answers[person] for person in required_signers(history, request, instant)]
    by = {act.attested_by or request.controller for act in grants if act.is_attested}
    excused = excused_holders(history, request.consent, instant)
    if excused and not excused.isdisjoint(present_holders(history, request, instant)):
        by.add(request.controller)
    return tuple(sorted(by))


def _without_repeats(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))
