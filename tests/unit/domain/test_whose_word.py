"""Whose word clears a no, who has a say, and what the one who asks is told (R5a-R5h).

The stories are of several controllers: what one of them records, invents or takes back must not
switch off what a family said to another, nor tell of it.
"""

from datetime import date
from functools import partial

import pytest

from consent_service.domain.consents.state import ReasonCode, Status, answer_until
from consent_service.domain.disclosures.decision import Denied, Permitted, objections_told
from consent_service.domain.kernel.facts import (
    ActKind,
    CancellationReason,
    ExemptionReason,
)
from tests.unit.domain.story import (
    ASKED,
    ASSESSMENT,
    BUA,
    CHILD,
    CHILD_ALONE,
    FATHER,
    FOLLOW_UP,
    GP,
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

GP_TO_X = passing(GP, MUNI)
WITH_Z = scope((GP, MUNI, OTHER_MUNI), (HEALTH, SCHOOL))
WIDER = scope((MUNI, BUA, GP, WARD), (HEALTH, SCHOOL, MEASURES))


def codes_of(story: Story, caller: str, **asked: object) -> set[str]:
    decision = story.decide(asked.get("transfer", GP_TO_X), caller=caller)  # type: ignore[arg-type]
    return {r.code.value for r in decision.reasons} if isinstance(decision, Denied) else set()


def refused_at_x() -> Story:
    """X's consent is in force; the mother has declined a wider request of X's."""
    return in_force().at("2024-03-10 10:00").asks("wider", asked=WIDER).declines(MOTHER, "wider")


def z_invents(*holders: str) -> Story:
    """Next day Z asks about the same child, with the custody facts that suit it."""
    return (
        refused_at_x()
        .at("2024-03-11 10:00")
        .asks("Z", by=OTHER_MUNI, asked=WITH_Z, holders=holders)
    )


# -- A1: another organisation's word --------------------------------------------------------------


def test_anothers_paper_clears_no_denial_said_to_us() -> None:
    story = (
        z_invents(MOTHER).at("2024-03-13 10:00").grants(MOTHER, consent="Z", signed="2024-03-12")
    )
    assert story.state("Z").status is Status.IN_FORCE
    assert codes_of(story, MUNI) == {"custody_contradicted", "declined"}
    assert codes_of(story, GP) == {"custody_contradicted", "objection_stands"}
    assert codes_of(story, MUNI, transfer=passing(MUNI, GP)) == {
        "custody_contradicted",
        "declined",
    }
    assert codes_of(story.cancels("Z", reason=CancellationReason.MISTAKE), MUNI) == {"declined"}


def test_a_strangers_login_clears_nothing() -> None:
    story = z_invents(STEPFATHER).grants(STEPFATHER, consent="Z")
    assert story.state("Z").status is Status.IN_FORCE
    assert codes_of(story, MUNI) == {"custody_contradicted", "declined"}
    assert codes_of(story, GP) == {"custody_contradicted", "objection_stands"}


def born_as_z_says(born: str, *holders: str) -> Story:
    """Z asks about the same child, whose replacement number proves no birth date."""
    story = refused_at_x().at("2024-03-11 10:00")
    story.born = date.fromisoformat(born)
    return story.asks("Z", by=OTHER_MUNI, asked=WITH_Z, holders=holders)


def test_a_birth_date_that_one_municipality_files_takes_nobodys_say_at_another() -> None:
    """R5d, R5e: what is doubtful stops, also how old the child is."""
    story = born_as_z_says("2000-01-01").grants(CHILD, consent="Z")
    assert story.state("Z").status is Status.IN_FORCE
    assert codes_of(story, MUNI) == {"custody_contradicted", "declined"}
    assert codes_of(story, GP) == {"custody_contradicted", "objection_stands"}
    assert codes_of(story, OTHER_MUNI, transfer=passing(GP, OTHER_MUNI)) == set()


def test_nor_does_it_take_the_childs_own_say() -> None:
    story = Story("2008-05-10").asks().grants(MOTHER, FATHER, CHILD).asks("wider", asked=WIDER)
    story.declines(CHILD, "wider")
    story.born = date.fromisoformat("2013-05-10")
    story.asks("Z", by=OTHER_MUNI, asked=WITH_Z).grants(MOTHER, FATHER, consent="Z")
    assert story.state("Z").status is Status.IN_FORCE
    assert codes_of(story, MUNI) == {"declined"}
    assert codes_of(story, GP) == {"objection_stands"}


def test_a_login_clears_across_controllers() -> None:
    story = z_invents(MOTHER, FATHER).grants(MOTHER, consent="Z")
    assert isinstance(story.decide(GP_TO_X), Permitted)


def test_a_paper_clears_what_was_said_to_the_same_controller() -> None:
    story = refused_at_x().at("2024-03-11 10:00").asks("again")
    story.at("2024-03-13 10:00").grants(MOTHER, consent="again", signed="2024-03-12")
    assert isinstance(story.decide(GP_TO_X), Permitted)


def test_a_paper_of_the_day_of_the_no_clears_nothing() -> None:
    story = refused_at_x().at("2024-03-11 10:00").asks("again")
    story.at("2024-03-13 10:00").grants(MOTHER, consent="again", signed="2024-03-10")
    assert codes_of(story, MUNI) == {"declined"}


@pytest.mark.parametrize(
    ("signed", "reason", "stands_again"),
    [
        (None, CancellationReason.MISTAKE, True),
        (None, None, True),
        (None, CancellationReason.CASE_CLOSED, False),
        (None, CancellationReason.OTHER, False),
        ("2024-03-12", CancellationReason.MISTAKE, True),
        ("2024-03-12", CancellationReason.CASE_CLOSED, True),
    ],
)
def test_a_cancellation_ends_what_its_grants_cleared(
    signed: str | None, reason: CancellationReason | None, stands_again: bool
) -> None:
    story = refused_at_x().at("2024-03-11 10:00").asks("again")
    story.at("2024-03-13 10:00").grants(MOTHER, consent="again", signed=signed)
    before = story.clock
    story.at("2024-03-20 10:00").cancels("again", reason=reason)
    assert codes_of(story, MUNI) == ({"declined"} if stands_again else set())
    assert isinstance(story.decide(GP_TO_X, when=before), Permitted), "the past stays as it was"


# -- R5c: lifts --------------------------------------------------------------------------------


def test_a_lift_clears_and_grants_nothing() -> None:
    story = refused_at_x().lifts(MOTHER, "wider")
    assert isinstance(story.decide(GP_TO_X), Permitted)
    assert story.state("wider").status is Status.AWAITING_SIGNATURES
    alone = Story().asks().declines(MOTHER).lifts(MOTHER)
    assert {r.code for r in alone.state().reasons} == {ReasonCode.MISSING_SIGNATURE}


def test_a_lift_works_after_the_request_has_ended() -> None:
    story = refused_at_x().at("2024-04-20 10:00")
    assert story.state("wider").final_at is not None
    assert codes_of(story, MUNI) == {"declined"}
    assert isinstance(story.lifts(MOTHER, "wider").decide(GP_TO_X), Permitted)
    assert story.state("wider").status is Status.DECLINED, "a final state stays final"


def test_nobody_elses_lift_clears() -> None:
    assert codes_of(refused_at_x().lifts(FATHER, "wider"), MUNI) == {"declined"}


def test_a_lift_on_paper_clears_at_its_own_controller_alone() -> None:
    story = z_invents(MOTHER, FATHER).at("2024-03-13 10:00")
    assert codes_of(story.lifts(MOTHER, "Z", signed="2024-03-12"), MUNI) == {"declined"}
    own = refused_at_x().at("2024-03-13 10:00").lifts(MOTHER, "wider", signed="2024-03-12")
    assert isinstance(own.decide(GP_TO_X), Permitted)
    same_day = refused_at_x().at("2024-03-13 10:00").lifts(MOTHER, "wider", signed="2024-03-10")
    assert codes_of(same_day, MUNI) == {"declined"}


def test_a_grant_keeps_its_scope_whatever_is_lifted() -> None:
    story = Story().asks().grants(MOTHER, keeping=scope((MUNI, BUA, GP), (HEALTH,))).grants(FATHER)
    story.lifts(MOTHER)
    effective = story.state().effective_scope
    assert effective is not None
    assert effective.categories == {HEALTH}


# -- R5b: exemptions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "sets_aside"),
    [
        (ExemptionReason.COURT_DECISION, True),
        (ExemptionReason.DECEASED, True),
        (ExemptionReason.UNKNOWN_WHEREABOUTS, False),
        (ExemptionReason.OTHER, False),
        (None, False),
    ],
)
def test_an_exemption_sets_aside_what_was_denied_before(
    reason: ExemptionReason | None, sets_aside: bool
) -> None:
    story = Story().asks().grants(MOTHER).declines(FATHER).excuses(FATHER, reason=reason)
    assert codes_of(story, MUNI) == (set() if sets_aside else {"declined"})


