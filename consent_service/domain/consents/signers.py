"""Who must sign, and who has a say: derived from custody, age, rule and exemptions (R1, R10)."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from consent_service.domain.kernel.calendar import (
    ADULT_AGE,
    YOUNG_PERSON_AGE,
    child_reaches,
    parents_released,
)
from consent_service.domain.kernel.facts import (
    CustodyChange,
    CustodyCourse,
    ExemptionConfirmed,
    ExemptionReason,
    ExemptionRecorded,
    ExemptionRevoked,
    History,
    Holder,
    Request,
    Role,
    SignerRule,
)

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Exemption:
    """One exemption as it stands: from its confirmation until its end or its revocation."""

    id: str
    person: str
    recorded_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None
    reason: ExemptionReason | None = None

    def counts_at(self, instant: datetime) -> bool:
        """Whether it excuses its holder at that instant."""
        begun = self.confirmed_at is not None and self.confirmed_at <= instant
        return begun and (self.ended_at is None or instant < self.ended_at)


def holders_at(history: History, controller: str, instant: datetime) -> tuple[Holder, ...]:
    """Who holds custody as that municipality knew and recorded it.

    A change takes effect at the later of its date and its recording (R10); the facts sent with
    a request take effect when recorded. A change that was corrected by then does not count.
    Ages play no part here.
    """
    course = history.courses.get(controller)
    if course is not None:
        return course.at(instant)
    newest: tuple[datetime, int] | None = None
    holders: tuple[Holder, ...] = ()
    corrected = corrected_changes(history, controller, instant)
    for fact in history.facts:
        if not isinstance(fact, Request | CustodyChange) or fact.controller != controller:
            continue
        if isinstance(fact, CustodyChange) and fact.id in corrected:
            continue
        effective = custody_takes_effect(fact)
        if effective <= instant and (newest is None or (effective, fact.seq) > newest):
            newest, holders = (effective, fact.seq), fact.holders
    return holders


def custody_course(history: History, controller: str) -> CustodyCourse:
    """What `holders_at` says of every instant, from one pass over the facts."""
    facts = sorted(
        (
            fact
            for fact in history.facts
            if isinstance(fact, Request | CustodyChange) and fact.controller == controller
        ),
        key=lambda fact: (custody_takes_effect(fact), fact.seq),
    )
    found_wrong: dict[str, datetime] = {}
    for fact in facts:
        if isinstance(fact, CustodyChange) and fact.corrects is not None:
            found_wrong[fact.corrects] = min(fact.at, found_wrong.get(fact.corrects, fact.at))
    begins: list[datetime] = []
    holders: list[tuple[Holder, ...]] = [()]
    coming, in_effect = deque(facts), list[Request | CustodyChange]()
    for now in sorted({*map(custody_takes_effect, facts), *found_wrong.values()}):
        while coming and custody_takes_effect(coming[0]) <= now:
            in_effect.append(coming.popleft())
        # The last of them is the newest. What was found wrong stays so, and is not looked at again.
        while in_effect and _is_found_wrong(in_effect[-1], found_wrong, now):
            in_effect.pop()
        newest = in_effect[-1].holders if in_effect else ()
        if newest != holders[-1]:
            begins.append(now)
            holders.append(newest)
    return CustodyCourse(tuple(begins), tuple(holders[1:]))


def with_courses(history: History, controllers: Iterable[str]) -> History:
    """The same history, to be asked for many instants by which all of it is recorded."""
    missing = {one for one in controllers if one not in history.courses}
    if not missing:
        return history
    found = {one: custody_course(history, one) for one in missing}
    return history.with_courses(found)


def _is_found_wrong(
    fact: Request | CustodyChange, found_wrong: Mapping[str, datetime], now: datetime
) -> bool:
    return (
        isinstance(fact, CustodyChange) and fact.id in found_wrong and found_wrong[fact.id] <= now
    )


def holders_from(history: History, controller: str, instant: datetime) -> Mapping[str, Role]:
    """Who holds custody at an instant, then whoever will by a change that is recorded already.

    Each in the role that comes first. All of them must be able to sign, so that a change takes
    effect on its day without anybody acting (R10).
    """
    corrected = corrected_changes(history, controller, instant)
    coming = (
        holder
        for fact in history.facts
        if isinstance(fact, CustodyChange)
        and fact.controller == controller
        and fact.id not in corrected
        and custody_takes_effect(fact) > instant
        for holder in fact.holders
    )
    found: dict[str, Role] = {}
    for holder in (*holders_at(history, controller, instant), *coming):
        found.setdefault(holder.person, holder.role)
    return found


def corrected_changes(history: History, controller: str, instant: datetime) -> frozenset[str]:
    """The ids of the custody changes that the same municipality had found wrong by then (R10)."""
    return frozenset(
        fact.corrects
        for fact in history.facts
        if isinstance(fact, CustodyChange)
        and fact.controller == controller
        and fact.corrects is not None
        and fact.at <= instant
    )


def custody_takes_effect(fact: Request | CustodyChange) -> datetime:
    """When custody facts begin to count."""
    return max(fact.at, fact.effective_from) if isinstance(fact, CustodyChange) else fact.at


def exemptions(history: History, consent: str) -> tuple[Exemption, ...]:
    """Every exemption recorded under a consent, oldest first."""
    recorded = [
        fact
        for fact in history.facts
        if isinstance(fact, ExemptionRecorded) and fact.consent == consent
    ]
    if not recorded:
        return ()
    confirmed: dict[str, datetime] = {}
    revoked: dict[str, datetime] = {}
    for fact in history.facts:
        if isinstance(fact, ExemptionConfirmed):
            confirmed.setdefault(fact.exemption, fact.at)
        elif isinstance(fact, ExemptionRevoked):
            revoked.setdefault(fact.exemption, fact.at)
    return tuple(
        Exemption(
            fact.exemption,
            fact.person,
            fact.at,
            confirmed.get(fact.exemption),
            min(
                (end for end in (fact.ends_at, revoked.get(fact.exemption)) if end is not None),
                default=None,
            ),
            fact.reason,
        )
        for fact in recorded
    )


def child_has_a_say(request: Request, instant: datetime) -> bool:
    """Whether the child's own signature is required: from its 15th birthday."""
    return instant >= child_reaches(request.birth_date, YOUNG_PERSON_AGE)


