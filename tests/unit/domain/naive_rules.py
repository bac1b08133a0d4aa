"""The rules a second time, on purpose naive: an oracle that the code is compared with.

Written from the text of the rules, not from the code. A chronicle lives a child's life forward:
its clock visits every instant at which anything could happen (a fact, a date in a fact, a
birthday, a lapse, an end) and the microsecond before, and keeps what it saw. It remembers
endings and first times in force instead of deriving them, and refusals in a ledger.
"""

import bisect
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

from consent_service.domain.consents.state import ReasonCode, Status
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CustodyChange,
    ExemptionConfirmed,
    ExemptionRecorded,
    ExemptionRevoked,
    Fact,
    PaperRejected,
    Request,
    SignerRule,
)
from consent_service.domain.kernel.validity import Validity

DANISH = ZoneInfo("Europe/Copenhagen")
TICK = timedelta(microseconds=1)


def danish_instant(naive: datetime) -> datetime:
    """ "A missing local time becomes the instant of the jump, an ambiguous one its first."""
    for offset in (2, 1):  # summer time comes first in an ambiguous hour
        instant = naive.replace(tzinfo=UTC) - timedelta(hours=offset)
        if instant.astimezone(DANISH).replace(tzinfo=None) == naive:
            return instant
    return naive.replace(hour=1, minute=0, second=0, microsecond=0, tzinfo=UTC)


def midnight(day: date) -> datetime:
    return danish_instant(datetime(day.year, day.month, day.day))


def birthday(birth: date, age: int, without_leap_day: tuple[int, int]) -> datetime:
    year = birth.year + age
    try:
        return midnight(birth.replace(year=year))
    except ValueError:
        return midnight(date(year, *without_leap_day))


def child_from(birth: date, age: int) -> datetime:
    """ "Born 29 February: the child is required from 28 February"."""
    return birthday(birth, age, (2, 28))


def parents_until(birth: date, age: int) -> datetime:
    """ "… parents until 1 March"."""
    return birthday(birth, age, (3, 1))


def period_after(start: datetime, months: int, days: int) -> datetime:
    local = start.astimezone(DANISH).replace(tzinfo=None)
    year, month, day = local.year, local.month + months, local.day
    while month > 12:
        year, month = year + 1, month - 12
    while True:
        try:
            return danish_instant(local.replace(year=year, month=month, day=day) + timedelta(days))
        except ValueError:
            day -= 1


def end_of_grant(given: datetime, validity: Validity) -> datetime:
    """R3: "one year after the earliest grant ever made … or earlier if the template says so"."""
    return min(period_after(given, 12, 0), period_after(given, validity.months, validity.days))


@dataclass(frozen=True)
class Picture:
    """What one consent looks like. Endings that fall on one instant are all kept in `endings`."""

    status: Status
    endings: frozenset[Status] = frozenset()
    missing: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    parties: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    first_in_force: datetime | None = None
    ends: datetime | None = None
    final_at: datetime | None = None
    covered: frozenset[str] = frozenset()


