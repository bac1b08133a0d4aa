"""Two worlds that live the same life but for what happens at X; Z asks both, and is told the same.

Everything is asked over HTTP, of two deployments with the same clock. `Worlds.ask` asks both and
compares all that the two answers say (`names`); where they differ it raises `Told`.

Decisions and disclosures may differ, as R5e and R5h allow (`decisions`). From the first that does
on, the worlds have parted: what decisions and disclosures leave in logs and lists is then left out
of the comparison (`without_decisions`), and nothing else is.
"""

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug.test import TestResponse

from tests.deployment import ALL_SCOPES, Deployment
from tests.privacy import WATCH
from tests.secrecy.names import Content, Names, content_of

X, Z = "municipality-x", "municipality-z"
Json = dict[str, Any]

DECISIONS = frozenset(
    {"decision", "disclosure", "disclosure_replayed", "disclosure_outcome", "custody_to_check"}
)
LOOKS = frozenset({"personal_data_viewed", "log_exported", "subject_exported", "consents_listed"})
"""Entries that say how many were shown."""

_OF_DECISIONS = ("disclosures", "questions", "organisations")
"""The members of a person's export that they fill."""

SHARED = re.compile(r'<section aria-labelledby="shared-heading">.*?</section>', re.DOTALL)
"""The part of a family's page in which they stand."""

MOST_LINES = 30
"""Of a difference that is told."""

_A_MOMENT = timedelta(milliseconds=1)


class Told(AssertionError):
    """Z was told something of X."""


@dataclass(frozen=True)
class Ask:
    """One request. In path, body and query `<name>` stands for what a world knows by that name.

    `remember` says what to know from the answer: for each name a path of members. What is asked
    `until_parted` is about decisions, or about a page of something they fill.
    """

    route: str
    path: str = ""
    body: Json | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    remember: Mapping[str, Sequence[str | int]] = field(default_factory=dict)
    until_parted: bool = False
    is_list: bool = False
    scopes: frozenset[str] = ALL_SCOPES

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def address(self) -> str:
        """The path asked: the route's own, where it names nothing."""
        return self.path or self.route.partition(" ")[2]


@dataclass
class World:
    """One deployment, and what stands in it for each name of the story."""

    service: Deployment
    names: Names
    known: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, service: Deployment) -> "World":
        """A world that begins with this deployment."""
        # How often it is looked at must not show: it stands still while something is asked.
        service.clock.tick = timedelta(0)
        provider = service.settings.signer_provider
        assert provider is not None
        return cls(service, Names(provider.issuer))

    def ask(self, org: str | None, ask: Ask) -> TestResponse:
        """Ask as an organisation, or as nobody."""
        headers = {} if ask.key is None else {"Idempotency-Key": ask.key}
        if org is not None:
            headers["Authorization"] = f"Bearer {self.service.token(org, ask.scopes)}"
        body = None if ask.body is None else self.filled(ask.body)
        answer = self.service.client().open(
            self.filled(ask.address),
            method=ask.method,
            json=body,
            query_string=self.filled(dict(ask.query)),
            headers=headers,
        )
        content = answer.get_json(silent=True)
        WATCH.remember(body, content)
        for name, path in ask.remember.items():
            found = member_at(content, path)
            if isinstance(found, str):
                self.known[name] = found
        self._learn(member_at(content, ["consent"]), content)
        return answer

    def _learn(self, *shown: Any) -> None:
        """Each signatory of a consent that has a name, and the address of their newest link."""
        named = {known: name for name, known in self.known.items()}
        for one in shown:
            name = named.get(member_at(one, ["id"]))
            for n, signatory in enumerate(member_at(one, ["signatories"]) or []):
                self.known[f"{name}.{n}"] = signatory["id"]
                if "signing_url" in signatory:
                    self.known[f"link {name}.{n}"] = signatory["signing_url"]

    def pages(self, org: str | None, ask: Ask) -> Iterator[TestResponse]:
        """Every page of a list."""
        cursor: str | None = ""
        while cursor is not None:
            following = {"cursor": cursor} if cursor else {}
            if ask.body is None:
                page = self.ask(org, replace(ask, query={**ask.query, **following}))
            else:
                page = self.ask(org, replace(ask, body={**ask.body, **following}))
            yield page
            cursor = _next_of(page)

    def filled(self, value: Any) -> Any:
        """A value with each `<name>` replaced by what is known by it here."""
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        if isinstance(value, str) and "<" in value:
            for part in value.split("<")[1:]:
                name = part.partition(">")[0]
                value = value.replace(f"<{name}>", self.known.get(name, "nothing"))
        return value


