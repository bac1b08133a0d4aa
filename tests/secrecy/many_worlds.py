"""As many stories of two worlds as one likes, and the faults that they must find.

`python -m tests.secrecy.many_worlds 200 [first seed]` tells so many, of at least 25 steps each, and
says what Z asked and where it was told of X. The same seeds are always the same stories.
`python -m tests.secrecy.many_worlds faults [most stories [words of a fault]]` says for each fault
of `faults` which story finds it.
"""

import logging
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from consent_service.persistence.kernel.migrate import upgrade
from tests.deployment import NOW, SettableClock, deploy
from tests.secrecy.faults import FAULTS
from tests.secrecy.stories import KINDS, tell, two_worlds
from tests.secrecy.worlds import Told, Worlds

STEPS = 25


@contextmanager
def furnished() -> Iterator[Path]:
    """A folder with a furnished service in it, to copy others from."""
    with tempfile.TemporaryDirectory(prefix="two-worlds-") as folder:
        home = Path(folder) / "furnished"
        home.mkdir()
        url = f"sqlite:///{home / 'consent.db'}"
        upgrade(url)
        deploy(url, home, clock=SettableClock(NOW - timedelta(minutes=1))).furnish().close()
        yield home


@contextmanager
def copies(home: Path) -> Iterator[Worlds]:
    """Two worlds, each with a copy of the furnished service."""
    folders = (home.parent / "with-x", home.parent / "without-x")
    for folder in folders:
        shutil.copytree(home, folder)
    with two_worlds([f"sqlite:///{folder / 'consent.db'}" for folder in folders], folders) as both:
        yield both
    for folder in folders:
        shutil.rmtree(folder)


def told_by(home: Path, seed: int, steps: int = STEPS) -> tuple[str | None, Worlds]:
    """Where Z is told of X in the story of this seed, None where it is not."""
    with copies(home) as worlds:
        try:
            tell(worlds, seed, steps)
        except Told as told:
            return str(told), worlds
        return None, worlds


def many(stories: int, first_seed: int = 0) -> int:
    """Tell the stories, and say what was asked and told."""
    asked, parted, found = Counter[str](), 0, 0
    with furnished() as home:
        for seed in range(first_seed, first_seed + stories):
            told, worlds = told_by(home, seed)
            asked += worlds.asked
            parted += worlds.have_parted
            if told is not None:
                found += 1
                say(f"story {seed}, {KINDS[seed % len(KINDS)]}: {told}\n")
            elif seed % 10 == 9:
                say(f"{seed - first_seed + 1} stories, {asked.total()} requests, {found} told\n")
    say(f"{stories} stories, {asked.total()} requests to each world, {parted} parted, {found} told")
    say("".join(f"\n{count:8} {route}" for route, count in sorted(asked.items())) + "\n")
    return 1 if found else 0


def faults(most: int = 100, *words: str) -> int:
    """For each fault the first story by which it is found."""
    missed = 0
    with furnished() as home:
        for fault in [one for one in FAULTS if " ".join(words) in str(one)]:
            with fault.in_place():
                seed = next((n for n in range(most) if told_by(home, n)[0] is not None), None)
            missed += seed is None
            said = f"in {most} stories NOT FOUND" if seed is None else f"found by story {seed}"
            say(f"{said:>24}  {fault}\n")
    return 1 if missed else 0


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    logging.disable(logging.CRITICAL)
    if arguments[0] == "faults":
        most, words = arguments[1:2] or ["100"], arguments[2:]
        return faults(int(most[0]), *words)
    return many(*(int(argument) for argument in arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
