"""How new a municipality's knowledge of custody is, by the dates of its look-ups (R5e, R10)."""

from dataclasses import replace
from datetime import date

import pytest

from consent_service.domain.consents.lookups import is_looked_up_since, known_up_to
from consent_service.domain.kernel.facts import CustodyChange, Request
from tests.unit.domain.story import (
    MOTHER,
    MUNI,
    OTHER_MUNI,
    Story,
    danish,
    just_before,
)


def looked_up(story: Story, day: str | None) -> Story:
    """The custody facts told last were looked up on this day; None: that was not kept."""
    newest = story.facts[-1]
    assert isinstance(newest, Request | CustodyChange)
    story.facts[-1] = replace(newest, as_of=date.fromisoformat(day) if day else None)
    return story


def asked(day: str | None = "2024-02-28") -> Story:
    """Asked on 1 March 2024 at 10:00."""
    return looked_up(Story().asks(), day)


def changed(
    story: Story, day: str | None, when: str, since: str | None = None, **more: str
) -> Story:
    return looked_up(story.at(when).custody_is(MOTHER, since=since, **more), day)


def known(story: Story, when: str, corrects: str | None = None, by: str = MUNI) -> str | None:
    found = known_up_to(story.history, by, danish(when), corrects)
    return found.isoformat() if found else None


def test_nothing_is_known_of_a_child_nobody_asked_about() -> None:
    assert known(Story(), "2024-03-01") is None
    assert known(asked(), "2024-03-02", by=OTHER_MUNI) is None


def test_a_request_says_how_new_it_is() -> None:
    assert known(asked(), "2024-03-02") == "2024-02-28"


def test_the_newest_look_up_counts_and_not_the_one_recorded_last() -> None:
    story = changed(asked("2024-02-28"), "2024-02-20", "2024-03-02", since="2025-01-01")
    assert known(story, "2024-03-03") == "2024-02-28"


@pytest.mark.parametrize(
    ("since", "when", "expected"),
    [
        pytest.param("2024-03-10", "2024-03-09 23:59", "2024-03-01", id="not in effect yet"),
        pytest.param("2024-03-10", "2024-03-10 00:00", "2024-03-10", id="from its first instant"),
        pytest.param("2024-01-01", "2024-03-02 12:00", "2024-03-02", id="backdated: as recorded"),
        pytest.param(None, "2024-03-02 12:00", "2024-03-02", id="at once"),
    ],
)
def test_a_change_in_effect_is_known_as_of_the_day_it_took_effect(
    since: str | None, when: str, expected: str
) -> None:
    story = changed(asked(), "2024-03-01", "2024-03-02 12:00", since=since)
    assert known(story, when) == expected


def test_days_are_danish_ones() -> None:
    just_after_midnight = "2024-03-02 00:30"  # still 1 March in UTC
    story = changed(asked("2024-02-20"), "2024-02-21", just_after_midnight)
    assert known(story, just_after_midnight) == "2024-03-02"


def test_where_the_date_was_not_kept_the_day_of_recording_stands_for_it() -> None:
    assert known(asked(None), "2024-03-05") == "2024-03-01"


def test_what_was_found_wrong_does_not_count() -> None:
    story = changed(asked(), "2024-03-05", "2024-03-05 12:00", name="wrong")
    assert known(story, "2024-03-06") == "2024-03-05"
    changed(story, "2024-03-04", "2024-03-06", since="2025-01-01", corrects="wrong")
    assert known(story, "2024-03-07") == "2024-03-04"
    before = just_before("2024-03-06")
    assert known_up_to(story.history, MUNI, before) == date(2024, 3, 5), "as it was believed"


def test_a_correction_is_compared_with_what_is_left_without_the_wrong_one() -> None:
    story = changed(asked(), "2024-03-05", "2024-03-05 12:00", name="wrong")
    assert known(story, "2024-03-06", corrects="wrong") == "2024-02-28"
    changed(story, "2024-03-06", "2024-03-06 12:00", since="2025-01-01", name="other")
    assert known(story, "2024-03-07", corrects="wrong") == "2024-03-06"


def test_nobody_elses_look_up_counts() -> None:
    story = asked()
    looked_up(story.at("2024-03-05 12:00").asks("B", by=OTHER_MUNI), "2024-03-05")
    looked_up(story.custody_is(MOTHER, by=OTHER_MUNI), "2024-03-05")
    assert known(story, "2024-03-06") == "2024-02-28"
    assert known(story, "2024-03-06", by=OTHER_MUNI) == "2024-03-05"


@pytest.mark.parametrize(
    ("day", "when", "done"),
    [
        pytest.param("2024-03-05", "2024-03-05 13:00", True, id="that day, recorded later"),
        pytest.param("2024-03-06", "2024-03-07 09:00", True, id="on a later day"),
        pytest.param("2024-03-04", "2024-03-06 09:00", False, id="the same old look-up again"),
        pytest.param(None, "2024-03-06 09:00", True, id="no date kept"),
        pytest.param("2024-03-05", "2024-03-05 12:00", False, id="recorded before"),
    ],
)
def test_what_is_a_look_up_since_an_instant(day: str | None, when: str, done: bool) -> None:
    story = changed(asked(), day, when)
    since = danish("2024-03-05 12:00")
    assert is_looked_up_since(story.history, MUNI, since) is done
    assert is_looked_up_since(story.history, OTHER_MUNI, since) is False
