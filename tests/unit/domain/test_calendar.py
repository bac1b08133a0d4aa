"""Copenhagen's calendar: the missing hour, the repeated hour, leap days, midnights, ages (R1)."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_service.domain.kernel.calendar import (
    COPENHAGEN,
    add_months,
    child_reaches,
    local_date,
    local_instant,
    parents_released,
    shift,
)
from tests.unit.domain.random_stories import QUICK
from tests.unit.domain.story import MICROSECOND

DAYS = st.dates(date(1990, 1, 1), date(2090, 12, 31))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "instant"),
    [
        pytest.param("2024-01-15 12:00", "2024-01-15 11:00", id="winter is one hour ahead"),
        pytest.param("2024-07-15 12:00", "2024-07-15 10:00", id="summer is two hours ahead"),
        pytest.param("2024-01-15 00:00", "2024-01-14 23:00", id="midnight in winter"),
        pytest.param("2024-07-15 00:00", "2024-07-14 22:00", id="midnight in summer"),
        pytest.param("2024-03-31 00:00", "2024-03-30 23:00", id="midnight before the jump"),
        pytest.param("2024-04-01 00:00", "2024-03-31 22:00", id="midnight after the jump"),
        pytest.param("2024-10-27 00:00", "2024-10-26 22:00", id="midnight before the repeat"),
        pytest.param("2024-10-28 00:00", "2024-10-27 23:00", id="midnight after the repeat"),
        pytest.param(
            "2024-03-31 01:59:59.999999",
            "2024-03-31 00:59:59.999999",
            id="the last microsecond before the jump",
        ),
        pytest.param("2024-03-31 02:00", "2024-03-31 01:00", id="missing: its first instant"),
        pytest.param("2024-03-31 02:30", "2024-03-31 01:00", id="missing: its middle"),
        pytest.param("2024-03-31 02:59:59.999999", "2024-03-31 01:00", id="missing: its last"),
        pytest.param("2024-03-31 03:00", "2024-03-31 01:00", id="the jump itself"),
        pytest.param("2025-03-30 02:13:07", "2025-03-30 01:00", id="missing in another year"),
        pytest.param(
            "2024-10-27 01:59:59.999999",
            "2024-10-26 23:59:59.999999",
            id="the last microsecond shown once",
        ),
        pytest.param("2024-10-27 02:00", "2024-10-27 00:00", id="repeated: the first of both"),
        pytest.param("2024-10-27 02:59:59", "2024-10-27 00:59:59", id="repeated: first, late"),
        pytest.param("2024-10-27 03:00", "2024-10-27 02:00", id="shown once again"),
    ],
)
def test_the_instant_of_a_danish_time_of_day(shown: str, instant: str) -> None:
    local = datetime.fromisoformat(shown)
    assert local_instant(local.date(), local.time()) == utc(instant)


def test_a_repeated_time_is_its_first_even_when_marked_as_the_second() -> None:
    second = time(2, 30, fold=1)
    assert local_instant(date(2024, 10, 27), second) == utc("2024-10-27 00:30")


NEAR_CHANGES = st.builds(
    lambda base, seconds: base + timedelta(seconds=seconds),
    st.sampled_from([datetime(2024, 3, 31), datetime(2024, 10, 27), datetime(2031, 3, 30)]),
    st.integers(0, 4 * 3600),
)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)) | NEAR_CHANGES)
@QUICK
def test_it_is_the_first_instant_whose_clock_shows_that_time_or_later(naive: datetime) -> None:
    def clock(instant: datetime) -> datetime:
        return instant.astimezone(COPENHAGEN).replace(tzinfo=None)

    found = local_instant(naive.date(), naive.time())
    assert found.tzinfo is UTC
    assert clock(found) >= naive > clock(found - MICROSECOND)
    assert clock(found - timedelta(hours=1)) < naive


@given(DAYS)
@QUICK
def test_a_date_begins_at_its_midnight(day: date) -> None:
    midnight = local_instant(day)
    assert local_date(midnight) == day
    assert local_date(midnight - MICROSECOND) == day - timedelta(days=1)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        pytest.param("2024-02-29", 12, "2025-02-28", id="leap day to a common year"),
        pytest.param("2024-02-29", 48, "2028-02-29", id="leap day to a leap year"),
        pytest.param("2023-02-28", 12, "2024-02-28", id="28 February to a leap year"),
        pytest.param("2024-01-31", 1, "2024-02-29", id="31 January and a month, leap year"),
        pytest.param("2023-01-31", 1, "2023-02-28", id="31 January and a month"),
        pytest.param("2024-08-31", 1, "2024-09-30", id="31 August and a month"),
        pytest.param("2024-12-31", 2, "2025-02-28", id="over the new year"),
        pytest.param("2024-11-15", 1, "2024-12-15", id="November to December"),
        pytest.param("2024-12-15", 1, "2025-01-15", id="December to January"),
        pytest.param("2024-05-17", 0, "2024-05-17", id="no months"),
        pytest.param("2096-02-29", 48, "2100-02-28", id="2100 is no leap year"),
        pytest.param("2024-03-31", -1, "2024-02-29", id="a month back"),
    ],
)
def test_months_later(start: str, months: int, end: str) -> None:
    assert add_months(date.fromisoformat(start), months) == date.fromisoformat(end)


@given(DAYS, st.integers(0, 36))
@QUICK
def test_months_later_is_never_later_in_the_month(day: date, months: int) -> None:
    later = add_months(day, months)
    assert (later.year - day.year) * 12 + later.month - day.month == months
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)


@pytest.mark.parametrize(
    ("start", "months", "days", "end"),
    [
        pytest.param(
            "2024-01-15 09:00", 6, 0, "2024-07-15 08:00", id="winter to summer, same clock"
        ),
        pytest.param("2024-03-30 11:00", 0, 1, "2024-03-31 10:00", id="a day of 23 hours"),
        pytest.param("2024-10-26 10:00", 0, 1, "2024-10-27 11:00", id="a day of 25 hours"),
        pytest.param("2024-03-30 01:30", 0, 1, "2024-03-31 01:00", id="to a missing time"),
        pytest.param("2024-10-26 00:30", 0, 1, "2024-10-27 00:30", id="to a repeated time"),
        pytest.param("2023-10-29 01:30", 12, 0, "2024-10-29 01:30", id="from a repeated time"),
        pytest.param("2024-01-31 11:00", 1, 1, "2024-03-01 11:00", id="months come before days"),
    ],
)
def test_the_same_danish_time_of_day_later(start: str, months: int, days: int, end: str) -> None:
    assert shift(utc(start), months=months, days=days) == utc(end)


@pytest.mark.parametrize(
    ("born", "age", "child", "parents"),
    [
        pytest.param("2009-05-10", 15, "2024-05-10", "2024-05-10", id="an ordinary birthday"),
        pytest.param("2008-02-29", 15, "2023-02-28", "2023-03-01", id="29 February at 15"),
        pytest.param("2008-02-29", 16, "2024-02-29", "2024-02-29", id="29 February at 16, leap"),
        pytest.param("2008-02-29", 18, "2026-02-28", "2026-03-01", id="29 February at 18"),
        pytest.param("2009-02-28", 15, "2024-02-28", "2024-02-28", id="28 February at 15, leap"),
        pytest.param("2009-03-01", 15, "2024-03-01", "2024-03-01", id="1 March at 15"),
        pytest.param("2009-03-31", 15, "2024-03-31", "2024-03-31", id="the day of the jump"),
        pytest.param("2009-12-31", 15, "2024-12-31", "2024-12-31", id="the last day of the year"),
    ],
)
def test_r1_birthdays_begin_at_midnight(born: str, age: int, child: str, parents: str) -> None:
    birth = date.fromisoformat(born)
    assert child_reaches(birth, age) == local_instant(date.fromisoformat(child))
    assert parents_released(birth, age) == local_instant(date.fromisoformat(parents))


@given(st.dates(date(1995, 1, 1), date(2040, 12, 31)), st.sampled_from([15, 18]))
@QUICK
def test_r1_the_childs_say_never_begins_after_the_parents_part_ends(birth: date, age: int) -> None:
    begins, ends = child_reaches(birth, age), parents_released(birth, age)
    leap_day = (birth.month, birth.day) == (2, 29)
    assert (begins < ends) is leap_day
    assert begins == ends or ends - begins == timedelta(days=1)
