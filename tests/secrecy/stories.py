"""A random story of two worlds: Z lives the same life in both, X acts in one of them.

Of five stories two are about requests and signatures alone, and nothing at all may differ in them.
In two more Z asks and discloses; in one the others do too.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from tests.deployment import PURPOSE, Deployment
from tests.secrecy import walk
from tests.secrecy.tenants import CHILD_OF_NINE, OTHERS, Tenant
from tests.secrecy.visits import Visit
from tests.secrecy.worlds import Ask, Json, World, Worlds, X, Z
from tests.web.family import ASTA, SILJE, STRANGER, household

CHILDREN = [(CHILD_OF_NINE, "Alma Test"), (SILJE.cpr, SILJE.name), (ASTA.cpr, ASTA.name)]
"""Nine years old; sixteen; fifteen in some months."""

HOUR, DAY = 3600, 86400
GAPS = [*[60] * 5, *[HOUR] * 5, *[DAY] * 8, 2 * DAY, 2 * DAY, 3 * DAY, 8 * DAY, 24 * DAY]
TURNS = ["x", "z", "zx", "xz", "zz", "xxz", "zxz", "zzx"]
"""Who acts in a step."""

CONSENT: Json = {"type": "consent"}
DUTY: Json = {
    "type": "notification_duty",
    "provision": "Barnets lov § 133",
    "justification": "Bekymring",
}

LOOKS_A_STEP = 3

Kind = Literal["quiet", "deciding", "loud"]
KINDS: tuple[Kind, ...] = ("quiet", "quiet", "deciding", "deciding", "loud")


@dataclass
class Story:
    """What happens, at random."""

    worlds: Worlds
    random: Random
    kind: Kind
    z: Tenant = field(init=False)
    x: Tenant = field(init=False)

    def __post_init__(self) -> None:
        child = self.random.choice(CHILDREN)
        self.z = Tenant(Z, self.worlds, self.random, child)
        self.x = Tenant(X, self.worlds, self.random, child, self.random.random() < 0.3)

    def tell(self, steps: int) -> None:
        """So many steps, looks after each of them, and every look at the end."""
        for _ in range(steps):
            self.worlds.forward(seconds=self.random.choice(GAPS))
            for act in self.random.choice(TURNS):
                (self._x_acts if act == "x" else self._z_acts)()
                self.worlds.forward(seconds=1)
            self._look()
        self._look_at_everything()

    def _x_acts(self) -> None:
        with_x, without_x = self.worlds.both
        if self.random.random() < 0.25:
            self.x.contradict(self.z)
        else:
            self.x.act()
        if self.kind != "quiet" and self.random.random() < 0.3:
            self._x_discloses()
        # What is known of X's things is asked for in both worlds.
        without_x.known = with_x.known | without_x.known

    def _z_acts(self) -> None:
        if self.kind == "quiet" or self.random.random() < 0.6:
            self.z.act()
            return
        decide = [self.z.ask_decision] * 4 + [self.z.ask_about_the_past, self.z.report_outcome]
        self.random.choice(decide)()
        if self.kind == "loud" and self.random.random() < 0.5:
            # By which consent, and so in whose log, is the rules' to say.
            self.worlds.have_parted = True
            disclosure = self._disclosure("gp-y", Z, self.random.choice([CONSENT, DUTY]))
            for world in self.worlds.both:
                world.ask("gp-y", disclosure)

    def _x_discloses(self) -> None:
        """By duty to others, which is in its own log; to Z, or under Z's consent, is loud."""
        if self.kind == "loud":
            self.worlds.have_parted = True
            recipient = self.random.choice([Z, *OTHERS])
            ask = self._disclosure(X, recipient, self.random.choice([CONSENT, DUTY]))
        else:
            ask = self._disclosure(X, self.random.choice(OTHERS), DUTY)
        self.worlds.with_x.ask(X, ask)

    def _disclosure(self, sender: str, recipient: str, basis: Json) -> Ask:
        body: Json = {
            "child": {"cpr": self.z.child[0]},
            "sender": sender,
            "recipient": recipient,
            "purpose": PURPOSE,
            "categories": ["health"],
            "legal_basis": basis,
            "channel": "phone",
            "performed_by": {"id": "g1", "name": "Lise Læge"},
        }
        return Ask("POST /v1/disclosures", "", body, key=self.z.next_key())

    # -- what Z looks at -------------------------------------------------------------------

    def _look(self) -> None:
        asks = list(walk.looks(self.z, self.x))
        for ask in self.random.sample(asks, LOOKS_A_STEP):
            self.worlds.ask(ask)

    def _look_at_everything(self) -> None:
        first = {"type": "consent_requested", "limit": 1}
        for org, name in ((X, "entry x"), (Z, "entry z")):
            remember = {name: ["items", 0, "id"]}
            ask = Ask("GET /v1/audit/entries", "", query=first, remember=remember)
            if org == Z:
                self.worlds.ask(ask)
            else:
                self.worlds.with_x.ask(org, ask)
        known = self.worlds.with_x.known
        self.worlds.without_x.known.setdefault("entry x", known.get("entry x", "nothing"))
        self.worlds.forward(seconds=1)
        for ask in (*walk.looks(self.z, self.x), *walk.strange(self.z, self.x)):
            self.worlds.ask(ask)
        for ask in walk.public():
            self.worlds.ask(ask, org=None)
        if self._visit():
            for ask in walk.looks(self.z, self.x):
                self.worlds.ask(ask)

    def _visit(self) -> bool:
        """Whom only Z knows, at every consent of Z's that he was ever asked for, if any."""
        links = [f"link {consent.signers.get(STRANGER.cpr)}" for consent in self.z.consents]
        known = [link for link in links if link in self.worlds.without_x.known]
        for link in known:
            Visit(self.worlds, self.random, STRANGER).by(link)
        return bool(known)


@contextmanager
def two_worlds(urls: Sequence[str], folders: Sequence[Path]) -> Iterator[Worlds]:
    """Two furnished deployments with keys of their own, whose signers log in at a stand-in."""
    with household(urls[0], folders[0]) as with_x, household(urls[1], folders[1]) as without_x:
        worlds = Worlds(World.of(with_x), World.of(without_x))
        _warm(with_x, without_x)
        yield worlds


def _warm(*services: Deployment) -> None:
    """An organisation's own key is made when it first asks."""
    for service in services:
        for org in (Z, X):
            service.get("/v1/consents", org=org)


def tell(worlds: Worlds, seed: int, steps: int) -> Story:
    """The story of this seed. Raises Told where Z is told of X."""
    story = Story(worlds, Random(seed), KINDS[seed % len(KINDS)])
    story.tell(steps)
    return story
