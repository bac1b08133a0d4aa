"""What each consent is, a second time and on purpose naive: written from the text of the rules.

A chronicle lives a child's life forward: its clock visits every instant at which anything could
happen (a fact, a date in a fact, a birthday, a lapse, an end of a window) and the microsecond
before, and keeps what it saw. It remembers endings and first times instead of deriving them.
Every sentence of the rules is a small method, so that a mutant can break exactly one.
"""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from operator import attrgetter, itemgetter

from consent_service.domain.consents.state import Status
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CustodyChange,
    ExemptionConfirmed,
    ExemptionRecorded,
    ExemptionRevoked,
    Fact,
    LinkIssued,
    Overlap,
    PaperRejected,
    Request,
    SignerRule,
)
from tests.unit.domain.naive_calendar import (
    TICK,
    child_from,
    end_of_grant,
    fifteenth_day_after,
    parents_until,
    period_after,
)


@dataclass(frozen=True)
class Why:
    """A reason as it is told: its code, whose, and about which party or category."""

    code: str
    person: str | None = None
    party: str | None = None
    category: str | None = None


NOBODY = "nobody is left to sign"
"""The person of a reason about a holder's signature, where there is no such holder."""


@dataclass(frozen=True)
class Picture:
    """What one consent looks like."""

    status: Status
    reasons: frozenset[Why] = frozenset()
    parties: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    first_in_force: datetime | None = None
    ends: datetime | None = None
    final_at: datetime | None = None
    covered: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Answers:
    """What the required signers answered, and what is left between their grants."""

    missing: frozenset[str]
    refused: frozenset[str]
    granting: frozenset[str]
    parties: frozenset[str]
    categories: frozenset[str]
    everybody_beside_grants: bool

    @property
    def nothing_left(self) -> bool:
        return bool(self.granting) and (len(self.parties) < 2 or not self.categories)

    @property
    def complete(self) -> bool:
        all_grant = not self.missing and not self.refused
        return all_grant and bool(self.granting) and not self.nothing_left


@dataclass
class Memory:
    """What can only be known by having lived: kept as it was before each look."""

    first: dict[str, datetime] = field(default_factory=dict)
    covered: dict[str, frozenset[str]] = field(default_factory=dict)
    required_since: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def copy(self) -> "Memory":
        return Memory(dict(self.first), dict(self.covered), dict(self.required_since))


