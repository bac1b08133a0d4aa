"""What a decision costs is bounded by what can matter to it: counted in calls, never in time."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from consent_service.domain.consents.signers import custody_course, holders_at, with_courses
from consent_service.domain.disclosures.decision import Permitted, decide_transfer
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    CustodyChange,
    ExemptionConfirmed,
    ExemptionRecorded,
    Fact,
    History,
    PaperRejected,
    Request,
    Scope,
)
from consent_service.domain.kernel.limits import LIMITS, Limited
from consent_service.domain.kernel.records import DECIDE_NOTHING, write_fact
from tests.unit.domain.many_stories import STEPS
from tests.unit.domain.naive_calendar import TICK
from tests.unit.domain.random_stories import Life, history_of, moments
from tests.unit.domain.story import BUA, FATHER, GP, MOTHER, OTHER_MUNI, Story, custody, passing

MINUTE = timedelta(minutes=1)
BOTH, ONE = custody(MOTHER, FATHER), custody(MOTHER)
YEAR = {kind: limits[-1].most for kind, limits in LIMITS.items()}


class Around:
    """A consent of one municipality in force, and around it whatever another one recorded."""

    def __init__(self) -> None:
        self.story = Story().asks("A").grants("A", MOTHER).grants("A", FATHER)
        self.first = self.story.history.requests[0]

    def tell(self, make: Callable[[int, Any], Fact]) -> None:
        seq, at = len(self.story.facts) + 1, self.story.facts[-1].at + MINUTE
        self.story.facts.append(make(seq, at))

    def asks(self, consent: str, parties: Iterable[str]) -> None:
        asked = Scope(frozenset({OTHER_MUNI, *parties}), self.first.asked.categories)

        def request(seq: int, at: Any) -> Request:
            return replace(
                self.first, seq=seq, at=at, consent=consent, controller=OTHER_MUNI, asked=asked
            )

        self.tell(request)

    def papers(self, number: int, consents: list[str]) -> None:
        """Grants on paper, each of them a leaving-out: so each can overtake those after it."""
        for one in range(number):
            consent, person = consents[one % len(consents)], (MOTHER, FATHER)[one // 2 % 2]
            paper = {"paper": f"p{one}", "attested_by": OTHER_MUNI}
            self.tell(
                lambda seq, at, c=consent, p=person, m=paper: Act(  # type: ignore[misc]
                    seq, at, c, p, ActKind.GRANT, self.first.asked, at - MINUTE / 2, **m
                )
            )

    def custody(self, number: int, corrections: int = 0) -> None:
        for one in range(number + corrections):
            corrects = f"c{one - number}" if one >= number else None
            self.tell(
                lambda seq, at, n=one, c=corrects: CustodyChange(  # type: ignore[misc]
                    seq, at, OTHER_MUNI, ONE if n % 2 else BOTH, at, f"c{n}", c
                )
            )

    def exemptions(self, number: int, consents: list[str]) -> None:
        for one in range(number):
            consent = consents[one % len(consents)]
            self.tell(
                lambda seq, at, n=one, c=consent: ExemptionRecorded(  # type: ignore[misc]
                    seq, at, f"e{n}", c, FATHER, None
                )
            )
            self.tell(
                lambda seq, at, n=one, c=consent: ExemptionConfirmed(  # type: ignore[misc]
                    seq, at, f"e{n}", c
                )
            )

    def work(self) -> int:
        """The calls of one decision that permits: of functions, and of generators for each row."""
        history, calls = self.story.history, 0
        now = history.facts[-1].at + MINUTE

        def count(_frame: Any, event: str, _argument: Any) -> None:
            nonlocal calls
            calls += event == "call"

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            decision = decide_transfer(history, passing(), BUA, now)
        finally:
            sys.setprofile(before)
        assert isinstance(decision, Permitted)
        return calls


@pytest.fixture
def alone() -> int:
    return Around().work()


def test_two_hundred_custody_changes_of_another_municipality_cost_what_each_is_read(
    alone: int,
) -> None:
    around = Around()
    around.asks("Z", (BUA, GP))
    around.custody(200)
    assert around.work() < alone + 20 * 200


def test_a_years_papers_on_one_consent_cost_their_number_for_each(alone: int) -> None:
    """Each is an instant of its own, and an answer at each of them; it was once more for each."""
    around, papers = Around(), YEAR[Limited.PAPER_GRANT]
    around.asks("Z", (BUA, GP))
    around.papers(papers, ["Z"])
    assert around.work() < alone + 20 * papers * papers


def test_requests_that_nobody_granted_are_not_walked(alone: int) -> None:
    around = Around()
    for one in range(YEAR[Limited.REQUEST]):
        around.asks(f"Z{one}", (BUA, GP))
    around.custody(YEAR[Limited.CUSTODY_CHANGE], YEAR[Limited.CUSTODY_CORRECTION])
    assert around.work() < alone + 100 * len(around.story.facts)


def test_a_whole_year_of_one_organisation_is_bounded(alone: int) -> None:
    """It names the caller in all of it, so all of it can matter."""
    around = Around()
    consents = [f"Z{one}" for one in range(YEAR[Limited.REQUEST])]
    for consent in consents:
        around.asks(consent, (BUA, GP))
    around.papers(YEAR[Limited.PAPER_GRANT], consents)
    around.exemptions(YEAR[Limited.EXEMPTION], consents)
    around.custody(YEAR[Limited.CUSTODY_CHANGE], YEAR[Limited.CUSTODY_CORRECTION])
    assert around.work() < alone + 40 * len(consents) * len(around.story.facts)


def told(seed: int) -> tuple[Life, History]:
    life = Life.told(Random(seed), STEPS)
    return life, history_of(life)


@pytest.mark.parametrize("seed", range(100))
def test_a_course_of_custody_says_of_every_instant_what_the_facts_say(seed: int) -> None:
    life, history = told(seed)
    for controller in {request.controller for request in history.requests}:
        course = custody_course(history, controller)
        for instant in moments(life, 0, most=10_000):
            for moment in (instant - TICK, instant, instant + TICK):
                assert course.at(moment) == holders_at(history, controller, moment)


def test_what_was_worked_out_does_not_outlive_a_further_act() -> None:
    around = Around()
    known = with_courses(around.story.history, [around.first.controller])
    at = known.facts[-1].at + MINUTE
    more = known.with_fact(CustodyChange(9, at, around.first.controller, ONE, at, "c"))
    assert holders_at(more, around.first.controller, at) == ONE


@pytest.mark.parametrize("seed", range(100))
def test_no_decision_depends_on_what_is_not_read_for_it(seed: int) -> None:
    life, history = told(seed)
    rejected = {fact.paper for fact in history.facts if isinstance(fact, PaperRejected)}
    if any(isinstance(fact, Act) and fact.paper in rejected for fact in history.facts):
        return  # Both confirmed and rejected, which the service prevents.
    read = History.of(
        [fact for fact in history.facts if write_fact(fact, "c", "m").kind not in DECIDE_NOTHING],
        history.overlaps,
    )
    for _ in range(5):
        transfer, caller = life.question(life.clock)
        decided = decide_transfer(history, transfer, caller, life.clock)
        assert decide_transfer(read, transfer, caller, life.clock) == decided