def test_an_exemption_answers_for_no_other_controllers_denials() -> None:
    story = in_force().asks("Z", by=OTHER_MUNI, asked=WITH_Z).declines(FATHER, "Z")
    story.excuses(FATHER, reason=ExemptionReason.COURT_DECISION)
    assert codes_of(story, MUNI) == {"objection_stands"} or codes_of(story, MUNI) == {"declined"}


# -- R5d: a say ---------------------------------------------------------------------------------


def test_r_14_a_parents_old_no_stops_no_consent_of_the_young_person_alone() -> None:
    story = Story("2009-06-10").asks().declines(FATHER).at("2024-06-11 10:00")
    story.asks("alone", rule=CHILD_ALONE).grants(CHILD, consent="alone")
    decision = story.decide()
    assert isinstance(decision, Permitted)
    assert decision.consent == "alone"


# -- R5e: custody contradicted --------------------------------------------------------------------


def test_a_holder_whom_the_recipient_knows_must_have_granted() -> None:
    story = Story().asks("X", by=OTHER_MUNI, asked=WITH_Z, holders=(MOTHER, FATHER))
    story.asks("M", asked=WITH_Z, holders=(MOTHER,)).grants(MOTHER, consent="M")
    assert codes_of(story, MUNI, transfer=passing(GP, OTHER_MUNI)) == {"custody_contradicted"}
    assert isinstance(story.decide(GP_TO_X), Permitted), "neither of these knows the father"
    denied = story.decide(passing(GP, OTHER_MUNI))
    assert isinstance(denied, Denied)
    assert denied.custody_to_check == (OTHER_MUNI,)


