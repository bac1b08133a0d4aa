"""Somebody only Z knows visits the page behind Z's link, and does the same in both worlds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

from werkzeug.test import TestResponse

from mitid_stand_in.provider import Person
from tests.integration.stand_in_browser import Page
from tests.secrecy.worlds import Worlds
from tests.web.family import Signer, read

ANSWERS = ("/sign/grant", "/sign/decline", "/sign/lift")


@dataclass
class Visit:
    """One person with a browser in each world."""

    worlds: Worlds
    random: Random
    who: Person
    signers: list[Signer] = field(init=False)

    def __post_init__(self) -> None:
        self.signers = [Signer(world.service, self.who) for world in self.worlds.both]

    def by(self, link: str) -> None:
        """Follow a link, log in, read everything, perhaps answer, and leave."""
        paths = [urlsplit(world.known[link]).path for world in self.worlds.both]
        followed = self._both("GET /sign/<token>", lambda n: self.signers[n].get(paths[n]))
        if followed.status_code != 303:
            return
        self._both("GET /sign/", lambda n: self.signers[n].see())
        self._log_in()
        self._both("GET /sign/receipt", lambda n: self.signers[n].get("/sign/receipt"))
        self._both("GET /sign/shared", lambda n: self.signers[n].get("/sign/shared"))
        if not self.worlds.have_parted:
            self._both("GET /sign/everything", lambda n: self.signers[n].get("/sign/everything"))
        offered = [
            {button for form in read(signer.page).forms for button in form.buttons}
            for signer in self.signers
        ]
        answers = [one for one in ANSWERS if all(one in buttons for buttons in offered)]
        if answers and self.random.random() < 0.7:
            answer = self.random.choice(answers)
            self._both(f"POST {answer}", lambda n: self.signers[n].press(answer))
        self._both("GET /sign/", lambda n: self.signers[n].see())
        self._both("POST /sign/logout", lambda n: self.signers[n].press("/sign/logout"))

    def _log_in(self) -> None:
        """At the stand-in, which is at another address in each world."""
        self.worlds.asked["POST /sign/login"] += 1
        came_back = []
        for signer in self.signers:
            at_provider = Page(signer.to_provider())
            came_back.append(at_provider.press(self.who.name).headers["Location"])
        back = "GET /sign/callback/<provider>"
        self._both(back, lambda n: self.signers[n].come_back(came_back[n]))

    def _both(self, route: str, ask: Callable[[int], TestResponse]) -> TestResponse:
        now = self.worlds.now
        answers = []
        for n, world in enumerate(self.worlds.both):
            world.service.clock.set(now)
            answers.append(ask(n))
        self.worlds.forward(seconds=1)
        self.worlds.asked[route] += 1
        self.worlds.compare(f"{route} to {self.who.name}", *([one] for one in answers))
        return answers[1]
