"""As many random stories as one likes, the code against the naive model.

`python -m tests.unit.domain.many_stories 5000 [first seed]` says how much was compared, and tells
the first stories in which anything differs. The same seeds are always the same stories.
"""

import sys
from random import Random

from tests.unit.domain.comparison import Tally, differences, story_of
from tests.unit.domain.random_stories import Life

STEPS = 25
"""A story has at least so many."""
TELL_AT_MOST = 3


def compare(stories: int, first_seed: int = 0) -> tuple[Tally, dict[int, list[str]]]:
    """What was compared, and by seed what differs."""
    tally, differing = Tally(), dict[int, list[str]]()
    for seed in range(first_seed, first_seed + stories):
        random = Random(seed)
        if found := list(differences(Life.told(random, STEPS), random, tally)):
            differing[seed] = found
    return tally, differing


def report(tally: Tally, differing: dict[int, list[str]]) -> str:
    """All of it in words, with the first differing stories."""
    lines = [
        f"{tally.stories} stories, {tally.steps} steps compared",
        f"{tally.states} states and {tally.decisions} decisions: {len(differing)} stories differ",
        *(f"  {count:8} {what}" for what, count in sorted(tally.seen.items())),
    ]
    for seed, found in list(differing.items())[:TELL_AT_MOST]:
        told = story_of(Life.told(Random(seed), STEPS))
        lines += [f"\nstory {seed}, {len(found)} differences:", told, *found[:5]]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    stories, *first = (int(argument) for argument in arguments)
    tally, differing = compare(stories, *first)
    sys.stdout.write(report(tally, differing) + "\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
