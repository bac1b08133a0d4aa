"""What a consent is at an instant, derived from facts and a clock (R1-R4, R10, R13).

A consent's status is a step function of time. It can change only at a few instants: when a fact
was recorded or takes effect, at the 15th and 18th birthdays, at the lapse and at the expiry.
`state_at` walks those instants in order and stops at the first final state it reaches, so what
happened first stays, whoever later drops out of the required set.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from consent_service.domain.consents.answers import Answers, answers_at
from consent_service.domain.consents.signers import (
    custody_takes_effect,
    exemptions,
    holders_at,
)
from consent_service.domain.kernel.calendar import (
    ADULT_AGE,
    YOUNG_PERSON_AGE,
    child_reaches,
    parents_released,
)
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CustodyChange,
    History,
    Request,
    Role,
    Scope,
)
from consent_service.domain.kernel.validity import expiry


class Status(StrEnum):
    """The status of a consent, as the interface names it."""

    AWAITING_SIGNATURES = "awaiting_signatures"
    IN_FORCE = "in_force"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    INCOMPLETE = "incomplete"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class ReasonCode(StrEnum):
    """Why a consent is not in force or a disclosure is denied; stable, part of the interface."""

    NO_CONSENT = "no_consent"
    MISSING_SIGNATURE = "missing_signature"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    LAPSED = "lapsed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    SCOPE_EMPTY = "scope_empty"
    PARTY_NOT_COVERED = "party_not_covered"
    PURPOSE_NOT_COVERED = "purpose_not_covered"
    CATEGORY_NOT_COVERED = "category_not_covered"
    CUSTODY_CHANGED = "custody_changed"
    YOUNG_PERSON_MUST_SIGN = "young_person_must_sign"
    UNVERIFIABLE = "unverifiable"


@dataclass(frozen=True)
class Reason:
    """One reason: its code and, where they apply, whose signature, which party or category."""

    code: ReasonCode
    role: Role | None = None
    person: str | None = None
    party: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class ConsentState:
    """A consent at one instant.

    `effective_scope` is what may be exchanged now: None unless in force. `complete_at` is when
    it was first in force, `expires_at` when it ends (None before the first grant), `final_at`
    when it reached its final state, `covered` every party it ever covered while in force. A party
    that an excused holder left out is not covered, and none is while an excused holder refuses.
    """

    status: Status
    reasons: tuple[Reason, ...] = ()
    effective_scope: Scope | None = None
    complete_at: datetime | None = None
    expires_at: datetime | None = None
    final_at: datetime | None = None
    covered: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_live(self) -> bool:
        """Whether anything can still happen to it."""
        return self.final_at is None


def state_at(history: History, consent: str, instant: datetime) -> ConsentState:
    """The state of a consent at an instant, from the facts recorded by then.

    Raises KeyError when the consent had not been asked for by then.
    """
    known = history.recorded_by(instant)
    request = known.request(consent)
    superseded_at = _superseded_at(known, request, instant)
    state = ConsentState(Status.AWAITING_SIGNATURES)
    for step in _turning_points(known, request, superseded_at, instant):
        state = _step(known, request, superseded_at, step, state)
        if not state.is_live:
            break
    return state


def _superseded_at(history: History, request: Request, instant: datetime) -> datetime | None:
    """When a renewal of the request was first in force (R13)."""
    renewals = (r.consent for r in history.requests if r.renews == request.consent)
    complete = (state_at(history, renewal, instant).complete_at for renewal in renewals)
    return min((moment for moment in complete if moment is not None), default=None)


def _turning_points(
    history: History, request: Request, superseded_at: datetime | None, instant: datetime
) -> list[datetime]:
    """Every instant up to the one asked about at which the state can change, in order."""
    birth = request.birth_date
    points = {request.at, request.lapses_at, instant}
    for age in (YOUNG_PERSON_AGE, ADULT_AGE):
        points |= {child_reaches(birth, age), parents_released(birth, age)}
    for fact in history.facts:
        if isinstance(fact, Request | CustodyChange):
            if fact.controller == request.controller:
                # A correction also ends at once what it corrects.
                points |= {fact.at, custody_takes_effect(fact)}
        elif fact.consent == request.consent:
            points.add(fact.at)
    for exemption in exemptions(history, request.consent):
        points |= {p for p in (exemption.confirmed_at, exemption.ended_at) if p is not None}
    ends = expires_at(history, request)
    points |= {p for p in (ends, superseded_at) if p is not None}
    return sorted(point for point in points if request.at <= point <= instant)


def expires_at(history: History, request: Request) -> datetime | None:
    """When a consent ends: counted from the earliest grant ever made on it (R3)."""
    grants = [a.given_at for a in history.acts(request.consent) if a.kind is ActKind.GRANT]
    return expiry(min(grants), request.validity) if grants else None


def _step(
    history: History,
    request: Request,
    superseded_at: datetime | None,
    now: datetime,
    before: ConsentState,
) -> ConsentState:
    """The state at one turning point, given the state just before it."""
    known = history.recorded_by(now)
    ends = expires_at(known, request)

    def state(
        status: Status, reasons: tuple[Reason, ...], final_at: datetime | None = None
    ) -> ConsentState:
        return ConsentState(
            status, reasons, None, before.complete_at, ends, final_at, before.covered
        )

    if final := _final(known, request, superseded_at, now, ends):
        return state(final.status, final.reasons, now)
    answers = answers_at(known, request, now)
    scope = answers.scope
    if answers.complete and not scope.is_empty:
        complete_at, covered = before.complete_at or now, before.covered | answers.newly_covered
        return ConsentState(Status.IN_FORCE, (), scope, complete_at, ends, None, covered)
    lapsed_at = now if now >= request.lapses_at else None
    missing = tuple(
        Reason(ReasonCode.MISSING_SIGNATURE, role, person)
        for person, role in answers.missing.items()
    )
    if refusals := _refusals(answers):
        reasons = refusals + missing
        return state(Status.DECLINED, reasons, lapsed_at)
    if before.complete_at is not None:
        reasons = _why_incomplete(history, request, answers, before.complete_at)
        return state(Status.INCOMPLETE, reasons)
    missing = missing or (Reason(ReasonCode.MISSING_SIGNATURE, Role.CUSTODY_HOLDER),)
    if lapsed_at is not None:
        reasons = (Reason(ReasonCode.LAPSED), *missing)
        return state(Status.LAPSED, reasons, lapsed_at)
    return state(Status.AWAITING_SIGNATURES, missing)


@dataclass(frozen=True)
class _Final:
    status: Status
    reasons: tuple[Reason, ...]


def _final(
    history: History,
    request: Request,
    superseded_at: datetime | None,
    now: datetime,
    ends: datetime | None,
) -> _Final | None:
    for fact in history.facts:
        if isinstance(fact, Cancellation) and fact.consent == request.consent:
            return _Final(Status.CANCELLED, (Reason(ReasonCode.CANCELLED),))
        if (
            isinstance(fact, Act)
            and fact.consent == request.consent
            and fact.kind is ActKind.WITHDRAW
        ):
            role = role_of(history, request, fact)
            reason = Reason(ReasonCode.WITHDRAWN, role, fact.person)
            return _Final(Status.WITHDRAWN, (reason,))
    if superseded_at is not None and superseded_at <= now:
        return _Final(Status.SUPERSEDED, (Reason(ReasonCode.SUPERSEDED),))
    if ends is not None and ends <= now:
        return _Final(Status.EXPIRED, (Reason(ReasonCode.EXPIRED),))
    return None


def role_of(history: History, request: Request, act: Act) -> Role:
    """In what capacity a signer acted, by the custody facts of that moment."""
    if act.person == request.child:
        return Role.CHILD
    holders = holders_at(history, request.controller, act.at)
    return next((h.role for h in holders if h.person == act.person), Role.CUSTODY_HOLDER)


def _refusals(answers: Answers) -> tuple[Reason, ...]:
    declined = tuple(
        Reason(ReasonCode.DECLINED, role, person) for person, role in answers.declined.items()
    )
    empty = answers.grants and answers.scope.is_empty
    return (*declined, Reason(ReasonCode.SCOPE_EMPTY)) if empty else declined


def _why_incomplete(
    history: History, request: Request, answers: Answers, complete_at: datetime
) -> tuple[Reason, ...]:
    """Why a consent that was in force needs a signature again: a birthday, or custody."""
    held_then = {h.person for h in holders_at(history, request.controller, complete_at)}
    reasons = []
    for person, role in answers.missing.items():
        if role is Role.CHILD:
            code = ReasonCode.YOUNG_PERSON_MUST_SIGN
        elif person in held_then:
            code = ReasonCode.MISSING_SIGNATURE
        else:
            code = ReasonCode.CUSTODY_CHANGED
        reasons.append(Reason(code, role, person))
    return tuple(reasons) or (Reason(ReasonCode.CUSTODY_CHANGED, Role.CUSTODY_HOLDER),)
