"""Who has a say only later than a request was made: from when, and their first link (R9, R10)."""

import pytest

from consent_service.domain.consents.latecomers import (
    awaits_first_link,
    custody_begins,
    has_a_say_from,
)
from consent_service.domain.kernel.facts import LinkIssued
from tests.unit.domain.story import (
    CHILD,
    CHILD_ALONE,
    FATHER,
    MOTHER,
    OTHER_MUNI,
    STEPFATHER,
    Story,
    danish,
    in_force,
)


def begins(story: Story, person: str, when: str) -> object:
    return has_a_say_from(story.history, story.history.request("A"), person, danish(when))


def awaits(story: Story, person: str) -> bool:
    return awaits_first_link(story.history, story.history.request("A"), person)


def test_a_coming_holder_has_a_say_from_the_day_of_the_change() -> None:
    story = in_force().at("2024-03-05").custody_is(MOTHER, STEPFATHER, since="2024-04-01")
    assert begins(story, STEPFATHER, "2024-03-06") == danish("2024-04-01")
    assert begins(story, FATHER, "2024-04-02") is None, "has left, and nothing says they return"


def test_of_two_changes_ahead_the_first_that_names_them_counts() -> None:
    story = in_force().at("2024-03-05").custody_is(MOTHER, since="2024-04-01")
    story.custody_is(MOTHER, STEPFATHER, since="2024-05-01")
    assert begins(story, STEPFATHER, "2024-03-06") == danish("2024-05-01")


def test_a_change_found_wrong_and_another_municipalitys_say_nothing() -> None:
    story = in_force().at("2024-03-05")
    story.custody_is(MOTHER, STEPFATHER, since="2024-04-01", name="wrong")
    story.custody_is(MOTHER, FATHER, since="2024-05-01", corrects="wrong")
    story.custody_is(MOTHER, STEPFATHER, by=OTHER_MUNI, since="2024-04-01")
    assert begins(story, STEPFATHER, "2024-03-06") is None


def test_a_young_person_has_a_say_from_the_15th_birthday() -> None:
    story = Story(born="2009-05-10").asks()
    assert begins(story, CHILD, "2024-03-02") == danish("2024-05-10")


def test_whom_the_rule_no_longer_asks_then_never_has_a_say() -> None:
    story = Story(born="2009-03-10").asks(rule=CHILD_ALONE)
    story.custody_is(MOTHER, STEPFATHER, since="2024-04-01")
    assert begins(story, STEPFATHER, "2024-03-02") is None


@pytest.mark.parametrize("person", [MOTHER, FATHER])
def test_who_was_required_from_the_beginning_awaits_no_first_link(person: str) -> None:
    story = in_force()
    assert not awaits(story, person)
    story.excuses(person).custody_is(STEPFATHER).custody_is(MOTHER, FATHER)
    assert not awaits(story, person), "nor after they left and came back"


@pytest.mark.parametrize("person", [CHILD, STEPFATHER])
def test_who_became_required_later_awaits_one(person: str) -> None:
    story = in_force().at("2024-03-05").custody_is(MOTHER, STEPFATHER)
    assert awaits(story, person)
    seq, now = story._now()
    story.facts.append(LinkIssued(seq, now, "A", person))
    assert not awaits(story, person)
    other = in_force().asks("B", by=OTHER_MUNI)
    other.facts.append(LinkIssued(*other._now(), "B", person))
    assert awaits(other, person), "a link to another consent is none to this one"


def test_custody_begins_on_the_date_of_the_change_that_names_them() -> None:
    story = in_force().at("2024-03-05").custody_is(MOTHER, STEPFATHER, since="2024-04-01")
    story.custody_is(STEPFATHER, since="2024-05-01")
    story.custody_is(MOTHER, STEPFATHER, by=OTHER_MUNI, since="2024-01-01")
    request = story.history.request("A")

    def since(person: str) -> object:
        return custody_begins(story.history, request, person, danish("2024-06-01"))

    assert since(STEPFATHER) == danish("2024-04-01")
    assert since(MOTHER) is None, "a request names her"
    assert since(CHILD) is None
    assert custody_begins(story.history, request, STEPFATHER, danish("2024-03-04")) is None


def test_a_change_found_wrong_begins_nothing() -> None:
    story = in_force().at("2024-03-05")
    story.custody_is(MOTHER, STEPFATHER, since="2024-03-06", name="wrong")
    story.custody_is(MOTHER, STEPFATHER, since="2024-03-20", corrects="wrong")
    request = story.history.request("A")
    begins = custody_begins(story.history, request, STEPFATHER, danish("2024-03-21"))
    assert begins == danish("2024-03-20")
