"""A family at a service whose signers log in at a certified provider, in a real Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, BrowserContext, Page, Route

from consent_service.config import SignerProviderSettings
from tests.brokers.certified_provider import CertifiedProvider, certified_provider
from tests.deployment import Deployment, SettableClock, deploy
from tests.web.family import (
    CLIENT_SECRET,
    METTE,
    PEOPLE,
    acts,
    entries,
    free_server,
    links,
    serving,
)

CLIENT_ID = "urn:consent:brokers"
CLIENT_KEY = RSAKey.generate_key(2048, {"kid": "ours", "use": "sig", "alg": "RS256"})
AUTHENTICATION = {
    "idura": "private_key_jwt",
    "signaturgruppen": "client_secret_post",
    "signicat": "client_secret_basic",
}
LOGIN = "Log ind med MitID"
YES = "Giv samtykke"
PHONE = {"width": 390, "height": 844}


class MovableClock(SettableClock):
    """The machine's clock, because the provider goes by it, and how far a test has moved on."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **delta: float) -> None:
        self.ahead += timedelta(**delta)


@dataclass
class Home:
    """The service, its provider, and the broker whose dialect both speak."""

    deployment: Deployment
    provider: CertifiedProvider
    broker: str
    clock: MovableClock

    def ask(self, **template_changes: Any) -> dict[str, Any]:
        """A request for a consent, under a template with these demands."""
        self.deployment.furnish(**template_changes)
        deadline = (self.clock() + timedelta(days=10)).date().isoformat()
        return self.deployment.ask(categories=["health", "school"], deadline=deadline)

    def refusals(self, asked: dict[str, Any]) -> list[str]:
        found = entries(self.deployment, asked["id"])
        return [body["reason"] for body in found if body["type"] == "login_refused"]

    def acts(self, asked: dict[str, Any]) -> list[str]:
        return acts(self.deployment, asked["id"])

    def evidence(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the evidence file holds for the one statement there is."""
        with self.deployment.parts.units.reading() as uow:
            (filed,) = uow.statements.of_consent(asked["id"])
            return {
                **filed.evidence,
                "terms_sha256": uow.consents.get(asked["id"], "municipality-x").terms_sha256,
            }


@contextmanager
def at_broker(broker: str, database_url: str, folder: Path) -> Iterator[Home]:
    server, clock = free_server(), MovableClock()
    base_url = f"http://127.0.0.1:{server.server_port}"
    key_file = folder / "client.pem"
    key_file.write_bytes(CLIENT_KEY.as_pem(private=True))
    callback = f"{base_url}/sign/callback/{broker}"
    public = CLIENT_KEY.as_dict(private=False)
    with certified_provider(broker, callback, CLIENT_ID, CLIENT_SECRET, public, PEOPLE) as provider:
        settings = SignerProviderSettings(
            provider.issuer,
            CLIENT_ID,
            CLIENT_SECRET,
            broker=broker,
            client_authentication=AUTHENTICATION[broker],
            client_key_file=str(key_file),
            client_key_id="ours",
        )
        home = deploy(database_url, folder, base_url=base_url, provider=settings, clock=clock)
        server.app = home.app
        with serving(server):
            try:
                yield Home(home, provider, broker, clock)
            finally:
                home.close()


@contextmanager
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, locale="da-DK", java_script_enabled=False)
    context.set_default_timeout(10_000)
    try:
        yield context.new_page()
    finally:
        context.close()


def open_link(page: Page, asked: dict[str, Any], who: str = METTE.name) -> None:
    page.goto(links(asked)[who])


def log_in(page: Page, who: str = METTE.name) -> None:
    page.get_by_role("button", name=LOGIN).click()
    page.get_by_role("button", name=who).click()
    page.wait_for_url("**/sign/")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def caught(page: Page, name: str, pattern: str = "**/sign/*") -> str:
    """Press a button of ours, and catch where it would have sent the browser."""
    return _caught(page, name, pattern)


def answer_of(page: Page, who: str = METTE.name) -> str:
    """Press a person at the provider, and catch the address with the answer before it is used."""
    address = _caught(page, who, "**/login/*")
    while not urlsplit(address).path.startswith(("/sign/callback", "/staff/callback")):
        address = _next(page.context, address)
    return address


def _caught(page: Page, name: str, pattern: str) -> str:
    found: list[str] = []

    def catch(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        response = route.fetch(max_redirects=0)
        found.append(urljoin(route.request.url, response.headers["location"]))
        route.fulfill(status=200, body="caught")

    page.route(pattern, catch)
    page.get_by_role("button", name=name, exact=True).click()
    page.get_by_text("caught").wait_for()
    page.unroute(pattern)
    return found[0]


def _next(context: BrowserContext, address: str) -> str:
    response = context.request.get(address, max_redirects=0)
    return urljoin(address, response.headers["location"])


def changed(address: str, **parameters: str | None) -> str:
    """The address with other parameters; None takes one away."""
    parts = urlsplit(address)
    query = {**dict(parse_qsl(parts.query)), **parameters}
    kept = {name: value for name, value in query.items() if value is not None}
    return urlunsplit(parts._replace(query=urlencode(kept)))


def parameter(address: str, name: str) -> str:
    return dict(parse_qsl(urlsplit(address).query))[name]