def test_what_ended_a_year_ago_contradicts_nothing() -> None:
    story = Story().asks("X", by=OTHER_MUNI, asked=WITH_Z).cancels("X")
    story.at("2025-02-20 10:00").asks("M", asked=WITH_Z, holders=(MOTHER,))
    story.grants(MOTHER, consent="M")
    towards_z = passing(GP, OTHER_MUNI)
    assert codes_of(story, MUNI, transfer=towards_z) == {"custody_contradicted"}
    story.at("2025-03-01 10:01")
    assert isinstance(story.decide(towards_z), Permitted)


# -- R5f: state is the controller's own ---------------------------------------------------------


def test_a_3_what_was_said_to_another_does_not_overtake_a_paper() -> None:
    story = Story().asks("Z", by=OTHER_MUNI, asked=WITH_Z, holders=(MOTHER,))
    story.asks("X", asked=WITH_Z).at("2024-03-05 10:00").declines(MOTHER, "X")
    story.at("2024-03-06 10:00").grants(MOTHER, consent="Z", signed="2024-03-04")
    assert story.state("Z").status is Status.IN_FORCE


# -- R5g: purposes that overlap -------------------------------------------------------------------


def test_r_12_a_no_for_a_purpose_stops_those_that_overlap_it() -> None:
    story = Story().asks(purpose=FOLLOW_UP, holders=(MOTHER,)).declines(MOTHER)
    story.asks("B", holders=(MOTHER,)).grants(MOTHER, consent="B")
    assert isinstance(story.decide(), Permitted)
    story.at("2024-03-05 10:00").overlap(ASSESSMENT, FOLLOW_UP)
    assert isinstance(story.decide(when="2024-03-05 09:59"), Permitted), "it was not registered"
    story.asks("C", holders=(MOTHER,)).grants(MOTHER, consent="C")
    assert isinstance(story.decide(), Permitted), "cleared by a grant for what is asked"


def test_overlap_counts_for_older_denials_and_both_ways() -> None:
    for asked, denied in ((ASSESSMENT, FOLLOW_UP), (FOLLOW_UP, ASSESSMENT)):
        story = Story().asks(purpose=asked, holders=(MOTHER,)).grants(MOTHER)
        story.asks("B", purpose=denied, holders=(MOTHER,)).declines(MOTHER, "B")
        transfer = passing(purpose=asked)
        assert isinstance(story.decide(transfer), Permitted)
        story.overlap(ASSESSMENT, FOLLOW_UP)
        assert codes_of(story, MUNI, transfer=transfer) == {"declined"}


LIFTS = [
    ("B", ASSESSMENT, True),
    ("B", FOLLOW_UP, False),
    ("A", ASSESSMENT, True),
    ("A", FOLLOW_UP, True),
    ("C", ASSESSMENT, False),
]


