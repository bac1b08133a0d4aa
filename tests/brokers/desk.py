"""Staff whose organisation's own provider is a certified one, and their browsers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from werkzeug.serving import BaseWSGIServer

from consent_service.config import StaffSettings
from tests.brokers.certified_provider import CertifiedProvider, certified_provider
from tests.brokers.visit import CLIENT_KEY, MovableClock, phone, press
from tests.deployment import Deployment, deploy
from tests.web.family import free_server, serving
from tests.web.workplace import (
    DORTHE,
    ORGANISATIONS,
    ROLES,
    STAFF,
    STAFF_CLIENT,
    STAFF_SECRET,
    staff_entries,
)

LOGIN = "Log ind"
NEIGHBOUR = "urn:consent:neighbour"
RECENTLY = 60
"""Seconds: how old a login at the provider may be."""


@dataclass
class Office:
    """The service over real HTTP, and the provider of its staff."""

    deployment: Deployment
    provider: CertifiedProvider
    server: BaseWSGIServer
    _read: dict[str, int] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return self.deployment.settings.base_url

    def news(self) -> list[dict[str, Any]]:
        """What happened to staff since this was last asked, as the log has it."""
        fresh = []
        for organisation in ("municipality-x", "municipality-z"):
            every = staff_entries(self.deployment, organisation)
            fresh += every[self._read.get(organisation, 0) :]
            self._read[organisation] = len(every)
        return fresh

    def refusals(self) -> list[str]:
        """Why logins were refused since."""
        return [one["reason"] for one in self.news() if one["type"] == "staff_login_refused"]

    def steps(self) -> list[str]:
        """What happened since, in short."""
        return [" ".join(filter(None, (one["type"], one.get("scope")))) for one in self.news()]


@contextmanager
def at_provider(database_url: str, folder: Path) -> Iterator[Office]:
    """A furnished service whose client at the provider of staff proves itself by its key."""
    server = free_server()
    base_url = f"http://127.0.0.1:{server.server_port}"
    key_file = folder / "client.pem"
    key_file.write_bytes(CLIENT_KEY.as_pem(private=True))
    callback, told = f"{base_url}/staff/callback", f"{base_url}/staff/backchannel-logout"
    logout = {"backchannel_logout_uri": told, "backchannel_logout_session_required": True}
    client = {
        "token_endpoint_auth_method": "private_key_jwt",
        "post_logout_redirect_uris": [f"{base_url}/staff/goodbye"],
        **logout,
    }
    # What is made for it comes to our addresses all the same: only whom it is for is wrong.
    neighbour = {
        "client_id": NEIGHBOUR,
        "client_secret": STAFF_SECRET,
        "redirect_uris": [callback],
        **logout,
    }
    public = CLIENT_KEY.as_dict(private=False)
    with certified_provider(
        "staff", callback, STAFF_CLIENT, STAFF_SECRET, public, STAFF, client, neighbour
    ) as provider:
        settings = StaffSettings(
            issuer=provider.issuer,
            client_id=STAFF_CLIENT,
            client_secret=None,
            organisation="municipality-x",
            roles=ROLES,
            organisations=ORGANISATIONS,
            org_claim="cvr",
            max_age_seconds=RECENTLY,
            client_authentication="private_key_jwt",
            client_key_file=str(key_file),
            client_key_id="ours",
        )
        clock = MovableClock()
        home = deploy(database_url, folder, base_url=base_url, staff=settings, clock=clock)
        server.app = home.app
        with serving(server):
            try:
                yield Office(home.furnish(), provider, server)
            finally:
                home.close()


@contextmanager
def desk(browser: Browser, office: Office) -> Iterator[Page]:
    """A browser of its own, at the page where staff log in."""
    with phone(browser) as page:
        page.goto(f"{office.base_url}/staff")
        yield page


def log_in(page: Page, who: str = DORTHE.name) -> None:
    press(page, LOGIN)
    press(page, who)


def log_out_at_provider(page: Page, office: Office) -> None:
    """At the provider itself, without a word to us."""
    page.goto(f"{office.provider.issuer}/session/end")
    press(page, "Ja, log ud")


def cookies(page: Page) -> dict[str, str]:
    """Our cookies in this browser: the provider's are on the same host."""
    ours = ("staff", "staff-login")
    kept = page.context.cookies()
    return {one["name"]: one["value"] for one in kept if one["name"] in ours}
