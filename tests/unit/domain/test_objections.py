"""Denials that stand (R5): per signer, across requests and municipalities, until that signer's
own later grant covers what was denied."""

import pytest

from consent_service.domain.consents.state import Reason, ReasonCode
from consent_service.domain.disclosures.decision import Denied, Permitted
from consent_service.domain.disclosures.objections import (
    Transfer,
    requests_stopped_by_declining,
    standing_objections,
)
from consent_service.domain.kernel.facts import CancellationReason, Role
from tests.unit.domain.story import (
    ASKED,
    ASSESSMENT,
    BUA,
    CHILD,
    CHILD_ALONE,
    FATHER,
    FOLLOW_UP,
    GP,
    GUARDIAN,
    HEALTH,
    MEASURES,
    MOTHER,
    MUNI,
    OTHER_MUNI,
    REVIEW,
    SCHOOL,
    STEPFATHER,
    WARD,
    Story,
    danish,
    in_force,
    just_before,
    passing,
    scope,
)

ONLY_HEALTH = scope((MUNI, BUA, GP), (HEALTH,))
ONLY_SCHOOL = scope((MUNI, BUA, GP), (SCHOOL,))
ONLY_BUA = scope((MUNI, BUA), (HEALTH, SCHOOL))
WIDER = scope((MUNI, BUA, GP, WARD), (HEALTH, SCHOOL, MEASURES))
ELSEWHERE = scope((OTHER_MUNI, BUA, GP), (HEALTH, SCHOOL))


def elsewhere(story: Story, *holders: str) -> Story:
    """Another municipality asks about the same, under its own custody facts."""
    return story.asks("B", by=OTHER_MUNI, asked=ELSEWHERE, holders=holders or (MOTHER, FATHER))