@dataclass
class States:
    """A child's life so far, consent by consent."""

    facts: list[Fact] = field(default_factory=list)
    overlaps: list[Overlap] = field(default_factory=list)
    now: datetime = datetime(1990, 1, 1, tzinfo=UTC)
    coming: set[datetime] = field(default_factory=set)
    looks: list[datetime] = field(default_factory=list)
    seen: dict[str, list[tuple[datetime, Picture]]] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    before_the_look: Memory = field(default_factory=Memory)

    # How a life is told and lived.

    def tell(self, fact: Fact) -> None:
        """Something is recorded; the clock moves there, and what was seen then is seen anew."""
        self.live_until(fact.at - TICK)
        self.facts.append(fact)
        self.coming |= self.instants_of(fact)
        self.look(fact.at)

    def tell_overlap(self, overlap: Overlap) -> None:
        """Two purposes are registered as overlapping."""
        self.overlaps.append(overlap)
        self.coming.add(overlap.since)

    def instants_of(self, fact: Fact) -> set[datetime]:
        """The instants ahead that a fact names."""
        match fact:
            case Request():
                birth = fact.birth_date
                ages = {child_from(birth, 15), child_from(birth, 18)}
                return ages | {parents_until(birth, 15), parents_until(birth, 18), fact.lapses_at}
            case CustodyChange():
                return {fact.effective_from}
            case ExemptionRecorded():
                return {fact.ends_at} if fact.ends_at is not None else set()
            case Act(kind=ActKind.GRANT):
                return {end_of_grant(fact.given_at, self.request(fact.consent).validity)}
        return set()

    def live_until(self, until: datetime) -> None:
        """Let time pass, looking at every instant that matters and just before it."""
        while ahead := [i for i in self._and_before(self.coming) if self.now < i <= until]:
            self.look(min(ahead))
        self.now = max(self.now, until)

    def _and_before(self, instants: set[datetime]) -> Iterator[datetime]:
        for instant in instants:
            yield instant - TICK
            yield instant

    def next_instants(self) -> list[datetime]:
        return sorted(instant for instant in self.coming if instant > self.now)

    def instants(self) -> list[datetime]:
        return self.looks

    def look(self, now: datetime) -> None:
        """See every consent; an instant that was looked at is looked at anew."""
        if self.looks and self.looks[-1] == now:
            self.memory = self.before_the_look.copy()
            for pictures in self.seen.values():
                if pictures and pictures[-1][0] == now:
                    pictures.pop()
        else:
            self.looks.append(now)
            self.before_the_look = self.memory.copy()
        self.now = now
        for request in reversed(self.requests()):  # a renewal is seen before what it renews
            pictures = self.seen.setdefault(request.consent, [])
            if pictures and pictures[-1][1].final_at is not None:
                continue  # "the first one reached stays the status"
            picture = self.picture_now(request, now)
            pictures.append((now, picture))
            self._look_ahead(request, picture, now)

    def _look_ahead(self, request: Request, picture: Picture, now: datetime) -> None:
        if picture.final_at is not None:
            self.coming.add(self.custody_counts_until(picture.final_at))
            return
        self.coming |= {
            self.window_end(request, person, now)
            for consent, person in self.memory.required_since
            if consent == request.consent
        }

    # What was recorded by then.

    def known(self, now: datetime) -> list[Fact]:
        """In the order of the acts, which is that of their instants (R8)."""
        return self.facts[: bisect.bisect_right(self.facts, now, key=attrgetter("at"))]

    def requests(self, now: datetime | None = None) -> list[Request]:
        known = self.facts if now is None else self.known(now)
        return [f for f in known if isinstance(f, Request)]

    def request(self, consent: str) -> Request:
        return next(r for r in self.requests() if r.consent == consent)

    def acts(self, now: datetime) -> list[Act]:
        return [f for f in self.known(now) if isinstance(f, Act)]

    def acts_on(self, consent: str, now: datetime) -> list[Act]:
        return [act for act in self.acts(now) if act.consent == consent]

    def picture(self, consent: str, when: datetime) -> Picture:
        """What was last seen of a consent, then."""
        pictures = self.seen[consent]
        place = bisect.bisect_right(pictures, when, key=itemgetter(0))
        return pictures[place - 1][1]

    # R2: the order at one instant.

    def picture_now(self, request: Request, now: datetime) -> Picture:
        """ "Cancelled, withdrawn, superseded, expired, declined, lapsed, then who is required,
        then completion"."""
        for status in self.order_of_endings():
            if self.reached(status, request, now):
                return self._ended(request, status, now)
        self._remember_who_is_required(request, now)
        answers = self.answers(request, now, now)
        if answers.complete:
            return self._in_force(request, answers, now)
        return self._picture(request, self.status_without_force(request, answers), answers, now)

    def order_of_endings(self) -> list[Status]:
        return [
            Status.CANCELLED,
            Status.WITHDRAWN,
            Status.SUPERSEDED,
            Status.EXPIRED,
            Status.DECLINED,
            Status.LAPSED,
        ]

    def reached(self, status: Status, request: Request, now: datetime) -> bool:
        match status:
            case Status.CANCELLED:
                return self.cancellation(request.consent, now) is not None
            case Status.WITHDRAWN:
                acts = self.acts_on(request.consent, now)
                return any(act.kind is ActKind.WITHDRAW for act in acts)
            case Status.SUPERSEDED:
                renewals = [r.consent for r in self.requests(now) if r.renews == request.consent]
                return any(renewal in self.memory.first for renewal in renewals)
            case Status.EXPIRED:
                ends = self.ends(request, now)
                return ends is not None and now >= ends
            case Status.DECLINED:
                return self.declined_for_good(request, now)
        return not self.was_in_force(request) and now >= request.lapses_at

    def cancellation(self, consent: str, now: datetime) -> Cancellation | None:
        known = [f for f in self.known(now) if isinstance(f, Cancellation)]
        return next((f for f in known if f.consent == consent), None)

    def ends(self, request: Request, now: datetime) -> datetime | None:
        """R3: from "the earliest grant ever made on this consent, counted now or not".

        And no grant outlasts its own year: around 29 February that is not the same (decision 24).
        """
        acts = self.acts_on(request.consent, now)
        given = [act.given_at for act in acts if act.kind is ActKind.GRANT]
        ends = [end_of_grant(moment, request.validity) for moment in given]
        return self.first_end(ends) if ends else None

    def first_end(self, ends: list[datetime]) -> datetime:
        return min(ends)

    def was_in_force(self, request: Request) -> bool:
        """Whether it ever was, as far as was seen."""
        return request.consent in self.memory.first

    def declined_for_good(self, request: Request, now: datetime) -> bool:
        return self.final_no(request, now) is not None

    def final_no(self, request: Request, now: datetime) -> Answers | None:
        """ "Final from the lapse, or from the end of that signer's window": a no at that very
        instant counts, and what takes one back comes too late."""
        before = self.just_before(request, now)
        for by in (now, before):
            answers = self.answers(request, by, before)
            if self.is_final_no(request, answers, now):
                return answers
        return None

    def is_final_no(self, request: Request, answers: Answers, now: datetime) -> bool:
        if not answers.refused and not answers.nothing_left:
            return False
        if not self.was_in_force(request):
            return now >= request.lapses_at
        if answers.refused:
            return now >= self.declines_end(request, answers.refused, now)
        return now >= max(self.window_end(request, p, now) for p in answers.granting)

    def just_before(self, request: Request, now: datetime) -> datetime:
        """ "A lapse at 00:00 beats a holder who leaves at 00:00"."""
        return max(request.at, now - TICK)

    # R9: windows.

    def declines_end(self, request: Request, refused: frozenset[str], now: datetime) -> datetime:
        """When more than one declines: the earliest end of a declining signer's window."""
        return min(self.window_end(request, person, now) for person in refused)

    def window_end(self, request: Request, person: str, now: datetime) -> datetime:
        """ "The later of the lapse and 00:00 on the fifteenth day after they became required or,
        if later, after their first link was issued"."""
        since = self.memory.required_since.get((request.consent, person), request.at)
        if since <= request.at:
            return request.lapses_at
        begun = max([since, *self.first_links(request.consent, person, now)])
        return max(request.lapses_at, fifteenth_day_after(begun))

    def first_links(self, consent: str, person: str, now: datetime) -> list[datetime]:
        """When their first link was issued, if it was."""
        links = [f for f in self.known(now) if isinstance(f, LinkIssued)]
        return [f.at for f in links if (f.consent, f.person) == (consent, person)][:1]

    def _remember_who_is_required(self, request: Request, now: datetime) -> None:
        required, since = self.required(request, now), self.memory.required_since
        for person in required:
            since.setdefault((request.consent, person), now)
        for consent, person in list(since):
            if consent == request.consent and person not in required:
                del since[consent, person]

    # What was answered.

    def answers(self, request: Request, now: datetime, when: datetime) -> Answers:
        """The acts recorded by now, of those required at `when`."""
        latest = self.latest(request.consent, now)
        required = self.required(request, when)
        missing = required - latest.keys()
        refused = {p for p in required - missing if latest[p].kind is not ActKind.GRANT}
        granting = required - missing - refused
        beside = [latest[p] for p in self.beside(request, when) if p in latest]
        parties, categories = request.asked.parties, request.asked.categories
        for act in [latest[person] for person in granting] + beside:
            if act.kept is not None:
                parties, categories = parties & act.kept.parties, categories & act.kept.categories
        return Answers(
            frozenset(missing),
            frozenset(refused),
            frozenset(granting),
            parties,
            categories,
            all(act.kept is not None for act in beside),
        )

    def beside(self, request: Request, when: datetime) -> set[str]:
        """R5: what a present holder left out is denied, whether or not they need to sign."""
        return self.may_act(request, when) - self.required(request, when)

    def latest(self, consent: str, now: datetime) -> dict[str, Act]:
        """Each signer's answer; a decline that its signer took back is none (R5c)."""
        latest: dict[str, Act] = {}
        for act in self.acts_on(consent, now):
            if act.kind is ActKind.LIFT:
                no = latest.get(act.person)
                if no and no.kind is ActKind.DECLINE and self.takes_back(act, no, now):
                    del latest[act.person]
            elif act.kind is not ActKind.GRANT or self.is_signature(act, now):
                latest[act.person] = act
        return latest

    def takes_back(self, lift: Act, no: Act, now: datetime) -> bool:
        return self.is_signature(lift, now) and (self.is_login(lift) or self.is_older(no, lift))

    # R5a, R5b: papers.

    def is_login(self, act: Act) -> bool:
        """Whether the signer's own login proves it."""
        return act.attested_by is None

    def is_older(self, no: Act, paper: Act) -> bool:
        """ "Only denials recorded before 00:00 of the day it was signed"."""
        return no.at < paper.given_at

    def is_signature(self, act: Act, now: datetime) -> bool:
        """In its own controller's eyes."""
        if self.is_login(act):
            return True
        return not (
            self.is_rejected(act, now) or self.is_too_young(act) or self.is_overtaken(act, now)
        )

    def is_rejected(self, act: Act, now: datetime) -> bool:
        rejected = [f for f in self.known(now) if isinstance(f, PaperRejected)]
        return any((f.consent, f.paper) == (act.consent, act.paper) for f in rejected)

    def is_too_young(self, act: Act) -> bool:
        request = self.request(act.consent)
        return act.person == request.child and act.given_at < child_from(request.birth_date, 15)

    def is_overtaken(self, act: Act, now: datetime) -> bool:
        """R5a, R5f: "only refusals under the same controller's requests overtake it"."""
        if act.kind is not ActKind.GRANT:
            return False
        this = self.request(act.consent)
        return any(
            no.person == act.person
            and no.seq < act.seq
            and not self.is_older(no, act)
            and self.overtakes(self.request(no.consent), this, act.at)
            for no in self.acts(now)
            if self.denies_any(no)
        )

    def denies_any(self, act: Act) -> bool:
        if act.kind is ActKind.LIFT:
            return False
        return act.kept is None or not self.request(act.consent).asked <= act.kept

    def overtakes(self, that: Request, this: Request, confirmed: datetime) -> bool:
        return (
            that.controller == this.controller
            and self.meets(that.purpose, this.purpose, self.register_of(confirmed))
            and len(this.asked.parties & that.asked.parties) > 1
            and bool(this.asked.categories & that.asked.categories)
        )

    def register_of(self, confirmed: datetime) -> datetime:
        """A paper is overtaken by what was known when it was confirmed, or not at all."""
        return confirmed

    # R5g: purposes.

    def meets(self, denied: str, asked: str, now: datetime) -> bool:
        """Symmetric, not transitive, from its registration, for older denials too."""
        return denied == asked or any(
            {overlap.one, overlap.other} == {denied, asked}
            for overlap in self.overlaps
            if overlap.since <= now
        )

    # The pictures.

    def _in_force(self, request: Request, answers: Answers, now: datetime) -> Picture:
        memory = self.memory
        memory.first.setdefault(request.consent, now)
        if answers.everybody_beside_grants:
            covered = memory.covered.get(request.consent, frozenset())
            memory.covered[request.consent] = covered | answers.parties
        return Picture(
            Status.IN_FORCE,
            parties=answers.parties,
            categories=answers.categories,
            **self._times(request, now),
        )

    def status_without_force(self, request: Request, answers: Answers) -> Status:
        if answers.refused or answers.nothing_left:
            return Status.DECLINED
        return Status.INCOMPLETE if self.was_in_force(request) else Status.AWAITING_SIGNATURES

    def _ended(self, request: Request, status: Status, now: datetime) -> Picture:
        lasting = self.answers(request, now, self.just_before(request, now))
        answers = self.final_no(request, now) or lasting
        return self._picture(request, status, answers, now, final_at=now)

    def _picture(
        self,
        request: Request,
        status: Status,
        answers: Answers,
        now: datetime,
        final_at: datetime | None = None,
    ) -> Picture:
        reasons = self.reasons(request, status, answers, now)
        return Picture(status, reasons, **self._times(request, now), final_at=final_at)

    def _times(self, request: Request, now: datetime) -> dict[str, object]:
        return {
            "first_in_force": self.memory.first.get(request.consent),
            "ends": self.ends(request, now),
            "covered": self.memory.covered.get(request.consent, frozenset()),
        }

    def reasons(
        self, request: Request, status: Status, answers: Answers, now: datetime
    ) -> frozenset[Why]:
        """Why it is not in force, "and whose signature is missing, refused, withdrawn …"."""
        missing = {Why("missing_signature", person) for person in answers.missing}
        nobody_or_missing = missing or {Why("missing_signature", NOBODY)}
        match status:
            case Status.WITHDRAWN:
                acts = self.acts_on(request.consent, now)
                people = [act.person for act in acts if act.kind is ActKind.WITHDRAW]
                return frozenset(Why("withdrawn", person) for person in people)
            case Status.DECLINED:
                empty = {Why("scope_empty")} if answers.nothing_left else set()
                return frozenset(missing | empty | {Why("declined", p) for p in answers.refused})
            case Status.LAPSED:
                return frozenset({*nobody_or_missing, Why("lapsed")})
            case Status.AWAITING_SIGNATURES:
                return frozenset(nobody_or_missing)
            case Status.INCOMPLETE:
                changed = {self.why_incomplete(request, person) for person in answers.missing}
                return frozenset(changed or {Why("custody_changed", NOBODY)})
        return frozenset({Why(status.value)})

    def why_incomplete(self, request: Request, person: str) -> Why:
        """Because the child turned 15, because custody changed, or somebody is excused no more."""
        if person == request.child:
            return Why("young_person_must_sign", person)
        was_there = person in self.holders(request.controller, self.memory.first[request.consent])
        return Why("missing_signature" if was_there else "custody_changed", person)

    # R1 and R10: who.

    def holders(self, controller: str, now: datetime) -> set[str]:
        """R10: the custody facts that took effect last, for that organisation."""
        known = [
            f
            for f in self.known(now)
            if isinstance(f, Request | CustodyChange) and f.controller == controller
        ]
        wrong = {f.corrects for f in known if isinstance(f, CustodyChange)} - {None}
        begun = [
            (self.takes_effect(f), f)
            for f in known
            if (isinstance(f, Request) or f.id not in wrong) and self.takes_effect(f) <= now
        ]
        if not begun:
            return set()
        newest = max(moment for moment, _ in begun)
        fact = [f for moment, f in begun if moment == newest][-1]
        return {holder.person for holder in fact.holders}

    def takes_effect(self, fact: Request | CustodyChange) -> datetime:
        """ "At the later of its date and its recording"."""
        return fact.at if isinstance(fact, Request) else max(fact.at, fact.effective_from)

    def holders_have_a_say(self, rule: SignerRule, birth: date, now: datetime) -> bool:
        """R5d: "until the child is 18 (under `child_15_alone`, 15)"."""
        return now < parents_until(birth, 15 if rule is SignerRule.CHILD_15_ALONE else 18)

    def child_has_a_say(self, birth: date, now: datetime) -> bool:
        return now >= child_from(birth, 15)

    def excused(self, consent: str, now: datetime) -> set[str]:
        return {f.person for f in self.exemptions(consent, now)}

    def exemptions(self, consent: str, now: datetime) -> list[ExemptionRecorded]:
        """R1: recorded by one, confirmed by another, not revoked, not over."""
        known = self.known(now)
        confirmed = {f.exemption for f in known if isinstance(f, ExemptionConfirmed)}
        revoked = {f.exemption for f in known if isinstance(f, ExemptionRevoked)}
        return [
            f
            for f in known
            if isinstance(f, ExemptionRecorded)
            and f.consent == consent
            and f.exemption in confirmed - revoked
            and (f.ends_at is None or now < f.ends_at)
        ]

    def present(self, request: Request, now: datetime) -> set[str]:
        """The holders who have a say, excused or not."""
        if self.holders_have_a_say(request.signer_rule, request.birth_date, now):
            return self.holders(request.controller, now)
        return set()

    def required(self, request: Request, now: datetime) -> set[str]:
        """R1, sentence by sentence."""
        child = {request.child} if self.child_has_a_say(request.birth_date, now) else set()
        return child | (self.present(request, now) - self.excused(request.consent, now))

    def may_act(self, request: Request, now: datetime) -> set[str]:
        """Those required, and holders who are merely excused."""
        return self.required(request, now) | self.present(request, now)

    def may_act_at(self, request: Request, now: datetime) -> set[str]:
        """R2: "by who was a signer just before its instant or is one at it"."""
        before = self.just_before(request, now)
        return self.may_act(request, now) | self.may_act(request, before)

    # R5e: until when an ended consent's custody facts count.

    def custody_counts_until(self, ended: datetime) -> datetime:
        """The same Danish time of day, a year later."""
        return period_after(ended, 12, 0)
