"""Ten thousand wrong link tokens against four workers, and a parent who signs meanwhile.

The parent comes from the very address that the guesses come from.
"""

import secrets
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent_service.demo.browser import Browser
from consent_service.identity.attempts import LIMITS
from consent_service.persistence.access.tables import failed_attempt
from consent_service.persistence.signatures.tables import signing_session
from mitid_stand_in import Person, running
from tests.deployment import MOTHER, Deployment, deploy
from tests.integration.raw_http import read, request
from tests.service_process import EAGER, RealClock, ServiceProcess, free_port, running_service

GUESSES = 10_000
CLIENTS = 40
WORKERS = 4
CLIENT_ID, CLIENT_SECRET = "consent-test", "made up"


@dataclass
class Guesser:
    """One connection, kept open, and the wrong tokens sent over it; none is ever sent twice."""

    port: int
    count: int
    statuses: Counter[int] = field(default_factory=Counter)
    pages: set[bytes] = field(default_factory=set)
    cookies: int = 0

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            for _ in range(self.count):
                path = f"/sign/{secrets.token_urlsafe(32)}"
                connection.sendall(request("GET", path, "localhost"))
                self._take(_one_answer(connection))

    def _take(self, received: bytes) -> None:
        answer = read(received)
        self.statuses[answer.status] += 1
        self.pages.add(received.partition(b"\r\n\r\n")[2])
        self.cookies += bool(answer.header("Set-Cookie") or answer.header("Location"))
        if answer.status == 429:
            assert 1 <= int(answer.header("Retry-After")) <= 60


def _one_answer(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(read(head + b"\r\n\r\n").header("Content-Length"))
    while len(body) < length:
        body += _some(connection)
    return head + b"\r\n\r\n" + body


def _some(connection: socket.socket) -> bytes:
    chunk = connection.recv(65536)
    assert chunk, "the service hung up"
    return chunk


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def deployment(fresh_postgres_url: str, tmp_path: Path, port: int) -> Iterator[Deployment]:
    base_url = f"http://127.0.0.1:{port}"
    deployment = deploy(fresh_postgres_url, tmp_path, base_url=base_url, clock=RealClock())
    yield deployment.furnish()
    deployment.close()


@pytest.fixture
def service(deployment: Deployment, tmp_path: Path, port: int) -> Iterator[ServiceProcess]:
    people = [Person(MOTHER, "Mette Mor", "Almas mor")]
    redirect = f"{deployment.settings.base_url}/sign/callback/mitid"
    with running(people, CLIENT_ID, CLIENT_SECRET, redirect) as issuer:
        environment = {"CONSENT_OIDC_ISSUER": issuer}
        options = {
            "workers": WORKERS,
            "port": port,
            "environment": environment,
            "gunicorn_settings": EAGER,
        }
        with running_service(deployment, tmp_path, **options) as service:
            yield service


def _sign(url: str) -> float:
    """Follow a link, log in, give consent; the seconds it took."""
    begun = time.monotonic()
    mette = Browser()
    mette.open(url)
    mette.press("/sign/login")
    mette.press("", button="Mette Mor")
    mette.press("/sign/grant")
    assert mette.status == 200
    assert "Tak. Dit samtykke er gemt." in mette.text
    mette.close()
    return time.monotonic() - begun


def test_ten_thousand_wrong_tokens(deployment: Deployment, service: ServiceProcess) -> None:
    links = []
    for number in range(3):
        child = {"cpr": f"010317432{number}", "name": "Barn", "birth_date": "2017-03-01"}
        asked = deployment.ask(child=child)
        links.append(asked["signatories"][0]["signing_url"])
    guessers = [Guesser(service.port, GUESSES // CLIENTS) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        flood = [pool.submit(guesser.run) for guesser in guessers]
        took = [_sign(url) for url in links]
        meanwhile = sum(guesser.statuses.total() for guesser in guessers)
        for one in flood:
            one.result()
    statuses = sum((guesser.statuses for guesser in guessers), Counter())
    assert statuses.total() == GUESSES
    assert set(statuses) == {404, 429}, statuses
    # Fixed windows: a flood of some seconds touches two at most.
    assert statuses[404] <= 2 * LIMITS["link"].amount
    assert sum(guesser.cookies for guesser in guessers) == 0
    assert len(set().union(*(guesser.pages for guesser in guessers))) == 1
    assert meanwhile < GUESSES, "the parents signed while the flood went on"
    assert max(took) < 20, took
    with deployment.parts.units.engine.connect() as connection:
        # A parent's link makes one session, and the login a new one in its place.
        sessions = connection.scalar(sa.select(sa.func.count()).select_from(signing_session))
        assert sessions == len(links)
        counted = connection.execute(sa.select(failed_attempt.c["count"])).scalars().all()
        assert sum(counted) <= 2 * (LIMITS["link"].amount + WORKERS * 4)
