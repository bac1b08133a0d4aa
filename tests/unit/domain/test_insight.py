"""Who may see what was done about a child, what is held back, and who is named (R10, R11)."""

from collections.abc import Mapping

import pytest

from consent_service.domain.insight.held_back import Attempt, is_held_back, secret_refusals
from consent_service.domain.insight.places import (
    NamedPlaces,
    controllers_of,
    parties_asked_about,
    people_around,
)
from consent_service.domain.insight.refusers import whose_no
from consent_service.domain.insight.standing import may_see, who_knows
from tests.unit.domain.story import (
    ASKED,
    BUA,
    CHILD,
    FATHER,
    GP,
    HEALTH,
    MOTHER,
    MUNI,
    OTHER_MUNI,
    SCHOOL,
    STEPFATHER,
    WARD,
    Story,
    danish,
    in_force,
    passing,
    scope,
)

X_KNOWS, X_DOES_NOT = {MUNI: True}, {MUNI: False}
BOTH_KNOW = {MUNI: True, OTHER_MUNI: True}
ONLY_Z_KNOWS = {MUNI: False, OTHER_MUNI: True}


@pytest.mark.parametrize(
    ("knowing", "concerned", "by_all", "seen"),
    [
        # X's own, whoever else took part.
        (X_KNOWS, (MUNI, GP, BUA), False, True),
        (X_DOES_NOT, (MUNI, GP, BUA), False, False),
        # The first with facts decides: controller, then sender, then recipient.
        (ONLY_Z_KNOWS, (MUNI, OTHER_MUNI, MUNI), False, False),
        (ONLY_Z_KNOWS, (OTHER_MUNI, MUNI, GP), False, True),
        (ONLY_Z_KNOWS, (GP, MUNI, OTHER_MUNI), False, False),
        (ONLY_Z_KNOWS, (GP, GP, MUNI), False, False),
        (X_KNOWS, (GP, GP, MUNI), False, True),
        # Denied because custody is contradicted: each of them that has facts.
        (ONLY_Z_KNOWS, (OTHER_MUNI, GP, MUNI), True, False),
        ({MUNI: True, OTHER_MUNI: False}, (OTHER_MUNI, GP, MUNI), True, False),
        (BOTH_KNOW, (OTHER_MUNI, GP, MUNI), True, True),
        (ONLY_Z_KNOWS, (OTHER_MUNI, GP, BUA), True, True),
        # Nobody concerned has facts: known to somebody, contradicted by nobody.
        (X_KNOWS, (GP, GP, WARD), False, True),
        (BOTH_KNOW, (GP, GP, WARD), False, True),
        (ONLY_Z_KNOWS, (GP, GP, WARD), False, False),
        (ONLY_Z_KNOWS, (GP, GP, WARD), True, False),
        ({}, (GP, GP, WARD), False, False),
    ],
)
def test_whose_custody_facts_let_somebody_see(
    knowing: Mapping[str, bool], concerned: tuple[str, ...], by_all: bool, seen: bool
) -> None:
    assert may_see(knowing, concerned, by_all=by_all) is seen


def test_whoever_one_municipality_names_is_known_to_that_one_alone() -> None:
    story = in_force().asks("Z", by=OTHER_MUNI, holders=(STEPFATHER,))
    now = story.clock
    assert who_knows(story.history, STEPFATHER, now) == {MUNI: False, OTHER_MUNI: True}
    assert who_knows(story.history, MOTHER, now) == {MUNI: True, OTHER_MUNI: False}
    assert who_knows(story.history, CHILD, now) == {MUNI: False, OTHER_MUNI: False}
    assert who_knows(Story().history, MOTHER, now) == {}


def test_a_holder_is_known_while_custody_lasts() -> None:
    story = in_force().at("2024-04-01").custody_is(FATHER)
    assert who_knows(story.history, MOTHER, danish("2024-03-31")) == {MUNI: True}
    assert who_knows(story.history, MOTHER, story.clock) == {MUNI: False}
    coming = in_force().at("2024-04-01").custody_is(FATHER, STEPFATHER, since="2024-05-01")
    assert who_knows(coming.history, STEPFATHER, danish("2024-04-30")) == {MUNI: False}
    assert who_knows(coming.history, STEPFATHER, danish("2024-05-01")) == {MUNI: True}


