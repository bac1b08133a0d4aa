"""Collects what the suite logs and prints, and the secrets that must never stand in it.

`conftest` feeds the output of every test phase in, the test deployment what it sends and is given;
`tests/test_privacy.py` runs last and compares the two.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SHAPE = re.compile(r"(?<![0-9])\d{6}[- ]?(?:\d{4}|[01567][A-Z]{2}\d)(?![0-9])", re.ASCII)
"""A CPR number as tests write it, and what they send in the place of one, date or not."""


@dataclass
class Watch:
    """What must not be seen, and where it could have been: (test and section, text)."""

    numbers: set[str] = field(default_factory=set)
    link_tokens: set[str] = field(default_factory=set)
    sections: list[tuple[str, str]] = field(default_factory=list)

    def remember(self, sent: Any, answered: Any) -> None:
        """Keep every CPR-shaped text of a body, and the token of every link in an answer."""
        for text in texts(sent):
            if SHAPE.fullmatch(text):
                bare = text.replace("-", "").replace(" ", "")
                self.numbers |= {bare, f"{bare[:6]}-{bare[6:]}"}
        for text in texts(answered):
            _, sign, token = text.partition("/sign/")
            if sign:
                self.link_tokens.add(token)

    def leaks(self) -> list[str]:
        """Where a secret stands, without repeating it."""
        secrets = {"CPR number": self.numbers, "link token": self.link_tokens}
        return [
            f"{kind} in {where}"
            for where, text in self.sections
            for kind, values in secrets.items()
            if any(value in text for value in values)
        ]


def texts(content: Any) -> Iterator[str]:
    """Every text in a JSON value, member names too."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for name, value in content.items():
            yield name
            yield from texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from texts(value)


WATCH = Watch()
