"""Staff at their own pages: a provider with roles beside the signers', and browsers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from consent_service.config import SignerProviderSettings, StaffRoleSettings, StaffSettings
from mitid_stand_in.provider import Claims, Person, create_app, new_key
from mitid_stand_in.server import bind
from tests.deployment import Deployment, SettableClock, deploy
from tests.integration.stand_in_browser import Page
from tests.web.family import CLIENT_ID, CLIENT_SECRET, PEOPLE, PROVIDER_KEY, Signer, serving

STAFF_CLIENT = "urn:consent:staff"
STAFF_PROVIDER_KEY = new_key()
STAFF_SECRET = "another + made up: 100 %"

DORTHE = Person(None, "Dorthe Dahl", "DPO i Kommune X", {"roles": ["printer", "consent-dpo-x"]})
ZITA = Person(None, "Zita Zahl", "DPO i Kommune Z", {"roles": "consent-dpo", "cvr": "87654321"})
OTTO = Person(None, "Otto Olsen", "driver tjenesten", {"roles": ["consent-operator"]})
BODIL = Person(None, "Bodil Bang", "DPO og drift", {"roles": ["consent-dpo-x", "consent-operator"]})
INGRID = Person(None, "Ingrid Ingen", "har ingen rolle", {"roles": ["printer"], "cvr": "87654321"})
TOVE = Person(None, "Tove To", "to steder", {"roles": ["consent-dpo-x", "consent-dpo-z"]})
VERA = Person(None, "Vera Væk", "et fremmed sted", {"roles": ["consent-dpo-gone"]})
STAFF = (DORTHE, ZITA, OTTO, BODIL, INGRID, TOVE, VERA)

ROLES = {
    "consent-dpo-x": StaffRoleSettings("dpo", "municipality-x"),
    "consent-dpo-z": StaffRoleSettings("dpo", "municipality-z"),
    "consent-dpo-gone": StaffRoleSettings("dpo", "not-registered"),
    "consent-dpo": StaffRoleSettings("dpo"),
    "consent-operator": StaffRoleSettings("operator"),
}
ORGANISATIONS = {"12345678": "municipality-x", "87654321": "municipality-z"}


@dataclass
class Tampering:
    """What the staff's provider does to its claims and tokens in one test."""

    claims: Callable[[Claims], Claims] = dict
    token: Callable[[str], str] = str

    def on_claims(self, claims: Claims) -> Claims:
        return self.claims(claims)

    def on_token(self, token: str) -> str:
        return self.token(token)


@dataclass(frozen=True)
class Workplace:
    """The service, both providers, and what the staff's one may be made to do."""

    deployment: Deployment
    tampering: Tampering


@contextmanager
def workplace(
    database_url: str, folder: Path, base_url: str = "http://localhost:8000", **changes: Any
) -> Iterator[Workplace]:
    """A furnished deployment with a provider for signers and one for staff, on one clock.

    A database that is furnished already has its keys in the folder.
    """
    is_furnished = (folder / "keys.json").exists()
    clock, tampering = SettableClock(), Tampering()
    signers, signers_issuer = bind(
        PEOPLE,
        CLIENT_ID,
        CLIENT_SECRET,
        f"{base_url}/sign/callback/mitid",
        make_app=lambda config: create_app(
            config, clock=lambda: clock().timestamp(), key=PROVIDER_KEY
        ),
    )
    office, staff_issuer = bind(
        STAFF,
        STAFF_CLIENT,
        STAFF_SECRET,
        f"{base_url}/staff/callback",
        make_app=lambda config: create_app(
            config,
            tampering.on_claims,
            tampering.on_token,
            lambda: clock().timestamp(),
            STAFF_PROVIDER_KEY,
        ),
    )
    staff = StaffSettings(
        issuer=staff_issuer,
        client_id=STAFF_CLIENT,
        client_secret=STAFF_SECRET,
        organisation="municipality-x",
        roles=ROLES,
        organisations=ORGANISATIONS,
        org_claim="cvr",
    )
    provider = SignerProviderSettings(signers_issuer, CLIENT_ID, CLIENT_SECRET, "dk.cpr", "acr")
    with serving(signers), serving(office):
        deployment = deploy(
            database_url,
            folder,
            base_url=base_url,
            provider=provider,
            staff=replace(staff, **changes),
            clock=clock,
        )
        try:
            if not is_furnished:
                deployment.furnish()
            yield Workplace(deployment, tampering)
        finally:
            deployment.close()


@dataclass
class Employee(Signer):
    """A member of staff with a browser of their own."""

    who: Person = DORTHE
    home: ClassVar[str] = "/staff"

    def arrive(self, url: str = "/staff") -> TestResponse:
        """Open the start page and log in."""
        self.see(url)
        return self.log_in()

    def log_out(self, action: str = "/staff/logout") -> TestResponse:
        """Press the button, and go by way of the provider."""
        at_provider = self.press(action, then=False).headers["Location"]
        answer = Page(at_provider).response
        assert answer.status_code == 303, answer.text
        return self.see(urlsplit(answer.headers["Location"]).path)


def staff_entries(deployment: Deployment, organisation: str = "municipality-x") -> list[Any]:
    """The bodies of every entry about staff in an organisation's log, oldest first."""
    answer = deployment.get("/v1/audit/entries?limit=200", org=organisation)
    assert answer.status_code == 200, answer.json
    bodies = [one["body"] for one in answer.json["items"]]
    return [body for body in bodies if body["type"].startswith("staff_")]


def steps(deployment: Deployment, organisation: str = "municipality-x") -> list[str]:
    """What happened to staff, in short: type and reason or scope."""
    return [
        " ".join(filter(None, (body["type"], body.get("reason"), body.get("scope"))))
        for body in staff_entries(deployment, organisation)
    ]


def session_cookie(browser: Signer) -> str | None:
    cookie = browser.client.get_cookie("staff", domain="localhost")
    return cookie.value if cookie else None


def use_cookie(client: FlaskClient, name: str, value: str) -> None:
    client.set_cookie(name, value, domain="localhost")
