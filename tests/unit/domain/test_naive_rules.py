"""The naive model itself, by stories whose right answer stands in the rules' text.

What it answers to random stories is worth only as much as this.
"""

from datetime import datetime, timedelta

import pytest

from consent_service.domain.consents.state import Status
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.facts import CancellationReason, ExemptionReason
from tests.unit.domain.naive_calendar import TICK
from tests.unit.domain.naive_rules import Chronicle
from tests.unit.domain.naive_states import Why
from tests.unit.domain.story import (
    ASSESSMENT,
    BUA,
    CHILD,
    CHILD_ALONE,
    FATHER,
    FOLLOW_UP,
    GP,
    HEALTH,
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

X, Z = MUNI, OTHER_MUNI
TO_X = passing(GP, X)
WIDER = scope((X, BUA, GP, WARD), (HEALTH, SCHOOL))
OF_Z = scope((Z, GP, X), (HEALTH, SCHOOL))
Z_AND_GP = scope((Z, GP, BUA), (HEALTH, SCHOOL))
CONTRADICTED, OBJECTION = Why("custody_contradicted"), Why("objection_stands")
LAPSE = "2024-03-23"


def lived(story: Story, until: str | datetime | None = None) -> Chronicle:
    """The story as the model lives it, to its clock or further."""
    chronicle = Chronicle()
    for overlap in story.registered:
        chronicle.tell_overlap(overlap)
    for fact in story.facts:
        chronicle.tell(fact)
    chronicle.live_until(story.instant(until))
    return chronicle


def status(story: Story, consent: str = "A", when: str | datetime | None = None) -> Status:
    return lived(story, when).picture(consent, story.instant(when)).status


def final_at(story: Story, consent: str = "A", until: str = "2025-01-01") -> object:
    return lived(story, until).picture(consent, danish(until)).final_at


def why(
    story: Story, transfer: Transfer = TO_X, caller: str = X, when: str | datetime | None = None
) -> set[Why] | str | None:
    """The reasons told, or the consent that permits."""
    answer = lived(story, when).decide(transfer, caller, story.instant(when))
    return answer.consent if answer.permitted else set(answer.reasons)


# A1: another organisation's paper, and its stranger.


def refused_at_x() -> Story:
    story = in_force().at("2024-03-05").asks("B", asked=WIDER).declines(MOTHER, "B")
    return story.at("2024-03-06")


def papers_of_z() -> Story:
    story = refused_at_x().asks("Z", by=Z, holders=(MOTHER,), asked=OF_Z)
    return story.at("2024-03-07 12:00").grants(MOTHER, consent="Z", signed="2024-03-07")


def test_a1_the_no_is_told_before_z_does_anything() -> None:
    assert why(refused_at_x()) == {Why("declined", MOTHER)}
    assert why(refused_at_x(), caller=GP) == {OBJECTION}


@pytest.mark.parametrize("way", [TO_X, passing(X, GP)])
def test_a1_papers_of_z_clear_nothing_at_x(way: Transfer) -> None:
    story = papers_of_z()
    assert status(story, "Z") is Status.IN_FORCE
    assert why(story, way) == {CONTRADICTED, Why("declined", MOTHER)}
    assert why(story, way, GP) == {CONTRADICTED, OBJECTION}
    assert lived(story).decide(way, X, story.clock).consent == "Z"
    story.cancels("Z", reason=CancellationReason.MISTAKE)
    assert why(story, way) == {Why("declined", MOTHER)}


def test_a1_a_strangers_login_clears_nothing_either() -> None:
    story = refused_at_x().asks("Z", by=Z, holders=(STEPFATHER,), asked=OF_Z)
    story.grants(STEPFATHER, consent="Z")
    assert why(story) == {CONTRADICTED, Why("declined", MOTHER)}
    assert why(story, caller=GP) == {CONTRADICTED, OBJECTION}


def test_a1_her_own_login_at_z_clears_it_everywhere_until_z_calls_it_a_mistake() -> None:
    story = refused_at_x().asks("Z", by=Z, asked=OF_Z).grants(MOTHER, consent="Z")
    assert why(story) == "A"
    permitted_then = story.clock
    for reason, after in [
        (CancellationReason.CASE_CLOSED, "A"),
        (CancellationReason.MISTAKE, {Why("declined", MOTHER)}),
        (None, {Why("declined", MOTHER)}),
    ]:
        told = Story()
        told.facts = list(story.facts)
        told.at("2024-03-09").cancels("Z", reason=reason)
        assert why(told) == after
        chronicle = lived(told)
        assert chronicle.decide(TO_X, X, permitted_then).permitted, "the past is unchanged"


def test_a1_a_paper_at_x_clears_what_was_refused_at_x_before_its_day() -> None:
    for signed, after in [("2024-03-06", "A"), ("2024-03-05", {Why("declined", MOTHER)})]:
        story = refused_at_x().asks("C").at("2024-03-08 10:00")
        assert why(story.grants(MOTHER, consent="C", signed=signed)) == after
        story.at("2024-03-09").cancels("C", reason=CancellationReason.CASE_CLOSED)
        assert why(story) == {Why("declined", MOTHER)}, "any cancellation ends attested clearing"


# A3: Z's consent shows nothing of what happened at X.


def test_a3_a_refusal_at_x_does_not_overtake_a_paper_of_z() -> None:
    story = papers_of_z()
    same_day = in_force().at("2024-03-06").asks("Z", by=Z, holders=(MOTHER,), asked=OF_Z)
    same_day.at("2024-03-07 09:00").asks("B", asked=WIDER).declines(MOTHER, "B")
    same_day.at("2024-03-07 12:00").grants(MOTHER, consent="Z", signed="2024-03-07")
    pictures = [lived(s).picture("Z", s.clock) for s in (story, same_day)]
    assert pictures[0].status is pictures[1].status is Status.IN_FORCE
    assert pictures[0].covered == pictures[1].covered


def test_a3_a_refusal_at_z_does_overtake_it() -> None:
    story = Story().asks("Z", by=Z, holders=(MOTHER,), asked=OF_Z).at("2024-03-07 09:00")
    story.asks("Y", by=Z, holders=(MOTHER,), asked=OF_Z).declines(MOTHER, "Y")
    story.at("2024-03-07 12:00").grants(MOTHER, consent="Z", signed="2024-03-07")
    assert status(story, "Z") is Status.AWAITING_SIGNATURES


# two instants that are one.


def test_r1_a_holder_who_leaves_at_the_lapse_leaves_too_late() -> None:
    story = Story().asks().grants(MOTHER).declines(FATHER).custody_is(MOTHER, since=LAPSE)
    assert status(story, when=just_before(LAPSE)) is Status.DECLINED
    assert status(story, when=LAPSE) is Status.DECLINED
    assert final_at(story) == danish(LAPSE)
    silent = Story().asks().grants(MOTHER).custody_is(MOTHER, since=LAPSE)
    assert status(silent, when=LAPSE) is Status.LAPSED


def test_r1_an_18th_birthday_at_the_lapse_comes_too_late() -> None:
    story = Story("2006-03-23").asks().grants(CHILD)
    assert status(story, when=LAPSE) is Status.LAPSED


def test_r7_a_stop_at_the_instant_of_a_completion_ends_what_never_was_in_force() -> None:
    story = Story("2006-03-10").asks().grants(CHILD).at("2024-03-10")
    chronicle = lived(story)
    assert chronicle.picture("A", story.clock).status is Status.IN_FORCE
    assert MOTHER in chronicle.may_act_at(chronicle.request("A"), story.clock)
    assert chronicle.kind_of_stop(chronicle.request("A"), MOTHER, story.clock).value == "withdraw"
    after = lived(story.withdraws(MOTHER)).picture("A", story.clock)
    assert (after.status, after.first_in_force) == (Status.WITHDRAWN, None)
    assert after.final_at == danish("2024-03-10")


def test_superseded_comes_before_expired() -> None:
    story = (
        in_force(validity="P2W").at("2024-03-10").asks("B", holders=(MOTHER, FATHER), renews="A")
    )
    story.grants(MOTHER, consent="B").custody_is(MOTHER, since="2024-03-16 12:00")
    assert status(story, when="2024-03-16 12:00") is Status.SUPERSEDED


# what is told to whom.


def test_r2_gp_hears_no_more_than_that_an_objection_stands() -> None:
    story = in_force().asks("Z", by=Z, asked=Z_AND_GP).declines(MOTHER, "Z")
    to_bua = passing(GP, BUA)
    assert why(story, to_bua, GP) == {OBJECTION}
    assert why(story, to_bua, X) == {OBJECTION}
    assert why(story, to_bua, Z) == {Why("declined", MOTHER), Why("missing_signature", FATHER)}
    story.at("2024-03-20").withdraws(FATHER)
    assert why(story, to_bua, GP) == {Why("withdrawn", FATHER)}, "its own shortcoming alone"


def father_left_out_by_z() -> Story:
    story = in_force().asks("Z", by=Z, asked=OF_Z).declines(FATHER, "Z")
    return story.custody_is(MOTHER, by=Z)


def test_r3_who_objects_is_the_same_on_another_basis() -> None:
    story = father_left_out_by_z()
    assert why(story, caller=GP) == {OBJECTION}
    assert lived(story).objecting(TO_X, story.clock) == {FATHER}
    assert lived(story).objecting(passing(GP, Z), story.clock) == set()


def test_r4_the_closest_candidate_is_told() -> None:
    story = father_left_out_by_z()
    school = scope((Z, GP, X, WARD), (SCHOOL,))
    story.asks("Y", by=Z, holders=(MOTHER,), asked=school).grants(MOTHER, consent="Y")
    assert why(story) == {OBJECTION}
    assert lived(story).decide(TO_X, X, story.clock).consent == "A"
    only_y = passing(GP, WARD)
    assert why(story, only_y, Z) == {Why("category_not_covered", category=HEALTH)}


# R5g, R5c, R5d.


def test_r12_a_no_for_an_overlapping_purpose_stops() -> None:
    story = in_force().asks("Z", by=Z, asked=OF_Z, purpose=FOLLOW_UP).declines(MOTHER, "Z")
    assert why(story) == "A"
    story.overlap(FOLLOW_UP, ASSESSMENT, since="2024-05-01").at("2024-05-02")
    assert why(story) == {OBJECTION}
    assert why(story, when=just_before("2024-05-01")) == "A"


def test_r12_overlaps_are_not_transitive() -> None:
    story = in_force().asks("Z", by=Z, asked=OF_Z, purpose=REVIEW).declines(MOTHER, "Z")
    story.overlap(ASSESSMENT, FOLLOW_UP, since="2024-03-01")
    story.overlap(FOLLOW_UP, REVIEW, since="2024-03-01").at("2024-05-02")
    assert why(story) == "A"


@pytest.mark.parametrize(("purpose", "clears"), [(REVIEW, False), (FOLLOW_UP, True)])
def test_r12_a_yes_for_a_third_purpose_clears_nothing(purpose: str, clears: bool) -> None:
    story = in_force().asks("Z", by=Z, asked=OF_Z, purpose=FOLLOW_UP).declines(MOTHER, "Z")
    story.overlap(ASSESSMENT, FOLLOW_UP, since="2024-03-01")
    story.asks("Y", by=Z, asked=OF_Z, purpose=purpose).grants(MOTHER, consent="Y")
    assert (why(story) == "A") is clears


def test_r13_a_lift_by_login_works_across_controllers_and_after_the_end() -> None:
    story = in_force().asks("Z", by=Z, asked=Z_AND_GP).declines(MOTHER, "Z").cancels("Z")
    to_bua = passing(GP, BUA)
    assert why(story, to_bua) == {OBJECTION}
    assert why(story.lifts(MOTHER, "Z"), to_bua) == "A"
    assert status(story, "Z") is Status.CANCELLED


def test_r13_a_lift_on_paper_clears_at_its_controller_what_is_older() -> None:
    for lifted, signed, clears in [
        ("Z", "2024-03-06", True),
        ("Z", "2024-03-05", False),
        ("A", "2024-03-06", False),
    ]:
        story = in_force().at("2024-03-05 09:00").asks("Z", by=Z, asked=Z_AND_GP)
        story.declines(MOTHER, "Z").at("2024-03-07").lifts(MOTHER, lifted, signed=signed)
        assert (why(story, passing(GP, BUA)) == "A") is clears
        expected = {Why("missing_signature", p) for p in (MOTHER, FATHER)}
        taken_back = clears and lifted == "Z"
        assert (lived(story).picture("Z", story.clock).reasons == expected) is taken_back


def test_r13_nobody_elses_lift_and_no_wider_one() -> None:
    story = in_force().asks("B", asked=WIDER).declines(MOTHER, "B")
    assert why(story.lifts(FATHER, "B")) == {Why("declined", MOTHER)}
    school = scope((X, GP), (SCHOOL,))
    story.asks("C", asked=school).lifts(MOTHER, "C")
    assert why(story) == {Why("declined", MOTHER)}
    assert why(story, passing(GP, X, (SCHOOL,))) == "A"


def test_r13_a_lift_is_not_undone_by_a_cancellation() -> None:
    story = refused_at_x().lifts(MOTHER, "B").at("2024-03-08").cancels("B")
    assert why(story) == "A"


def test_r13_yes_again_on_the_consent_that_a_later_no_stopped() -> None:
    story = refused_at_x()
    assert why(story) == {Why("declined", MOTHER)}
    assert why(story.grants(MOTHER)) == "A"


def test_r14_a_parents_old_no_stops_nothing_where_the_child_decides_alone() -> None:
    story = Story("2009-01-10").asks().declines(MOTHER)
    story.asks("C", rule=CHILD_ALONE).grants(CHILD, consent="C")
    assert why(story) == "C"
    story.asks("D").grants(MOTHER, FATHER, CHILD, consent="D").asks("E").declines(FATHER, "E")
    assert why(story) == "C"
    assert why(story.cancels("C", reason=CancellationReason.CASE_CLOSED)) == {
        Why("declined", FATHER)
    }


def test_r14_what_a_parent_left_out_before_is_not_left_out_of_it() -> None:
    story = Story("2009-03-10").asks(rule=CHILD_ALONE)
    story.grants(MOTHER, keeping=scope((X, BUA), (HEALTH,))).at("2024-03-10 12:00").grants(CHILD)
    assert why(story) == "A"


# R5b: exemptions.


@pytest.mark.parametrize(
    ("reason", "clears"),
    [
        (ExemptionReason.COURT_DECISION, True),
        (ExemptionReason.DECEASED, True),
        (ExemptionReason.UNKNOWN_WHEREABOUTS, False),
        (ExemptionReason.OTHER, False),
        (None, False),
    ],
)
def test_r5b_whom_a_court_has_set_aside(reason: ExemptionReason | None, clears: bool) -> None:
    story = Story().asks("B").declines(FATHER, "B").asks().grants(MOTHER)
    story.excuses(FATHER, reason=reason)
    assert why(story) == ("A" if clears else {Why("declined", FATHER)})
    if clears:
        story.asks("C").grants(MOTHER, consent="C").excuses(FATHER, "C", name="c")
        assert lived(story).decide(TO_X, X, story.clock).consent == "A", "under its own alone"
        story.asks("Z", by=Z, asked=OF_Z).declines(FATHER, "Z")
        assert why(story) == {Why("declined", FATHER), OBJECTION}, "the newest, C, is told"
        assert why(story.revoked(name="c", consent="C")) == {OBJECTION}


def test_r5b_a_no_after_the_recording_is_not_set_aside() -> None:
    story = Story().asks("B").asks().grants(MOTHER)
    story.exemption(FATHER, reason=ExemptionReason.COURT_DECISION).declines(FATHER, "B")
    assert why(story.confirmed()) == {Why("declined", FATHER)}


# R5e: custody contradicted.


def test_r5e_the_recipients_facts_count_for_a_year_after_its_consent_ended() -> None:
    story = Story().asks("Z", by=Z, asked=OF_Z).cancels("Z").at("2024-06-01")
    story.asks(holders=(MOTHER,), asked=scope((X, Z, GP), (HEALTH,))).grants(MOTHER)
    to_z = passing(X, Z)
    assert why(story, to_z) == {CONTRADICTED}
    assert why(story) == "A", "neither sender nor recipient knows otherwise"
    year_later = danish("2025-03-01 10:00") + TICK
    assert why(story, to_z, when=year_later - TICK) == {CONTRADICTED}
    assert why(story, to_z, when=year_later) == "A"


def test_r5e_who_granted_or_is_excused_contradicts_nothing() -> None:
    both = scope((X, Z, GP), (HEALTH,))
    story = Story().asks("Z", by=Z, holders=(MOTHER, STEPFATHER), asked=both)
    story.asks(holders=(MOTHER, STEPFATHER), asked=both).grants(MOTHER, STEPFATHER)
    story.custody_is(MOTHER)
    assert why(story, passing(X, Z)) == "A"
    story.asks("B", holders=(MOTHER,), asked=both).grants(MOTHER, consent="B")
    assert lived(story).decide(passing(X, Z), X, story.clock).consent == "A"


# R9: windows.


def new_holder(link: str | None = None) -> Story:
    """In force since 3 March; on 1 April a stepfather becomes a holder."""
    story = in_force().at("2024-04-01 10:00").custody_is(MOTHER, FATHER, STEPFATHER)
    return story.at(link).link_issued(STEPFATHER) if link else story


def test_r9_a_new_signers_no_may_be_changed_until_the_window_ends() -> None:
    story = new_holder().at("2024-04-10").declines(STEPFATHER)
    assert final_at(story) == danish("2024-04-16")
    assert status(story, when=just_before("2024-04-16")) is Status.DECLINED
    assert status(story.at("2024-04-15").grants(STEPFATHER)) is Status.IN_FORCE


def test_r9_the_window_counts_from_the_first_link() -> None:
    story = new_holder(link="2024-04-03 10:00").at("2024-04-09").link_issued(STEPFATHER)
    assert final_at(story.at("2024-04-10").declines(STEPFATHER)) == danish("2024-04-18")


def test_r9_after_the_window_a_no_is_final_at_once() -> None:
    story = new_holder().at("2024-05-10 10:00").declines(STEPFATHER)
    assert final_at(story) == story.clock


def test_r9_silence_stays_incomplete() -> None:
    assert status(new_holder(), when="2025-03-01") is Status.INCOMPLETE
    assert status(new_holder(), when="2025-03-02 12:00") is Status.EXPIRED


def test_r9_a_window_is_never_shorter_than_until_the_lapse() -> None:
    story = in_force().at("2024-03-04").custody_is(MOTHER, FATHER, STEPFATHER)
    assert final_at(story.declines(STEPFATHER)) == danish(LAPSE)


def test_r9_the_earliest_window_of_two_who_decline() -> None:
    story = in_force("2009-04-05").at("2024-04-01").custody_is(MOTHER, FATHER, STEPFATHER)
    story.at("2024-04-06").declines(CHILD).declines(STEPFATHER)
    assert final_at(story) == danish("2024-04-16")
    alone = in_force("2009-04-05").at("2024-04-06").declines(CHILD)
    assert final_at(alone) == danish("2024-04-20")


def test_r9_an_empty_scope_is_final_at_the_latest_window() -> None:
    story = in_force("2009-04-05").grants(MOTHER, keeping=scope((X, BUA), (HEALTH,)))
    story.at("2024-04-06").grants(CHILD, keeping=scope((X, GP), (HEALTH,)))
    assert lived(story).picture("A", story.clock).reasons == {Why("scope_empty")}
    assert final_at(story) == danish("2024-04-20")


def test_a_past_answer_is_of_what_was_recorded_by_then() -> None:
    story = papers_of_z()
    chronicle = lived(story)
    for when, told in [
        (danish("2024-03-04"), "A"),
        (danish("2024-03-06"), {Why("declined", MOTHER)}),
    ]:
        answer = chronicle.decide(TO_X, X, when)
        assert (answer.consent if answer.permitted else answer.reasons) == told
        if answer.permitted:
            assert answer.valid_until == when + timedelta(minutes=5)
