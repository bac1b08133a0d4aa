"""For each mutant of the code of the rules, the first random story in which it is found.

`python -m tests.unit.domain.broken_rules [most stories] [words of a mutant's name]` says for each
how many stories it took; it ends with an error where one is not found.
"""

import sys
from collections.abc import Iterable
from random import Random

from tests.unit.domain.code_mutants import MUTANTS, CodeMutant
from tests.unit.domain.comparison import Tally, differences
from tests.unit.domain.many_stories import STEPS
from tests.unit.domain.random_stories import Life

AT_MOST = 2_000


def finds(mutant: CodeMutant, seed: int) -> bool:
    """Whether the story of this seed tells the broken code from the model."""
    random = Random(seed)
    life = Life.told(random, STEPS)
    with mutant.in_place():
        try:
            return bool(differences(life, random, Tally()))
        except Exception:  # noqa: BLE001  # a rule that fails is found as well
            return True


def found_at(mutant: CodeMutant, seeds: Iterable[int]) -> int | None:
    """The first of these stories that finds it."""
    return next((seed for seed in seeds if finds(mutant, seed)), None)


def main(arguments: list[str]) -> int:
    most = int(arguments[0]) if arguments else AT_MOST
    chosen = [one for one in MUTANTS if all(word in str(one) for word in arguments[1:])]
    missed = 0
    for mutant in chosen:
        seed = found_at(mutant, range(most))
        missed += seed is None
        told = f"found by story {seed}" if seed is not None else f"NOT FOUND in {most} stories"
        sys.stdout.write(f"{told:>24}  {mutant}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - missed} of {len(chosen)} mutants found\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
