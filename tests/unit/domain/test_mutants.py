"""The random stories notice every broken sentence of the rules: mutants of the naive model."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from random import Random

import pytest

from consent_service.domain.disclosures.objections import Transfer
from tests.unit.domain.many_stories import STEPS
from tests.unit.domain.mutants import MUTANTS
from tests.unit.domain.naive_rules import Chronicle
from tests.unit.domain.random_stories import Life, moments

AT_MOST = 1_500
"""How many stories a mutant may live through unnoticed."""
TELLING = (
    13,
    14,
    20,
    21,
    22,
    26,
    28,
    30,
    31,
    32,
    37,
    38,
    43,
    45,
    54,
    62,
    80,
    103,
    106,
    164,
    247,
    348,
    358,
    408,
    425,
    848,
)
"""Stories that told mutants before are tried after the first few: all the others come later."""
FEW = 13
MOMENTS, QUESTIONS = 20, 3


@dataclass(frozen=True)
class Told:
    """A story, what is asked about it, and all that the unbroken model answers."""

    life: Life
    questions: tuple[tuple[datetime, Transfer, str], ...]
    answers: tuple[object, ...]


@lru_cache(maxsize=64)
def told(seed: int) -> Told:
    life = Life.told(Random(seed), STEPS)
    instants = moments(life, seed, MOMENTS)
    questions = tuple((when, *life.question(when)) for when in instants * QUESTIONS)
    return Told(life, questions, tuple(answers(life.chronicle, questions)))


def answers(
    chronicle: Chronicle, questions: tuple[tuple[datetime, Transfer, str], ...]
) -> Iterator[object]:
    for when, transfer, caller in questions:
        for request in chronicle.requests(when):
            yield chronicle.picture(request.consent, when)
            yield chronicle.may_act(request, when)
        yield chronicle.decide(transfer, caller, when)
        yield chronicle.objecting(transfer, when)


def is_noticed(mutant: type[Chronicle], seed: int) -> bool:
    """Whether the mutant answers anything else about one story."""
    story, broken = told(seed), mutant()
    for overlap in story.life.chronicle.overlaps:
        broken.tell_overlap(overlap)
    for fact in story.life.chronicle.facts:
        broken.tell(fact)
    broken.live_until(broken.now + timedelta(days=2 * 366))
    others = answers(broken, story.questions)
    return any(one != other for one, other in zip(story.answers, others, strict=True))


def noticed_at(mutant: type[Chronicle]) -> int | None:
    """The first story that tells the mutant from the model."""
    seeds = chain(range(FEW), TELLING, range(FEW, AT_MOST))
    return next((seed for seed in seeds if is_noticed(mutant, seed)), None)


def test_the_model_itself_is_noticed_by_none() -> None:
    assert not any(is_noticed(Chronicle, seed) for seed in range(20))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_broken_rule_is_noticed(mutant: type[Chronicle]) -> None:
    assert noticed_at(mutant) is not None
