"""The code against a naive second writing of the rules, over random lawful stories."""

import itertools
from collections import Counter
from datetime import datetime, timedelta

from hypothesis import event, given
from hypothesis import strategies as st

from consent_service.domain.consents.signers import required_signers, signers_with_a_say
from consent_service.domain.consents.state import ReasonCode, Status, state_at
from consent_service.domain.disclosures.decision import Denied, Permitted, decide_transfer
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.facts import History, Role, Scope
from tests.unit.domain.naive_rules import EXPECTED_REASON, TICK, Picture
from tests.unit.domain.random_stories import (
    CALLERS,
    THOROUGH,
    TRANSFERS,
    Life,
    history_of,
    lives,
)
from tests.unit.domain.story import CHILD


def moments(life: Life, offset: int, most: int) -> list[datetime]:
    """Instants that matter in a life, and the end of it; some of them when there are many."""
    chronicle = life.chronicle
    begun = chronicle.facts[0].at
    chronicle.live_until(chronicle.now + timedelta(days=2 * 366))
    instants = [i for i in chronicle.instants() if i >= begun]
    step = max(1, len(instants) // most)
    return [*instants[offset % step :: step], chronicle.now]


def assert_same(history: History, life: Life, consent: str, when: datetime) -> None:
    expected: Picture = life.chronicle.picture(consent, when)
    found = state_at(history, consent, when)
    note = f"{consent} at {when}: {expected} but {found}"
    if expected.endings:
        assert found.status in expected.endings, note
    else:
        assert found.status is expected.status, note
    assert found.final_at == expected.final_at, note
    assert found.is_live is (expected.final_at is None), note
    assert found.complete_at == expected.first_in_force, note
    assert found.expires_at == expected.ends, note
    assert found.covered == expected.covered, note
    if expected.status is Status.IN_FORCE:
        assert found.effective_scope == Scope(expected.parties, expected.categories), note
        assert not found.reasons, note
    else:
        assert found.effective_scope is None, note
        assert {r.code for r in found.reasons} & EXPECTED_REASON[found.status], note
    people = {r.person for r in found.reasons if r.person}
    if found.status is Status.DECLINED:
        assert people == expected.refused | expected.missing, note
    elif found.status in (Status.AWAITING_SIGNATURES, Status.INCOMPLETE, Status.LAPSED):
        assert people == expected.missing, note


@given(lives(), st.integers(0, 100))
@THOROUGH
def test_every_state_at_every_moment(life: Life, offset: int) -> None:
    history = history_of(life)
    for when in moments(life, offset, most=12):
        for request in life.chronicle.requests(when):
            assert_same(history, life, request.consent, when)
            event(life.chronicle.picture(request.consent, when).status.value)


@given(lives(), st.integers(0, 100))
@THOROUGH
def test_who_must_sign_at_every_moment(life: Life, offset: int) -> None:
    for when in moments(life, offset, most=15):
        known = history_of(life).recorded_by(when)
        for request in known.requests:
            required = required_signers(known, request, when)
            assert set(required) == life.chronicle.required(request, when)
            assert (required.get(CHILD) is Role.CHILD) is (CHILD in required)
            say = signers_with_a_say(known, request, when)
            assert set(say) == life.chronicle.may_act(request, when)


@given(lives(), TRANSFERS, CALLERS, st.integers(0, 100))
@THOROUGH
def test_every_decision_at_every_moment(
    life: Life, transfer: Transfer, caller: str, offset: int
) -> None:
    history, chronicle = history_of(life), life.chronicle
    for when in moments(life, offset, most=8):
        decision = decide_transfer(history, transfer, caller, when)
        permitting = chronicle.permitting(transfer, caller, when)
        event(type(decision).__name__)
        if isinstance(decision, Permitted):
            assert decision.consent in permitting
            ends = chronicle.picture(decision.consent, when).ends
            assert ends is not None
            assert decision.valid_until == min(when + timedelta(minutes=5), ends)
            controller = chronicle.request(decision.consent).controller
            assert decision.controller == controller
        else:
            assert not permitting, f"{when}: {decision}"
            assert_reasons(life, transfer, caller, when, decision)


def assert_reasons(
    life: Life, transfer: Transfer, caller: str, when: datetime, denied: Denied
) -> None:
    """Why: the codes that the rules' text calls for, about the newest consent in question."""
    chronicle = life.chronicle
    visible = chronicle.visible(caller, when)
    found = Counter(reason.code for reason in denied.reasons)
    assert found
    candidates = [r for r in visible if r.purpose == transfer.purpose]
    event("denied: " + ", ".join(sorted(found)))
    if not candidates:
        only = ReasonCode.PURPOSE_NOT_COVERED if visible else ReasonCode.NO_CONSENT
        assert set(found) == {only}
        assert denied.consent is denied.controller is None
        return
    newest = candidates[-1]
    assert (denied.consent, denied.controller) == (newest.consent, newest.controller)
    picture = chronicle.picture(newest.consent, when)
    in_force = picture.status is Status.IN_FORCE
    if not in_force:
        expected = [picture.status, *picture.endings]
        assert any(set(found) & EXPECTED_REASON[status] for status in expected)
    parties = picture.parties if in_force else newest.asked.parties
    categories = picture.categories if in_force else newest.asked.categories
    named = {r.party for r in denied.reasons if r.party}
    assert {transfer.sender, transfer.recipient} - parties <= named
    named = {r.category for r in denied.reasons if r.category}
    assert transfer.categories - categories <= named
    people = {r.person for r in denied.reasons if r.person}
    objecting = chronicle.objecting(transfer, when, newest)
    assert objecting <= people
    assert people - objecting <= picture.missing | picture.refused | {
        r.person for r in state_at(history_of(life), newest.consent, when).reasons if r.person
    }


@given(lives())
@THOROUGH
def test_nothing_changes_between_two_moments_that_matter(life: Life) -> None:
    history, chronicle = history_of(life), life.chronicle
    instants = moments(life, 0, most=10_000)
    for before, after in itertools.pairwise(instants):
        if after - before > 2 * TICK:
            middle = before + (after - before) / 2
            for request in chronicle.requests(before)[:2]:
                assert_same(history, life, request.consent, middle)
            break
