"""How long a consent lasts: the template's period, and R3's year from the earliest grant."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_service.domain.kernel.calendar import local_instant
from consent_service.domain.kernel.validity import (
    ONE_YEAR,
    InvalidValidity,
    Validity,
    ValidityTooLong,
    expiry,
    parse_validity,
)
from tests.unit.domain.random_stories import QUICK
from tests.unit.domain.story import danish


@pytest.mark.parametrize(
    ("text", "months", "days"),
    [
        pytest.param("P1Y", 12, 0, id="a year"),
        pytest.param("P12M", 12, 0, id="twelve months"),
        pytest.param("P6M", 6, 0, id="six months"),
        pytest.param("P365D", 0, 365, id="365 days, never more than a year"),
        pytest.param("P52W", 0, 364, id="52 weeks"),
        pytest.param("P2W", 0, 14, id="two weeks"),
        pytest.param("P1D", 0, 1, id="one day"),
        pytest.param("P90D", 0, 90, id="ninety days"),
        pytest.param("P1M1W1D", 1, 8, id="a month, a week and a day"),
        pytest.param("P0Y6M", 6, 0, id="no years and six months"),
    ],
)
def test_periods_that_a_template_may_ask_for(text: str, months: int, days: int) -> None:
    assert parse_validity(text) == Validity(months, days)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("P366D", id="366 days"),
        pytest.param("P53W", id="53 weeks"),
        pytest.param("P52W2D", id="52 weeks and two days"),
        pytest.param("P13M", id="thirteen months"),
        pytest.param("P2Y", id="two years"),
        pytest.param("P1Y1D", id="a year and a day"),
        pytest.param("P12M1D", id="twelve months and a day"),
        pytest.param("P11M31D", id="too long from 29 March of a common year"),
        pytest.param("P999D", id="999 days"),
    ],
)
def test_r3_more_than_a_year_is_refused(text: str) -> None:
    with pytest.raises(ValidityTooLong):
        parse_validity(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("P", id="no period"),
        pytest.param("P0D", id="zero days"),
        pytest.param("P0Y0M0W0D", id="zero of everything"),
        pytest.param("1Y", id="no P"),
        pytest.param("p1y", id="small letters"),
        pytest.param("P1", id="no unit"),
        pytest.param("PY", id="no number"),
        pytest.param("P-1D", id="negative"),
        pytest.param("P1.5M", id="a fraction"),
        pytest.param("P1D1M", id="units in the wrong order"),
        pytest.param("PT24H", id="hours"),
        pytest.param("P1DT1H", id="a day and an hour"),
        pytest.param(" P1Y", id="a space before"),
        pytest.param("P1Y\n", id="a line break after"),
        pytest.param("P1000D", id="four digits"),
        pytest.param("P١D", id="a digit of another script"),  # noqa: RUF001
    ],
)
def test_other_forms_and_empty_periods_are_refused(text: str) -> None:
    with pytest.raises(InvalidValidity) as refusal:
        parse_validity(text)
    assert not isinstance(refusal.value, ValidityTooLong)


@pytest.mark.parametrize(
    ("given_at", "period", "ends"),
    [
        pytest.param("2024-03-02 12:00", "P1Y", "2025-03-02 12:00", id="a year, to the minute"),
        pytest.param("2024-02-29 12:00", "P1Y", "2025-02-28 12:00", id="29 February: 28 February"),
        pytest.param("2023-02-28 12:00", "P1Y", "2024-02-28 12:00", id="28 February stays"),
        pytest.param("2024-03-30 12:00", "P1Y", "2025-03-30 12:00", id="winter time to summer"),
        pytest.param("2024-10-26 12:00", "P1Y", "2025-10-26 12:00", id="summer time to winter"),
        pytest.param("2024-01-15 12:00", "P6M", "2024-07-15 12:00", id="the same clock in July"),
        pytest.param("2024-08-31 12:00", "P6M", "2025-02-28 12:00", id="no 31 February"),
        pytest.param("2023-03-01 12:00", "P365D", "2024-02-29 12:00", id="365 days, leap year"),
        pytest.param("2024-02-29 12:00", "P365D", "2025-02-28 12:00", id="365 days, leap day"),
        pytest.param("2024-03-02 12:00", "P2W", "2024-03-16 12:00", id="two weeks"),
        pytest.param("2024-03-05 00:00", "P1Y", "2025-03-05 00:00", id="a paper: from midnight"),
    ],
)
def test_r3_the_end_has_the_same_danish_date_and_time(
    given_at: str, period: str, ends: str
) -> None:
    assert expiry(danish(given_at), parse_validity(period)) == danish(ends)


def test_r3_a_year_is_the_most_whatever_the_template_says() -> None:
    start = danish("2024-03-02 12:00")
    assert expiry(start, Validity(months=24, days=0)) == danish("2025-03-02 12:00")


def test_r3_an_end_in_the_missing_hour_is_the_jump() -> None:
    start = danish("2024-03-30 02:30")
    assert expiry(start, ONE_YEAR) == datetime(2025, 3, 30, 1, tzinfo=UTC)


def test_r3_an_end_in_the_repeated_hour_is_its_first() -> None:
    start = danish("2024-10-26 02:30")
    assert expiry(start, ONE_YEAR) == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)


PERIODS = st.sampled_from(["P1Y", "P12M", "P365D", "P52W", "P11M", "P6M", "P1D", "P1M3W"])


@given(st.dates(date(2000, 1, 1), date(2060, 12, 31)), st.integers(0, 86_399), PERIODS)
@QUICK
def test_r3_never_later_than_the_same_clock_a_year_on(day: date, second: int, period: str) -> None:
    start = local_instant(day) + timedelta(seconds=second)
    end = expiry(start, parse_validity(period))
    assert start < end <= ONE_YEAR.end(start)
    assert end.tzinfo is UTC


@given(st.integers(0, 2), st.integers(0, 14), st.integers(0, 60), st.integers(0, 400))
@QUICK
def test_a_period_is_accepted_iff_it_fits_in_a_year_from_every_day(
    years: int, months: int, weeks: int, days: int
) -> None:
    def fits(start: date) -> bool:
        count = start.year * 12 + start.month - 1 + 12 * years + months
        year, month, day = count // 12, count % 12 + 1, start.day
        while day > monthrange(year, month)[1]:
            day -= 1
        end = date(year, month, day) + timedelta(days=7 * weeks + days)
        leap = (start.month, start.day) == (2, 29)
        return end <= (date(start.year + 1, 2, 28) if leap else start.replace(year=start.year + 1))

    text = f"P{years}Y{months}M{weeks}W{days}D"
    starts = [date(2027, 1, 1) + timedelta(days=n) for n in range(1461)]
    try:
        parse_validity(text)
        accepted = True
    except ValidityTooLong:
        accepted = False
    except InvalidValidity:
        assert (years, months, weeks, days) == (0, 0, 0, 0)
        return
    assert accepted is all(fits(start) for start in starts)
