"""Forgetting never turns a no into a yes: over random lawful stories, now and later."""

from datetime import datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from consent_service.domain.consents.state import Status
from consent_service.domain.disclosures.decision import Denied, Permitted, decide_transfer
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.calendar import shift
from consent_service.domain.kernel.facts import History
from consent_service.domain.rights.forgetting import (
    RetentionRule,
    consents_final_before,
    consents_of,
    live_consents,
    still_needed,
    without,
)
from tests.unit.domain.random_stories import (
    THOROUGH,
    Life,
    history_of,
    lives,
    moments,
)
from tests.unit.domain.story import (
    ASSESSMENT,
    BUA,
    FATHER,
    FOLLOW_UP,
    GP,
    HEALTH,
    MOTHER,
    MUNI,
    OTHER_MUNI,
    SCHOOL,
    Story,
    danish,
    passing,
    scope,
)

EARLY, LATE = "2024-03-02 10:00", "2024-03-09 10:00"
LATER = [timedelta(0), timedelta(days=8), timedelta(days=300)]


SHARED = scope((OTHER_MUNI, MUNI, BUA, GP), (HEALTH, SCHOOL))


# Each story is asked at several moments, with every question, before and after.
SOME = settings(THOROUGH, max_examples=50)
TRANSFERS = [
    Transfer(sender, recipient, purpose, frozenset({category}))
    for sender, recipient in combinations([MUNI, OTHER_MUNI, BUA, GP], 2)
    for purpose in (ASSESSMENT, FOLLOW_UP)
    for category in (HEALTH, SCHOOL)
]


def permitted(history: History, when: datetime) -> set[tuple[int, str]]:
    """Every question that is answered with a yes."""
    return {
        (number, caller)
        for number, transfer in enumerate(TRANSFERS)
        for caller in (transfer.sender, transfer.recipient)
        if isinstance(decide_transfer(history, transfer, caller, when), Permitted)
    }


def assert_no_new_yes(full: History, left: History, when: datetime) -> None:
    for later in LATER:
        assert permitted(left, when + later) <= permitted(full, when + later)


@pytest.mark.slow
@given(lives(), st.integers(0, 100))
@SOME
def test_erasing_one_controllers_data(life: Life, offset: int) -> None:
    for when in moments(life, offset, most=3):
        history = history_of(life).recorded_by(when)
        for controller in (MUNI, OTHER_MUNI):
            consents = consents_of(history, controller)
            if still_needed(history, controller, consents, when):
                event("refused")
                continue
            event("erased" if consents else "nothing there")
            assert_no_new_yes(history, without(history, controller, consents), when)


@pytest.mark.slow
@given(lives(), st.integers(0, 100))
@SOME
def test_erasing_what_has_had_its_time(life: Life, offset: int) -> None:
    """Even where it has had its time the moment it ended, and live consents stay as they are."""
    for when in moments(life, offset, most=3):
        history = history_of(life).recorded_by(when)
        for controller in (MUNI, OTHER_MUNI):
            going = consents_final_before(history, controller, when + timedelta(1), when)
            while needed := still_needed(history, controller, going, when):
                event("something stays")
                going -= needed
            left = without(history, controller, going)
            assert live_consents(left, when) == live_consents(history, when)
            assert_no_new_yes(history, left, when)


def kept_by_the_rule(story: Story, controller: str) -> frozenset[str]:
    """Which of a controller's ended consents have to stay, had they all had their time."""
    when, history = story.clock, story.history
    going = over = consents_final_before(history, controller, when + timedelta(1), when)
    while needed := still_needed(history, controller, going, when):
        going -= needed
    assert_no_new_yes(history, without(history, controller, going), when)
    return over - going


def test_what_makes_a_denial_count_stays_with_it() -> None:
    """The other municipality never knew the father; that he holds custody is known from B alone."""
    story = Story().asks(by=OTHER_MUNI, asked=SHARED).declines(FATHER).cancels()
    story.custody_is(MOTHER, by=OTHER_MUNI)
    story.asks("B", by=OTHER_MUNI, asked=SHARED).cancels("B")
    story.asks("C", asked=SHARED, holders=(MOTHER,)).grants(MOTHER, consent="C").at(LATE)
    assert isinstance(story.decide(), Denied)
    assert kept_by_the_rule(story, OTHER_MUNI) == {"A", "B"}


def test_what_overtakes_a_paper_stays_with_it() -> None:
    """The mother has since said yes to all she refused in B, but not by the paper under A."""
    story = Story().asks(asked=SHARED, holders=(MOTHER,), lapses="2025-06-01").at(EARLY)
    story.asks("B", asked=SHARED, holders=(MOTHER,)).declines(MOTHER, "B")
    story.cancels("B").asks("C", asked=SHARED, holders=(MOTHER,))
    story.grants(MOTHER, consent="C").grants(MOTHER, signed="2024-03-02").at(LATE)
    assert story.state().status is Status.AWAITING_SIGNATURES
    assert "B" in kept_by_the_rule(story, MUNI)


def test_what_overtakes_a_paper_that_would_clear_a_denial_stays() -> None:
    """A's refusal of school stops D; B's, of health, keeps the paper from clearing that."""
    story = Story().asks(asked=SHARED, holders=(MOTHER,)).declines(MOTHER).cancels().at(EARLY)
    health, school = (scope((OTHER_MUNI, MUNI, BUA, GP), (one,)) for one in (HEALTH, SCHOOL))
    story.asks("B", asked=health, holders=(MOTHER,)).declines(MOTHER, "B")
    story.cancels("B").asks("C", asked=SHARED, holders=(MOTHER,))
    story.grants(MOTHER, consent="C", signed="2024-03-02")
    story.asks("D", asked=school, holders=(FATHER,)).grants(FATHER, consent="D")
    story.custody_is(MOTHER, FATHER).excuses(MOTHER, "D").at(LATE)
    assert isinstance(story.decide(passing(categories=(SCHOOL,))), Denied)
    assert "B" in kept_by_the_rule(story, MUNI)


def test_custody_stays_while_it_can_contradict() -> None:
    """It counts for a year after that municipality's newest consent ended, and not longer (R5e)."""
    story = Story().asks(by=OTHER_MUNI, asked=SHARED, holders=(FATHER,)).cancels()
    ended = story.clock
    story.at(LATE).asks("C", asked=SHARED, holders=(MOTHER,)).grants(MOTHER, consent="C")
    assert isinstance(story.decide(passing(OTHER_MUNI, MUNI)), Denied)
    assert kept_by_the_rule(story, OTHER_MUNI) == {"A"}
    story.at(shift(ended, months=12))
    assert isinstance(story.decide(passing(OTHER_MUNI, MUNI)), Permitted)
    assert kept_by_the_rule(story, OTHER_MUNI) == frozenset()


@pytest.mark.parametrize(
    ("now", "years", "cutoff"),
    [
        ("2026-11-24 10:00", 5, "2021-11-24 10:00"),
        ("2024-02-29 10:00", 1, "2023-02-28 10:00"),
        ("2026-07-01 00:30", 5, "2021-07-01 00:30"),
    ],
)
def test_years_are_counted_on_danish_calendars(now: str, years: int, cutoff: str) -> None:
    rule = RetentionRule(consents_years=years, log_years=years)
    assert rule.consents_before(danish(now)) == danish(cutoff)
    assert rule.log_before(danish(now)) == danish(cutoff)
