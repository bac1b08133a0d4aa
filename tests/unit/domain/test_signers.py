"""Who must sign (R1, R10): every combination of age, rule, custody and exemption."""

from itertools import product

import pytest

from consent_service.domain.consents.signers import (
    exemptions,
    present_holders,
    required_signers,
    signers_with_a_say,
)
from consent_service.domain.kernel.facts import Role, SignerRule
from tests.unit.domain.story import (
    ALL_HOLDERS,
    CHILD,
    CHILD_ALONE,
    FATHER,
    GUARDIAN,
    MOTHER,
    MUNI,
    OTHER_MUNI,
    STEPFATHER,
    Story,
    danish,
    just_after,
    just_before,
)

BOTH = {MOTHER, FATHER}
AGES = {"10": "2013-05-10", "15": "2008-05-10", "18": "2005-05-10"}
CUSTODIES = [(MOTHER, FATHER), (MOTHER,), (GUARDIAN,), (MOTHER, GUARDIAN)]
EXCUSED = ["nobody", "the first", "everybody"]


@pytest.mark.parametrize("excused", EXCUSED, ids=lambda who: f"{who} excused")
@pytest.mark.parametrize("holders", CUSTODIES, ids=" and ".join)
@pytest.mark.parametrize("rule", list(SignerRule), ids=lambda rule: str(rule.value))
@pytest.mark.parametrize("age", list(AGES), ids=lambda age: f"aged {age}")
def test_r1_every_combination(
    age: str, rule: SignerRule, holders: tuple[str, ...], excused: str
) -> None:
    story = Story(AGES[age]).asks(holders=holders, rule=rule)
    for number, holder in enumerate(holders):
        if excused == "everybody" or (excused == "the first" and number == 0):
            story.excuses(holder, name=f"e{number}")
    still = {"nobody": holders, "the first": holders[1:], "everybody": ()}[excused]
    expected = {
        ("10", ALL_HOLDERS): {*still},
        ("10", CHILD_ALONE): {*still},
        ("15", ALL_HOLDERS): {*still, CHILD},
        ("15", CHILD_ALONE): {CHILD},
        ("18", ALL_HOLDERS): {CHILD},
        ("18", CHILD_ALONE): {CHILD},
    }[age, rule]
    assert story.required() == expected


def test_r1_each_signs_in_a_role() -> None:
    story = Story(AGES["15"]).asks(holders=(MOTHER, GUARDIAN))
    roles = required_signers(story.history, story.history.request("A"), story.clock)
    assert roles == {
        MOTHER: Role.CUSTODY_HOLDER,
        GUARDIAN: Role.GUARDIAN,
        CHILD: Role.CHILD,
    }


BIRTHDAYS = [
    # born, rule, instant, required at it, required a microsecond before
    ("15 today", "2009-05-10", ALL_HOLDERS, "2024-05-10", {*BOTH, CHILD}, BOTH),
    ("15 today, alone", "2009-05-10", CHILD_ALONE, "2024-05-10", {CHILD}, BOTH),
    ("18 today", "2006-05-10", ALL_HOLDERS, "2024-05-10", {CHILD}, {*BOTH, CHILD}),
    ("18 today, alone", "2006-05-10", CHILD_ALONE, "2024-05-10", {CHILD}, {CHILD}),
    ("29 February: 15 on the 28th", "2012-02-29", ALL_HOLDERS, "2027-02-28", {*BOTH, CHILD}, BOTH),
    (
        "29 February: 15 on 1 March is no turn",
        "2012-02-29",
        ALL_HOLDERS,
        "2027-03-01",
        {*BOTH, CHILD},
        {*BOTH, CHILD},
    ),
    ("29 February, alone: all", "2012-02-29", CHILD_ALONE, "2027-02-28", {*BOTH, CHILD}, BOTH),
    (
        "29 February, alone: from 1 March",
        "2012-02-29",
        CHILD_ALONE,
        "2027-03-01",
        {CHILD},
        {*BOTH, CHILD},
    ),
    (
        "29 February: not yet 18 on the 28th",
        "2008-02-29",
        ALL_HOLDERS,
        "2026-02-28",
        {*BOTH, CHILD},
        {*BOTH, CHILD},
    ),
    (
        "29 February: 18 on 1 March",
        "2008-02-29",
        ALL_HOLDERS,
        "2026-03-01",
        {CHILD},
        {*BOTH, CHILD},
    ),
    (
        "29 February: 16 on the leap day itself",
        "2008-02-29",
        ALL_HOLDERS,
        "2024-02-29",
        {*BOTH, CHILD},
        {*BOTH, CHILD},
    ),
    ("18 on the jump's day", "2006-03-26", ALL_HOLDERS, "2024-03-26", {CHILD}, {*BOTH, CHILD}),
]


