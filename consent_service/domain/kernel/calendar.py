"""Copenhagen's calendar: which instant a Danish date and time of day is, and ages.

Instants are aware datetimes in UTC; dates are Danish ones.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
YOUNG_PERSON_AGE = 15
ADULT_AGE = 18
_RESOLUTION = timedelta(microseconds=1)


def local_date(instant: datetime) -> date:
    """The date on Danish calendars at that instant."""
    return instant.astimezone(COPENHAGEN).date()


def local_instant(day: date, at: time = time.min) -> datetime:
    """The instant of a Danish date and time of day.

    A local time that spring skips is the instant of the jump; one that autumn repeats is
    its first occurrence.
    """
    naive = datetime.combine(day, at)
    first = naive.replace(tzinfo=COPENHAGEN, fold=0).astimezone(UTC)
    if first.astimezone(COPENHAGEN).replace(tzinfo=None) == naive:
        return first
    return _jump_before(first)


def _jump_before(instant: datetime) -> datetime:
    """The last change of the UTC offset at or before an instant just after it."""
    early, late = instant - timedelta(hours=3), instant
    offset = late.astimezone(COPENHAGEN).utcoffset()
    while late - early > _RESOLUTION:
        middle = early + (late - early) / 2
        if middle.astimezone(COPENHAGEN).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it has no such day."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def shift(instant: datetime, *, months: int = 0, days: int = 0) -> datetime:
    """The same Danish time of day, so many months and then days later."""
    local = instant.astimezone(COPENHAGEN)
    day = add_months(local.date(), months) + timedelta(days=days)
    return local_instant(day, local.time())


@lru_cache(maxsize=4096)
def child_reaches(birth_date: date, age: int) -> datetime:
    """When the child counts as having reached an age: 00:00 of the birthday.

    Someone born on 29 February reaches it on 28 February of a common year: the child's own
    say begins early (R1, fail closed).
    """
    return local_instant(add_months(birth_date, 12 * age))


@lru_cache(maxsize=4096)
def parents_released(birth_date: date, age: int) -> datetime:
    """When the parents' part ends at an age: 00:00 of the birthday.

    Someone born on 29 February: 1 March of a common year, so the parents' part ends late
    (R1, fail closed).
    """
    day = add_months(birth_date, 12 * age)
    return local_instant(day + timedelta(days=1) if day.day != birth_date.day else day)
