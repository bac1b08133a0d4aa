"""Forgetting never turns a no into a yes: over random lawful stories, now and later."""

from datetime import datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from consent_service.domain.decision import Permitted, decide_transfer
from consent_service.domain.facts import History
from consent_service.domain.forgetting import (
    RetentionRule,
    consents_final_before,
    consents_of,
    live_consents,
    still_needed,
    without,
)
from consent_service.domain.objections import Transfer
from tests.unit.domain.random_stories import (
    THOROUGH,
    Life,
    history_of,
    lives,
)
from tests.unit.domain.story import (
    ASSESSMENT,
    BUA,
    FOLLOW_UP,
    GP,
    HEALTH,
    MUNI,
    OTHER_MUNI,
    SCHOOL,
    danish,
)
from tests.unit.domain.test_against_the_naive_rules import moments

LATER = [timedelta(0), timedelta(days=8), timedelta(days=300)]


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