def test_from_18_nobody_is_a_present_holder() -> None:
    history = in_force(born="2013-05-10").history
    assert who_knows(history, MOTHER, danish("2031-05-09 23:59")) == {MUNI: True}
    assert who_knows(history, MOTHER, danish("2031-05-10")) == {MUNI: False}


def test_a_municipality_with_a_change_alone_has_facts() -> None:
    """As after the erasure of its consents: born on which day, the others' requests say."""
    story = in_force().custody_is(MOTHER, by=OTHER_MUNI)
    assert who_knows(story.history, MOTHER, story.clock) == {MUNI: True, OTHER_MUNI: True}
    assert who_knows(story.history, FATHER, story.clock) == {MUNI: True, OTHER_MUNI: False}
    grown = who_knows(story.history, MOTHER, danish("2031-05-10"))
    assert grown == {MUNI: False, OTHER_MUNI: False}


# -- what is held back -------------------------------------------------------------------------

DECLINED = {"code": "declined", "role": "custody_holder"}
HIDDEN = {"code": "objection_stands"}


def attempt(
    story: Story, *reasons: Mapping[str, str], consent: str | None = "A", **passed: str
) -> Attempt:
    return Attempt(passing(**passed), story.clock, consent, reasons)


def held(story: Story, made: Attempt, person: str, when: str | None = None) -> bool:
    now = story.clock if when is None else danish(when)
    secret = secret_refusals(story.history, person, now)
    return is_held_back(story.history, made, person, secret)


def wider() -> Story:
    """A is in force; B asks both for the same once more."""
    return in_force().at("2024-04-01 10:00").asks("B")


@pytest.mark.parametrize("reason", [DECLINED, HIDDEN])
def test_a_denied_attempt_waits_while_the_other_may_not_know_of_the_no(
    reason: Mapping[str, str],
) -> None:
    story = wider().declines(FATHER, "B")
    made = attempt(story, reason)
    assert held(story, made, MOTHER)
    assert held(story, made, CHILD)
    assert not held(story, made, FATHER)
    # B lapses at 00:00 on 23 April.
    assert held(story, made, MOTHER, "2024-04-22 23:59")
    assert not held(story, made, MOTHER, "2024-04-23 00:00")


def test_it_appears_when_the_request_is_in_force_or_cancelled() -> None:
    story = wider().declines(FATHER, "B")
    made = attempt(story, DECLINED)
    story.at("2024-04-02").grants(MOTHER, consent="B")
    assert held(story, made, MOTHER)
    story.at("2024-04-03").grants(FATHER, consent="B")
    assert not held(story, made, MOTHER)
    story = wider().declines(FATHER, "B")
    made = attempt(story, DECLINED)
    story.at("2024-04-02").cancels("B")
    assert not held(story, made, MOTHER)


def test_what_also_rests_on_ones_own_no_is_shown_at_once() -> None:
    story = wider().declines(FATHER, "B").declines(MOTHER, "B")
    made = attempt(story, DECLINED)
    assert not held(story, made, MOTHER)
    assert not held(story, made, FATHER)
    assert held(story, made, CHILD)


def test_a_no_that_came_after_the_attempt_is_not_what_it_rested_on() -> None:
    story = wider()
    before = attempt(story, {"code": "category_not_covered", "category": "health"})
    story.at("2024-04-02").declines(FATHER, "B")
    assert not held(story, before, MOTHER)
    late = Attempt(passing(), danish("2024-04-01 12:00"), "A", [DECLINED])
    assert not held(story, late, MOTHER)


def test_silence_and_what_was_never_asked_hold_nothing_back() -> None:
    story = wider().declines(FATHER, "B")
    for reason in (
        {"code": "missing_signature", "role": "custody_holder"},
        {"code": "category_not_covered", "category": "measures"},
        {"code": "custody_contradicted"},
        {"code": "no_consent"},
        {"code": "expired"},
    ):
        assert not held(story, attempt(story, reason), MOTHER)


