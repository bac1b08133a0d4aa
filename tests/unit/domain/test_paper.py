"""Papers: they count from their confirmation, and are only as new as their signature (R3, R5)."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from consent_service.domain.consents.paper import find_paper, is_signature
from consent_service.domain.consents.state import ReasonCode, Status, expires_at
from consent_service.domain.disclosures.decision import Denied, Permitted, decide_transfer
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.calendar import local_date, local_instant
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    CustodyChange,
    PaperRecorded,
    PaperRejected,
    Request,
)
from consent_service.domain.kernel.records import FactRecord, read_fact, write_fact
from consent_service.domain.kernel.validity import ONE_YEAR
from consent_service.errors import Unreadable
from tests.unit.domain.naive_calendar import TICK
from tests.unit.domain.random_stories import (
    CALLERS,
    THOROUGH,
    TRANSFERS,
    Life,
    history_of,
    lives,
)
from tests.unit.domain.story import (
    ASSESSMENT,
    BUA,
    CHILD,
    FATHER,
    FOLLOW_UP,
    GP,
    HEALTH,
    MEASURES,
    MICROSECOND,
    MOTHER,
    MUNI,
    OTHER_MUNI,
    SCHOOL,
    Story,
    codes,
    danish,
    in_force,
    just_after,
    just_before,
    passing,
    scope,
)

SIGNED, CONFIRMED = "2024-03-05", "2024-03-08 12:00"
WITHOUT_SCHOOL = scope((MUNI, BUA, GP), (HEALTH,))


def asked() -> Story:
    """The father granted on the page; the mother signs a paper on 5 March."""
    return Story().asks().at("2024-03-02 12:00").grants(FATHER)


def confirmed(story: Story, when: str = CONFIRMED, signed: str = SIGNED) -> Story:
    return story.at(when).grants(MOTHER, signed=signed)


def test_it_counts_from_its_confirmation_and_not_from_its_date() -> None:
    story = confirmed(asked())
    assert story.state(when=just_before("2024-03-08 12:00")).status is Status.AWAITING_SIGNATURES
    state = story.state()
    assert state.status is Status.IN_FORCE
    assert state.complete_at == danish("2024-03-08 12:00")
    assert isinstance(story.decide(), Permitted)


def test_recorded_alone_it_is_nothing() -> None:
    story = asked()
    before = story.state(when="2024-03-08 12:00")
    recorded = PaperRecorded(
        len(story.facts) + 1,
        danish("2024-03-07 12:00"),
        "p",
        "A",
        MOTHER,
        ActKind.GRANT,
        story.history.request("A").asked,
        danish(SIGNED),
    )
    story.facts.append(recorded)
    assert story.state(when="2024-03-08 12:00") == before
    assert isinstance(story.decide(when="2024-03-08 12:00"), Denied)
    assert find_paper(story.history, "A", "p") is recorded
    assert find_paper(story.history, "B", "p") is None
    assert find_paper(story.history, "A", "q") is None


@pytest.mark.parametrize("is_rejected", [True, False])
def test_a_rejected_one_never_counts_whatever_was_stored(is_rejected: bool) -> None:
    story = confirmed(asked())
    act = story.facts.pop()
    assert isinstance(act, Act)
    paper = "p" if is_rejected else "q"
    story.facts.append(PaperRejected(act.seq, act.at - MICROSECOND, paper, "A"))
    story.facts.append(replace(act, seq=act.seq + 1, paper="p"))
    assert isinstance(story.decide(), Denied if is_rejected else Permitted)


@pytest.mark.parametrize("name", ["of another consent", "on the page"])
def test_what_is_rejected_is_one_paper_of_one_consent(name: str) -> None:
    story = asked().asks("B")
    consent = "B" if name == "of another consent" else "A"
    story.facts.append(PaperRejected(len(story.facts) + 1, danish("2024-03-07"), "p", consent))
    confirmed(story)
    if name == "of another consent":
        act = story.facts.pop()
        assert isinstance(act, Act)
        story.facts.append(replace(act, paper="p"))
    assert story.state().status is Status.IN_FORCE


def test_the_year_counts_from_midnight_of_the_day_it_was_signed() -> None:
    story = Story().asks().at("2024-03-04 12:00").grants(FATHER)
    confirmed(story, signed="2024-03-03")
    assert story.state().expires_at == danish("2025-03-03")
    assert story.state(when=just_before("2025-03-03")).status is Status.IN_FORCE
    assert story.state(when="2025-03-03").status is Status.EXPIRED


def test_a_later_paper_does_not_move_the_end() -> None:
    assert confirmed(asked()).state().expires_at == danish("2025-03-02 12:00")


REFUSALS = {
    "the day before": ("2024-03-04 23:59:59", True),
    "at midnight": ("2024-03-05", False),
    "the same day": ("2024-03-05 15:00", False),
    "the day after": ("2024-03-06 09:00", False),
}


@pytest.mark.parametrize(("when", "cleared"), REFUSALS.values(), ids=REFUSALS)
def test_what_was_refused_when_the_paper_was_signed_or_later_stands(
    when: str, cleared: bool
) -> None:
    story = confirmed(asked().at(when).declines(MOTHER))
    state = story.state()
    assert (state.status is Status.IN_FORCE) is cleared
    assert isinstance(story.decide(), Permitted) is cleared
    if not cleared:
        assert (ReasonCode.DECLINED, MOTHER) in codes(state.reasons)
        assert story.objecting() == {MOTHER}


@pytest.mark.parametrize("when", ["2024-03-05 10:00", "2024-03-06 10:00"])
@pytest.mark.parametrize("how", ["decline", "withdrawal", "leaving out"])
def test_a_refusal_of_an_overlapping_consent_is_not_cleared(when: str, how: str) -> None:
    story = Story().asks("B").at("2024-03-01 13:00").asks("A").grants(FATHER)
    if how == "withdrawal":
        story.grants(MOTHER, FATHER, consent="B")
    story.at(when)
    if how == "decline":
        story.declines(MOTHER, "B")
    elif how == "withdrawal":
        story.withdraws(MOTHER, "B")
    else:
        story.grants(MOTHER, consent="B", keeping=WITHOUT_SCHOOL)
    confirmed(story)
    assert story.state().status is Status.AWAITING_SIGNATURES
    assert isinstance(story.decide(passing(categories=(SCHOOL,))), Denied)


@pytest.mark.parametrize(
    "other",
    [
        {"purpose": FOLLOW_UP},
        {"asked": scope((MUNI, BUA, GP), (MEASURES,))},
        {"asked": scope((OTHER_MUNI, GP), (HEALTH, SCHOOL)), "by": OTHER_MUNI},
    ],
    ids=["another purpose", "other categories", "one party in common"],
)
def test_a_refusal_of_something_else_is_no_obstacle(other: dict[str, str]) -> None:
    story = Story().asks("B", **other).asks("A").grants(FATHER)  # type: ignore[arg-type]
    story.at("2024-03-06 10:00").declines(MOTHER, "B")
    assert confirmed(story).state().status is Status.IN_FORCE


@pytest.mark.parametrize(
    ("registered", "overtaken"),
    [
        ("2024-03-06 12:00", True),
        (CONFIRMED, True),
        (just_after(CONFIRMED), False),
        ("2024-04-01", False),
    ],
)
def test_a_refusal_for_a_purpose_that_overlaps_when_it_is_confirmed_overtakes_it(
    registered: str | datetime, overtaken: bool
) -> None:
    story = Story().asks("B", purpose=FOLLOW_UP).asks("A").grants(FATHER)
    story.overlap(FOLLOW_UP, ASSESSMENT, since=registered)
    story.at("2024-03-06 10:00").declines(MOTHER, "B")
    confirmed(story).at("2024-04-02")
    assert (story.state().status is Status.IN_FORCE) is not overtaken
    assert isinstance(story.decide(), Denied), "the no stands either way (R5g)"


def test_another_signers_refusal_does_not_overtake_it() -> None:
    story = confirmed(asked().at("2024-03-06 10:00").declines(FATHER))
    assert is_signature(story.history, story.history.acts("A")[-1])
    story.at("2024-03-09 10:00").grants(FATHER)
    assert story.state().status is Status.IN_FORCE


def test_a_grant_on_the_page_clears_what_the_paper_could_not() -> None:
    story = confirmed(asked().at("2024-03-06 10:00").declines(MOTHER))
    story.at("2024-03-09 10:00").grants(MOTHER)
    assert story.state().status is Status.IN_FORCE
    assert isinstance(story.decide(), Permitted)


def test_what_an_overtaken_paper_leaves_out_is_refused_all_the_same() -> None:
    story = in_force().asks("B").at("2024-03-06 10:00").declines(MOTHER, "B")
    story.at("2024-03-07 10:00").grants(MOTHER, consent="B")
    assert isinstance(story.decide(passing(categories=(SCHOOL,))), Permitted)
    story.at("2024-03-08 12:00").grants(
        MOTHER, consent="B", keeping=WITHOUT_SCHOOL, signed="2024-03-05"
    )
    assert isinstance(story.decide(passing(categories=(SCHOOL,))), Denied)


def test_an_overtaken_paper_still_shortens_the_consent() -> None:
    story = Story().asks().at("2024-03-05 08:00").declines(MOTHER).at("2024-03-06").grants(FATHER)
    confirmed(story)
    assert not is_signature(story.history, story.history.acts("A")[-1])
    assert story.state().expires_at == danish("2025-03-05")


@pytest.mark.parametrize(("signed", "counts"), [("2024-03-04", False), ("2024-03-05", True)])
def test_a_child_signs_no_paper_before_its_15th_birthday(signed: str, counts: bool) -> None:
    story = Story("2009-03-05").asks().grants(MOTHER, FATHER)
    story.at("2024-03-08 12:00").grants(CHILD, signed=signed)
    assert (story.state().status is Status.IN_FORCE) is counts
    assert isinstance(story.decide(), Permitted) is counts


def test_nothing_is_read_back_that_was_given_after_it_was_recorded() -> None:
    fact = confirmed(asked()).history.acts("A")[-1]
    record = write_fact(fact, CHILD, MUNI)
    assert read_fact(record, None) == fact
    late = {**record.payload, "given_at": "2024-03-08T11:00:00.000001+00:00"}
    with pytest.raises(Unreadable):
        read_fact(FactRecord(CHILD, record.seq, record.at, "grant", MUNI, "A", MOTHER, late), None)


@given(lives(), TRANSFERS, CALLERS, st.integers(0, 15), st.integers(0, 5), st.integers(0, 40))
@THOROUGH
def test_a_paper_grant_never_permits_what_its_signer_refused_since(
    life: Life, transfer: Transfer, caller: str, which: int, who: int, days: int
) -> None:
    now = life.clock + TICK
    life.chronicle.live_until(now)
    before = history_of(life)
    requests = life.chronicle.requests()
    request = requests[which % len(requests)]
    people = sorted(life.chronicle.may_act(request, now))
    if not people:
        return
    person = people[who % len(people)]
    signed_at = local_instant(local_date(now) - timedelta(days=days))
    refused = any(
        isinstance(fact, Act)
        and fact.person == person
        and fact.kept != before.request(fact.consent).asked
        and fact.consent == request.consent
        and fact.at >= signed_at
        for fact in before.facts
    )
    paper = Act(
        len(before.facts) + 1, now, request.consent, person, ActKind.GRANT, request.asked, signed_at
    )
    was = decide_transfer(before, transfer, caller, now)
    becomes = decide_transfer(before.with_fact(paper), transfer, caller, now)
    event(f"refused since: {refused}; {type(was).__name__} becomes {type(becomes).__name__}")
    if refused and isinstance(was, Denied):
        assert isinstance(becomes, Denied)


@given(lives())
@THOROUGH
def test_no_consent_outlives_a_year_from_its_earliest_signing_day(life: Life) -> None:
    history = history_of(life)
    for request in history.requests:
        given = [a.given_at for a in history.acts(request.consent) if a.kind is ActKind.GRANT]
        ends = expires_at(history, request)
        assert (ends is None) is (not given)
        if ends is not None:
            papers = [g for g in given if g == local_instant(local_date(g))]
            event(f"papers: {bool(papers)}")
            assert all(ends <= ONE_YEAR.end(g) for g in given)


@given(lives())
@THOROUGH
def test_every_fact_is_read_back_as_it_was_written(life: Life) -> None:
    for fact in history_of(life).facts:
        controller = fact.controller if isinstance(fact, Request | CustodyChange) else MUNI
        assert read_fact(write_fact(fact, CHILD, controller), life.born) == fact
