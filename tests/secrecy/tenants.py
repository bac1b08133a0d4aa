"""What an organisation does about one child, at random: X in one world, Z in both.

Most of what it does is lawful; some is not, and is refused in both worlds alike.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from werkzeug.test import TestResponse

from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.facts import Scope
from consent_service.signing.canonical import instant_text
from tests.deployment import FATHER, MOTHER, PURPOSE, person
from tests.secrecy.decisions import Asked, check_allowed
from tests.secrecy.signing import NOTHING, by_login, is_offered
from tests.secrecy.worlds import Ask, Json, Worlds, X, Z, member_at
from tests.web.family import STRANGER

NEVER_ASKED = "0707154327"
"""The number of a child whom nobody has asked about, as when one is typed wrongly."""

GRANDMOTHER = "0303611114"
CHILD_OF_NINE = "0103174321"
OTHERS = ("child-psychiatry", "gp-y", "paediatrics")
ADULTS = {
    MOTHER: "Mette Mor",
    FATHER: "Frederik Far",
    STRANGER.cpr: STRANGER.name,
    GRANDMOTHER: "Gerda Gammel",
}
CUSTODIES = {
    X: [*[(MOTHER, FATHER)] * 4, (MOTHER,), (FATHER,), (MOTHER, GRANDMOTHER)],
    Z: [*[(MOTHER, FATHER)] * 3, (MOTHER,), (FATHER,), (STRANGER.cpr,), (MOTHER, STRANGER.cpr)],
}
MOST_CONSENTS = 6

Move = Callable[[], None]


@dataclass
class Consent:
    """A consent as the organisation knows it: `signers` are the names of signatories by number."""

    name: str
    parties: frozenset[str]
    categories: frozenset[str]
    status: str
    signers: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/v1/consents/<{self.name}>"

    @property
    def is_live(self) -> bool:
        return self.status in ("awaiting_signatures", "in_force", "incomplete", "declined")


@dataclass
class Recorded:
    """A paper, a lift or an exemption, which another employee has yet to confirm."""

    name: str
    consent: Consent
    kind: str
    is_open: bool = True


@dataclass
class Tenant:
    """An organisation with its consents about one child."""

    org: str
    worlds: Worlds
    random: Random
    child: tuple[str, str]
    names_z: bool = False
    """X names Z as a party of some requests, which are never in force: Z may not know of them."""

    consents: list[Consent] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    disclosures: list[str] = field(default_factory=list)
    posted: list[Ask] = field(default_factory=list)
    numbers: int = 0

    def next(self, what: str) -> str:
        """A name for something new."""
        self.numbers += 1
        return f"{what} {self.org[-1]}{self.numbers}"

    def next_key(self) -> str:
        """An Idempotency-Key; another organisation may well use the same."""
        self.numbers += 1
        return f"key {self.numbers}"

    def send(self, ask: Ask) -> TestResponse:
        """Ask as this organisation: Z in both worlds, X in its own."""
        self.posted = [*self.posted[-4:], ask]
        worlds = self.worlds
        answer = worlds.ask(ask) if self.org == Z else worlds.with_x.ask(self.org, ask)
        self._learn(answer.get_json(silent=True))
        return answer

    def _learn(self, content: Any) -> None:
        """What an answer says of a consent."""
        shown = member_at(content, ["consent"]) or content
        signatories = member_at(shown, ["signatories"])
        if not isinstance(signatories, list):
            return
        names = {self._name(cpr): cpr for cpr in (*ADULTS, self.child[0])}
        known = self.worlds.without_x.known if self.org == Z else self.worlds.with_x.known
        for consent in self.consents:
            if known.get(consent.name) == shown["id"]:
                consent.status = shown["status"]
                consent.signers = {
                    names[one["name"]]: f"{consent.name}.{n}"
                    for n, one in enumerate(signatories)
                    if "name" in one
                } or consent.signers

    def _post(self, route: str, path: str, body: Json, **more: Any) -> TestResponse:
        by = {"performed_by": self._employee(0)} | body
        return self.send(Ask(f"POST {route}", path, by, key=self.next_key(), **more))

    def _employee(self, nth: int) -> Json:
        return {"id": f"{self.org[-1]}{nth}", "name": f"Ansat {nth}"}

    def _name(self, cpr: str) -> str:
        name = ADULTS.get(cpr, self.child[1])
        return name if self.org == Z else f"{name} hos X"

    # -- what its caseworkers do ---------------------------------------------------------

    def act(self) -> None:
        """Something, at random."""
        if not self.consents:
            self.request()
            return
        moves: dict[Move, int] = {
            self.request: 4,
            self.everybody_signs: 7,
            self.somebody_signs: 8,
            self.is_told: 4,
            self.takes_a_stop: 2,
            self.record_paper: 5,
            self.confirm: 8,
            self.record_lift: 3,
            self.excuse: 3,
            self.change_custody: 4,
            self.cancel: 1,
            self.make_links: 2,
            self.repeat: 2,
        }
        self.random.choices(list(moves), list(moves.values()))[0]()

    def request(self) -> None:
        """Ask a family, or again in place of an older consent."""
        if len(self.consents) >= MOST_CONSENTS:
            return
        live = [one for one in self.consents if one.is_live]
        renewed = self.random.choice(live) if live and self.random.random() < 0.4 else None
        others = [*OTHERS, X] if self.org == Z else [*OTHERS]
        parties = {self.org, *self.random.sample(others, self.random.randint(2, len(others)))}
        if self.names_z and self.random.random() < 0.5:
            parties.add(Z)
        categories = self.random.choice([["health"], ["health", "school"], ["health", "school"]])
        name = self.next("consent")
        deadline = self.random.choice([None, None, self.day(5), self.day(30)])
        body = {
            "template": "joint-action-plan",
            "case_reference": f"case-{self.org[-1]}-{len(self.consents)}",
            "renews": f"<{renewed.name}>" if renewed else None,
            "child": person(self.child[0], self._name(self.child[0])),
            "custody": self._custody(),
            "parties": sorted(parties),
            "categories": categories,
            "deadline": deadline,
            "delivery": "caller",
        }
        answer = self._post("/v1/consents", "", body, remember={name: ["id"]})
        if answer.status_code == 201:
            asked = Consent(name, frozenset(parties), frozenset(categories), "awaiting_signatures")
            self.consents.append(asked)
            self._learn(answer.get_json())
            if self.random.random() < 0.4:
                self._everybody_signs(asked)

    def make_links(self) -> None:
        """New links for everybody, or for one."""
        consent = self._consent()
        body = {"signatories": [self._signer(consent)]} if self.random.random() < 0.5 else {}
        self._about(consent, "links", body)

    def everybody_signs(self) -> None:
        """Each signer grants, by login."""
        self._everybody_signs(self._consent())

    def _everybody_signs(self, consent: Consent) -> None:
        for cpr in self._signers(consent):
            self.sign(consent, cpr, "grant")
        self._look_at(consent)

    def somebody_signs(self) -> None:
        """One signer says yes to all or to less, no, or takes a no back."""
        consent = self._consent()
        decisions = ["grant", "grant", "less", "decline", "decline", "lift"]
        for cpr in self.random.sample(self._signers(consent), 1):
            self.sign(consent, cpr, self.random.choice(decisions))
        self._look_at(consent)

    def contradict(self, other: "Tenant") -> None:
        """Whoever has a paper of a yes lying at the other says no here, and who said no there yes.

        As far as what is asked here is live: by login, each of them.
        """
        live = [one for one in self.consents if one.is_live]
        waiting = [one for one in other.recorded if one.kind == "paper-grants" and one.is_open]
        decision = "decline" if waiting and self.random.random() < 0.7 else "grant"
        for consent in live[-1:]:
            for cpr in self._signers(consent):
                self.sign(consent, cpr, decision)
            self._look_at(consent)

    def sign(self, consent: Consent, cpr: str, decision: str) -> None:
        """By login, where the page offers it in every world this organisation acts in."""
        left_out = NOTHING
        if decision == "less":
            decision, left_out = "grant", self._left_out(consent)
        worlds = self.worlds.both if self.org == Z else (self.worlds.with_x,)
        if all(is_offered(world, consent.name, cpr, decision) for world in worlds):
            for world in worlds:
                world.service.clock.set(self.worlds.now)
                by_login(world, consent.name, cpr, decision, left_out)
            self.worlds.at(self.worlds.now + timedelta(milliseconds=1))

    def _left_out(self, consent: Consent) -> Scope:
        others = sorted(consent.parties - {self.org})
        gone = self.random.sample(others, self.random.randint(0, len(others) - 1))
        categories = self.random.choice([frozenset[str](), frozenset({"health"})])
        return Scope(frozenset(gone), categories)

    def is_told(self) -> None:
        """A signer takes their yes back by word of mouth or by letter."""
        consent = self._consent()
        body = {"signatory": self._signer(consent), "channel": "oral"}
        self._about(consent, "withdrawals", body)

    def takes_a_stop(self) -> None:
        """Somebody says stop, of this child or of one that nobody asked about.

        What X takes reaches Z's requests that name X, and may be seen there.
        """
        if self.org != Z:
            return
        body = {
            "child": {"cpr": self.random.choice([self.child[0], self.child[0], NEVER_ASKED])},
            "signer": {"cpr": self.random.choice([MOTHER, FATHER, STRANGER.cpr, NEVER_ASKED])},
            "purpose": self.random.choice([None, PURPOSE, "something-else"]),
            "channel": "letter",
        }
        self._post("/v1/withdrawals", "", body)

    def record_paper(self) -> None:
        """What somebody signed on paper; it does not count yet."""
        consent = self._consent()
        decision = self.random.choice(["grant", "grant", "grant", "decline"])
        scope = None
        if decision == "grant" and self.random.random() < 0.3:
            kept = {self.org, self.random.choice(sorted(consent.parties - {self.org}))}
            scope = {"parties": sorted(kept), "categories": sorted(consent.categories)}
        body = {"decision": decision, "scope": scope} | self._paper(consent)
        self._record(consent, "paper-grants", body)

    def record_lift(self) -> None:
        """That somebody takes a no back, on paper; it does not count yet."""
        consent = self._consent()
        self._record(consent, "lifts", self._paper(consent))

    def _paper(self, consent: Consent) -> Json:
        return {
            "signatory": self._signer(consent),
            "signed_on": self.day(-self.random.choice([0, 0, 0, 1, 3])),
            "document": {"reference": "arkiv 7", "sha256": "0" * 64},
            "identity_checked": "pas set",
        }

    def excuse(self) -> None:
        """Somebody need not sign; it does not count yet."""
        consent = self._consent()
        if self.org != Z and Z in consent.parties:
            return
        ends = self.random.choice([None, self.day(3)])
        body = {
            "signatory": self._signer(consent),
            "reason": self.random.choice(["deceased", "court_decision", "other"]),
            "provision": "§ 1",
            "evidence_reference": "bevis 1",
            "valid_until": ends,
        }
        self._record(consent, "exemptions", body)

    def _record(self, consent: Consent, kind: str, body: Json) -> None:
        name = self.next(kind)
        remember = {name: ["id"]}
        answer = self._about(consent, kind, body, remember)
        if answer.status_code == 201:
            self.recorded.append(Recorded(name, consent, kind))
            # Papers are confirmed soon, or much later.
            if self.random.random() < 0.5:
                self._settle(self.recorded[-1])

    def confirm(self) -> None:
        """Another employee confirms, or the paper was a mistake; an exemption can be revoked."""
        waiting = [one for one in self.recorded if one.is_open] or self.recorded
        if waiting:
            self._settle(self.random.choice(waiting))

    def _settle(self, one: Recorded) -> None:
        ways = {
            "paper-grants": ["confirmation", "confirmation", "confirmation", "rejection"],
            "lifts": ["confirmation"],
            "exemptions": ["confirmation", "confirmation", "revocation"],
        }
        way = self.random.choice(ways[one.kind])
        one.is_open = one.kind == "exemptions" and way != "revocation"
        by = {"performed_by": self._employee(self.random.choice([1, 1, 1, 0]))}
        thing = {"paper-grants": "paper_id", "lifts": "lift_id", "exemptions": "exemption_id"}
        kind = f"{one.kind}/<{thing[one.kind]}>/{way}"
        self._about(one.consent, kind, by, path=f"{one.kind}/<{one.name}>/{way}")

    def change_custody(self) -> None:
        """The register says otherwise; now and then an earlier change was wrong."""
        name = self.next("change")
        wrong = self.random.choice(self.changes) if self.changes else None
        body = {
            "child": {"cpr": self.child[0]},
            "custody": self._custody(),
            "effective_from": self.day(self.random.choice([-10, 0, 0, 0, 4])),
            "corrects": f"<{wrong}>" if wrong and self.random.random() < 0.3 else None,
        }
        remember = {name: ["id"]}
        answer = self._post("/v1/custody-changes", "", body, remember=remember)
        if answer.status_code == 201:
            self.changes.append(name)

    def cancel(self) -> None:
        """Take a request back."""
        reason = self.random.choice(["mistake", "case_closed", "other"])
        self._about(self._consent(), "cancellation", {"reason": reason})

    def repeat(self) -> None:
        """One of the last requests once more with its key: the same, or another body under it."""
        if self.posted:
            ask = self.random.choice(self.posted)
            body = dict(ask.body or {})
            if self.random.random() < 0.4:
                body["performed_by"] = self._employee(7)
            self.send(Ask(ask.route, ask.path, body, key=ask.key))

    def _about(
        self,
        consent: Consent,
        kind: str,
        body: Json,
        remember: Mapping[str, Any] | None = None,
        path: str = "",
    ) -> TestResponse:
        route = f"/v1/consents/<consent_id>/{kind}"
        return self._post(route, f"{consent.path}/{path or kind}", body, remember=remember or {})

    def _look_at(self, consent: Consent) -> None:
        posted = self.posted
        self.send(Ask("GET /v1/consents/<consent_id>", consent.path))
        self.posted = posted

    # -- decisions and disclosures ---------------------------------------------------------

    def ask_decision(self, recipients: Iterable[str] = (*OTHERS, X)) -> None:
        """Z asks whether it may pass something on, or be told, or passes it on."""
        asked = self._transfer(list(recipients))
        route, more = "/v1/decisions", {}
        if asked.sender == self.org and self.random.random() < 0.6:
            route = "/v1/disclosures"
            more = {"channel": "phone"}
        body = self._question(asked) | more
        name = self.next("disclosure")
        ask = Ask(f"POST {route}", "", body, key=self.next_key(), remember={name: ["id"]})
        with_x, without_x = self.worlds.decide(ask)
        check_allowed(asked, with_x.get_json(), without_x.get_json())
        if route == "/v1/disclosures":
            self.disclosures.append(name)
            if self.random.random() < 0.3:
                self.worlds.decide(ask)

    def ask_about_the_past(self) -> None:
        """As of a day ago: from what was recorded by then."""
        asked = self._transfer([*OTHERS, X])
        instant = instant_text(self.worlds.now - timedelta(days=1))
        body = self._question(asked) | {"as_of": instant}
        self.worlds.decide(Ask("POST /v1/decisions", "", body))

    def report_outcome(self) -> None:
        """Whether a disclosure was carried out."""
        if self.disclosures:
            name = self.random.choice(self.disclosures)
            body = {"outcome": "sent", "performed_by": self._employee(0)}
            route = "POST /v1/disclosures/<disclosure_id>/outcome"
            path = f"/v1/disclosures/<{name}>/outcome"
            self.worlds.decide(Ask(route, path, body, key=self.next_key()))

    def _transfer(self, others: list[str]) -> Asked:
        other = self.random.choice(others)
        parties = [self.org, other]
        self.random.shuffle(parties)
        categories = self.random.choice([{"health"}, {"school"}, {"health", "school"}])
        own = []
        for consent in self.consents:
            self._look_at(consent)
            shown = Ask("GET /v1/consents/<consent_id>", consent.path)
            own.append(self.worlds.ask(shown).get_json())
        return Asked(parties[0], parties[1], frozenset(categories), own)

    def _question(self, asked: Asked) -> Json:
        return {
            "child": {"cpr": self.child[0]},
            "sender": asked.sender,
            "recipient": asked.recipient,
            "purpose": PURPOSE,
            "categories": sorted(asked.categories),
            "legal_basis": {"type": "consent"},
            "performed_by": self._employee(0),
        }

    # -- what it says --------------------------------------------------------------------

    def _custody(self) -> Json:
        custodies = [one for one in CUSTODIES[self.org] if FATHER in one or not self.names_z]
        holders = [
            person(cpr, self._name(cpr), role="parent") for cpr in self.random.choice(custodies)
        ]
        looked_up = self.random.choice([0] * 14 + [-2, -40, 1])
        return {"source": "cpr-register", "as_of": self.day(looked_up), "holders": holders}

    def day(self, days: int) -> str:
        return (local_date(self.worlds.now) + timedelta(days=days)).isoformat()

    def _consent(self) -> Consent:
        """Rather a live one."""
        live = [one for one in self.consents if one.is_live]
        if live and self.random.random() < 0.8:
            return self.random.choice(live)
        return self.random.choice(self.consents)

    def _signers(self, consent: Consent) -> list[str]:
        """Who may be asked to sign: of what names Z, never the father, so that it covers nobody."""
        young = self.child[0] == CHILD_OF_NINE
        barred = {self.child[0]} if young else set()
        if self.org != Z and Z in consent.parties:
            barred.add(FATHER)
        return [cpr for cpr in consent.signers if cpr not in barred] or [MOTHER]

    def _signer(self, consent: Consent) -> str:
        """The name of one of them."""
        return f"<{consent.signers.get(self.random.choice(self._signers(consent)), 'nobody')}>"
