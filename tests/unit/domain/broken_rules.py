"""For each mutant of the code of the rules, the first random story by which it is found.

`python -m tests.unit.domain.broken_rules [most stories [words of a mutant]]` says for each how
many stories it took; it ends with an error where one is not found.
"""

import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

from tests.unit.domain.broken_sentences import MUTANTS
from tests.unit.domain.code_mutants import CodeMutant
from tests.unit.domain.comparison import PARTS, Part, Tally, differences
from tests.unit.domain.many_stories import STEPS
from tests.unit.domain.random_stories import Life

AT_MOST = 2_000


@dataclass(frozen=True)
class Told:
    """A story, with the chance by which it was told and that by which it is asked about."""

    life: Life
    chance: Random
    state: tuple[Any, ...]

    def is_told_apart(self, parts: Collection[Part]) -> bool:
        """Whether the code and the model differ in these parts of it."""
        self.chance.setstate(self.state)
        return any(True for _ in differences(self.life, self.chance, Tally(), parts))


@lru_cache(maxsize=64)
def told(seed: int) -> Told:
    """The story that `many_stories` tells of this seed."""
    chance = Random(seed)
    life = Life.told(chance, STEPS)
    return Told(life, chance, chance.getstate())


def parts_of(mutant: CodeMutant) -> Collection[Part]:
    """Where a mutant is looked for: what its module has to do with."""
    _, room, name = mutant.module.split(".")
    if room == "insight" or name in ("latecomers", "lookups"):
        return ("beside",)
    if room == "disclosures":
        return ("decisions", "beside")
    return ("states",) if name in ("state", "answers", "validity") else PARTS


def finds(seed: int, mutant: CodeMutant) -> bool:
    """Whether the story of this seed finds a mutant; code that fails is found as well."""
    story = told(seed)
    with mutant.in_place():
        try:
            return story.is_told_apart(parts_of(mutant))
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return True


def found_by(mutant: CodeMutant, seeds: Iterable[int]) -> int | None:
    """The first of these stories that finds it."""
    return next((seed for seed in seeds if finds(seed, mutant)), None)


def main(arguments: list[str]) -> int:
    most = int(arguments[0]) if arguments else AT_MOST
    chosen = [one for one in MUTANTS if " ".join(arguments[1:]) in str(one)]
    missed = 0
    for mutant in chosen:
        seed = found_by(mutant, range(most))
        missed += seed is None
        said = f"in {most} stories NOT FOUND" if seed is None else f"found by story {seed}"
        sys.stdout.write(f"{said:>24}  {mutant}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - missed} of {len(chosen)} mutants found\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
