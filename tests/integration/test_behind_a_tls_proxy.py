"""Behind a proxy that ends TLS: cookies, links, redirects and addresses are still right."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from consent_service.identity.attempts import LIMITS
from tests.deployment import Deployment, deploy
from tests.hardening import flaws
from tests.integration.tls_proxy import tls_proxy
from tests.service_process import EAGER, RealClock, ServiceProcess, free_port, running_service


@dataclass
class Public:
    """The service as a family's browser meets it."""

    deployment: Deployment
    service: ServiceProcess
    session: requests.Session

    @property
    def base_url(self) -> str:
        return self.deployment.settings.base_url

    def get(self, path: str, **headers: str) -> requests.Response:
        url = path if path.startswith("https://") else f"{self.base_url}{path}"
        return self.session.get(url, headers=headers, timeout=20, allow_redirects=False)


@pytest.fixture
def public(sqlite_url: str, tmp_path: Path) -> Iterator[Public]:
    listening, behind = free_port(), free_port()
    base_url = f"https://localhost:{listening}"
    deployment = deploy(sqlite_url, tmp_path, base_url=base_url, clock=RealClock()).furnish()
    environment = {"CONSENT_TRUSTED_PROXIES": "1", "CONSENT_EXTRA_HOSTS": "10.0.0.9"}
    options = {"port": behind, "environment": environment, "gunicorn_settings": EAGER}
    with (
        running_service(deployment, tmp_path, **options) as service,
        tls_proxy(tmp_path, listening, behind) as certificate,
        requests.Session() as session,
    ):
        session.trust_env = False
        session.verify = str(certificate)
        yield Public(deployment, service, session)
    deployment.close()


def test_a_link_opens_over_tls_and_its_cookie_stays_there(public: Public) -> None:
    link = public.deployment.ask()["signatories"][0]["signing_url"]
    assert link.startswith(f"{public.base_url}/sign/")
    followed = public.get(link)
    assert (followed.status_code, followed.headers["Location"]) == (303, "/sign/")
    cookie = followed.headers["Set-Cookie"]
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert cookie.startswith("__Host-signing=")
    assert parts == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
    assert public.get("/sign/").status_code == 200
    for answer in (followed, public.get("/nowhere"), public.get("/healthz")):
        assert flaws(list(answer.headers.items()), "", is_https=True) == []


def test_logging_out_makes_the_browser_forget(public: Public) -> None:
    public.get(public.deployment.ask()["signatories"][0]["signing_url"])
    found = re.search(r'name="form_token" value="([^"]+)"', public.get("/sign/").text)
    assert found is not None
    answer = public.session.post(
        f"{public.base_url}/sign/logout", {"form_token": found[1]}, timeout=20
    )
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert public.get("/sign/").status_code == 404


def test_every_family_has_its_own_limit_and_cannot_choose_it(public: Public) -> None:
    """The caller's own X-Forwarded-For comes first; the proxy's word is the last."""
    statuses = [
        public.get("/sign/guess", **{"X-Forwarded-For": f"203.0.113.{number}"}).status_code
        for number in range(LIMITS["link"].amount + 1)
    ]
    assert statuses == [404] * LIMITS["link"].amount + [429]


def test_what_the_caller_says_of_host_and_scheme_changes_no_address(public: Public) -> None:
    odd = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example;proto=http"}
    for path in ("/sign", "/sign/", "//sign//", "/docs", "/openapi.json", "/v1/consents"):
        answer = public.get(path, **odd)
        assert "evil.example" not in answer.text + str(answer.headers)
    assert public.get("/healthz", Host="evil.example").status_code == 400
    assert public.get("/healthz", Host="10.0.0.9:8000").status_code == 200
