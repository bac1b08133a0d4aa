"""A revoked client is refused by every worker on its next request: real gunicorn, real processes.

Requests go out on many connections at once, all through, so that every worker holds the token
verified; each request that is sent after the revocation's answer was received must be 401.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from consent_service.cli import cli
from tests.deployment import Deployment
from tests.service_process import (
    EAGER,
    Answer,
    Client,
    ServiceProcess,
    deploy_in_real_time,
    running_service,
)

WORKERS = 3
CALLERS = 12
WARM = 5
"""Requests of each caller before the revocation, so that every worker remembers the token."""

AFTER = 10
"""Requests of each caller after the revocation was answered."""


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[tuple[Deployment, ServiceProcess]]:
    deployment = deploy_in_real_time(database_url, tmp_path)
    options = {"workers": WORKERS, "threads": 8, "gunicorn_settings": EAGER}
    with running_service(deployment, tmp_path, **options) as service:
        yield deployment, service
    deployment.close()


def registered_token(service: ServiceProcess, operator: Client) -> str:
    """A token from the token endpoint, for a client with a secret."""
    body = {
        "id": "journal",
        "organisation": "gp-y",
        "scopes": ["disclosures:write"],
        "auth_method": "client_secret",
    }
    made = operator.post("/v1/clients", body)
    assert made.status == 201, made.body
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            f"http://127.0.0.1:{service.port}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=("journal", made.body["client_secret"]),
            timeout=20,
        )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


class Callers:
    """Threads that ask again and again until each has asked enough after the revocation."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self.warm = threading.Semaphore(0)
        self.revoked_at: float | None = None
        self.stopped = False

    def run(self, _number: int) -> list[Answer]:
        answers: list[Answer] = []
        after = 0
        while after < AFTER and not self.stopped:
            # A connection of its own for each: any worker may take it.
            with closing(Client(self._port, self._token)) as client:
                answers.append(client.get("/v1/disclosures?limit=1"))
            time.sleep(0.01)
            if len(answers) == WARM:
                self.warm.release()
            if self.revoked_at is not None and answers[-1].sent > self.revoked_at:
                after += 1
        return answers


def race(service: ServiceProcess, token: str, revoke: Any) -> tuple[list[int], list[int]]:
    """The statuses of what was answered before the revocation, and of what was sent after."""
    callers = Callers(service.port, token)
    with ThreadPoolExecutor(CALLERS) as pool:
        running = [pool.submit(callers.run, number) for number in range(CALLERS)]
        try:
            for _ in running:
                assert callers.warm.acquire(timeout=60)
            asked_at = time.monotonic()
            revoke()
            callers.revoked_at = done_at = time.monotonic()
            answers = [answer for future in running for answer in future.result(timeout=60)]
        finally:
            callers.stopped = True
    before = [answer.status for answer in answers if answer.received < asked_at]
    after = [answer.status for answer in answers if answer.sent > done_at]
    return before, after


def assert_refused_by_all(before: list[int], after: list[int]) -> None:
    assert set(before) == {200}
    assert len(before) >= WARM * CALLERS
    assert len(after) >= AFTER * CALLERS
    assert set(after) == {401}


def test_a_registered_client(served: tuple[Deployment, ServiceProcess]) -> None:
    _, service = served
    with closing(service.client("operator")) as operator:
        token = registered_token(service, operator)

    def revoke() -> None:
        with closing(service.client("operator")) as operator:
            assert operator.post("/v1/clients/journal/revocation", {}).status == 200

    assert_refused_by_all(*race(service, token, revoke))
    # Nobody else is, and the operator least of all.
    with closing(service.client("operator")) as operator:
        assert operator.get("/v1/clients").status == 200


def test_a_token_made_by_hand_revoked_on_the_command_line(
    served: tuple[Deployment, ServiceProcess],
) -> None:
    """Another process, as from another machine: it shares the database and nothing else."""
    deployment, service = served
    settings = deployment.settings
    environment = {
        "CONSENT_DATABASE_URL": settings.database_url,
        "CONSENT_KEYS_FILE": str(settings.keys_file),
        "CONSENT_BASE_URL": settings.base_url,
        "CONSENT_LOG_ORIGIN": settings.log_origin,
        "CONSENT_LOG_ANCHOR_FILE": str(settings.anchor_file),
        "CONSENT_OIDC_ISSUER": "http://127.0.0.1:9",
        "CONSENT_OIDC_CLIENT_ID": "consent-test",
        "CONSENT_OIDC_CLIENT_SECRET": "made up",
        "CONSENT_OIDC_CPR_CLAIM": "dk.cpr",
    }

    def revoke() -> None:
        arguments = ["clients", "revoke", "gp-y-system", "--org", "gp-y"]
        result = CliRunner(env=environment).invoke(cli, arguments)
        assert result.exit_code == 0, result.output

    assert_refused_by_all(*race(service, service.token("gp-y"), revoke))
    with closing(service.client("municipality-x")) as somebody_else:
        assert somebody_else.get("/v1/disclosures").status == 200
