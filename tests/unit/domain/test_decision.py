"""The decision (R5): when something may pass, until when, and every reason why not."""

from datetime import timedelta

import pytest

from consent_service.domain.consents.state import ReasonCode
from consent_service.domain.disclosures.decision import Denied, Permitted
from consent_service.domain.disclosures.objections import Transfer
from tests.unit.domain.story import (
    ASKED,
    BUA,
    CHILD,
    FATHER,
    FOLLOW_UP,
    GP,
    HEALTH,
    MEASURES,
    MOTHER,
    MUNI,
    OTHER_MUNI,
    SCHOOL,
    STEPFATHER,
    WARD,
    Story,
    codes,
    danish,
    in_force,
    just_after,
    just_before,
    passing,
    scope,
)

R = ReasonCode
COMPLETE, EXPIRY, LAPSE = "2024-03-03 12:00", "2025-03-02 12:00", "2024-03-23"
LATE = "2024-06-01 12:00"
ONLY_BUA = scope((MUNI, BUA), (HEALTH, SCHOOL))
ONLY_HEALTH = scope((MUNI, BUA, GP), (HEALTH,))

NARROWED = Story().asks().grants(MOTHER).grants(FATHER, keeping=ONLY_BUA)

PERMITTED = [
    ("every direction: sender to recipient", passing(BUA, GP), MUNI),
    ("every direction: recipient to sender", passing(GP, BUA), MUNI),
    ("from the controller", passing(MUNI, GP), MUNI),
    ("to the controller", passing(GP, MUNI), MUNI),
    ("one category", passing(categories=(SCHOOL,)), MUNI),
    ("every category", passing(categories=(HEALTH, SCHOOL)), MUNI),
    ("asked by another party", passing(), BUA),
    ("asked by the recipient", passing(), GP),
]


@pytest.mark.parametrize(
    ("transfer", "caller"), [pytest.param(*row, id=name) for name, *row in PERMITTED]
)
def test_r5_a_consent_in_force_permits(transfer: Transfer, caller: str) -> None:
    decision = in_force().decide(transfer, caller=caller)
    assert isinstance(decision, Permitted)
    assert (decision.consent, decision.controller) == ("A", MUNI)


NOT_COVERED = [
    (
        "a sender outside",
        in_force(),
        passing(WARD, GP),
        {(R.PARTY_NOT_COVERED, WARD, None)},
    ),
    (
        "a recipient outside",
        in_force(),
        passing(BUA, WARD),
        {(R.PARTY_NOT_COVERED, WARD, None)},
    ),
    (
        "both outside",
        in_force(),
        passing(WARD, OTHER_MUNI),
        {(R.PARTY_NOT_COVERED, WARD, None), (R.PARTY_NOT_COVERED, OTHER_MUNI, None)},
    ),
    (
        "a category outside",
        in_force(),
        passing(categories=(MEASURES,)),
        {(R.CATEGORY_NOT_COVERED, None, MEASURES)},
    ),
    (
        "one category of two outside",
        in_force(),
        passing(categories=(HEALTH, MEASURES)),
        {(R.CATEGORY_NOT_COVERED, None, MEASURES)},
    ),
    (
        "a party and a category outside",
        in_force(),
        passing(BUA, WARD, (MEASURES,)),
        {(R.PARTY_NOT_COVERED, WARD, None), (R.CATEGORY_NOT_COVERED, None, MEASURES)},
    ),
    (
        "a party that a grant left out",
        NARROWED,
        passing(MUNI, GP),
        {(R.PARTY_NOT_COVERED, GP, None)},
    ),
    (
        "another purpose",
        in_force(),
        passing(purpose=FOLLOW_UP),
        {(R.PURPOSE_NOT_COVERED, None, None)},
    ),
]


@pytest.mark.parametrize(
    ("story", "transfer", "reasons"), [pytest.param(*row, id=name) for name, *row in NOT_COVERED]
)
def test_r5_what_is_not_covered_is_denied_and_named(
    story: Story,
    transfer: Transfer,
    reasons: set[tuple[ReasonCode, str | None, str | None]],
) -> None:
    decision = story.decide(transfer)
    assert isinstance(decision, Denied)
    assert {(r.code, r.party, r.category) for r in decision.reasons} == reasons