@pytest.mark.parametrize(("under", "asked", "clears"), LIFTS)
def test_a_lift_clears_for_its_own_purpose_and_what_the_no_was_said_for(
    under: str, asked: str, clears: bool
) -> None:
    """The no was said under A, for the follow-up; B is about the assessment, C about neither."""
    story = Story().asks(purpose=FOLLOW_UP, holders=(MOTHER,)).declines(MOTHER)
    story.asks("B", holders=(MOTHER,)).asks("C", purpose=REVIEW, holders=(MOTHER,))
    story.overlap(ASSESSMENT, FOLLOW_UP).overlap(FOLLOW_UP, REVIEW)
    story.lifts(MOTHER, under)
    assert (story.objecting(passing(purpose=asked)) == set()) is clears


def test_the_family_objected_to_what_overlaps_on_another_basis_too() -> None:
    story = in_force().asks("Z", by=OTHER_MUNI, asked=WITH_Z, purpose=FOLLOW_UP)
    story.declines(FATHER, "Z")
    assert objections_told(story.history, GP_TO_X, GP, story.clock) == ((), False)
    story.at("2024-03-05 10:00").overlap(ASSESSMENT, FOLLOW_UP)
    objections, is_told = objections_told(story.history, GP_TO_X, GP, story.clock)
    assert [one.denial.request.consent for one in objections] == ["Z"]
    assert is_told, "X's consent would permit but for it"
    before = objections_told(story.history, GP_TO_X, GP, just_before(story.clock))
    assert before == ((), False)


# -- R5h: what is told ---------------------------------------------------------------------------


def test_r_2_a_denial_under_a_request_one_may_not_know() -> None:
    story = in_force().asks("Z", by=OTHER_MUNI, asked=scope((OTHER_MUNI, GP), (HEALTH,)))
    story.declines(MOTHER, "Z")
    told = codes_of(story, GP, transfer=passing(GP, OTHER_MUNI))
    assert told == {"party_not_covered"}


def test_r_4_the_reasons_are_of_the_one_that_comes_closest() -> None:
    story = in_force().asks("Z", by=OTHER_MUNI, asked=WITH_Z).declines(FATHER, "Z")
    story.custody_is(MOTHER, by=OTHER_MUNI)
    narrow = scope((OTHER_MUNI, GP, MUNI), (SCHOOL,))
    story.asks("Z2", by=OTHER_MUNI, asked=narrow, holders=(MOTHER,)).grants(MOTHER, consent="Z2")
    assert codes_of(story, GP) == {"objection_stands"}
    assert codes_of(story, MUNI) == {"objection_stands"}


def test_r_3_what_denies_by_consent_warns_on_another_basis() -> None:
    story = in_force().asks("Z", by=OTHER_MUNI, asked=WITH_Z).declines(FATHER, "Z")
    story.custody_is(MOTHER, by=OTHER_MUNI)
    objections, is_told = objections_told(story.history, GP_TO_X, GP, story.clock)
    assert objections
    assert is_told, "X's consent would permit but for it"
    story.at("2024-04-20 10:00").cancels("A")
    objections, is_told = objections_told(story.history, GP_TO_X, GP, story.clock)
    assert objections
    assert not is_told


# -- R2, R9: ties, and those who become required later ---------------------------------------------


def test_r_1_the_lapse_comes_before_who_leaves_at_its_instant() -> None:
    story = Story().at("2024-03-02 10:00").asks(lapses="2024-03-24").grants(MOTHER)
    silent = story.custody_is(MOTHER, since="2024-03-24")
    assert silent.state(when="2024-03-24").status is Status.LAPSED
    assert silent.state(when="2024-06-01").status is Status.LAPSED
    declined = Story().at("2024-03-02 10:00").asks(lapses="2024-03-24").grants(MOTHER)
    declined.declines(FATHER).custody_is(MOTHER, since="2024-03-24")
    assert declined.state(when=just_before("2024-03-24")).status is Status.DECLINED
    assert declined.state(when="2024-03-24").status is Status.DECLINED
    assert declined.state(when="2024-06-01").final_at == danish("2024-03-24")


def test_r_1_nor_does_an_18th_birthday_at_that_instant_help() -> None:
    story = Story("2006-03-24").at("2024-03-02 10:00").asks(lapses="2024-03-24")
    story.grants(MOTHER, CHILD)
    assert story.state(when="2024-03-24").status is Status.LAPSED


def test_r_7_a_stop_at_the_instant_of_a_completion_is_a_withdrawal() -> None:
    story = Story("2006-03-10").at("2024-03-02 10:00").asks().grants(CHILD)
    assert story.state(when="2024-03-10").status is Status.IN_FORCE
    story.at("2024-03-10").withdraws(MOTHER)
    assert story.state().status is Status.WITHDRAWN
    assert story.state().complete_at is None