def test_what_another_left_out_waits_too() -> None:
    story = wider().grants(FATHER, consent="B", keeping=scope((MUNI, GP), (HEALTH, SCHOOL)))
    told = {"code": "party_not_covered", "role": "custody_holder", "party": BUA}
    made = attempt(story, told)
    assert held(story, made, MOTHER)
    story.at("2024-04-02").grants(MOTHER, consent="B")
    assert not held(story, made, MOTHER)


def test_the_refusal_of_a_consent_itself_waits_also_for_what_it_did_not_ask() -> None:
    story = Story().asks().declines(FATHER)
    told = [DECLINED, {"code": "party_not_covered", "party": WARD}]
    made = attempt(story, *told, recipient=WARD)
    assert held(story, made, MOTHER)
    assert not held(story, made, MOTHER, "2024-03-23")


def test_a_scope_that_two_left_empty_rests_on_both() -> None:
    story = Story().asks()
    story.grants(MOTHER, keeping=scope((MUNI, GP), (HEALTH,)))
    story.grants(FATHER, keeping=scope((MUNI, BUA), (HEALTH,)))
    assert whose_no(story.history, passing(recipient=WARD), story.clock, "A") == {
        (MOTHER, "A"), (FATHER, "A"),
    }  # fmt: skip
    made = attempt(story, {"code": "scope_empty"}, recipient=WARD)
    assert not held(story, made, MOTHER)
    assert held(story, made, CHILD)


def test_whose_no_is_asked_of_the_facts_of_then() -> None:
    story = wider()
    before = story.clock
    story.at("2024-04-02").declines(FATHER, "B")
    assert whose_no(story.history, passing(), story.clock, "A") == {(FATHER, "B")}
    assert whose_no(story.history, passing(), before, "A") == frozenset()
    assert whose_no(story.history, passing(recipient=WARD), story.clock, "A") == frozenset()
    assert whose_no(story.history, passing(), story.clock, None) == frozenset()


# -- who is named ------------------------------------------------------------------------------


def test_where_nobody_is_protected_everybody_is_named() -> None:
    assert NamedPlaces(None).are_named([GP, WARD])


@pytest.mark.parametrize(
    ("together", "named"),
    [
        ([GP, BUA], True),
        ([GP], True),
        ([GP, WARD], False),
        ([WARD], True),
        (["school"], False),
        ([GP, OTHER_MUNI], False),
        ([OTHER_MUNI, WARD], True),
    ],
)
def test_otherwise_the_parties_of_one_consent_that_one_was_asked_for(
    together: list[str], named: bool
) -> None:
    places = NamedPlaces((ASKED.parties, frozenset({OTHER_MUNI, WARD})))
    assert places.are_named(together) is named
    assert not NamedPlaces(()).are_named(together)


def test_who_was_asked_has_read_the_parties() -> None:
    story = in_force(born="2010-05-10")
    history, parties = story.history, (ASKED.parties,)
    assert parties_asked_about(history, MOTHER, story.clock) == parties
    assert parties_asked_about(history, STEPFATHER, story.clock) == ()
    # A request that is over when the child turns 15 never asked it.
    assert parties_asked_about(history, CHILD, danish("2025-03-01")) == ()
    assert parties_asked_about(history, CHILD, danish("2025-05-10")) == ()
    later = in_force(born="2010-05-10").at("2025-03-01").asks("B", lapses="2025-06-01").history
    assert parties_asked_about(later, CHILD, danish("2025-05-09")) == ()
    assert parties_asked_about(later, CHILD, danish("2025-05-10")) == parties


def test_a_holder_to_come_has_read_nothing_and_a_former_one_has() -> None:
    story = in_force().at("2024-04-01").custody_is(STEPFATHER, since="2024-05-01")
    for person, before, after in (
        (STEPFATHER, (), (ASKED.parties,)),
        (MOTHER, *2 * [(ASKED.parties,)]),
    ):
        assert parties_asked_about(story.history, person, danish("2024-04-30")) == before
        assert parties_asked_about(story.history, person, danish("2024-05-01")) == after


def test_everybody_whom_anybody_called_a_holder_is_around_the_child() -> None:
    story = in_force().custody_is(FATHER, STEPFATHER, by=OTHER_MUNI)
    assert people_around(story.history) == {CHILD, MOTHER, FATHER, STEPFATHER}
    assert controllers_of(story.history) == {MUNI, OTHER_MUNI}