# Each row: what happened, what would pass, and whose denial stands against it.
STANDING = [
    ("nobody refused", in_force(), passing(), set()),
    ("silence is no denial", Story().asks().grants(MOTHER), passing(), set()),
    ("a refusal", Story().asks().declines(FATHER), passing(), {FATHER}),
    (
        "a refusal covers every direction",
        Story().asks().declines(FATHER),
        passing(GP, BUA),
        {FATHER},
    ),
    ("two refusals", Story().asks().declines(FATHER).declines(MOTHER), passing(), {FATHER, MOTHER}),
    ("a withdrawal", in_force().withdraws(MOTHER), passing(), {MOTHER}),
    (
        "a refusal, then the same signer's grant",
        Story().asks().declines(FATHER).grants(FATHER),
        passing(),
        set(),
    ),
    (
        "a refusal, then the other signer's grant",
        Story().asks().declines(FATHER).grants(MOTHER),
        passing(),
        {FATHER},
    ),
    (
        "a grant, then a refusal",
        Story().asks().grants(FATHER).declines(FATHER),
        passing(),
        {FATHER},
    ),
    (
        "a refusal under another request",
        in_force().asks("B", asked=WIDER).declines(FATHER, "B"),
        passing(),
        {FATHER},
    ),
    (
        "a refusal under a renewal",
        in_force().asks("B", renews="A").declines(FATHER, "B"),
        passing(),
        {FATHER},
    ),
    (
        "a refusal under another municipality's request",
        elsewhere(in_force()).declines(FATHER, "B"),
        passing(),
        {FATHER},
    ),
    (
        "that one does not reach what it never asked",
        elsewhere(in_force()).declines(FATHER, "B"),
        passing(MUNI, GP),
        set(),
    ),
    (
        "a later grant under another request clears it",
        Story().asks().declines(FATHER).asks("B").grants(FATHER, consent="B"),
        passing(),
        set(),
    ),
    (
        "a later grant under another municipality's request clears it",
        elsewhere(Story().asks().declines(FATHER)).grants(FATHER, consent="B"),
        passing(),
        set(),
    ),
    (
        "an earlier grant under another request does not",
        Story().asks().asks("B").grants(FATHER, consent="B").declines(FATHER),
        passing(),
        {FATHER},
    ),
    (
        "a later grant that was not asked about it does not",
        Story()
        .asks()
        .declines(FATHER)
        .asks("B", asked=scope((MUNI, BUA), (HEALTH,)))
        .grants(FATHER, consent="B"),
        passing(),
        {FATHER},
    ),
    (
        "a later grant for another purpose does not",
        Story().asks().declines(FATHER).asks("B", purpose=FOLLOW_UP).grants(FATHER, consent="B"),
        passing(),
        {FATHER},
    ),
    (
        "a refusal for another purpose",
        in_force().asks("B", purpose=FOLLOW_UP).declines(FATHER, "B"),
        passing(),
        set(),
    ),
    (
        "a refusal of a request without that category",
        in_force().asks("B", asked=ONLY_SCHOOL).declines(FATHER, "B"),
        passing(),
        set(),
    ),
    (
        "a refusal of one of two categories",
        in_force().asks("B", asked=ONLY_SCHOOL).declines(FATHER, "B"),
        passing(categories=(HEALTH, SCHOOL)),
        {FATHER},
    ),
    (
        "a refusal of a request without that party",
        in_force().asks("B", asked=ONLY_BUA).declines(FATHER, "B"),
        passing(),
        set(),
    ),
    (
        "a refusal of a request between others",
        in_force().asks("B", asked=scope((MUNI, WARD), (HEALTH,))).declines(FATHER, "B"),
        passing(),
        set(),
    ),
    (
        "a category left out",
        Story().asks().grants(MOTHER).grants(FATHER, keeping=ONLY_HEALTH),
        passing(categories=(SCHOOL,)),
        {FATHER},
    ),
    (
        "a category that was kept",
        Story().asks().grants(MOTHER).grants(FATHER, keeping=ONLY_HEALTH),
        passing(),
        set(),
    ),
    (
        "a party left out",
        Story().asks().grants(MOTHER).grants(FATHER, keeping=ONLY_BUA),
        passing(),
        {FATHER},
    ),
    (
        "a party that was kept",
        Story().asks().grants(MOTHER).grants(FATHER, keeping=ONLY_BUA),
        passing(MUNI, BUA),
        set(),
    ),
    (
        "a later, narrower grant leaves out again",
        in_force().asks("B").grants(FATHER, consent="B", keeping=ONLY_HEALTH),
        passing(categories=(SCHOOL,)),
        {FATHER},
    ),
    (
        "a later, narrower grant still grants the rest",
        Story().asks().declines(FATHER).asks("B").grants(FATHER, consent="B", keeping=ONLY_HEALTH),
        passing(),
        set(),
    ),
    (
        "a later, narrower grant does not clear what it leaves out",
        Story().asks().declines(FATHER).asks("B").grants(FATHER, consent="B", keeping=ONLY_HEALTH),
        passing(categories=(HEALTH, SCHOOL)),
        {FATHER},
    ),
    (
        "a leaving-out, cleared by a full grant",
        Story().asks().grants(FATHER, keeping=ONLY_HEALTH).grants(FATHER),
        passing(categories=(SCHOOL,)),
        set(),
    ),
    (
        "a withdrawal stands for all that was asked, not only what was kept",
        Story().asks().grants(MOTHER).grants(FATHER, keeping=ONLY_HEALTH).withdraws(FATHER),
        passing(categories=(SCHOOL,)),
        {FATHER},
    ),
    (
        "a refusal outlives the cancellation of its request",
        in_force().asks("B").declines(FATHER, "B").cancels("B"),
        passing(),
        {FATHER},
    ),
    (
        "a refusal outlives the lapse of its request",
        Story().asks().declines(FATHER).at("2024-09-01"),
        passing(),
        {FATHER},
    ),
    (
        "a grant clears, though the case of its request was closed",
        Story()
        .asks()
        .declines(FATHER)
        .asks("B")
        .grants(FATHER, consent="B")
        .cancels("B", reason=CancellationReason.CASE_CLOSED),
        passing(),
        set(),
    ),
    (
        "a grant under what was a mistake clears nothing",
        Story().asks().declines(FATHER).asks("B").grants(FATHER, consent="B").cancels("B"),
        passing(),
        {FATHER},
    ),
    (
        "an excused holder's counts",
        Story().asks().grants(MOTHER).declines(FATHER).excuses(FATHER),
        passing(),
        {FATHER},
    ),
    (
        "a guardian's counts",
        Story().asks(holders=(MOTHER, GUARDIAN)).declines(GUARDIAN),
        passing(),
        {GUARDIAN},
    ),
    (
        "a former holder's stops counting",
        Story().asks().declines(FATHER).custody_is(MOTHER),
        passing(),
        set(),
    ),
    (
        "a returning holder's counts again",
        Story().asks().declines(FATHER).custody_is(MOTHER).custody_is(MOTHER, FATHER),
        passing(),
        {FATHER},
    ),
    (
        "a change that has not taken effect takes nothing away",
        Story().asks().declines(FATHER).custody_is(MOTHER, since="2024-04-01"),
        passing(),
        {FATHER},
    ),
    (
        "another municipality's change takes nothing away",
        Story().asks().declines(FATHER).custody_is(MOTHER, by=OTHER_MUNI),
        passing(),
        {FATHER},
    ),
    (
        "a child's of 14 does not count",
        Story("2009-03-20").asks().declines(CHILD),
        passing(),
        set(),
    ),
    (
        "a child's counts from 15",
        Story("2009-03-20").asks().declines(CHILD).at("2024-03-20"),
        passing(),
        {CHILD},
    ),
    (
        "a parent's counts at 17",
        Story("2006-03-20").asks().declines(FATHER),
        passing(),
        {FATHER},
    ),
    (
        "a parent's stops counting at 18",
        Story("2006-03-20").asks().declines(FATHER).at("2024-03-20"),
        passing(),
        set(),
    ),
    (
        "a young person's still counts at 18",
        Story("2006-03-20").asks().declines(CHILD).at("2024-03-20"),
        passing(),
        {CHILD},
    ),
    (
        "a leap child's parents count until 1 March",
        Story("2006-02-28").at("2024-02-20").asks().declines(FATHER).at("2024-02-27 23:59"),
        passing(),
        {FATHER},
    ),
]


