"""Random but lawful lives of consents, for the comparison with the oracle and for properties.

A story is told step by step, each only if the service would have recorded it: grants on live
consents by those who have a say just before or at the instant, a stop also after the end, a
lift by whoever once said no. Three organisations ask, each by its own custody facts; time passes
by hours and months, and to just before, exactly at and just after what comes next.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from consent_service.domain.consents.state import Status
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CancellationReason,
    CustodyChange,
    ExemptionConfirmed,
    ExemptionReason,
    ExemptionRecorded,
    ExemptionRevoked,
    Fact,
    History,
    Holder,
    LinkIssued,
    Overlap,
    PaperRecorded,
    PaperRejected,
    Request,
    Scope,
)
from consent_service.domain.kernel.validity import parse_validity
from tests.unit.domain.naive_calendar import TICK, danish_day, midnight
from tests.unit.domain.naive_insight import known_up_to
from tests.unit.domain.naive_rules import Chronicle
from tests.unit.domain.story import (
    ALL_HOLDERS,
    ASSESSMENT,
    BUA,
    CHILD,
    CHILD_ALONE,
    FATHER,
    FOLLOW_UP,
    GP,
    GUARDIAN,
    HEALTH,
    MOTHER,
    MUNI,
    OTHER_MUNI,
    REVIEW,
    SCHOOL,
    STEPFATHER,
    WARD,
    custody,
    danish,
    scope,
)

REPEATABLE = bool(os.environ.get("CI"))
"""In CI the same examples every time; elsewhere new ones."""

QUICK = settings(deadline=None, derandomize=REPEATABLE, database=None, max_examples=100)
THOROUGH = settings(
    QUICK,
    max_examples=200,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

BEGINNINGS = [
    ("2014-06-01", "2024-01-05 10:00"),  # a child
    ("2015-06-01", "2024-03-05 10:00"),
    ("2009-02-20", "2024-01-29 10:00"),  # 15 two days before the first request lapses
    ("2009-02-20", "2024-02-10 23:30"),
    ("2009-08-01", "2024-02-28 12:00"),  # grants on 29 February
    ("2006-02-20", "2024-01-29 10:00"),  # 18 on the day the first request lapses
    ("2006-03-10", "2024-02-20 02:30"),
    ("2012-02-29", "2027-02-10 10:00"),  # 15 on 28 February or 1 March
    ("2008-02-29", "2026-02-07 10:00"),  # 18 on 28 February or 1 March
    ("2005-01-01", "2024-03-30 02:30"),  # an adult, the night before the jump
]
CONTROLLERS = [MUNI, MUNI, OTHER_MUNI, WARD]
CUSTODIES = [
    *[(MOTHER, FATHER)] * 4,
    *[(MOTHER,), (FATHER,), (GUARDIAN,), (MOTHER, GUARDIAN)],
]
BESIDE = [
    *[(MUNI, BUA, GP)] * 2,
    *[(BUA, GP), (GP,), (OTHER_MUNI, GP), (MUNI, OTHER_MUNI, WARD, BUA, GP), (MUNI, WARD, GP)],
]
CATEGORIES = [(HEALTH, SCHOOL), (HEALTH, SCHOOL), (HEALTH,), (SCHOOL,)]
PURPOSES = [ASSESSMENT, ASSESSMENT, ASSESSMENT, FOLLOW_UP, FOLLOW_UP, REVIEW]
OVERLAPS = [(ASSESSMENT, FOLLOW_UP), (FOLLOW_UP, REVIEW)]
SETTING_ASIDE = [ExemptionReason.COURT_DECISION, ExemptionReason.DECEASED]
RULES = [ALL_HOLDERS, ALL_HOLDERS, ALL_HOLDERS, CHILD_ALONE]
PERIODS = [*["P1Y"] * 5, "P365D", "P6M", "P2W", "P1D"]
SOON = timedelta(days=25)
GAPS = [
    *[timedelta(0), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=3)] * 3,
    *(timedelta(hours=30), timedelta(hours=30), timedelta(days=2), timedelta(days=5)),
    *(timedelta(days=16), timedelta(days=60)),
]
NUDGES = [-TICK, timedelta(0), timedelta(0), TICK]
PARTIES = [MUNI, OTHER_MUNI, WARD, BUA, GP]

STEPS = {
    "request": 4,
    "refused_request": 4,
    "everybody_grants": 6,
    "grant": 4,
    "stop": 4,
    "lift": 3,
    "paper": 3,
    "settle": 4,
    "custody": 3,
    "newcomers": 1,
    "departure": 3,
    "exempt": 3,
    "confirm": 3,
    "revoke": 1,
    "cancel": 1,
    "link": 2,
    "overlap": 1,
}


@dataclass
class Life:
    """A random story being told."""

    random: Random
    born: date
    clock: datetime
    chronicle: Chronicle = field(default_factory=Chronicle)

    @classmethod
    def told(cls, random: Random, steps: int) -> "Life":
        """A story of at least so many steps."""
        born, begins = random.choice(BEGINNINGS)
        life = cls(random, date.fromisoformat(born), danish(begins))
        if random.random() < 0.4:
            life._overlap()
        while life.steps < steps:
            life._step()
        return life

    @property
    def steps(self) -> int:
        return len(self.chronicle.facts) + len(self.chronicle.overlaps)

    def _step(self) -> None:
        self._pass_time()
        kind = self.random.choices(list(STEPS), list(STEPS.values()))[0]
        if not self.chronicle.requests():
            kind = "request"
        moves: dict[str, Callable[[], None]] = {
            "request": self._request,
            "refused_request": self._refused_request,
            "everybody_grants": self._everybody_grants,
            "grant": self._grant,
            "stop": self._stop,
            "lift": self._lift,
            "paper": self._paper,
            "settle": self._settle_paper,
            "custody": self._custody,
            "newcomers": self._newcomers,
            "departure": self._departure,
            "exempt": self._exempt,
            "confirm": lambda: self._exemption(ExemptionConfirmed),
            "revoke": lambda: self._exemption(ExemptionRevoked),
            "cancel": self._cancel,
            "link": self._link,
            "overlap": self._overlap,
        }
        moves[kind]()

    # Time.

    def _pass_time(self) -> None:
        coming = self.chronicle.next_instants()
        soon = self.clock + (SOON if self.random.random() < 0.9 else 20 * SOON)
        if coming and coming[0] < soon and self.random.random() < 0.3:
            later = coming[0] + self.random.choice(NUDGES)
        else:
            later = self.clock + self.random.choice(GAPS)
        self._move_clock(later)

    def _move_clock(self, to: datetime) -> None:
        """R8: no two acts about a child at one instant."""
        newest = self.chronicle.facts[-1].at + TICK if self.chronicle.facts else to
        self.clock = max(to, newest, self.clock)
        self.chronicle.live_until(self.clock)

    def _tell(self, fact: Fact) -> None:
        self.chronicle.tell(fact)
        self._move_clock(self.clock + TICK)

    def _next(self) -> int:
        return len(self.chronicle.facts) + 1

    def _midnight(self, days: int) -> datetime:
        """00:00 of today on Danish calendars, or of so many days from now."""
        return midnight(danish_day(self.clock) + timedelta(days=days))

    # Who and what.

    def _is_live(self, request: Request) -> bool:
        return self.chronicle.picture(request.consent, self.clock).final_at is None

    def _status(self, request: Request) -> Status:
        return self.chronicle.picture(request.consent, self.clock).status

    def _live(self) -> Request | None:
        live = [r for r in self.chronicle.requests() if self._is_live(r)]
        return self.random.choice(live) if live else None

    def _in_force(self, when: datetime | None = None) -> Request | None:
        when = when or self.clock
        found = [
            r
            for r in self.chronicle.requests(when)
            if self.chronicle.picture(r.consent, when).status is Status.IN_FORCE
        ]
        return self.random.choice(found) if found else None

    def _signer(self, request: Request) -> str | None:
        """Somebody who has a say; rather one who is required and has not answered."""
        people = sorted(self.chronicle.may_act_at(request, self.clock))
        latest = self.chronicle.latest(request.consent, self.clock)
        silent = sorted(self.chronicle.required(request, self.clock) - latest.keys())
        if silent and self.random.random() < 0.5:
            people = silent
        return self.random.choice(people) if people else None

    def _holders(self, controller: str) -> tuple[Holder, ...]:
        """Those it knows already, one fewer or one more; or others altogether."""
        known = sorted(self.chronicle.holders(controller, self.clock))
        chance = self.random.random()
        if not known or chance < 0.3:
            return custody(*self.random.choice(CUSTODIES))
        if chance < 0.5 and len(known) > 1:
            known.remove(self.random.choice(known))
        elif chance < 0.75:
            known = sorted({*known, self.random.choice([MOTHER, FATHER, STEPFATHER])})
        return custody(*known)

    def _live_and_signer(self) -> tuple[Request, str] | None:
        request = self._live()
        person = self._signer(request) if request else None
        return (request, person) if request and person else None

    # What happens.

    def _request(self) -> None:
        """Anything, and often everybody says yes."""
        beside = self.random.choice(BESIDE)
        purpose = self.random.choice(PURPOSES)
        request = self._ask(beside, self.random.choice(CATEGORIES), purpose)
        if request and self.random.random() < 0.6:
            self._everybody_grants(request)

    def _refused_request(self) -> None:
        """Much the same as what is in force, and somebody says no to it, or to a part."""
        near = self._in_force()
        if near is None:
            return
        purpose = near.purpose if self.random.random() < 0.7 else self.random.choice(PURPOSES)
        parties, categories = sorted(near.asked.parties), sorted(near.asked.categories)
        request = self._ask(parties, categories, purpose)
        person = self._signer(request) if request else None
        if request is None or person is None:
            return
        if self.random.random() < 0.7:
            self._stop_of(request, person)
        else:
            self._act(request, person, ActKind.GRANT, self._kept(request, 1), attested=0.2)

    def _ask(
        self, beside: Iterable[str], categories: Iterable[str], purpose: str
    ) -> Request | None:
        before = self.chronicle.requests()
        if len(before) >= 8:
            return None
        controller = self.random.choice(CONTROLLERS)
        own = [r for r in before if (r.controller, r.purpose) == (controller, purpose)]
        live = [r.consent for r in own if self._is_live(r)]
        request = Request(
            seq=self._next(),
            at=self.clock,
            consent=f"consent {len(before) + 1}",
            controller=controller,
            child=CHILD,
            birth_date=self.born,
            holders=self._holders(controller),
            purpose=purpose,
            asked=scope({controller, *beside}, categories),
            signer_rule=self.random.choice(RULES),
            validity=parse_validity(self.random.choice(PERIODS)),
            granular=True,
            lapses_at=self._midnight(22),
            renews=live[-1] if live and self.random.random() < 0.5 else None,
            terms_sha256="0" * 64,
            as_of=self._looked_up(controller),
        )
        self._tell(request)
        return request

    def _custody(self) -> None:
        controller = self.random.choice(CONTROLLERS)
        if self.chronicle.custody_facts_of(controller):
            days = self.random.choice([-10, 0, 0, 3, 15])
            self._custody_is(controller, self._holders(controller), days)

    def _custody_is(self, controller: str, holders: tuple[Holder, ...], days: int) -> None:
        """From so many days ahead or ago; now and then in place of a change that was wrong."""
        told = [f for f in self.chronicle.facts if isinstance(f, CustodyChange)]
        wrong = [f.id for f in told if f.controller == controller]
        corrects = self.random.choice(wrong) if wrong and self.random.random() < 0.2 else None
        self._tell(
            CustodyChange(
                *(self._next(), self.clock, controller, holders, self._midnight(days)),
                f"change {self._next()}",
                corrects,
                self._looked_up(controller, corrects),
            )
        )

    def _looked_up(self, controller: str, corrects: str | None = None) -> date:
        """Today, or some days ago where nothing newer is known (R10); not at the story's chance."""
        today = danish_day(self.clock)
        some_days_ago = today - timedelta(days=Random(self._next()).choice([0, 0, 1, 4]))
        known = known_up_to(self.chronicle, controller, self.clock, corrects)
        return max(some_days_ago, known or some_days_ago)

    def _newcomers(self) -> None:
        """Somebody becomes a holder while a consent is in force, is asked, and answers (R9)."""
        request = self._in_force()
        if request is None:
            return
        for newcomer in self.random.sample([MOTHER, FATHER, STEPFATHER], 2):
            known = self.chronicle.holders(request.controller, self.clock)
            if newcomer not in known:
                holders = custody(*sorted({*known, newcomer}))
                self._custody_is(request.controller, holders, 0)
                self._pass_time()
        for _ in range(self.random.randint(1, 3)):
            self._link()
            self._pass_time()
        required = self.chronicle.required(request, self.clock)
        answered = self.chronicle.latest(request.consent, self.clock)
        for person in sorted(required - answered.keys()):
            if self._is_live(request) and self.random.random() < 0.7:
                self._stop_of(request, person)

    def _departure(self) -> None:
        """Who refused is a holder no more, and the others sign."""
        request = self.random.choice(self.chronicle.requests())
        known = self.chronicle.holders(request.controller, self.clock)
        latest = self.chronicle.latest(request.consent, self.clock)
        leaving = {p for p in known if p in latest and latest[p].kept is None}
        if self._is_live(request) and leaving and leaving != known:
            self._custody_is(request.controller, custody(*sorted(known - leaving)), 0)
            self._everybody_grants(request)

    def _act(
        self, request: Request, person: str, kind: ActKind, kept: Scope | None, attested: float
    ) -> None:
        """By login, or by the controller's word: on a paper signed some days ago."""
        given, paper, word = self.clock, None, None
        if self.random.random() < attested:
            paper, word = f"paper {self._next()}", request.controller
            given = self._midnight(-self.random.choice([0, 0, 1, 3, 10, 40]))
        self._tell(
            Act(
                *(self._next(), self.clock, request.consent, person),
                *(kind, kept, given, paper, word),
            )
        )

    def _everybody_grants(self, request: Request | None = None) -> None:
        request = request or self._live()
        if request is None or not self._is_live(request):
            return
        for person in sorted(self.chronicle.required(request, self.clock)):
            if self._is_live(request) and person in self.chronicle.may_act(request, self.clock):
                kept = self._kept(request, 0.1)
                self._act(request, person, ActKind.GRANT, kept, attested=0.2)

    def _grant(self) -> None:
        if found := self._live_and_signer():
            request, person = found
            kept = self._kept(request, 0.4)
            self._act(request, person, ActKind.GRANT, kept, attested=0.4)

    def _stop(self) -> None:
        """By login or told to a party; now and then about a request that has ended (R4).

        Rather where it is not in force, or else few stories would have anything in force.
        """
        request = self._live()
        for _ in range(2):
            if request and self._status(request) is Status.IN_FORCE:
                request = self._live()
        if request is None or self.random.random() < 0.2:
            request = self.random.choice(self.chronicle.requests())
        if person := self._signer(request):
            self._stop_of(request, person)

    def _stop_of(self, request: Request, person: str) -> None:
        if person in self.chronicle.may_act_at(request, self.clock):
            kind = self.chronicle.kind_of_stop(request, person, self.clock)
            word = self.random.choice([None, None, *sorted(request.asked.parties)])
            act = (self._next(), self.clock, request.consent, person, kind, None, self.clock)
            self._tell(Act(*act, attested_by=word))

    def _lift(self) -> None:
        """Of a no that was said within what some request asked, ended ones too (R5c)."""
        denials = [a for a in self.chronicle.acts(self.clock) if self.chronicle.denies_any(a)]
        if not denials:
            return
        no = self.random.choice(denials)
        under = self.chronicle.request(no.consent)
        others = [
            r for r in self.chronicle.requests() if len(r.asked.parties & under.asked.parties) > 1
        ]
        request = under if self.random.random() < 0.6 else self.random.choice(others)
        if no.person in self.chronicle.may_act_at(request, self.clock):
            self._act(request, no.person, ActKind.LIFT, None, attested=0.4)

    def _paper(self) -> None:
        """Somebody writes down what stands on a paper; it does not count yet."""
        if found := self._live_and_signer():
            request, person = found
            kinds = [ActKind.GRANT] * 3 + [ActKind.DECLINE, ActKind.LIFT]
            kind = self.random.choice(kinds)
            kept = self._kept(request, 0.3) if kind is ActKind.GRANT else None
            signed = self._midnight(-self.random.choice([0, 0, 1, 3, 10, 40]))
            name = f"paper {self._next()}"
            recorded = (self._next(), self.clock, name, request.consent, person)
            self._tell(PaperRecorded(*recorded, kind, kept, signed))

    def _settle_paper(self) -> None:
        """A paper is confirmed or rejected; sometimes both, which only the service prevents."""
        told = [f for f in self.chronicle.facts if isinstance(f, PaperRecorded)]
        settled = {f.paper for f in self.chronicle.facts if isinstance(f, Act | PaperRejected)}
        open_ = [f for f in told if f.paper not in settled]
        if not open_:
            return
        paper = self.random.choice(open_)
        request = self.chronicle.request(paper.consent)
        rejected = self.random.random() < 0.3
        if rejected:
            self._tell(PaperRejected(self._next(), self.clock, paper.paper, paper.consent))
        if rejected and self.random.random() < 0.5:
            return
        if self._is_live(request) and paper.person in self.chronicle.may_act_at(
            request, self.clock
        ):
            kind = paper.kind
            if kind is ActKind.DECLINE:
                kind = self.chronicle.kind_of_stop(request, paper.person, self.clock)
            self._tell(
                Act(
                    *(self._next(), self.clock, paper.consent, paper.person, kind, paper.kept),
                    *(paper.signed_at, paper.paper, request.controller),
                )
            )

    def _kept(self, request: Request, less: float) -> Scope:
        """All that is asked, or less: not all parties, or not all categories."""
        if self.random.random() >= less:
            return request.asked
        others = sorted(request.asked.parties - {request.controller})
        parties = self.random.sample(others, self.random.randint(1, len(others)))
        categories = sorted(request.asked.categories)
        return scope(
            (request.controller, *parties),
            self.random.sample(categories, self.random.randint(1, len(categories))),
        )

    def _exempt(self) -> None:
        """Rather one who said no; recorded, mostly confirmed soon after, and the others sign."""
        request = self._live()
        if request is None or self.random.random() < 0.2:
            self._request()
            request = self._live()
        if request is None:
            return
        holders = self.chronicle.present(request, self.clock)
        acts = self.chronicle.acts(self.clock)
        acts = [a for a in acts if self.chronicle.request(a.consent).purpose == request.purpose]
        refusing = {a.person for a in acts if self.chronicle.denies_any(a)} & holders
        people = sorted(refusing if refusing and self.random.random() < 0.7 else holders)
        if not people:
            return
        ends = self._midnight(self.random.choice([1, 5, 20, 90]))
        name, person = f"exemption {self._next()}", self.random.choice(people)
        reason = self.random.choice([None, *ExemptionReason, *SETTING_ASIDE])
        ends_at = ends if self.random.random() < 0.3 else None
        recorded = (self._next(), self.clock, name, request.consent, person)
        self._tell(ExemptionRecorded(*recorded, ends_at, reason))
        if self.random.random() < 0.2:
            self._stop()
        if self.random.random() < 0.7:
            self._tell(ExemptionConfirmed(self._next(), self.clock, name, request.consent))
            if self.random.random() < 0.5 and self._is_live(request):
                self._everybody_grants(request)

    def _exemption(self, kind: type[ExemptionConfirmed] | type[ExemptionRevoked]) -> None:
        told = [f for f in self.chronicle.facts if isinstance(f, ExemptionRecorded)]
        done = {f.exemption for f in self.chronicle.facts if isinstance(f, kind)}
        open_ = [f for f in told if f.exemption not in done]
        if open_:
            chosen = self.random.choice(open_)
            self._tell(kind(self._next(), self.clock, chosen.exemption, chosen.consent))

    def _cancel(self) -> None:
        if request := self._live():
            reason = self.random.choice([None, *CancellationReason, CancellationReason.MISTAKE])
            self._tell(Cancellation(self._next(), self.clock, request.consent, reason))

    def _link(self) -> None:
        """To somebody who became required after the request, if there is one."""
        later = [
            (request, person)
            for request in self.chronicle.requests()
            if self._is_live(request)
            for person in sorted(self.chronicle.required(request, self.clock))
            if self.chronicle.memory.required_since.get((request.consent, person), request.at)
            > request.at
        ]
        if later:
            request, person = self.random.choice(later)
            self._tell(LinkIssued(self._next(), self.clock, request.consent, person))

    def _overlap(self) -> None:
        told = {(o.one, o.other) for o in self.chronicle.overlaps}
        left = [pair for pair in OVERLAPS if pair not in told]
        if left:
            one, other = self.random.choice(left)
            self.chronicle.tell_overlap(Overlap(one, other, self.clock))

    # What may be asked.

    def question(self, when: datetime) -> tuple[Transfer, str]:
        """A transfer near what some request asked, and who asks."""
        request = self._in_force(when) if self.random.random() < 0.7 else None
        request = request or self.random.choice(self.chronicle.requests(when))
        parties = sorted(request.asked.parties)
        if self.random.random() < 0.15:
            parties = PARTIES
        sender, recipient = self.random.sample(parties, 2)
        purpose = request.purpose if self.random.random() < 0.8 else self.random.choice(PURPOSES)
        categories = self.random.choice([(HEALTH,), (SCHOOL,), (HEALTH,), (HEALTH, SCHOOL)])
        caller = self.random.choice([sender, recipient, request.controller])
        return Transfer(sender, recipient, purpose, frozenset(categories)), caller