@pytest.mark.parametrize(
    ("born", "rule", "instant", "required", "before"),
    [pytest.param(*row, id=name) for name, *row in BIRTHDAYS],
)
def test_r1_birthdays_begin_at_midnight_to_the_microsecond(
    born: str, rule: SignerRule, instant: str, required: set[str], before: set[str]
) -> None:
    story = Story(born).at("2023-11-01 10:00").asks(rule=rule)
    assert story.required(when=instant) == required
    assert story.required(when=just_after(instant)) == required
    assert story.required(when=just_before(instant)) == before


T = "2024-03-05 12:00"
EXEMPTIONS = [
    ("only recorded does not count", Story().asks().at(T).exemption(FATHER), BOTH, BOTH),
    (
        "confirmed counts from its confirmation",
        Story().asks().exemption(FATHER).at(T).confirmed(),
        {MOTHER},
        BOTH,
    ),
    (
        "revoked counts no more",
        Story().asks().excuses(FATHER).at(T).revoked(),
        BOTH,
        {MOTHER},
    ),
    (
        "revoked before its confirmation never counts",
        Story().asks().exemption(FATHER).revoked().at(T).confirmed(),
        BOTH,
        BOTH,
    ),
    (
        "over at its end, to the microsecond",
        Story().asks().excuses(FATHER, until=T),
        BOTH,
        {MOTHER},
    ),
    (
        "confirmed after its end never counts",
        Story().asks().exemption(FATHER, until="2024-03-04").at(T).confirmed(),
        BOTH,
        BOTH,
    ),
    (
        "revoking after its end does not revive it",
        Story().asks().excuses(FATHER, until="2024-03-04").at(T).revoked(),
        BOTH,
        BOTH,
    ),
    (
        "a second one takes over from a revoked one",
        Story()
        .asks()
        .excuses(FATHER, name="first")
        .revoked("first")
        .exemption(FATHER, name="second")
        .at(T)
        .confirmed("second"),
        {MOTHER},
        BOTH,
    ),
    (
        "confirming one does not confirm the other",
        Story()
        .asks()
        .exemption(FATHER, name="first")
        .exemption(MOTHER, name="second")
        .at(T)
        .confirmed("second"),
        {FATHER},
        BOTH,
    ),
    (
        "under another consent it excuses nobody here",
        Story().asks().asks("B").at(T).excuses(FATHER, "B"),
        BOTH,
        BOTH,
    ),
]


@pytest.mark.parametrize(
    ("story", "required", "before"),
    [pytest.param(*row, id=name) for name, *row in EXEMPTIONS],
)
def test_r1_a_holder_is_excused_only_by_a_confirmed_exemption(
    story: Story, required: set[str], before: set[str]
) -> None:
    assert story.required(when=just_after(T)) == required
    assert story.required(when=just_before(T)) == before


def test_r1_an_exemption_begins_at_its_confirmation_and_not_before() -> None:
    story = Story().asks().exemption(FATHER).at(T).confirmed()
    (exemption,) = exemptions(story.history, "A")
    assert exemption.counts_at(danish(T))
    assert not exemption.counts_at(just_before(T))


def test_r1_an_exemption_does_not_excuse_the_child() -> None:
    story = Story(AGES["15"]).asks().excuses(CHILD)
    assert story.required() == {*BOTH, CHILD}