def present_holders(history: History, request: Request, instant: datetime) -> Mapping[str, Role]:
    """Whose custody counts: nobody's from the 18th birthday on, excused ones included before."""
    if instant >= parents_released(request.birth_date, ADULT_AGE):
        return {}
    return {h.person: h.role for h in holders_at(history, request.controller, instant)}


def holders_have_a_say(request: Request, instant: datetime) -> bool:
    """Whether the signer rule gives holders a say (R5d).

    Until the child is 18, or 15 where it signs alone (Sundhedsloven § 17(3)).
    """
    alone = request.signer_rule is SignerRule.CHILD_15_ALONE
    age = YOUNG_PERSON_AGE if alone else ADULT_AGE
    return instant < parents_released(request.birth_date, age)


def holders_may_have_a_say(
    history: History, request: Request, organisations: Collection[str], instant: datetime
) -> bool:
    """Whether they have one by the age that the request says, or that any of these knows."""
    return any(
        holders_have_a_say(one, instant) for one in _as_born(history, request, organisations)
    )


def child_may_have_a_say(
    history: History, request: Request, organisations: Collection[str], instant: datetime
) -> bool:
    """Whether the child has one by the age that the request says, or that any of these knows."""
    return any(child_has_a_say(one, instant) for one in _as_born(history, request, organisations))


def _as_born(
    history: History, request: Request, organisations: Collection[str]
) -> tuple[Request, ...]:
    """A request by each birth date under which it or one of these organisations filed the child.

    A replacement number proves no birth date, so that municipalities can differ. What one of them
    says takes nobody's say away at another: what is doubtful stops (R5d, R5e).
    """
    filed = (one.birth_date for one in history.requests if one.controller in organisations)
    births = {request.birth_date, *filed}
    if len(births) == 1:
        return (request,)
    return tuple(replace(request, birth_date=born) for born in births)


def excused_holders(history: History, consent: str, instant: datetime) -> frozenset[str]:
    """Who need not sign a consent, by an exemption that counts."""
    return frozenset(e.person for e in exemptions(history, consent) if e.counts_at(instant))


def signers_with_a_say(history: History, request: Request, instant: datetime) -> Mapping[str, Role]:
    """Who has a say in a consent: those required, and holders who are merely excused."""
    say: dict[str, Role] = {}
    if holders_have_a_say(request, instant):
        say.update(present_holders(history, request, instant))
    if child_has_a_say(request, instant):
        say[request.child] = Role.CHILD
    return say


def may_act(history: History, request: Request, instant: datetime) -> frozenset[str]:
    """Whose act counts at an instant: who has a say just before it, or at it (R2)."""
    before = instant - _TICK
    earlier = signers_with_a_say(history.recorded_by(before), request, before)
    return frozenset((*earlier, *signers_with_a_say(history, request, instant)))


def required_signers(history: History, request: Request, instant: datetime) -> Mapping[str, Role]:
    """Whose grant a consent needs at an instant, as its municipality knew custody (R1).

    The set can be empty (a child below 15 whose every holder is excused): then no consent is
    in force, since below 15 at least one holder must grant.
    """
    say = signers_with_a_say(history, request, instant)
    excused = excused_holders(history, request.consent, instant)
    return {
        person: role for person, role in say.items() if role is Role.CHILD or person not in excused
    }