@dataclass
class Chronicle:
    """A child's life so far."""

    facts: list[Fact] = field(default_factory=list)
    now: datetime = datetime(1990, 1, 1, tzinfo=UTC)
    coming: set[datetime] = field(default_factory=set)
    seen: dict[str, list[tuple[datetime, Picture]]] = field(default_factory=dict)
    first: dict[str, datetime] = field(default_factory=dict)
    covered: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def tell(self, fact: Fact) -> None:
        """Something is recorded; the clock moves there."""
        self.live_until(fact.at - TICK)
        self.facts.append(fact)
        if isinstance(fact, Request):
            birth = fact.birth_date
            self.coming.add(fact.lapses_at)
            self.coming |= {child_from(birth, 15), child_from(birth, 18)}
            self.coming |= {parents_until(birth, 15), parents_until(birth, 18)}
        elif isinstance(fact, CustodyChange):
            self.coming.add(fact.effective_from)
        elif isinstance(fact, ExemptionRecorded) and fact.ends_at is not None:
            self.coming.add(fact.ends_at)
        elif isinstance(fact, Act) and fact.kind is ActKind.GRANT:
            self.coming.add(end_of_grant(fact.given_at, self.request(fact.consent).validity))
        self.look(fact.at)

    def live_until(self, until: datetime) -> None:
        """Let time pass, looking at every instant that matters and just before it."""
        for instant in sorted(self.coming | {i - TICK for i in self.coming}):
            if self.now < instant <= until:
                self.look(instant)
        self.now = max(self.now, until)

    def next_instants(self) -> list[datetime]:
        return sorted(instant for instant in self.coming if instant > self.now)

    def instants(self) -> list[datetime]:
        return sorted({instant for pictures in self.seen.values() for instant, _ in pictures})

    def requests(self, now: datetime | None = None) -> list[Request]:
        known = self.facts if now is None else [f for f in self.facts if f.at <= now]
        return [f for f in known if isinstance(f, Request)]

    def request(self, consent: str) -> Request:
        return next(r for r in self.requests() if r.consent == consent)

    def picture(self, consent: str, when: datetime) -> Picture:
        """What was last seen of a consent, then."""
        pictures = self.seen[consent]
        place = bisect.bisect_right([instant for instant, _ in pictures], when)
        return pictures[place - 1][1]

    def turned_at(self, when: datetime) -> bool:
        """Whether any consent turned then, by the passing of time."""
        return any(
            len(pictures) > 1 and pictures[-1][0] == when and pictures[-1][1] != pictures[-2][1]
            for pictures in self.seen.values()
        )

    def look(self, now: datetime) -> None:
        self.now = now
        for request in reversed(self.requests()):  # a renewal is seen before what it renews
            pictures = self.seen.setdefault(request.consent, [])
            if pictures and pictures[-1][1].final_at is not None:
                continue  # "the first one reached stays the status"
            pictures.append((now, self._picture_now(request, now)))

    def _picture_now(self, request: Request, now: datetime) -> Picture:
        consent = request.consent
        acts = [f for f in self.facts if isinstance(f, Act) and f.consent == consent]
        grants = [a.given_at for a in acts if a.kind is ActKind.GRANT]
        ends = end_of_grant(min(grants), request.validity) if grants else None
        if endings := self._endings(consent, acts, ends, now):
            return self._final(request, endings, ends, now)

        latest: dict[str, Act] = {act.person: act for act in acts if not self.overtaken(act)}
        required = self.required(request, now)
        missing = {p for p in required if p not in latest}
        refused = {p for p in required - missing if latest[p].kind is not ActKind.GRANT}
        parties, categories = set(request.asked.parties), set(request.asked.categories)
        granting = required - missing - refused
        for person in granting:
            kept = latest[person].kept
            assert kept is not None
            parties &= kept.parties
            categories &= kept.categories
        # R5: what a present holder left out is denied, whether or not they need to sign.
        beside = [latest[p].kept for p in self.present(request, now) - required if p in latest]
        for some in filter(None, beside):
            parties &= some.parties
            categories &= some.categories
        nothing_left = bool(granting) and (len(parties) < 2 or not categories)
        if required and granting == required and not nothing_left:
            self.first.setdefault(consent, now)
            if None not in beside:
                self.covered[consent] |= parties
            return Picture(
                Status.IN_FORCE,
                parties=frozenset(parties),
                categories=frozenset(categories),
                first_in_force=self.first[consent],
                ends=ends,
                covered=frozenset(self.covered[consent]),
            )
        if refused or nothing_left:
            status = Status.DECLINED
        elif consent in self.first:
            status = Status.INCOMPLETE
        elif now >= request.lapses_at:
            status = Status.LAPSED
        else:
            status = Status.AWAITING_SIGNATURES
        final = status in (Status.DECLINED, Status.LAPSED) and now >= request.lapses_at
        return Picture(
            status,
            endings=frozenset({status}) if final else frozenset(),
            missing=frozenset(missing),
            refused=frozenset(refused),
            first_in_force=self.first.get(consent),
            ends=ends,
            final_at=now if final else None,
            covered=frozenset(self.covered[consent]),
        )

    def _endings(
        self, consent: str, acts: list[Act], ends: datetime | None, now: datetime
    ) -> set[Status]:
        endings = set()
        if any(a.kind is ActKind.WITHDRAW for a in acts):
            endings.add(Status.WITHDRAWN)
        if ends is not None and now >= ends:
            endings.add(Status.EXPIRED)
        if any(isinstance(f, Cancellation) and f.consent == consent for f in self.facts):
            endings.add(Status.CANCELLED)
        if any(r.renews == consent and r.consent in self.first for r in self.requests()):
            endings.add(Status.SUPERSEDED)
        return endings

    def _final(
        self, request: Request, endings: set[Status], ends: datetime | None, now: datetime
    ) -> Picture:
        status = next(s for s in Status if s in endings)
        return Picture(
            status,
            endings=frozenset(endings),
            first_in_force=self.first.get(request.consent),
            ends=ends,
            final_at=now,
            covered=frozenset(self.covered[request.consent]),
        )

    def holders(self, controller: str, now: datetime) -> set[str]:
        """R10: the custody facts that took effect last, for that municipality."""
        known = [
            f
            for f in self.facts
            if isinstance(f, Request | CustodyChange) and f.controller == controller and f.at <= now
        ]
        wrong = {f.corrects for f in known if isinstance(f, CustodyChange)} - {None}
        effective = [
            (max(f.at, f.effective_from) if isinstance(f, CustodyChange) else f.at, f)
            for f in known
            if isinstance(f, Request) or f.id not in wrong
        ]
        begun = [pair for pair in effective if pair[0] <= now]
        if not begun:
            return set()
        newest = max(moment for moment, _ in begun)
        fact = [f for moment, f in begun if moment == newest][-1]
        return {holder.person for holder in fact.holders}

    def present(self, request: Request, now: datetime) -> set[str]:
        """R1: "from the 18th birthday only the young person counts"."""
        if now >= parents_until(request.birth_date, 18):
            return set()
        return self.holders(request.controller, now)

    def excused(self, consent: str, now: datetime) -> set[str]:
        """R1: recorded by one, confirmed by another, not revoked, not over."""
        known = [f for f in self.facts if f.at <= now]
        confirmed = {f.exemption for f in known if isinstance(f, ExemptionConfirmed)}
        revoked = {f.exemption for f in known if isinstance(f, ExemptionRevoked)}
        return {
            f.person
            for f in known
            if isinstance(f, ExemptionRecorded)
            and f.consent == consent
            and f.exemption in confirmed - revoked
            and (f.ends_at is None or now < f.ends_at)
        }

    def required(self, request: Request, now: datetime) -> set[str]:
        """R1, sentence by sentence."""
        child = {request.child} if now >= child_from(request.birth_date, 15) else set()
        holders = self.present(request, now) - self.excused(request.consent, now)
        alone = request.signer_rule is SignerRule.CHILD_15_ALONE
        if alone and now >= parents_until(request.birth_date, 15):
            return child
        return holders | child

    def may_act(self, request: Request, now: datetime) -> set[str]:
        """Those required, and holders who are merely excused."""
        alone = request.signer_rule is SignerRule.CHILD_15_ALONE
        released = alone and now >= parents_until(request.birth_date, 15)
        return self.required(request, now) | (set() if released else self.present(request, now))

    def overtaken(self, act: Act) -> bool:
        """ "A paper grant never clears what its signer refused on its day or later."

        Nor does a child below 15 sign, nor does a rejected paper ever count. Only on paper is
        anything given before it is recorded.
        """
        if act.kind is not ActKind.GRANT or act.given_at == act.at:
            return False
        if act.paper in {f.paper for f in self.facts if isinstance(f, PaperRejected)}:
            return True
        this = self.request(act.consent)
        if act.person == this.child and act.given_at < child_from(this.birth_date, 15):
            return True
        for earlier in self.facts[: self.facts.index(act)]:
            if not isinstance(earlier, Act) or earlier.person != act.person:
                continue
            that = self.request(earlier.consent)
            shares = (
                this.purpose == that.purpose
                and len(this.asked.parties & that.asked.parties) > 1
                and this.asked.categories & that.asked.categories
            )
            if shares and earlier.kept != that.asked and earlier.at >= act.given_at:
                return True
        return False

    def refusals(self, transfer: Transfer, now: datetime) -> set[tuple[str, str]]:
        """R5: who refused any of it and has not granted it since, and under which consent."""
        ledger: dict[tuple[str, str], set[str]] = defaultdict(set)
        way = {transfer.sender, transfer.recipient}
        by_consent = {r.consent: r for r in self.requests(now)}
        for act in self.facts:
            if not isinstance(act, Act) or act.at > now:
                continue
            request = by_consent[act.consent]
            if request.purpose != transfer.purpose or not way <= request.asked.parties:
                continue
            for category in transfer.categories & request.asked.categories:
                kept = act.kept
                if kept and way <= kept.parties and category in kept.categories:
                    if not self.overtaken(act):
                        ledger.pop((act.person, category), None)
                else:
                    ledger[act.person, category].add(act.consent)
        return {(person, consent) for (person, _), under in ledger.items() for consent in under}

    def objecting(self, transfer: Transfer, now: datetime, deciding: Request) -> set[str]:
        """Whose refusal counts against what this consent would allow.

        Present for the municipality that asked, or for the one whose consent decides.
        """
        people = set()
        for person, consent in self.refusals(transfer, now):
            asking = self.request(consent)
            if person == asking.child:
                counts = now >= child_from(asking.birth_date, 15)
            else:
                counts = any(person in self.present(r, now) for r in (asking, deciding))
            if counts:
                people.add(person)
        return people

    def permitting(self, transfer: Transfer, caller: str, now: datetime) -> set[str]:
        """R5: the consents that let this pass, among those the caller may know of."""
        found = set()
        for request in self.visible(caller, now):
            picture = self.picture(request.consent, now)
            ways = product({transfer.sender, transfer.recipient}, transfer.categories)
            if (
                request.purpose == transfer.purpose
                and picture.status is Status.IN_FORCE
                and all(p in picture.parties and c in picture.categories for p, c in ways)
                and not self.objecting(transfer, now, request)
            ):
                found.add(request.consent)
        return found

    def visible(self, caller: str, now: datetime) -> list[Request]:
        """What a caller may know of: what it controls, and what ever covered it."""
        return [
            r
            for r in self.requests(now)
            if caller == r.controller or caller in self.picture(r.consent, now).covered
        ]


EXPECTED_REASON = {
    Status.AWAITING_SIGNATURES: {ReasonCode.MISSING_SIGNATURE},
    Status.DECLINED: {
        ReasonCode.DECLINED,
        ReasonCode.SCOPE_EMPTY,
        ReasonCode.MISSING_SIGNATURE,
    },
    Status.LAPSED: {ReasonCode.LAPSED},
    Status.WITHDRAWN: {ReasonCode.WITHDRAWN},
    Status.EXPIRED: {ReasonCode.EXPIRED},
    Status.CANCELLED: {ReasonCode.CANCELLED},
    Status.SUPERSEDED: {ReasonCode.SUPERSEDED},
    Status.INCOMPLETE: {
        ReasonCode.MISSING_SIGNATURE,
        ReasonCode.YOUNG_PERSON_MUST_SIGN,
        ReasonCode.CUSTODY_CHANGED,
    },
}
