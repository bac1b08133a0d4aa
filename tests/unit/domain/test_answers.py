"""What holders who need not sign left out: it stays left out, and covers nobody (R1, R5)."""

import pytest

from consent_service.domain.consents.state import ReasonCode, Status
from consent_service.domain.disclosures.decision import Denied, Permitted
from consent_service.domain.kernel.facts import Scope
from tests.unit.domain.story import (
    ASKED,
    BUA,
    CHILD,
    CHILD_ALONE,
    FATHER,
    GP,
    HEALTH,
    MOTHER,
    MUNI,
    SCHOOL,
    Story,
    passing,
    scope,
)

WITHOUT_BUA = scope((MUNI, GP), (HEALTH, SCHOOL))


def excused_after_leaving_out(kept: Scope = WITHOUT_BUA) -> Story:
    return Story().asks().grants(MOTHER).grants(FATHER, keeping=kept).excuses(FATHER)


def test_a_party_left_out_by_an_excused_holder_is_not_covered() -> None:
    state = excused_after_leaving_out().state()
    assert (state.status, state.effective_scope) == (Status.IN_FORCE, WITHOUT_BUA)
    assert state.covered == WITHOUT_BUA.parties


def test_it_may_not_know_of_the_consent_and_nothing_passes_to_it() -> None:
    story = excused_after_leaving_out()
    asked_by_it = story.decide(passing(BUA, GP), caller=BUA)
    assert isinstance(asked_by_it, Denied)
    assert {reason.code for reason in asked_by_it.reasons} == {ReasonCode.NO_CONSENT}
    assert isinstance(story.decide(passing(MUNI, BUA)), Denied)
    assert isinstance(story.decide(passing(MUNI, GP)), Permitted)


def test_a_category_left_out_by_an_excused_holder_is_not_in_the_scope() -> None:
    state = excused_after_leaving_out(scope(ASKED.parties, (HEALTH,))).state()
    assert state.effective_scope == scope(ASKED.parties, (HEALTH,))


def test_nothing_left_between_a_holder_and_an_excused_one() -> None:
    story = Story().asks().grants(MOTHER, keeping=scope((MUNI, BUA), (HEALTH,)))
    story.grants(FATHER, keeping=scope((MUNI, GP), (HEALTH,))).excuses(FATHER)
    state = story.state()
    assert (state.status, state.covered) == (Status.DECLINED, frozenset())
    assert {reason.code for reason in state.reasons} == {ReasonCode.SCOPE_EMPTY}


def test_nobody_is_covered_while_an_excused_holder_refuses() -> None:
    story = Story().asks().grants(MOTHER).declines(FATHER).excuses(FATHER)
    assert (story.state().status, story.state().covered) == (Status.IN_FORCE, frozenset())
    assert story.grants(FATHER).state().covered == ASKED.parties


def test_what_was_covered_before_the_holder_was_excused_stays_known() -> None:
    story = Story().asks().grants(MOTHER).grants(FATHER).excuses(FATHER)
    assert story.state().covered == ASKED.parties


def test_a_former_holder_leaves_nothing_out() -> None:
    story = excused_after_leaving_out().custody_is(MOTHER)
    assert story.state().effective_scope == ASKED
    assert isinstance(story.decide(passing(MUNI, BUA)), Permitted)


@pytest.mark.parametrize("answer", ["leaves out", "declines"])
def test_a_parent_where_the_young_person_signs_alone(answer: str) -> None:
    """R5d: by this rule they have no say any more, and what they answered leaves nothing out."""
    story = Story("2009-03-10").asks(rule=CHILD_ALONE).grants(MOTHER)
    if answer == "declines":
        story.declines(FATHER)
    else:
        story.grants(FATHER, keeping=WITHOUT_BUA)
    state = story.at("2024-03-10 12:00").grants(CHILD).state()
    assert state.status is Status.IN_FORCE
    assert state.effective_scope == ASKED
    assert state.covered == ASKED.parties
    assert isinstance(story.decide(passing(MUNI, BUA)), Permitted)
