"""How long a template's consent may last: an ISO 8601 period of at most one year."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from consent_service.domain.kernel.calendar import add_months, shift
from consent_service.errors import ConsentServiceError

_PERIOD = re.compile(r"P(?:(\d{1,2})Y)?(?:(\d{1,2})M)?(?:(\d{1,3})W)?(?:(\d{1,3})D)?", re.ASCII)
_LEAP_CYCLE_DAYS = 1461


class InvalidValidity(ConsentServiceError):
    """The text is not a period of days, weeks, months or years."""

    code = "invalid_validity"


class ValidityTooLong(InvalidValidity):
    """A consent lasts at most one year (Sundhedsloven § 44)."""

    code = "validity_too_long"


@dataclass(frozen=True)
class Validity:
    """A calendar period: months, then days."""

    months: int
    days: int

    def end(self, start: datetime) -> datetime:
        """The instant the period is over: the same Danish time of day, that much later."""
        return shift(start, months=self.months, days=self.days)


ONE_YEAR = Validity(months=12, days=0)


@lru_cache(maxsize=256)
def parse_validity(text: str) -> Validity:
    """Read e.g. `P1Y`, `P6M`, `P2W`, `P90D`.

    Raises InvalidValidity for another form or an empty period, ValidityTooLong for one that
    is longer than a year from any day it could start on.
    """
    match = _PERIOD.fullmatch(text)
    if match is None:
        raise InvalidValidity("a period is written like P1Y, P6M, P2W or P90D")
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    validity = Validity(12 * years + months, 7 * weeks + days)
    if validity == Validity(0, 0):
        raise InvalidValidity("a period must last at least a day")
    if _exceeds_a_year(validity):
        raise ValidityTooLong("a consent lasts at most one year (P1Y)")
    return validity


def _exceeds_a_year(validity: Validity) -> bool:
    starts = (date(2023, 1, 1) + timedelta(days=n) for n in range(_LEAP_CYCLE_DAYS))
    return any(
        add_months(start, validity.months) + timedelta(days=validity.days) > add_months(start, 12)
        for start in starts
    )


@lru_cache(maxsize=4096)
def expiry(earliest_grant: datetime, validity: Validity) -> datetime:
    """When a consent ends (R3, Sundhedsloven § 44): a year after its earliest grant or sooner."""
    return min(ONE_YEAR.end(earliest_grant), validity.end(earliest_grant)).astimezone(UTC)
