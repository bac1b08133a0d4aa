"""Who lives in the demo: the four parties of the pilots and three made-up families."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from consent_service.domain.kernel.calendar import add_months, local_date

CONTROLLER = "kommune-x"
PARTIES = (CONTROLLER, "bua", "boerneafdelingen", "laegehuset-y")
EMPLOYEE = {"id": "kx-042", "name": "Karen Holm"}
DOCTOR = {"id": "ly-007", "name": "Lars Lind"}
CATEGORIES = ("identity", "health", "earlier-measures", "school")
PURPOSE = "joint-action-plan"

ORGANISATIONS: Sequence[dict[str, Any]] = (
    {
        "id": CONTROLLER,
        "name": "Kommune X, det tværfaglige udvalg",
        "kind": "municipality",
        "descriptions": {
            "da": "skole, PPR, sundhedsplejersker og familierådgivning i kommunen",
            "en": "the municipality's school, psychologists, health visitors and family advisers",
        },
        "contact": {"phone": "+45 70 10 20 30", "email": "udvalg@kommune-x.example"},
    },
    {
        "id": "bua",
        "name": "Børne- og Ungdomspsykiatrisk Afdeling",
        "kind": "child_psychiatry",
        "descriptions": {
            "da": "læger og psykologer for børn og unge, der har det svært",
            "en": "doctors and psychologists for children and young people who are struggling",
        },
        "contact": {"phone": "+45 70 10 20 31"},
    },
    {
        "id": "boerneafdelingen",
        "name": "Børneafdelingen på sygehuset",
        "kind": "paediatrics",
        "descriptions": {
            "da": "sygehusets børnelæger og sygeplejersker",
            "en": "the hospital's children's doctors and nurses",
        },
        "contact": {"phone": "+45 70 10 20 32"},
    },
    {
        "id": "laegehuset-y",
        "name": "Lægehuset Y",
        "kind": "general_practice",
        "descriptions": {"da": "jeres egen læge", "en": "your own doctor"},
        "contact": {"phone": "+45 70 10 20 33"},
    },
)


@dataclass(frozen=True)
class StaffMember:
    """Somebody made up who works here; `role_value` is what their provider says they may do."""

    name: str
    description: str
    role_value: str


STAFF = (
    StaffMember("Dorthe Dahl", "DPO i Kommune X", "demo-dpo"),
    StaffMember("Otto Olsen", "driver tjenesten", "demo-operator"),
    StaffMember("Ingrid Ingen", "har ingen rolle her", "something-else"),
)
STAFF_ROLES = {
    "demo-dpo": {"role": "dpo", "organisation": CONTROLLER},
    "demo-operator": {"role": "operator"},
}


@dataclass(frozen=True)
class Person:
    """A made-up person."""

    cpr: str
    name: str
    born: date
    language: str = "da"


@dataclass(frozen=True)
class Family:
    """A made-up family: a child, whoever holds custody, and why they are here."""

    story: str
    case: str
    child: Person
    holders: tuple[Person, ...]

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody who could log in."""
        return (*self.holders, self.child)

    def request(self) -> dict[str, Any]:
        """The body of a request for consent about the child."""
        return {
            "template": "joint-action-plan",
            "case_reference": self.case,
            "child": {
                "cpr": self.child.cpr,
                "name": self.child.name,
                "birth_date": self.child.born.isoformat(),
            },
            "custody": {
                "source": "cpr-register",
                "as_of": local_date(datetime.now(UTC)).isoformat(),
                "holders": [
                    {
                        "cpr": holder.cpr,
                        "name": holder.name,
                        "role": "parent",
                        "language": holder.language,
                    }
                    for holder in self.holders
                ],
            },
            "parties": list(PARTIES),
            "categories": list(CATEGORIES),
            "delivery": "caller",
            "performed_by": EMPLOYEE,
        }


def families(today: date, chance: random.Random) -> tuple[Family, ...]:
    """Three families whose numbers are made up anew each time, so that a database can be reused."""
    people = _People(today, chance)
    return (
        Family(
            "two custodial parents and a child of 9",
            "DEMO-1",
            people.person("Alma Bæk", 9),
            (people.person("Mette Bæk", 38), people.person("Jonas Bæk", 41, "en")),
        ),
        Family(
            "two custodial parents and a 15-year-old",
            "DEMO-2",
            people.person("Noah Kjær", 15),
            (people.person("Sara Kjær", 44), people.person("Ali Kjær", 46)),
        ),
        Family(
            "one custody holder only",
            "DEMO-3",
            people.person("Freja Dahl", 7),
            (people.person("Anders Dahl", 35),),
        ),
    )


class _People:
    def __init__(self, today: date, chance: random.Random) -> None:
        self._today = today
        self._chance = chance

    def person(self, name: str, age: int, language: str = "da") -> Person:
        birthday = add_months(self._today, -12 * age) - timedelta(
            days=self._chance.randint(40, 300)
        )
        seventh = self._chance.choice("4567" if birthday.year >= 2000 else "0123")
        serial = f"{seventh}{self._chance.randint(0, 999):03d}"
        return Person(f"{birthday:%d%m%y}{serial}", name, birthday, language)