def test_r_5_who_becomes_required_later_has_a_window_of_their_own() -> None:
    story = in_force("2009-06-10").at("2024-06-12 10:00").declines(CHILD)
    assert story.state(when="2024-06-24").status is Status.DECLINED
    assert story.state(when="2024-06-24").is_live
    assert story.state(when=just_before("2024-06-25")).is_live
    assert story.state(when="2024-06-25").final_at == danish("2024-06-25")
    story.at("2024-06-20 10:00").grants(CHILD)
    assert story.state().status is Status.IN_FORCE


def test_a_window_begins_with_the_first_link() -> None:
    story = in_force("2009-06-10").at("2024-06-12 10:00").link_issued(CHILD).declines(CHILD)
    assert story.state(when="2024-06-26").is_live
    assert story.state(when="2024-06-27").final_at == danish("2024-06-27")


def test_until_when_each_signer_can_change_a_no() -> None:
    story = in_force("2009-06-10").at("2024-06-12 10:00")
    until = partial(answer_until, story.history, "A")
    assert until(CHILD, just_before("2024-06-10")) is None, "she need not sign yet"
    assert until(CHILD, story.clock) == danish("2024-06-25")
    assert until(CHILD, danish("2024-09-01")) == danish("2024-06-25"), "it is over"
    assert until(FATHER, story.clock) == danish("2024-03-23"), "the lapse"
    assert until(STEPFATHER, story.clock) is None
    assert until(CHILD, danish("2025-03-02 12:00")) is None, "expired"
    linked = story.link_issued(CHILD)
    assert answer_until(linked.history, "A", CHILD, story.clock) == danish("2024-06-27")


def test_nobody_can_change_a_no_after_the_expiry() -> None:
    story = in_force("2009-06-10", validity="P3M15D").at("2024-06-12 10:00")
    assert story.state().expires_at == danish("2024-06-17 12:00")
    assert answer_until(story.history, "A", CHILD, story.clock) == danish("2024-06-17 12:00")


def test_of_what_was_never_in_force_the_lapse_is_everybodys_last_moment() -> None:
    story = Story("2009-03-10").asks(validity="P10D").grants(MOTHER).at("2024-03-10 12:00")
    for person in (CHILD, FATHER):
        assert answer_until(story.history, "A", person, story.clock) == danish("2024-03-23")
    assert answer_until(story.history, "A", FATHER, danish("2024-03-23")) is None


def test_nobody_can_change_what_was_final_when_it_was_said() -> None:
    """Too late to be changed, the child's yes and the mother's leave nothing to be exchanged."""
    story = Story("2009-06-10").asks().grants(MOTHER, keeping=scope((MUNI, BUA), (HEALTH,)))
    story.grants(FATHER).at("2024-07-20 10:00")
    story.grants(CHILD, keeping=scope((MUNI, GP), (HEALTH,)))
    assert story.state().final_at == story.clock
    for person in (CHILD, MOTHER):
        assert answer_until(story.history, "A", person, story.clock) is None


def test_silence_of_a_newcomer_stays_incomplete() -> None:
    story = in_force("2009-06-10")
    assert story.state(when="2025-02-01").status is Status.INCOMPLETE
    assert story.state(when="2025-02-01").is_live


def test_a_window_that_ends_as_the_one_who_declined_leaves() -> None:
    story = in_force().at("2024-04-10 10:00").custody_is(MOTHER, FATHER, STEPFATHER)
    story.declines(STEPFATHER).custody_is(MOTHER, FATHER, since="2024-04-25")
    assert story.state(when=just_before("2024-04-25")).status is Status.DECLINED
    assert story.state(when="2024-04-25").final_at == danish("2024-04-25")


def test_attested_acts_say_on_whose_word_they_rest() -> None:
    story = Story().asks(asked=ASKED).grants(MOTHER).at("2024-03-06 10:00")
    story.grants(FATHER, signed="2024-03-04")
    decision = story.decide()
    assert isinstance(decision, Permitted)
    assert decision.attested_by == (MUNI,)
    assert in_force().decide().attested_by == ()  # type: ignore[union-attr]
    excused = Story().asks().excuses(FATHER).grants(MOTHER).decide()
    assert isinstance(excused, Permitted)
    assert excused.attested_by == (MUNI,)
    assert ActKind.LIFT.value == "lift"


def test_a_consent_does_not_rest_on_a_stop_of_somebody_without_a_say() -> None:
    """R5b: who took a stop from a holder of before, or from a child of ten, is told to nobody."""
    story = in_force().at("2024-04-10 10:00").custody_is(MOTHER)
    story.declines(FATHER, word_of=WARD).declines(CHILD, word_of=BUA)
    decision = story.decide()
    assert isinstance(decision, Permitted)
    assert decision.attested_by == ()
