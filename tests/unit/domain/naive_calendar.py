"""Copenhagen's calendar a second time, from the text of the rules: for the naive model."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

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


def danish_day(instant: datetime) -> date:
    return instant.astimezone(DANISH).date()


@cache
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


def fifteenth_day_after(instant: datetime) -> datetime:
    """R9: "00:00 on the fifteenth day after"."""
    return midnight(danish_day(instant) + timedelta(days=15))
