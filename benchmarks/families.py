"""Made-up families, numbered: family 17 is the same people in every process."""

from dataclasses import dataclass
from datetime import date, timedelta

CONTROLLER, SENDER = "municipality-x", "gp-y"
BUSY_EVERY = 100
"""One child in so many has many entries: enough for a full page of a search."""

BUSY_DISCLOSURES = 60
ORDINARY_DISCLOSURES = 4
ENTRIES_OF_CONSENT = 5
"""A request, two links and two grants."""

_FIRST_CHILD = date(2016, 1, 1)
_FIRST_PARENT = date(1970, 1, 1)
_CHILDREN_A_DAY, _FIRST_CHILD_SERIAL = 6000, 4000
_COUPLES_A_DAY = 2000


@dataclass(frozen=True)
class Family:
    """A child below 15 with two parents who share custody."""

    number: int

    @property
    def birth_date(self) -> date:
        return _FIRST_CHILD + timedelta(days=self.number // _CHILDREN_A_DAY)

    @property
    def child(self) -> str:
        serial = _FIRST_CHILD_SERIAL + self.number % _CHILDREN_A_DAY
        return f"{self.birth_date:%d%m%y}{serial:04}"

    @property
    def parents(self) -> tuple[str, str]:
        born = _FIRST_PARENT + timedelta(days=self.number // _COUPLES_A_DAY)
        serial = 2 * (self.number % _COUPLES_A_DAY)
        return f"{born:%d%m%y}{serial:04}", f"{born:%d%m%y}{serial + 1:04}"

    @property
    def is_busy(self) -> bool:
        return self.number % BUSY_EVERY == 0

    @property
    def disclosures(self) -> int:
        return BUSY_DISCLOSURES if self.is_busy else ORDINARY_DISCLOSURES


def entries_of(families: int) -> int:
    """How many log entries that many families have, about ten each."""
    busy = len(range(0, families, BUSY_EVERY))
    ordinary = families - busy
    return families * ENTRIES_OF_CONSENT + busy * BUSY_DISCLOSURES + ordinary * ORDINARY_DISCLOSURES


def families_for(entries: int) -> int:
    """The fewest families that have that many entries."""
    families = entries * BUSY_EVERY // entries_of(BUSY_EVERY)
    while entries_of(families) < entries:
        families += 1
    return families
