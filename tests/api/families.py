"""Made-up people for the tests of the interface."""

from dataclasses import dataclass
from typing import Any

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import Fact
from tests.deployment import FATHER, MOTHER, Deployment, person

GRANDMOTHER = "0303611114"


@dataclass(frozen=True)
class Child:
    """A child's number, and the birth date it proves."""

    cpr: str
    birth_date: str

    def named(self, **more: Any) -> dict[str, Any]:
        return person(self.cpr, "Alma Test", **more)


CHILD = Child("0103174321", "2017-03-01")
SIBLING = Child("0204194325", "2019-04-02")
YOUNG_PERSON = Child("0505104444", "2010-05-05")
ADULT = Child("0101064555", "2006-01-01")
EIGHTEEN_TODAY = Child("2311084666", "2008-11-23")
EIGHTEEN_TOMORROW = Child("2411084777", "2008-11-24")


def holder(cpr: str, name: str, **more: Any) -> dict[str, Any]:
    return person(cpr, name, **({"role": "parent"} | more))


def custody(*holders: dict[str, Any]) -> dict[str, Any]:
    return {"source": "cpr-register", "as_of": "2026-11-23", "holders": list(holders)}


MOTHER_ALONE = custody(holder(MOTHER, "Mette Mor"))
BOTH = custody(holder(MOTHER, "Mette Mor"), holder(FATHER, "Frederik Far"))


def facts_about(service: Deployment, cpr: str = CHILD.cpr) -> tuple[Fact, ...]:
    """Everything recorded about a child."""
    with service.parts.units.reading() as uow:
        child = uow.children.find(CprNumber(cpr))
        assert child is not None
        return uow.children.snapshot(child.id).history.facts
