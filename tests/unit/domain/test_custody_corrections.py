"""A wrong custody fact is corrected: what was believed and what is known are both kept (R10)."""

from dataclasses import replace

import pytest

from consent_service.domain.consents.state import ReasonCode, Status
from consent_service.domain.disclosures.decision import Denied, Permitted
from consent_service.domain.kernel.records import read_fact, write_fact
from consent_service.errors import Unreadable
from tests.unit.domain.story import (
    CHILD,
    FATHER,
    MOTHER,
    MUNI,
    OTHER_MUNI,
    STEPFATHER,
    codes,
    in_force,
    just_before,
)


def test_what_is_still_to_come_can_be_taken_back_for_another_day() -> None:
    story = in_force().at("2024-03-05 12:00")
    story.custody_is(MOTHER, STEPFATHER, since="2024-04-01", name="wrong")
    story.at("2024-03-06 12:00")
    story.custody_is(MOTHER, FATHER, since="2024-03-01", corrects="wrong")
    assert story.required(when="2024-04-01") == {MOTHER, FATHER}
    assert story.state(when="2024-05-01").status is Status.IN_FORCE


def test_without_correction_it_takes_effect() -> None:
    story = in_force().at("2024-03-05 12:00")
    story.custody_is(MOTHER, STEPFATHER, since="2024-04-01", name="wrong")
    story.at("2024-03-06 12:00").custody_is(MOTHER, FATHER, since="2024-03-01", name="right")
    assert story.required(when="2024-04-01") == {MOTHER, STEPFATHER}


def test_what_was_believed_is_kept_and_what_is_known_holds_from_the_correction() -> None:
    story = in_force().at("2024-03-05 12:00").custody_is(MOTHER, STEPFATHER, name="wrong")
    story.at("2024-03-08 12:00").custody_is(MOTHER, FATHER, since="2024-03-01", corrects="wrong")
    believed = just_before("2024-03-08 12:00")
    assert story.required(when=believed) == {MOTHER, STEPFATHER}
    assert story.state(when=believed).status is Status.INCOMPLETE
    assert codes(story.state(when=believed).reasons) == {(ReasonCode.CUSTODY_CHANGED, STEPFATHER)}
    assert isinstance(story.decide(when=believed), Denied)
    assert isinstance(story.decide(when=just_before("2024-03-05 12:00")), Permitted)
    assert story.required() == {MOTHER, FATHER}
    assert story.state().status is Status.IN_FORCE
    assert isinstance(story.decide(), Permitted)


def test_until_the_right_day_what_held_before_the_wrong_change_holds() -> None:
    story = in_force().at("2024-03-05 12:00").custody_is(STEPFATHER, name="wrong")
    story.at("2024-03-06 12:00")
    story.custody_is(MOTHER, STEPFATHER, since="2024-04-01", corrects="wrong")
    assert story.required() == {MOTHER, FATHER}
    assert story.state().status is Status.IN_FORCE
    assert story.state(when=just_before("2024-04-01")).status is Status.IN_FORCE
    assert story.required(when="2024-04-01") == {MOTHER, STEPFATHER}
    assert story.state(when="2024-04-01").status is Status.INCOMPLETE


def test_a_correction_can_be_corrected_and_the_first_stays_wrong() -> None:
    story = in_force().at("2024-03-05 12:00").custody_is(STEPFATHER, name="first")
    story.at("2024-03-06 12:00").custody_is(MOTHER, name="second", corrects="first")
    assert story.required() == {MOTHER}
    story.at("2024-03-07 12:00")
    story.custody_is(FATHER, since="2024-04-01", name="third", corrects="second")
    assert story.required() == {MOTHER, FATHER}
    assert story.required(when="2024-04-01") == {FATHER}


def test_no_municipality_corrects_another_ones_facts() -> None:
    story = in_force().at("2024-03-05 12:00").custody_is(MOTHER, STEPFATHER, name="change")
    story.at("2024-03-06 12:00").custody_is(FATHER, by=OTHER_MUNI, corrects="change")
    assert story.required() == {MOTHER, STEPFATHER}


def test_what_was_reached_under_a_wrong_belief_stays() -> None:
    """A consent that came into force among those who were believed to be holders was in force."""
    story = in_force().at("2024-03-05 12:00").custody_is(STEPFATHER, name="wrong")
    story.at("2024-03-06 12:00").grants(STEPFATHER).at("2024-03-07 12:00").withdraws(STEPFATHER)
    story.at("2024-03-08 12:00").custody_is(MOTHER, FATHER, since="2024-03-01", corrects="wrong")
    assert story.state().status is Status.WITHDRAWN


def test_a_record_without_an_id_is_refused() -> None:
    change = in_force().custody_is(MOTHER, name="change").facts[-1]
    record = write_fact(change, CHILD, MUNI)
    assert read_fact(record, None) == change
    payload = {name: value for name, value in record.payload.items() if name != "change"}
    with pytest.raises(Unreadable):
        read_fact(replace(record, payload=payload), None)
