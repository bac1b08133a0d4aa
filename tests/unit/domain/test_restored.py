"""After a restore a consent is held until all who had facts about the child have looked."""

import pytest

from consent_service.domain.consents.restored import awaited_controllers
from consent_service.domain.disclosures.decision import Denied, Permitted
from consent_service.domain.disclosures.objections import standing_objections
from tests.unit.domain.story import (
    BUA,
    FATHER,
    GP,
    MOTHER,
    MUNI,
    OTHER_MUNI,
    Story,
    just_before,
    passing,
)

BEFORE, LATER = "2024-03-05 10:00", "2024-03-06 10:00"
RESTORED, AFTER = "2024-03-10 12:00", "2024-03-11 09:00"
HELD = ["reconfirmation_required"]


def codes(story: Story, when: str | None = None, *, caller: str = MUNI) -> list[str]:
    decision = story.decide(caller=caller, when=when)
    if isinstance(decision, Permitted):
        return []
    assert isinstance(decision, Denied)
    return [reason.code.value for reason in decision.reasons]


def in_force() -> Story:
    return Story().asks().grants(MOTHER, FATHER)


def test_a_grant_from_before_is_held_for_every_caller_alike() -> None:
    story = in_force().restored(RESTORED).at(AFTER)
    assert codes(story, just_before(RESTORED)) == []
    assert codes(story, RESTORED) == HELD
    assert codes(story) == codes(story, caller=BUA) == codes(story, caller=GP) == HELD


def test_its_state_stays_what_it_was() -> None:
    story = in_force().restored(RESTORED).at(AFTER)
    assert story.state().status == "in_force"
    assert story.state().effective_scope is not None


def test_the_controllers_confirmation_ends_it() -> None:
    story = in_force().restored(RESTORED).at(AFTER).reconfirmation()
    assert codes(story) == HELD
    assert codes(in_force().restored(RESTORED).at(AFTER).reconfirms()) == []


def test_it_ends_when_it_is_confirmed_and_not_before() -> None:
    story = in_force().restored(RESTORED).at(AFTER).reconfirms()
    assert codes(story, just_before(AFTER)) == HELD
    assert codes(story, AFTER) == HELD
    assert codes(story) == []


def test_what_was_said_at_the_same_moment_may_be_lost() -> None:
    granted = Story().asks().restored(RESTORED).at(RESTORED).grants(MOTHER, FATHER)
    assert codes(granted.at(AFTER)) == HELD
    story = in_force().restored(RESTORED).at(RESTORED).reconfirmation()
    assert codes(story.at(AFTER).confirms("r")) == HELD


def test_every_controller_that_had_facts_is_awaited() -> None:
    story = in_force().at(BEFORE).asks("Z", by=OTHER_MUNI).cancels("Z")
    story.restored(RESTORED).at(AFTER).reconfirms()
    assert awaited_controllers(story.history, story.clock) == {OTHER_MUNI}
    assert codes(story) == HELD
    # On a consent that has ended, too.
    assert codes(story.reconfirms("Z", name="z")) == []


def test_custody_facts_alone_are_facts() -> None:
    story = in_force().at(BEFORE).asks("Z", by=OTHER_MUNI)
    story.custody_is(MOTHER, FATHER, by=OTHER_MUNI).restored(RESTORED).at(AFTER)
    assert awaited_controllers(story.history, story.clock) == {MUNI, OTHER_MUNI}


def test_who_comes_later_is_not_awaited() -> None:
    story = in_force().restored(RESTORED).at(AFTER).asks("Z", by=OTHER_MUNI).reconfirms()
    assert codes(story) == []


def test_a_confirmation_from_before_says_nothing() -> None:
    story = in_force().restored(BEFORE).at(LATER).reconfirms().restored(RESTORED).at(AFTER)
    assert codes(story, just_before(RESTORED)) == []
    assert codes(story) == HELD
    assert codes(story.reconfirms(name="again")) == []


def test_one_recorded_before_and_confirmed_after_says_nothing() -> None:
    story = in_force().restored(BEFORE).at(LATER).reconfirmation().restored(RESTORED).at(AFTER)
    assert codes(story.confirms("r")) == HELD


def test_every_signers_own_login_since_ends_it_too() -> None:
    story = in_force().restored(RESTORED).at(AFTER).grants(MOTHER)
    assert codes(story) == HELD
    assert codes(story.grants(FATHER)) == []


def test_a_paper_since_does_not() -> None:
    story = in_force().restored(RESTORED).at(AFTER).grants(MOTHER)
    assert codes(story.grants(FATHER, signed="2024-03-11")) == HELD


def test_a_consent_granted_wholly_since_is_not_held() -> None:
    story = Story().asks().restored(RESTORED).at(AFTER).grants(MOTHER, FATHER, signed="2024-03-11")
    assert codes(story) == []
    half = Story().asks().grants(MOTHER).restored(RESTORED).at(AFTER)
    assert codes(half.grants(FATHER, signed="2024-03-11")) == HELD


def test_what_else_stops_it_is_named_as_well() -> None:
    story = in_force().at(BEFORE).asks("B").declines(FATHER, "B").restored(RESTORED).at(AFTER)
    assert codes(story) == ["reconfirmation_required", "declined"]


def test_a_consent_that_lacks_something_itself_says_only_that() -> None:
    story = in_force().at(BEFORE).withdraws(MOTHER).restored(RESTORED).at(AFTER)
    assert codes(story) == ["withdrawn"]


@pytest.mark.parametrize("when", [None, RESTORED])
def test_without_facts_from_before_nobody_is_awaited(when: str | None) -> None:
    story = Story().restored("2024-02-01").asks().grants(MOTHER, FATHER)
    assert awaited_controllers(story.history, story.instant(when)) == frozenset()
    assert codes(story, when) == []


def test_what_passes_on_another_basis_asks_no_consent() -> None:
    story = in_force().restored(RESTORED).at(AFTER)
    assert standing_objections(story.history, passing(), story.clock) == ()