def moments(life: Life, offset: int, most: int) -> list[datetime]:
    """Instants that matter in a life, and the end of it; some of them when there are many."""
    chronicle = life.chronicle
    begun, told = chronicle.facts[0].at, life.clock
    chronicle.live_until(told + timedelta(days=2 * 366))
    instants = [i for i in chronicle.instants() if begun <= i <= told]
    afterwards = [i for i in chronicle.instants() if i > told]
    step = max(1, len(instants) // most)
    later = max(1, len(afterwards) * 4 // most)
    some = instants[offset % step :: step] + afterwards[offset % later :: later]
    return [*some, chronicle.now]


def lives(steps: int = 14) -> st.SearchStrategy[Life]:
    """A whole story, for Hypothesis."""
    seeds = st.integers(0, 2**32 - 1)
    return seeds.map(lambda seed: Life.told(Random(seed), steps))


def history_of(life: Life) -> History:
    """The facts of a life, as the code takes them."""
    return History.of(life.chronicle.facts, life.chronicle.overlaps)


CALLERS = st.sampled_from([MUNI, MUNI, MUNI, BUA, GP, OTHER_MUNI, WARD])
TRANSFERS = st.builds(
    lambda way, turned, categories, purpose: Transfer(
        way[turned], way[1 - turned], purpose, frozenset(categories)
    ),
    st.sampled_from([*[(MUNI, BUA), (MUNI, GP), (BUA, GP)] * 3, (OTHER_MUNI, GP)]),
    st.integers(0, 1),
    st.sampled_from([(HEALTH,), (SCHOOL,), (HEALTH,), (HEALTH, SCHOOL)]),
    st.sampled_from([ASSESSMENT] * 5 + [FOLLOW_UP]),
)