CUSTODY = [
    (
        "a change without a past date counts from its recording",
        Story().asks().at(T).custody_is(MOTHER),
        {MOTHER},
        BOTH,
    ),
    (
        "a change dated in the past counts from its recording",
        Story().asks().at(T).custody_is(MOTHER, since="2024-01-01"),
        {MOTHER},
        BOTH,
    ),
    (
        "a change dated in the future counts from its date",
        Story().asks().custody_is(MOTHER, since=T),
        {MOTHER},
        BOTH,
    ),
    (
        "a new holder must sign",
        Story().asks().at(T).custody_is(MOTHER, STEPFATHER),
        {MOTHER, STEPFATHER},
        BOTH,
    ),
    (
        "of two changes the one that took effect last counts",
        Story().asks().custody_is(GUARDIAN, since=T).at("2024-03-03").custody_is(MOTHER),
        {GUARDIAN},
        {MOTHER},
    ),
    (
        "of two for the same moment the one recorded last counts",
        Story().asks().custody_is(GUARDIAN, since=T).custody_is(FATHER, since=T),
        {FATHER},
        BOTH,
    ),
    (
        "another municipality's change does not count",
        Story().asks().at(T).custody_is(MOTHER, by=OTHER_MUNI),
        BOTH,
        BOTH,
    ),
    (
        "another municipality's request brings no facts",
        Story().asks().at(T).asks("B", by=OTHER_MUNI, holders=(MOTHER,)),
        BOTH,
        BOTH,
    ),
    (
        "a former holder who returns is asked again",
        Story().asks().custody_is(MOTHER).at(T).custody_is(MOTHER, FATHER),
        BOTH,
        {MOTHER},
    ),
]


@pytest.mark.parametrize(
    ("story", "required", "before"),
    [pytest.param(*row, id=name) for name, *row in CUSTODY],
)
def test_r10_custody_counts_from_the_later_of_its_date_and_its_recording(
    story: Story, required: set[str], before: set[str]
) -> None:
    assert story.required(when=just_after(T)) == required
    assert story.required(when=just_before(T)) == before


def test_r10_the_boundary_itself_belongs_to_the_new_facts() -> None:
    assert Story().asks().custody_is(MOTHER, since=T).required(when=T) == {MOTHER}


def test_r10_two_municipalities_each_know_their_own_custody() -> None:
    story = Story().asks("A", by=MUNI).asks("B", by=OTHER_MUNI, holders=(MOTHER, STEPFATHER))
    story.custody_is(MOTHER, by=MUNI)
    assert story.required("A") == {MOTHER}
    assert story.required("B") == {MOTHER, STEPFATHER}


SAY = [
    ("10", ALL_HOLDERS, BOTH),
    ("15", ALL_HOLDERS, {*BOTH, CHILD}),
    ("15", CHILD_ALONE, {CHILD}),
    ("18", ALL_HOLDERS, {CHILD}),
]


@pytest.mark.parametrize(
    ("age", "rule", "say"), SAY, ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_r4_an_excused_holder_may_still_act(age: str, rule: SignerRule, say: set[str]) -> None:
    story = Story(AGES[age]).asks(rule=rule).excuses(FATHER)
    request = story.history.request("A")
    assert set(signers_with_a_say(story.history, request, story.clock)) == say


def test_r1_from_18_no_holder_is_present() -> None:
    story = Story("2006-05-10").asks()
    request = story.history.request("A")
    assert not present_holders(story.history, request, danish("2024-05-10"))
    assert set(present_holders(story.history, request, just_before("2024-05-10"))) == BOTH


def test_r1_the_required_set_is_empty_only_for_a_child_whose_every_holder_is_excused() -> None:
    for age, rule, holders in product(AGES, SignerRule, CUSTODIES):
        story = Story(AGES[age]).asks(holders=holders, rule=rule)
        for holder in holders:
            story.excuses(holder, name=holder)
        assert (not story.required()) is (age == "10")
