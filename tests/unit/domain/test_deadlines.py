"""The clock of a request (R9): its deadline, and the lapse on the eighth day after."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.deadlines import Periods
from tests.unit.domain.random_stories import QUICK
from tests.unit.domain.story import MICROSECOND, danish, just_before


@pytest.mark.parametrize(
    ("deadline", "lapse"),
    [
        pytest.param("2024-03-15", "2024-03-23 00:00", id="within a month"),
        pytest.param("2024-02-25", "2024-03-04 00:00", id="over a leap day"),
        pytest.param("2023-02-25", "2023-03-05 00:00", id="over the end of February"),
        pytest.param("2024-03-25", "2024-04-02 00:00", id="over the jump to summer time"),
        pytest.param("2024-10-20", "2024-10-28 00:00", id="over the repeated hour"),
        pytest.param("2024-12-27", "2025-01-04 00:00", id="over the new year"),
    ],
)
def test_r9_lapse_is_midnight_of_the_eighth_day_after(deadline: str, lapse: str) -> None:
    assert Periods().lapse(date.fromisoformat(deadline)) == danish(lapse)


@pytest.mark.parametrize(
    ("asked", "deadline"),
    [
        pytest.param("2024-03-01 10:00", "2024-03-15", id="14 days after the request"),
        pytest.param("2024-03-01 00:00", "2024-03-15", id="asked at midnight"),
        pytest.param("2024-03-01 23:59", "2024-03-15", id="asked just before midnight"),
        pytest.param("2024-07-01 00:30", "2024-07-15", id="yesterday still in UTC"),
    ],
)
def test_r9_the_default_deadline_is_14_danish_days_away(asked: str, deadline: str) -> None:
    assert Periods().default_deadline(danish(asked)) == date.fromisoformat(deadline)


def test_the_date_turns_at_danish_midnight() -> None:
    assert Periods().default_deadline(just_before("2024-03-02")) == date(2024, 3, 15)
    assert Periods().default_deadline(danish("2024-03-02")) == date(2024, 3, 16)


def test_r9_all_periods_are_configuration() -> None:
    periods = Periods(deadline_days=3, latest_deadline_days=10, grace_days=0)
    asked = danish("2024-03-01 10:00")
    assert periods.default_deadline(asked) == date(2024, 3, 4)
    assert periods.latest_deadline(asked) == date(2024, 3, 11)
    assert periods.lapse(date(2024, 3, 4)) == danish("2024-03-05")
    assert Periods(oldest_lookup_days=7).oldest_lookup(asked) == date(2024, 2, 23)


def test_r10_a_look_up_is_at_most_30_danish_days_old() -> None:
    assert Periods().oldest_lookup(just_before("2024-03-31")) == date(2024, 2, 29)
    assert Periods().oldest_lookup(danish("2024-03-31")) == date(2024, 3, 1)


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)))
@QUICK
def test_r9_the_deadline_is_inclusive_and_a_week_of_grace_follows(deadline: date) -> None:
    lapse = Periods().lapse(deadline)
    assert local_date(lapse) == deadline + timedelta(days=8)
    assert local_date(lapse - MICROSECOND) == deadline + timedelta(days=7)
