"""Reading variables of the environment: one method a kind of value, every fault kept.

A variable is declared where it is read. What it was asked for is known afterwards, and so is
everything that is wrong: a value that cannot be used is answered by one that lets reading go on.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from consent_service.errors import Misconfigured

HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f.]*:[0-9a-f:.]+")
"""A host name, an IPv4 address, or an IPv6 address without its brackets."""

_LONGEST_NUMBER = 9

T = TypeVar("T")


class Faults:
    """What is wrong, a sentence each, in the order in which it was found."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def note(self, *sentences: str) -> None:
        """Keep each sentence once."""
        self.found += [one for one in dict.fromkeys(sentences) if one not in self.found]

    @contextmanager
    def noted(self) -> Iterator[None]:
        """What is refused in here is kept, and does not keep what follows from being looked at."""
        try:
            yield
        except Misconfigured as wrong:
            self.note(*wrong.faults)

    def check(self) -> None:
        """Raise Misconfigured with everything that was found."""
        if self.found:
            raise Misconfigured(*self.found)


class Variables:
    """The variables of an environment. `asked` are the names that anything was read of so far.

    `wrong` has a sentence for each name that something is wrong with.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.asked: set[str] = set()
        self.wrong: dict[str, str] = {}

    @classmethod
    def read(cls, given: Mapping[str, str], reading: "Callable[[Variables], T]") -> T:
        """What a reading comes to. Raises Misconfigured with all that is wrong."""
        variables = cls(given)
        value = reading(variables)
        variables.check()
        return value

    def refuse(self, name: str, sentence: str) -> None:
        """Keep what is wrong with a variable; the first thing said of it stays."""
        self.wrong.setdefault(name, sentence)

    def check(self) -> None:
        """Raise Misconfigured with everything that is wrong."""
        if self.wrong:
            raise Misconfigured(*dict.fromkeys(self.wrong.values()))

    @contextmanager
    def judged(self, *, if_: bool) -> Iterator[None]:
        """Read in any case, so that the names are known; what is wrong may be of no concern."""
        before = dict(self.wrong)
        yield
        if not if_:
            self.wrong = before

    def text(self, name: str) -> str | None:
        """A text; an empty one is none."""
        self.asked.add(name)
        return self._given.get(name) or None

    def required(self, name: str) -> str:
        """A text that nothing stands in for."""
        value = self.text(name)
        if value is None:
            self.refuse(name, f"{name} is not set")
        return value or ""

    def count(self, name: str, most: int) -> int:
        """A number from 0, which it is unless given."""
        found = self._number(name, 0)
        if found is not None and found <= most:
            return found
        self.refuse(name, f"{name} is a number from 0 to {most}")
        return 0

    def minutes(self, name: str, default: int, most: int) -> timedelta:
        """A time of a minute or more."""
        found = self._number(name, default)
        if found is None or not 1 <= found <= most:
            self.refuse(name, f"{name} is a number of minutes from 1 to {most}")
            found = default
        return timedelta(minutes=found)

    def days(self, name: str, default: int, most: int) -> int:
        """A number of days, one or more."""
        found = self._number(name, default)
        if found is not None and 1 <= found <= most:
            return found
        self.refuse(name, f"{name} is a number of days from 1 to {most}")
        return default

    def seconds(self, name: str, default: int | None) -> int | None:
        """A number of seconds; `none` says that there is none."""
        text = self.text(name)
        if text in (None, "none"):
            return default if text is None else None
        found = self._number(name, 0)
        if found is None:
            self.refuse(name, f"{name} is a number of seconds, or none")
        return found

    def yes(self, name: str) -> bool:
        """Yes or no, which it is unless given; somebody who gave nothing meant something."""
        self.asked.add(name)
        text = self._given.get(name, "no").lower()
        if text not in ("yes", "no"):
            self.refuse(name, f"{name} is yes or no")
        return text == "yes"

    def hosts(self, name: str) -> frozenset[str]:
        """Names or addresses with commas between them; an IPv6 address may stand in brackets."""
        found = frozenset(
            host.strip().lower().removeprefix("[").removesuffix("]")
            for host in (self.text(name) or "").split(",")
            if host.strip()
        )
        if any(HOST.fullmatch(host) is None for host in found):
            self.refuse(name, f"{name} is a list of host names, without ports")
        return found

    def _number(self, name: str, default: int) -> int | None:
        """What digits say, or None; longer ones than any of ours are none, and so is no text."""
        self.asked.add(name)
        text = self._given.get(name)
        if text is None:
            return default
        is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
        return int(text) if is_number else None
