"""Random but lawful lives of consents, for the comparison with the oracle and for properties.

A story is a list of moves; each move is told only if the service would have recorded it: acts
by those who have a say, on live consents, a withdrawal only of what was once in force.
"""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from consent_service.domain.consents.state import Status
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
    History,
    PaperRecorded,
    PaperRejected,
    Request,
    Scope,
)
from consent_service.domain.kernel.validity import parse_validity
from tests.unit.domain.naive_rules import TICK, Chronicle, midnight
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
    SCHOOL,
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
    ("2009-02-20", "2024-01-29 10:00"),  # 15 two days before the first request lapses
    ("2009-02-20", "2024-02-10 23:30"),
    ("2009-08-01", "2024-02-28 12:00"),  # grants on 29 February
    ("2006-02-20", "2024-01-29 10:00"),  # 18 on the day the first request lapses
    ("2006-03-10", "2024-02-20 02:30"),
    ("2012-02-29", "2027-02-10 10:00"),  # 15 on 28 February or 1 March
    ("2008-02-29", "2026-02-07 10:00"),  # 18 on 28 February or 1 March
    ("2005-01-01", "2024-03-30 02:30"),  # an adult, the night before the jump
]
CUSTODIES = [(MOTHER, FATHER), (MOTHER,), (FATHER,), (GUARDIAN,), (MOTHER, GUARDIAN)]
PARTIES = [
    *[(MUNI, BUA, GP)] * 4,
    *[(MUNI, BUA), (MUNI, GP), (OTHER_MUNI, BUA, GP), (OTHER_MUNI, MUNI, BUA, GP)],
]
CATEGORIES = [(HEALTH, SCHOOL), (HEALTH,), (SCHOOL,)]
PERIODS = ["P1Y", "P1Y", "P365D", "P6M", "P1Y", "P2W", "P1Y", "P1D"]
GAPS = [
    *(timedelta(0), timedelta(0), timedelta(hours=1), timedelta(hours=30)),
    *(timedelta(hours=1), timedelta(days=2), timedelta(days=5), timedelta(days=60)),
]
NUDGES = [-TICK, timedelta(0), TICK]

ACTS = ["grant"] * 4 + ["all grant"] * 5 + ["decline", "decline", "withdraw"]
PAPERS = ["paper", "paper", "settle", "settle"]
REST = ["request"] * 4 + ["custody"] * 3 + ["exempt"] * 2 + ["confirm"] * 2 + ["revoke", "cancel"]
MOVES = st.tuples(
    st.sampled_from(ACTS + PAPERS + REST),
    st.integers(0, 15),  # which consent, whose act
    st.integers(0, 63),  # the details
    st.integers(0, 10),  # how long after the move before
)