WITHOUT_FORCE = [
    ("awaiting", Story().asks().grants(MOTHER), {(R.MISSING_SIGNATURE, FATHER)}),
    ("declined", Story().asks().grants(MOTHER).declines(FATHER), {(R.DECLINED, FATHER)}),
    (
        "lapsed",
        Story().asks().grants(MOTHER).at(LAPSE),
        {(R.LAPSED, None), (R.MISSING_SIGNATURE, FATHER)},
    ),
    ("withdrawn", in_force().withdraws(MOTHER), {(R.WITHDRAWN, MOTHER)}),
    ("expired", in_force().at(EXPIRY), {(R.EXPIRED, None)}),
    ("cancelled", in_force().cancels(), {(R.CANCELLED, None)}),
    (
        "incomplete at 15",
        in_force("2009-06-10").at("2024-06-10"),
        {(R.YOUNG_PERSON_MUST_SIGN, CHILD)},
    ),
    (
        "incomplete by custody",
        in_force().custody_is(MOTHER, STEPFATHER),
        {(R.CUSTODY_CHANGED, STEPFATHER)},
    ),
    (
        "an empty scope",
        Story()
        .asks()
        .grants(MOTHER, keeping=ONLY_BUA)
        .grants(FATHER, keeping=scope((MUNI, GP), (HEALTH, SCHOOL))),
        {(R.SCOPE_EMPTY, None)},
    ),
    (
        "in force, and refused elsewhere",
        in_force().asks("B", by=OTHER_MUNI, asked=ASKED).declines(FATHER, "B"),
        {(R.OBJECTION_STANDS, None)},
    ),
]


@pytest.mark.parametrize(
    ("story", "reasons"), [pytest.param(*row, id=name) for name, *row in WITHOUT_FORCE]
)
def test_r5_a_denial_says_why_and_whose_signature(
    story: Story, reasons: set[tuple[ReasonCode, str | None]]
) -> None:
    decision = story.decide()
    assert isinstance(decision, Denied)
    assert codes(decision.reasons) == reasons
    assert (decision.consent, decision.controller) == ("A", MUNI)


def test_r5_one_refusal_is_one_reason() -> None:
    decision = Story().asks().grants(MOTHER).declines(FATHER).decide()
    assert isinstance(decision, Denied)
    assert len(decision.reasons) == 1


VISIBLE = [
    ("nothing was ever asked about the child", Story(), MUNI, False),
    ("the controller knows of its pending request", Story().asks(), MUNI, True),
    ("a party of a pending request does not", Story().asks(), BUA, False),
    ("a party of one in force does", in_force(), BUA, True),
    ("a party that a grant left out does not", NARROWED, GP, False),
    ("a party that the grants kept does", NARROWED, BUA, True),
    ("a stranger does not", in_force(), WARD, False),
    ("another municipality does not", in_force(), OTHER_MUNI, False),
    ("a party of one that was withdrawn still does", in_force().withdraws(MOTHER), BUA, True),
    ("a party of one that is incomplete does", in_force().custody_is(STEPFATHER), BUA, True),
    (
        "a party that a later grant left out still does",
        in_force().grants(FATHER, keeping=ONLY_BUA),
        GP,
        True,
    ),
    ("a party of one that lapsed never knew", Story().asks().at(LAPSE), GP, False),
    ("a party of one that was refused never knew", Story().asks().declines(MOTHER), GP, False),
]


@pytest.mark.parametrize(
    ("story", "caller", "knows"), [pytest.param(*row, id=name) for name, *row in VISIBLE]
)
def test_nobody_else_can_learn_that_a_consent_exists(
    story: Story, caller: str, knows: bool
) -> None:
    for purpose in (FOLLOW_UP, "assessment"):
        decision = story.decide(passing(purpose=purpose), caller=caller)
        unknown = Denied((decision.reasons[0],)) if isinstance(decision, Denied) else None
        hidden = unknown is not None and codes(decision.reasons) == {(R.NO_CONSENT, None)}  # type: ignore[union-attr]
        assert hidden is not knows
        if hidden:
            assert decision == unknown, "neither a consent nor a controller is named"


def test_a_party_left_out_hears_the_same_as_a_stranger() -> None:
    assert NARROWED.decide(caller=GP) == Story().at(NARROWED.clock).decide(caller=GP)


def test_r5_an_older_consent_permits_while_a_newer_one_awaits() -> None:
    story = in_force().at(LATE).asks("B", renews="A").grants(MOTHER, consent="B")
    decision = story.decide()
    assert isinstance(decision, Permitted)
    assert decision.consent == "A"


def test_r5_a_newer_refusal_stops_the_older_consent() -> None:
    story = in_force().at(LATE).asks("B").grants(MOTHER, consent="B").declines(FATHER, "B")
    decision = story.decide()
    assert isinstance(decision, Denied)
    assert decision.consent == "A", "which lacks nothing of its own"
    assert codes(decision.reasons) == {(R.DECLINED, FATHER)}


def test_r5_of_two_in_force_the_newest_permits() -> None:
    story = in_force().asks("B").grants(MOTHER, FATHER, consent="B")
    decision = story.decide()
    assert isinstance(decision, Permitted)
    assert decision.consent == "B"