def member_at(value: Any, path: Sequence[str | int]) -> Any:
    """The member at the end of a path, None where there is none."""
    for member in path:
        try:
            value = value[member]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _next_of(page: TestResponse) -> str | None:
    if link := page.headers.get("Link"):
        address = link.removeprefix("<").partition(">")[0]
        return dict(parse_qsl(urlsplit(address).query))["cursor"]
    found = member_at(page.get_json(silent=True), ["next"])
    return found if isinstance(found, str) else None


@dataclass
class Worlds:
    """Both worlds, how often each route was asked of them, and whether they have parted."""

    with_x: World
    without_x: World
    have_parted: bool = False
    asked: Counter[str] = field(default_factory=Counter)

    @property
    def both(self) -> tuple[World, World]:
        return self.with_x, self.without_x

    @property
    def now(self) -> datetime:
        return self.without_x.service.clock.now

    def at(self, instant: datetime) -> None:
        """It is this instant in both."""
        for world in self.both:
            world.service.clock.set(instant)

    def forward(self, **delta: float) -> None:
        """It is so much later in both."""
        self.at(self.now + timedelta(**delta))

    def ask(self, ask: Ask, org: str | None = Z) -> TestResponse:
        """Ask both; what they say must be the same. The answer of the world without X."""
        _, without_x = self._asked(ask, org)
        return without_x[0]

    def _asked(
        self, ask: Ask, org: str | None
    ) -> tuple[Sequence[TestResponse], Sequence[TestResponse]]:
        """Every page, or the one answer, of each."""
        now = self.now + _A_MOMENT
        answers = []
        for world in self.both:
            world.service.clock.set(now)
            answers.append(list(world.pages(org, ask)) if ask.is_list else [world.ask(org, ask)])
        # However often each has looked at its clock.
        self.at(now + _A_MOMENT)
        self.asked[ask.route] += 1
        self.compare(f"{ask.route} as {ask}", *answers, until_parted=ask.until_parted)
        return answers[0], answers[1]

    def decide(self, ask: Ask, org: str = Z) -> tuple[TestResponse, TestResponse]:
        """Ask both for what may differ: where it does, the worlds have parted."""
        now = self.now + _A_MOMENT
        answers = []
        for world in self.both:
            world.service.clock.set(now)
            answers.append(world.ask(org, ask))
        self.at(now + _A_MOMENT)
        self.asked[ask.route] += 1
        try:
            self.compare(ask.route, *([one] for one in answers), until_parted=True)
        except Told:
            self.have_parted = True
        return answers[0], answers[1]

    def compare(
        self,
        what: str,
        with_x: Sequence[TestResponse],
        without_x: Sequence[TestResponse],
        *,
        until_parted: bool = False,
    ) -> None:
        """Raise Told where two answers, or two lists page by page, do not say the same."""
        if self.have_parted and until_parted:
            return
        say = _say_parted if self.have_parted else _say
        names = [world.names.copy() for world in self.both]
        said = [say(one, some) for one, some in zip(names, (with_x, without_x), strict=True)]
        if said[0] != said[1]:
            lines = difflib.unified_diff(
                *(text.splitlines() for text in said[::-1]), "without X", "with X", lineterm=""
            )
            raise Told("\n".join([f"Z is told of X by {what}", *list(lines)[:MOST_LINES]]))
        for world, grown in zip(self.both, names, strict=True):
            world.names = grown


def _say(names: Names, answers: Sequence[TestResponse]) -> str:
    return "\n\n".join(names.told(answer) for answer in answers)


def _say_parted(names: Names, answers: Sequence[TestResponse]) -> str:
    """A list as one: what is left out makes its pages begin elsewhere."""
    if len(answers) == 1 and not _is_list(answers[0]):
        return names.told(answers[0], without_decisions, SHARED)
    items = [item for answer in answers for item in without_decisions(_items(answer))]
    statuses = sorted({answer.status for answer in answers})
    return names.of(json.dumps([statuses, items], ensure_ascii=False, indent=0))


def _is_list(answer: TestResponse) -> bool:
    return isinstance(_items(answer), list)


def _items(answer: TestResponse) -> Content:
    content = content_of(answer)
    return content if isinstance(content, list) else member_at(content, ["items"])


def without_decisions(content: Content) -> Content:
    """Without what decisions and disclosures leave, and entries that count what was shown."""
    if isinstance(content, list):
        return [without_decisions(one) for one in content if not _is_of_decisions(one)]
    if isinstance(content, dict):
        return {
            name: without_decisions(one)
            for name, one in content.items()
            if name not in _OF_DECISIONS
        }
    return content


def _is_of_decisions(item: Content) -> bool:
    type_ = member_at(item, ["type"]) or member_at(item, ["body", "type"])
    return type_ in DECISIONS | LOOKS
