"""What must hold in every story, whatever happened."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import event, given
from hypothesis import strategies as st

from consent_service.domain.consents.signers import (
    excused_holders,
    holders_at,
    holders_from,
    holders_have_a_say,
    required_signers,
)
from consent_service.domain.consents.state import Status, state_at
from consent_service.domain.disclosures.decision import Denied, Permitted, decide_transfer
from consent_service.domain.disclosures.objections import (
    Transfer,
    standing_objections,
    stands_whole,
)
from consent_service.domain.kernel.calendar import child_reaches, parents_released
from consent_service.domain.kernel.facts import Act, ActKind, History, Request
from tests.unit.domain.naive_calendar import TICK
from tests.unit.domain.random_stories import (
    CALLERS,
    THOROUGH,
    TRANSFERS,
    Life,
    history_of,
    lives,
    moments,
)
from tests.unit.domain.story import CHILD


def latest_acts(history: History, consent: str, when: datetime) -> dict[str, Act]:
    """Each signer's; a lift leaves what they granted as it is."""
    acts = history.recorded_by(when).acts(consent)
    return {act.person: act for act in acts if act.kind is not ActKind.LIFT}


@given(lives(), TRANSFERS, CALLERS, st.integers(0, 100))
@THOROUGH
def test_a_permission_meets_every_condition_of_r2_and_r5(
    life: Life, transfer: Transfer, caller: str, offset: int
) -> None:
    history = history_of(life)
    for when in moments(life, offset, most=10):
        decision = decide_transfer(history, transfer, caller, when)
        event(type(decision).__name__)
        if not isinstance(decision, Permitted):
            continue
        known = history.recorded_by(when)
        request = known.request(decision.consent)
        acts = latest_acts(history, decision.consent, when)
        required = required_signers(known, request, when)
        assert required, "R2: somebody must have granted"
        way = {transfer.sender, transfer.recipient}
        for person in required:
            kept = acts[person].kept
            assert acts[person].kind is ActKind.GRANT, "R2: an unwithdrawn grant of each"
            assert kept is not None
            assert way <= kept.parties, "R5: both are parties that everybody kept"
            assert transfer.categories <= kept.categories, "R5: all of it, and by everybody"
        assert request.purpose == transfer.purpose
        assert when >= request.at
        assert not any(act.kind is ActKind.WITHDRAW for act in acts.values()), "R4"
        grants = [a.given_at for a in known.acts(request.consent) if a.kind is ActKind.GRANT]
        assert when < min(grants) + timedelta(days=366), "R3"
        assert when < decision.valid_until <= when + timedelta(minutes=5)
        if when >= child_reaches(request.birth_date, 15):
            assert CHILD in required, "R1"
        if when >= parents_released(request.birth_date, 18):
            assert set(required) == {CHILD}, "R1"
        assert_no_present_holder_refuses(known, request, transfer, when)


def assert_no_present_holder_refuses(
    known: History, request: Request, transfer: Transfer, when: datetime
) -> None:
    """R5, for each holder with a say: nothing refused anywhere that was not cleared since.

    But for whom an exemption excuses, which can set an earlier no aside (R5b).
    """
    if not holders_have_a_say(request, when):
        return
    excused = excused_holders(known, request.consent, when)
    way = {transfer.sender, transfer.recipient}
    for holder in holders_at(known, request.controller, when):
        if holder.person in excused:
            continue
        for category in transfer.categories:
            asked_about = [
                act
                for act in known.facts
                if isinstance(act, Act)
                and act.person == holder.person
                and known.request(act.consent).purpose == transfer.purpose
                and way <= known.request(act.consent).asked.parties
                and category in known.request(act.consent).asked.categories
            ]
            if asked_about and asked_about[-1].kind is not ActKind.LIFT:
                kept = asked_about[-1].kept
                assert kept is not None
                assert way <= kept.parties
                assert category in kept.categories


@given(lives(), TRANSFERS, CALLERS, st.integers(0, 15), st.integers(0, 5))
@THOROUGH
def test_one_more_refusal_never_permits(
    life: Life, transfer: Transfer, caller: str, which: int, who: int
) -> None:
    now = life.clock + TICK
    life.chronicle.live_until(now)
    live = [
        r
        for r in life.chronicle.requests()
        if life.chronicle.picture(r.consent, now).final_at is None
    ]
    if not live:
        return
    request = live[which % len(live)]
    people = sorted(life.chronicle.may_act(request, now))
    if not people:
        return
    in_force = life.chronicle.picture(request.consent, now).status is Status.IN_FORCE
    kind = ActKind.WITHDRAW if in_force else ActKind.DECLINE
    person = people[who % len(people)]
    refusal = Act(len(life.chronicle.facts) + 1, now, request.consent, person, kind, None, now)
    before = history_of(life)
    after = History.of([*life.chronicle.facts, refusal])
    was = decide_transfer(before, transfer, caller, now)
    becomes = decide_transfer(after, transfer, caller, now)
    event(f"{type(was).__name__} becomes {type(becomes).__name__}")
    if isinstance(was, Denied):
        assert isinstance(becomes, Denied)
    if request.purpose == transfer.purpose and all(
        request.asked.covers(transfer.sender, transfer.recipient, c) for c in transfer.categories
    ):
        assert isinstance(becomes, Denied), "it stands for all that it was asked for"
        objecting = standing_objections(after, transfer, now, request)
        assert person in {one.denial.act.person for one in objecting}