@pytest.mark.parametrize(
    ("story", "transfer", "objecting"),
    [pytest.param(*row, id=name) for name, *row in STANDING],
)
def test_r5_whose_denial_stands(story: Story, transfer: Transfer, objecting: set[str]) -> None:
    assert story.objecting(transfer) == objecting


@pytest.mark.parametrize(
    ("born", "person", "turn"),
    [
        pytest.param("2009-03-20", CHILD, "2024-03-20", id="the child's begins at 15"),
        pytest.param("2012-02-29", CHILD, "2027-02-28", id="a leap child's begins on 28 February"),
    ],
)
def test_r5_a_childs_denial_begins_to_count(born: str, person: str, turn: str) -> None:
    story = Story(born).asks().declines(person)
    assert story.objecting(when=just_before(turn)) == set()
    assert story.objecting(when=turn) == {person}


@pytest.mark.parametrize(
    ("born", "turn"),
    [
        pytest.param("2006-03-20", "2024-03-20", id="at 18"),
        pytest.param("2008-02-29", "2026-03-01", id="on 1 March for a leap child"),
    ],
)
def test_r5_a_parents_denial_ends_with_its_part(born: str, turn: str) -> None:
    story = Story(born).asks().declines(FATHER)
    assert story.objecting(when=just_before(turn)) == {FATHER}
    assert story.objecting(when=turn) == set()


def test_r5_a_denial_begins_with_its_act_and_ends_with_the_grant() -> None:
    story = Story().asks().at("2024-03-02 12:00").declines(FATHER)
    story.at("2024-03-05 12:00").grants(FATHER)
    assert story.objecting(when=just_before("2024-03-02 12:00")) == set()
    assert story.objecting(when="2024-03-02 12:00") == {FATHER}
    assert story.objecting(when=just_before("2024-03-05 12:00")) == {FATHER}
    assert story.objecting(when="2024-03-05 12:00") == set()


def test_r5_a_future_custody_change_ends_it_on_its_date() -> None:
    story = Story().asks().declines(FATHER).custody_is(MOTHER, since="2024-04-01")
    assert story.objecting(when=just_before("2024-04-01")) == {FATHER}
    assert story.objecting(when="2024-04-01") == set()


def test_r5_present_for_the_municipality_that_decides_is_enough() -> None:
    story = elsewhere(Story().asks()).declines(FATHER).custody_is(MOTHER, by=MUNI)
    deciding = story.history.request("B")
    assert story.objecting() == set()
    found = standing_objections(story.history, passing(), story.clock, deciding)
    assert {objection.denial.act.person for objection in found} == {FATHER}


HEALTH_TO_GP = passing()
DENIALS = [
    (
        "a refusal",
        Story().asks().declines(FATHER),
        HEALTH_TO_GP,
        Reason(ReasonCode.DECLINED, Role.CUSTODY_HOLDER, FATHER),
    ),
    (
        "a withdrawal by the guardian",
        Story().asks(holders=(GUARDIAN,)).grants(GUARDIAN).withdraws(GUARDIAN),
        HEALTH_TO_GP,
        Reason(ReasonCode.WITHDRAWN, Role.GUARDIAN, GUARDIAN),
    ),
    (
        "a category that the child left out",
        Story("2009-01-10").asks().grants(CHILD, keeping=ONLY_SCHOOL),
        HEALTH_TO_GP,
        Reason(ReasonCode.CATEGORY_NOT_COVERED, Role.CHILD, CHILD, category=HEALTH),
    ),
    (
        "a recipient that was left out",
        Story().asks().grants(FATHER, keeping=ONLY_BUA),
        HEALTH_TO_GP,
        Reason(ReasonCode.PARTY_NOT_COVERED, Role.CUSTODY_HOLDER, FATHER, party=GP),
    ),
    (
        "a sender that was left out",
        Story().asks().grants(FATHER, keeping=ONLY_BUA),
        passing(GP, BUA),
        Reason(ReasonCode.PARTY_NOT_COVERED, Role.CUSTODY_HOLDER, FATHER, party=GP),
    ),
]