def test_r5_two_consents_do_not_add_up() -> None:
    story = Story().asks("A", asked=scope((MUNI, BUA), (HEALTH,)), holders=(MOTHER,))
    story.grants(MOTHER, consent="A")
    story.asks("B", asked=scope((MUNI, BUA), (SCHOOL,)), holders=(MOTHER,))
    story.grants(MOTHER, consent="B")
    decision = story.decide(passing(MUNI, BUA, (HEALTH, SCHOOL)))
    assert isinstance(decision, Denied)
    assert decision.consent == "B", "the newest that was looked at"
    assert {r.category for r in decision.reasons} == {HEALTH}


def test_r5_a_full_grant_elsewhere_does_not_widen_a_consent() -> None:
    story = Story().asks().grants(MOTHER).grants(FATHER, keeping=ONLY_HEALTH)
    story.asks("B").grants(FATHER, consent="B")
    school = passing(categories=(SCHOOL,))
    assert story.objecting(school) == set(), "the father has granted it since"
    assert isinstance(story.decide(school), Denied), "but no consent in force covers it"
    assert isinstance(story.decide(), Permitted)


def test_r5_another_municipalitys_consent_does_not_help_who_may_not_know_of_it() -> None:
    story = Story().asks().asks("B", by=OTHER_MUNI, asked=scope((OTHER_MUNI, BUA, GP), (HEALTH,)))
    story.grants(MOTHER, FATHER, consent="B")
    assert isinstance(story.decide(caller=MUNI), Denied)
    assert isinstance(story.decide(caller=GP), Permitted)


@pytest.mark.parametrize(
    ("left", "lasts"),
    [
        pytest.param(timedelta(days=100), timedelta(minutes=5), id="long before the expiry"),
        pytest.param(timedelta(minutes=5), timedelta(minutes=5), id="five minutes before it"),
        pytest.param(timedelta(minutes=4), timedelta(minutes=4), id="four minutes before it"),
        pytest.param(
            timedelta(microseconds=1), timedelta(microseconds=1), id="a microsecond before it"
        ),
    ],
)
def test_r3_a_permission_never_outlives_the_consent(left: timedelta, lasts: timedelta) -> None:
    when = danish(EXPIRY) - left
    decision = in_force().decide(when=when)
    assert isinstance(decision, Permitted)
    assert decision.valid_until == when + lasts


BOUNDARIES = [
    ("it begins with the last grant", in_force(), COMPLETE, False),
    ("it ends at the expiry", in_force(), EXPIRY, True),
    ("it ends with a withdrawal", in_force().at(LATE).withdraws(MOTHER), LATE, True),
    ("it ends with a cancellation", in_force().at(LATE).cancels(), LATE, True),
    ("it ends at the 15th birthday", in_force("2009-06-10"), "2024-06-10", True),
    (
        "it ends on 28 February for a leap child",
        Story("2012-02-29").at("2027-02-10").asks().grants(MOTHER, FATHER),
        "2027-02-28",
        True,
    ),
    (
        "it ends with a custody change's date",
        in_force().custody_is(MOTHER, STEPFATHER, since=LATE),
        LATE,
        True,
    ),
    (
        "it ends with an exemption",
        Story().asks().grants(MOTHER).excuses(FATHER, until=LATE),
        LATE,
        True,
    ),
    (
        "it ends with a refusal elsewhere",
        in_force().at("2024-05-20").asks("B", by=OTHER_MUNI).at(LATE).declines(FATHER, "B"),
        LATE,
        True,
    ),
    (
        "it begins when the refuser loses custody",
        Story().asks().grants(MOTHER).declines(FATHER).custody_is(MOTHER, since="2024-03-10"),
        "2024-03-10",
        False,
    ),
]


@pytest.mark.parametrize(
    ("story", "instant", "permitted_before"),
    [pytest.param(*row, id=name) for name, *row in BOUNDARIES],
)
def test_r2_a_decision_turns_at_the_very_instant(
    story: Story, instant: str, permitted_before: bool
) -> None:
    assert isinstance(story.decide(when=just_before(instant)), Permitted) is permitted_before
    assert isinstance(story.decide(when=instant), Permitted) is not permitted_before
    assert isinstance(story.decide(when=just_after(instant)), Permitted) is not permitted_before


def test_r10_a_decision_about_the_past_uses_what_was_recorded_by_then() -> None:
    story = in_force().at(LATE).withdraws(MOTHER)
    assert isinstance(story.decide(when="2024-05-01"), Permitted)
    assert codes(story.decide(when="2024-02-01").reasons) == {(R.NO_CONSENT, None)}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("sender", "recipient", "categories"),
    [
        pytest.param(BUA, MUNI, frozenset(), id="nothing would pass"),
        pytest.param(BUA, BUA, frozenset({HEALTH}), id="it would stay where it is"),
    ],
)
def test_r5_what_is_no_transfer_is_denied(
    sender: str, recipient: str, categories: frozenset[str]
) -> None:
    transfer = passing(sender, recipient, categories=tuple(categories))
    assert isinstance(in_force().decide(transfer, caller=sender), Denied)