@given(lives(), TRANSFERS, CALLERS, st.integers(0, 100))
@THOROUGH
def test_the_past_does_not_change_when_more_is_recorded(
    life: Life, transfer: Transfer, caller: str, offset: int
) -> None:
    whole = history_of(life)
    for number, fact in enumerate(whole.facts[1:], 1):
        earlier = History(whole.facts[:number])
        when = fact.at - TICK
        for request in earlier.recorded_by(when).requests:
            then = state_at(earlier, request.consent, when)
            assert state_at(whole, request.consent, when) == then
        then_decided = decide_transfer(earlier, transfer, caller, when)
        assert decide_transfer(whole, transfer, caller, when) == then_decided


@given(lives(), st.integers(0, 100))
@THOROUGH
def test_what_was_reached_stays_reached(life: Life, offset: int) -> None:
    history = history_of(life)
    instants = moments(life, offset, most=12)
    for request in life.chronicle.requests():
        before = None
        for when in instants:
            if when < request.at:
                continue
            state = state_at(history, request.consent, when)
            if before is not None:
                assert before.covered <= state.covered
                assert before.complete_at in (None, state.complete_at)
                assert not (before.complete_at and state.status is Status.LAPSED)
                if before.expires_at is not None:
                    assert state.expires_at is not None
                    assert state.expires_at <= before.expires_at, "R3: nothing extends it"
                if not before.is_live:
                    assert state == before, "R2: the first final state stays"
            before = state


@given(lives(), TRANSFERS, CALLERS, st.integers(0, 100))
@THOROUGH
def test_who_is_permitted_knows_of_its_consent(
    life: Life, transfer: Transfer, caller: str, offset: int
) -> None:
    history = history_of(life)
    for when in moments(life, offset, most=10):
        decision = decide_transfer(history, transfer, caller, when)
        if isinstance(decision, Permitted):
            state = state_at(history, decision.consent, when)
            assert state.status is Status.IN_FORCE
            assert caller == decision.controller or caller in state.covered
            assert caller in history.request(decision.consent).asked.parties
            assert {transfer.sender, transfer.recipient} <= state.covered
        elif decision.consent is not None:
            state = state_at(history, decision.consent, when)
            assert caller == decision.controller or caller in state.covered


@given(lives(), TRANSFERS, st.integers(0, 100))
@THOROUGH
def test_every_direction_and_every_part_of_what_is_permitted_is_permitted(
    life: Life, transfer: Transfer, offset: int
) -> None:
    history = history_of(life)
    for when in moments(life, offset, most=6):
        decision = decide_transfer(history, transfer, transfer.sender, when)
        if isinstance(decision, Permitted):
            back = replace(transfer, sender=transfer.recipient, recipient=transfer.sender)
            assert isinstance(decide_transfer(history, back, transfer.sender, when), Permitted)
            for category in transfer.categories:
                less = replace(transfer, categories=frozenset({category}))
                assert isinstance(decide_transfer(history, less, transfer.sender, when), Permitted)


@given(lives(), TRANSFERS, CALLERS)
@THOROUGH
def test_a_stranger_always_hears_that_there_is_no_consent(
    life: Life, transfer: Transfer, caller: str
) -> None:
    when = life.clock
    nothing = decide_transfer(History(()), transfer, "stranger", when)
    assert decide_transfer(history_of(life), transfer, "stranger", when) == nothing


@given(lives(), st.integers(0, 100))
@THOROUGH
def test_whoever_will_be_required_can_be_asked_today(life: Life, offset: int) -> None:
    """R10: with nothing more recorded, nobody becomes a signer whom no link can reach."""
    instants = moments(life, offset, most=8)
    for number, when in enumerate(instants):
        known = history_of(life).recorded_by(when)
        for request in known.requests:
            reachable = {CHILD, *holders_from(known, request.controller, when)}
            for later in instants[number:]:
                assert required_signers(known, request, later).keys() <= reachable


@given(lives(), TRANSFERS)
@THOROUGH
def test_a_no_that_stands_whole_said_again_changes_nothing(life: Life, transfer: Transfer) -> None:
    """And where its signer has said yes to some of it since, saying it again is heard (R5)."""
    history, when = history_of(life), life.clock
    for consent in (request.consent for request in history.requests):
        for no in latest_acts(history, consent, when).values():
            if no.kept is not None:
                continue
            again = replace(no, seq=len(history.facts) + 1, at=when + TICK, given_at=when + TICK)
            after = history.with_fact(again)
            before, now = (
                {
                    one.denial.act.person
                    for one in standing_objections(told, transfer, when + TICK)
                    if one.denial.act.person == no.person
                }
                for told in (history, after)
            )
            event(f"stands whole: {stands_whole(history, no)}, heard: {before != now}")
            assert before <= now
            assert before == now or not stands_whole(history, no)