@pytest.mark.parametrize(
    ("story", "transfer", "reason"), [pytest.param(*row, id=name) for name, *row in DENIALS]
)
def test_r5_a_denial_says_why_and_by_which_role(
    story: Story, transfer: Transfer, reason: Reason
) -> None:
    found = standing_objections(story.history, transfer, story.clock)
    assert [objection.reason for objection in found] == [reason]


# The same across a whole decision: would it pass under a consent that is in force?
ACROSS = [
    ("a renewed request is refused", in_force().asks("B", renews="A").declines(FATHER, "B"), False),
    ("a wider request is refused", in_force().asks("B", asked=WIDER).declines(FATHER, "B"), False),
    (
        "it is refused, and then granted",
        in_force().asks("B", asked=WIDER).declines(FATHER, "B").grants(FATHER, consent="B"),
        True,
    ),
    (
        "a narrower request, about something else, is refused",
        in_force().asks("B", asked=ONLY_SCHOOL).declines(FATHER, "B"),
        True,
    ),
    (
        "an excused holder refuses another request",
        Story().asks().grants(MOTHER).excuses(FATHER).asks("B").declines(FATHER, "B"),
        False,
    ),
    (
        "an excused holder's refusal of this very consent stands",
        Story().asks().grants(MOTHER).declines(FATHER).excuses(FATHER),
        False,
    ),
    (
        "a former holder refused",
        Story().asks().grants(MOTHER).declines(FATHER).custody_is(MOTHER),
        True,
    ),
    (
        "another municipality's request is refused",
        elsewhere(in_force()).declines(MOTHER, "B"),
        False,
    ),
    (
        "the former holder is present for the municipality that decides",
        elsewhere(in_force()).declines(FATHER, "B").custody_is(MOTHER, by=OTHER_MUNI),
        False,
    ),
    (
        "who refused elsewhere is a holder only there",
        elsewhere(in_force(), MOTHER, STEPFATHER).declines(STEPFATHER, "B"),
        False,
    ),
    (
        "who refused elsewhere is a holder nowhere any more",
        elsewhere(in_force(), MOTHER, STEPFATHER)
        .declines(STEPFATHER, "B")
        .custody_is(MOTHER, by=OTHER_MUNI),
        True,
    ),
    (
        "the young person, alone, is refused by nobody",
        Story("2009-01-10").asks(rule=CHILD_ALONE).grants(CHILD),
        True,
    ),
]


@pytest.mark.parametrize(
    ("story", "passes"), [pytest.param(*row, id=name) for name, *row in ACROSS]
)
def test_r5_deny_overrides_across_requests(story: Story, passes: bool) -> None:
    decision = story.decide()
    assert isinstance(decision, Permitted if passes else Denied)


def test_r5_declining_stops_older_overlapping_requests() -> None:
    story = in_force().asks("other purpose", purpose=FOLLOW_UP)
    story.asks("no party shared", asked=scope((OTHER_MUNI, WARD), (HEALTH,)))
    story.asks("one party shared", asked=scope((MUNI, WARD), (HEALTH,)))
    story.asks("no category shared", asked=scope((MUNI, BUA), (MEASURES,)))
    story.asks("two parties and a category", asked=scope((MUNI, BUA), (HEALTH, MEASURES)))
    story.asks("now", asked=ASKED)
    history = story.history
    stopped = requests_stopped_by_declining(history, history.request("now"), story.clock)
    assert [r.consent for r in stopped] == ["A", "two parties and a category"]


def test_r5_declining_stops_what_is_for_a_purpose_that_overlaps() -> None:
    story = Story().asks("older", purpose=FOLLOW_UP).asks("third", purpose=REVIEW).asks("now")
    story.overlap(FOLLOW_UP, REVIEW).overlap(FOLLOW_UP, ASSESSMENT, since="2024-03-04")

    def stopped(when: str) -> list[str]:
        history = story.history
        found = requests_stopped_by_declining(history, history.request("now"), danish(when))
        return [request.consent for request in found]

    assert stopped("2024-03-03") == []
    assert stopped("2024-03-04") == ["older"], "what overlaps the older one is not meant"


def test_r5_what_declining_stops_is_known_only_from_then() -> None:
    story = in_force().at("2024-05-01").asks("now")
    request = story.history.request("now")
    stopped = requests_stopped_by_declining(story.history, request, danish("2024-02-01"))
    assert stopped == ()


def test_a_second_no_elsewhere_never_loosens_the_first() -> None:
    """B's municipality forgets the father; the one that A was refused to still knows him."""
    story = Story().asks().declines(FATHER)
    story.asks("B", by=OTHER_MUNI, asked=ASKED).declines(FATHER, "B")
    assert story.objecting() == {FATHER}
    story.custody_is(MOTHER, by=OTHER_MUNI)
    assert story.objecting() == {FATHER}
    story.custody_is(MOTHER)
    assert story.objecting() == set()
