"""The code against a naive second writing of the rules, over random lawful stories.

Every status, signer, decision and told reason, at the end of each story and as of its past.
"""

import itertools

import pytest
from hypothesis import given

from tests.unit.domain.comparison import state_differences
from tests.unit.domain.many_stories import compare, report
from tests.unit.domain.naive_calendar import TICK
from tests.unit.domain.random_stories import THOROUGH, Life, history_of, lives, moments

STORIES = 200
"""How many the suite compares; `many_stories` compares as many as it is told."""
BATCH = 50


@pytest.mark.slow
@pytest.mark.parametrize("first_seed", range(0, STORIES, BATCH))
def test_nothing_differs_over_many_stories(first_seed: int) -> None:
    tally, differing = compare(BATCH, first_seed)
    assert not differing, report(tally, differing)
    assert tally.stories == BATCH


@given(lives())
@THOROUGH
def test_nothing_changes_between_two_moments_that_matter(life: Life) -> None:
    history, chronicle = history_of(life), life.chronicle
    instants = moments(life, 0, most=10_000)
    for before, after in itertools.pairwise(instants):
        if after - before > 2 * TICK:
            middle = before + (after - before) / 2
            for request in chronicle.requests(before)[:2]:
                assert not list(state_differences(history, life, request.consent, middle))
            break


@pytest.mark.parametrize("seed", [338, 385, 391, 743, 1274, 1895, 1997])
def test_nor_in_those_in_which_something_once_did(seed: int) -> None:
    """A no at the instant of a lapse or of a window's end; parents where the child signs alone."""
    tally, differing = compare(1, seed)
    assert not differing, report(tally, differing)
