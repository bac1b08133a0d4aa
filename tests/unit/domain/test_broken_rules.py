"""Random stories find the code with a sentence of its rules broken: one for most of the rules.

`broken_rules` tries every sentence, with as many stories as it takes.
"""

from collections.abc import Mapping

import pytest

from consent_service.domain.consents.state import Status
from tests.unit.domain.broken_rules import finds
from tests.unit.domain.broken_sentences import MUTANTS
from tests.unit.domain.code_mutants import CodeMutant
from tests.unit.domain.story import in_force

FOUND_BY: Mapping[str, int] = {
    "the child is asked a microsecond after its birthday began": 1,
    "an unconfirmed exemption excuses": 2,
    "an act is judged by who is a signer at its instant alone": 2,
    "the lapse comes after completion": 0,
    "the year counts from the last grant": 0,
    "no link moves a window": 4,
    "a renewal supersedes when it is asked for": 1,
    "the grants are not intersected": 2,
    "nothing overtakes a paper": 8,
    "anybody's yes clears": 3,
    "only the newest no stands": 0,
    "a login clears at its own controller alone": 3,
    "a lift clears nothing": 1,
    "the rule of the denial's own request says who has a say": 3,
    "only the controller's facts contradict": 2,
    "overlaps are directed": 2,
}
"""Of each that is found soon, the story that does."""


@pytest.mark.parametrize(
    "mutant", [one for one in MUTANTS if one.breaks in FOUND_BY], ids=lambda one: one.breaks
)
def test_a_broken_sentence_is_found(mutant: CodeMutant) -> None:
    assert finds(FOUND_BY[mutant.breaks], mutant)


def test_each_stands_in_the_code_and_is_taken_out_again() -> None:
    for mutant in MUTANTS:
        with mutant.in_place():
            pass
    assert in_force().state().status is Status.IN_FORCE


def test_one_that_stands_nowhere_says_so() -> None:
    gone = CodeMutant("R0", "nothing", "domain.consents.state", "never written", "")
    with pytest.raises(ValueError, match="0 times in state"), gone.in_place():
        pass


def test_no_two_break_the_same() -> None:
    assert len({one.breaks for one in MUTANTS}) == len(MUTANTS)
    assert set(FOUND_BY) <= {one.breaks for one in MUTANTS}