@dataclass
class Life:
    """A random story being told."""

    born: date
    chronicle: Chronicle
    clock: datetime

    def move(self, kind: str, which: int, detail: int, gap: int) -> None:
        """Let time pass, then do it, if it is lawful."""
        self._pass_time(gap)
        requests = self.chronicle.requests()
        if kind == "request" or not requests:
            self._request(which, detail)
        elif kind == "custody":
            self._custody(which, detail)
        elif kind == "confirm":
            self._exemption(which, ExemptionConfirmed)
        elif kind == "revoke":
            self._exemption(which, ExemptionRevoked)
        elif kind == "settle":
            self._settle_paper(which, detail)
        else:
            live = [r for r in requests if self._is_live(r)]
            if live:
                self._on_consent(kind, live[which % len(live)], which // 4, detail)

    def _pass_time(self, gap: int) -> None:
        newest = self.chronicle.facts[-1].at + TICK if self.chronicle.facts else self.clock
        coming = self.chronicle.next_instants()
        if gap < len(GAPS):
            later = self.clock + GAPS[gap]
        else:  # to just before, exactly at, or just after what comes next
            later = (coming[0] if coming else self.clock) + NUDGES[gap - len(GAPS)]
        self._move_clock(max(later, newest))

    def _move_clock(self, to: datetime) -> None:
        self.clock = to
        self.chronicle.live_until(self.clock)
        if self.chronicle.turned_at(self.clock):
            # An act in the very microsecond of a turn: the rules do not order the two.
            self._move_clock(self.clock + TICK)

    def _is_live(self, request: Request) -> bool:
        return self.chronicle.picture(request.consent, self.clock).final_at is None

    def _tell(self, fact: Fact) -> None:
        self.chronicle.tell(fact)

    def _next(self) -> int:
        return len(self.chronicle.facts) + 1

    def _request(self, which: int, detail: int) -> None:
        before = self.chronicle.requests()
        if len(before) >= 5:
            return
        parties = PARTIES[(which + detail) % len(PARTIES)]
        controller = parties[0]
        own = [r.consent for r in before if r.controller == controller]
        day = self.clock.astimezone(UTC).date()
        self._tell(
            Request(
                seq=self._next(),
                at=self.clock,
                consent=f"consent {len(before) + 1}",
                controller=controller,
                child=CHILD,
                birth_date=self.born,
                holders=custody(*CUSTODIES[detail % 9 if detail % 9 < 5 else 0]),
                purpose=FOLLOW_UP if detail % 8 == 7 else ASSESSMENT,
                asked=scope(parties, CATEGORIES[0 if which < 9 else which % 3]),
                signer_rule=CHILD_ALONE if detail % 4 == 3 else ALL_HOLDERS,
                validity=parse_validity(PERIODS[detail % len(PERIODS)]),
                granular=True,
                lapses_at=midnight(day + timedelta(days=22)),
                renews=own[-1] if own and which % 2 else None,
                terms_sha256="0" * 64,
            )
        )

    def _custody(self, which: int, detail: int) -> None:
        controller = (MUNI, MUNI, OTHER_MUNI)[which % 3]
        away = timedelta(days=(-10, 0, 3, 15)[detail % 4])
        told = [f for f in self.chronicle.facts if isinstance(f, CustodyChange)]
        wrong = [f.id for f in told if f.controller == controller and f.id]
        self._tell(
            CustodyChange(
                self._next(),
                self.clock,
                controller,
                custody(*CUSTODIES[detail // 4 % 5]),
                midnight(self.clock.date() + away),
                f"change {self._next()}",
                wrong[which % len(wrong)] if wrong and detail // 20 % 2 else None,
            )
        )

    def _exemption(
        self, which: int, kind: type[ExemptionConfirmed] | type[ExemptionRevoked]
    ) -> None:
        told = [f for f in self.chronicle.facts if isinstance(f, ExemptionRecorded)]
        if told:
            chosen = told[which % len(told)]
            self._tell(kind(self._next(), self.clock, chosen.exemption, chosen.consent))

    def _paper(self, request: Request, person: str, detail: int) -> None:
        """Somebody writes down what stands on a paper; it does not count yet."""
        is_grant = detail % 5 != 4
        self._tell(
            PaperRecorded(
                self._next(),
                self.clock,
                f"paper {self._next()}",
                request.consent,
                person,
                ActKind.GRANT if is_grant else ActKind.DECLINE,
                self._kept(request, detail) if is_grant else None,
                midnight(self.clock.date() - timedelta(days=detail // 8)),
            )
        )

    def _settle_paper(self, which: int, detail: int) -> None:
        """A paper is confirmed or rejected; sometimes both, which only the service prevents."""
        told = [f for f in self.chronicle.facts if isinstance(f, PaperRecorded)]
        acts = [f for f in self.chronicle.facts if isinstance(f, Act)]
        open_ = [f for f in told if f.paper not in {act.paper for act in acts}]
        if not open_:
            return
        paper = open_[which % len(open_)]
        request = self.chronicle.request(paper.consent)
        if detail % 4 == 0:
            self._tell(PaperRejected(self._next(), self.clock, paper.paper, paper.consent))
            self._move_clock(self.clock + TICK)
            if detail % 8:
                return
        if self._is_live(request) and paper.person in self.chronicle.may_act(request, self.clock):
            act = paper.kind if paper.kept else self._refusal(request, "decline")
            self._tell(
                Act(
                    *(self._next(), self.clock, paper.consent, paper.person, act, paper.kept),
                    *(paper.signed_at, paper.paper),
                )
            )

    def _kept(self, request: Request, detail: int) -> Scope:
        """All that is asked, or less: not all parties, or not all categories."""
        if detail % 4 != 3:
            return request.asked
        others = sorted(request.asked.parties - {request.controller})
        return scope(
            (request.controller, others[detail // 4 % len(others)]),
            sorted(request.asked.categories)[: 1 + detail // 8 % 2],
        )

    def _refusal(self, request: Request, kind: str) -> ActKind:
        """What the service would take a no for."""
        picture = self.chronicle.picture(request.consent, self.clock)
        if picture.status is Status.IN_FORCE:
            return ActKind.WITHDRAW
        if picture.first_in_force is None:
            return ActKind.DECLINE
        return ActKind.WITHDRAW if kind == "withdraw" else ActKind.DECLINE

    def _on_consent(self, kind: str, request: Request, which: int, detail: int) -> None:
        people = sorted(self.chronicle.may_act(request, self.clock))
        consent = request.consent
        if kind == "all grant":
            for person in sorted(self.chronicle.required(request, self.clock)):
                if self._is_live(request):
                    self._act("grant", request, person, detail if detail % 4 == 3 else 0)
                    self._move_clock(self.clock + TICK)
        elif kind == "cancel":
            self._tell(Cancellation(self._next(), self.clock, consent))
        elif people and kind == "exempt":
            holders = [p for p in people if p != CHILD]
            if holders:
                away = timedelta(days=(1, 5, 20, 90)[detail // 4 % 4])
                ends = midnight(self.clock.date() + away) if detail % 3 else None
                name, person = f"exemption {self._next()}", holders[which % len(holders)]
                fact = ExemptionRecorded(self._next(), self.clock, name, consent, person, ends)
                self._tell(fact)
        elif people and kind == "paper":
            self._paper(request, people[which % len(people)], detail)
        elif people:
            self._act(kind, request, people[which % len(people)], detail)

    def _act(self, kind: str, request: Request, person: str, detail: int) -> None:
        kept, given = None, self.clock
        if kind == "grant":
            act, kept = ActKind.GRANT, self._kept(request, detail)
            if detail % 4 == 2:  # a paper, signed some days ago
                given = midnight(self.clock.date() - timedelta(days=detail // 4))
        else:
            act = self._refusal(request, kind)
        fact = Act(self._next(), self.clock, request.consent, person, act, kept, given)
        self._tell(fact)


@st.composite
def lives(draw: st.DrawFn, max_moves: int = 24) -> Life:
    """A whole story, told move by move."""
    born, begins = draw(st.sampled_from(BEGINNINGS))
    life = Life(date.fromisoformat(born), Chronicle(), danish(begins))
    for move in draw(st.lists(MOVES, min_size=6, max_size=max_moves)):
        life.move(*move)
    return life


def history_of(life: Life) -> History:
    """The facts of a life, as the code takes them."""
    return History.of(life.chronicle.facts)


CALLERS = st.sampled_from([MUNI, MUNI, MUNI, BUA, GP, OTHER_MUNI])
TRANSFERS = st.builds(
    lambda way, turned, categories, purpose: Transfer(
        way[turned], way[1 - turned], purpose, frozenset(categories)
    ),
    st.sampled_from([*[(MUNI, BUA), (MUNI, GP), (BUA, GP)] * 3, (OTHER_MUNI, GP)]),
    st.integers(0, 1),
    st.sampled_from([(HEALTH,), (SCHOOL,), (HEALTH,), (HEALTH, SCHOOL)]),
    st.sampled_from([ASSESSMENT] * 5 + [FOLLOW_UP]),
)
