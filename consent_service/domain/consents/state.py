"""What a consent is at an instant, derived from facts and a clock (R1-R4, R10, R13).

A consent's status is a step function of time. It can change only at a few instants: when a fact
was recorded or takes effect, at the 15th and 18th birthdays, at the lapse, at the end of a
newcomer's window and at the expiry. `state_at` walks those instants in order and stops at the
first final state it reaches, so what happened first stays, whoever later drops out of the
required set.

Where several things fall on one instant, final states come first, in this order: cancelled,
withdrawn, superseded, expired, declined, lapsed; then who is required; then completion. So a no
or a silence that is final at an instant is judged by who had to sign just before it (R2).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from consent_service.domain.consents.answers import Answers, answers_at
from consent_service.domain.consents.paper import with_overtaken
from consent_service.domain.consents.signers import (
    exemptions,
    holders_at,
    required_signers,
    with_courses,
)
from consent_service.domain.kernel.calendar import (
    ADULT_AGE,
    YOUNG_PERSON_AGE,
    child_reaches,
    local_date,
    local_instant,
    parents_released,
)
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CustodyChange,
    History,
    LinkIssued,
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
    RECONFIRMATION_REQUIRED = "reconfirmation_required"
    CUSTODY_CONTRADICTED = "custody_contradicted"
    OBJECTION_STANDS = "objection_stands"
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
    return _walk_to(known, known.request(consent), instant).state


def answer_until(history: History, consent: str, person: str, instant: datetime) -> datetime | None:
    """Until when one who must sign can change a no: from then on it is final (R9).

    That is the lapse. For whoever became required later, on a consent that was in force, it is the
    end of their own window, or the expiry if that comes first (which would tell, before it was in
    force, that another has granted); it may be over already. None for one who need not sign, and
    once the consent is final. Raises KeyError as `state_at` does.
    """
    known = history.recorded_by(instant)
    request = known.request(consent)
    walk = _walk_to(known, request, instant)
    since = walk.required_since.get(person)
    if since is None or not walk.state.is_live:
        return None
    if walk.state.complete_at is None:
        return request.lapses_at
    window = _window_ends(known, request, person, since)
    return min(window, walk.state.expires_at or window)


def _walk_to(known: History, request: Request, instant: datetime) -> "_Walk":
    superseded_at = _superseded_at(known, request, instant)
    known = _what_matters(known, request)
    points = _turning_points(known, request, superseded_at, instant)
    walk = _Walk(ConsentState(Status.AWAITING_SIGNATURES))
    while points and walk.state.is_live:
        now = min(points)
        points.discard(now)
        walk = _step(known, request, superseded_at, now, walk)
        if walk.refusal_final_at is not None and now < walk.refusal_final_at <= instant:
            points.add(walk.refusal_final_at)
    return walk


@dataclass(frozen=True)
class _Walk:
    """How far the walk has come: the state, since when each must sign, and when a no is final."""

    state: ConsentState
    required_since: Mapping[str, datetime] = field(default_factory=dict)
    refusal_final_at: datetime | None = None


def _superseded_at(history: History, request: Request, instant: datetime) -> datetime | None:
    """When a renewal of the request was first in force (R13)."""
    renewals = (r.consent for r in history.requests if r.renews == request.consent)
    complete = (state_at(history, renewal, instant).complete_at for renewal in renewals)
    return min((moment for moment in complete if moment is not None), default=None)


def _what_matters(history: History, request: Request) -> History:
    """What happened under one consent, with all that its state depends on besides worked out.

    So a step of the walk costs what was done about this consent, and not what anybody recorded
    about the child.
    """
    known = with_overtaken(with_courses(history, [request.controller]), request.consent)
    own = tuple(
        fact
        for fact in history.facts
        if not isinstance(fact, CustodyChange) and fact.consent == request.consent
    )
    return known.with_only(own)


def _turning_points(
    history: History, request: Request, superseded_at: datetime | None, instant: datetime
) -> set[datetime]:
    """Every instant up to the one asked about at which the state can change.

    But for the ends of newcomers' windows, which the walk finds.
    """
    birth = request.birth_date
    points = {request.at, request.lapses_at}
    for age in (YOUNG_PERSON_AGE, ADULT_AGE):
        points |= {child_reaches(birth, age), parents_released(birth, age)}
    points |= {*history.courses[request.controller].begins}
    points |= {
        fact.at
        for fact in history.facts
        if not isinstance(fact, CustodyChange) and fact.consent == request.consent
    }
    for exemption in exemptions(history, request.consent):
        points |= {p for p in (exemption.confirmed_at, exemption.ended_at) if p is not None}
    ends = expires_at(history, request)
    points |= {p for p in (ends, superseded_at) if p is not None}
    return {point for point in points if request.at <= point <= instant}


def expires_at(history: History, request: Request) -> datetime | None:
    """When a consent ends: counted from the earliest grant ever made on it (R3).

    No grant outlasts its own year, so the earliest end counts: one of 29 February ends on the 28th,
    before one of the 28th that was given later in the day.
    """
    return min(
        (
            expiry(act.given_at, request.validity)
            for act in history.acts(request.consent)
            if act.kind is ActKind.GRANT
        ),
        default=None,
    )


def _step(
    history: History,
    request: Request,
    superseded_at: datetime | None,
    now: datetime,
    walk: _Walk,
) -> _Walk:
    """The state at one turning point, given the state just before it."""
    known = history.recorded_by(now)
    before, ends = walk.state, expires_at(known, request)

    def state(
        status: Status, reasons: tuple[Reason, ...], final_at: datetime | None = None
    ) -> ConsentState:
        return ConsentState(
            status, reasons, None, before.complete_at, ends, final_at, before.covered
        )

    final = _final(known, request, superseded_at, now, ends) or _overdue(known, request, now, walk)
    if final is not None:
        return _Walk(state(final.status, final.reasons, now))
    answers = answers_at(known, request, now)
    since = {person: walk.required_since.get(person, now) for person in answers.required}
    scope = answers.scope
    if answers.complete and not scope.is_empty:
        complete_at, covered = before.complete_at or now, before.covered | answers.newly_covered
        in_force = ConsentState(Status.IN_FORCE, (), scope, complete_at, ends, None, covered)
        return _Walk(in_force, since)
    missing = _missing(answers)
    if refusals := _refusals(answers):
        was_in_force = before.complete_at is not None
        due = _window_of(known, request, answers, since) if was_in_force else request.lapses_at
        declined = state(Status.DECLINED, refusals + missing, now if due <= now else None)
        return _Walk(declined, since, due)
    if before.complete_at is not None:
        reasons = _why_incomplete(history, request, answers, before.complete_at)
        return _Walk(state(Status.INCOMPLETE, reasons), since)
    return _Walk(state(Status.AWAITING_SIGNATURES, missing or _NOBODY_CAN_SIGN), since)


_TICK = timedelta(microseconds=1)
_NOBODY_CAN_SIGN = (Reason(ReasonCode.MISSING_SIGNATURE, Role.CUSTODY_HOLDER),)


def _overdue(history: History, request: Request, now: datetime, walk: _Walk) -> "_Final | None":
    """What a no or a silence comes to whose time is over, whoever must sign from now on (R9).

    A no said at this very instant is among them, by whoever had to sign just before it (R2).
    """
    is_late = walk.state.complete_at is None and now >= request.lapses_at
    at_once = {
        act.person
        for act in history.acts(request.consent)
        if act.at == now and act.kind is ActKind.DECLINE and act.person in walk.required_since
    }
    is_final = walk.refusal_final_at is not None and walk.refusal_final_at <= now
    is_final |= any(
        is_late or _window_ends(history, request, person, walk.required_since[person]) <= now
        for person in at_once
    )
    if is_final:
        return _Final(Status.DECLINED, _refused_just_before(history, request, now, at_once))
    if is_late and walk.state.status is Status.AWAITING_SIGNATURES:
        return _Final(Status.LAPSED, (Reason(ReasonCode.LAPSED), *walk.state.reasons))
    return None


def _refused_just_before(
    history: History, request: Request, now: datetime, at_once: AbstractSet[str]
) -> tuple[Reason, ...]:
    """Who refused and who is silent, of those who had to sign until now."""
    before = now - _TICK
    earlier = history.recorded_by(before)
    answers = answers_at(earlier, request, before)
    roles = required_signers(earlier, request, before)
    said = replace(
        answers,
        granted={p: kept for p, kept in answers.granted.items() if p not in at_once},
        declined={**answers.declined, **{p: roles[p] for p in at_once}},
        missing={p: role for p, role in answers.missing.items() if p not in at_once},
    )
    return (*_refusals(said), *_missing(said))


def _missing(answers: Answers) -> tuple[Reason, ...]:
    return tuple(
        Reason(ReasonCode.MISSING_SIGNATURE, role, person)
        for person, role in answers.missing.items()
    )


def _window_of(
    history: History, request: Request, answers: Answers, since: Mapping[str, datetime]
) -> datetime:
    """When a no to what was in force is final: when one who declined can no longer change it (R9).

    Where nobody declined and the grants together leave nothing, the last window of them counts.
    """
    ends = {
        person: _window_ends(history, request, person, since[person])
        for person in (answers.declined or answers.granted)
    }
    return min(ends.values()) if answers.declined else max(ends.values())


def _window_ends(history: History, request: Request, person: str, since: datetime) -> datetime:
    """Until when a signer may change a no: the lapse; later for who became required later (R9)."""
    if since <= request.at:
        return request.lapses_at
    links = (
        fact.at
        for fact in history.facts
        if isinstance(fact, LinkIssued) and (fact.consent, fact.person) == (request.consent, person)
    )
    begins = max(since, min(links, default=since))
    window = local_instant(local_date(begins) + timedelta(days=request.newcomer_days + 1))
    return max(request.lapses_at, window)


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
    empty = answers.granted and answers.scope.is_empty
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
