"""The clock of a request (R9): its deadline, and the lapse when nobody completed it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from consent_service.domain.kernel.calendar import local_date, local_instant


@dataclass(frozen=True)
class Periods:
    """The configurable periods of R9, in days, and how old a paper or a custody look-up may be."""

    deadline_days: int = 14
    latest_deadline_days: int = 90
    grace_days: int = 7
    oldest_paper_days: int = 90
    oldest_lookup_days: int = 30

    def default_deadline(self, now: datetime) -> date:
        """The last day to sign, when the caller names none."""
        return local_date(now) + timedelta(days=self.deadline_days)

    def latest_deadline(self, now: datetime) -> date:
        """The latest day a caller may name."""
        return local_date(now) + timedelta(days=self.latest_deadline_days)

    def oldest_paper(self, now: datetime) -> date:
        """The earliest day on which a paper recorded now may have been signed."""
        return local_date(now) - timedelta(days=self.oldest_paper_days)

    def oldest_lookup(self, now: datetime) -> date:
        """The earliest day on which custody facts recorded now may have been looked up (R10)."""
        return local_date(now) - timedelta(days=self.oldest_lookup_days)

    def lapse(self, deadline: date) -> datetime:
        """When an incomplete request lapses: 00:00 after the deadline and its days of grace."""
        return local_instant(deadline + timedelta(days=self.grace_days + 1))
