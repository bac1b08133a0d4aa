"""A real service in processes of its own: gunicorn on a database, killed as hard as one likes."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from consent_service.identity.bearer import issue_token
from consent_service.persistence.log.tables import log_pending
from consent_service.services.kernel.model import Caller
from consent_service.wiring import Parts
from tests.deployment import ALL_SCOPES, Deployment, SettableClock, deploy
from tests.privacy import WATCH
from tests.warm_start import WarmProcess

START_SECONDS = 60
EAGER = "tests.integration.eager_gunicorn"
"""For services with many workers."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RealClock(SettableClock):
    """This machine's clock."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class Answer:
    """An answer, with the monotonic times between which it was asked and received."""

    status: int
    body: Any
    sent: float
    received: float

    @property
    def reasons(self) -> set[str]:
        """The codes of a denial."""
        return {reason["code"] for reason in self.body["reasons"]}


class Client:
    """One connection, kept open, with one organisation's token."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._token = token

    def post(self, path: str, body: Any, key: str | None = None) -> Answer:
        return self._ask("POST", path, body, {"Idempotency-Key": key or str(uuid4())})

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, {})

    def _ask(self, method: str, path: str, body: Any, more: Mapping[str, str]) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}", **more}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body)
        sent = time.monotonic()
        self._connection.request(method, path, content, headers)
        response = self._connection.getresponse()
        answered = response.read()
        return Answer(response.status, json.loads(answered or b"null"), sent, time.monotonic())

    def close(self) -> None:
        self._connection.close()


@dataclass
class ServiceProcess:
    """The processes of one service: a master and its workers, in a process group of their own."""

    deployment: Deployment
    folder: Path
    workers: int = 2
    threads: int = 4
    environment: Mapping[str, str] = field(default_factory=dict)
    offset: timedelta = timedelta(0)
    port: int = field(default_factory=free_port)
    gunicorn_settings: str = "consent_service.gunicorn_settings"
    is_warm: bool = False
    """Started from a process that has its modules imported already."""

    _process: subprocess.Popen[bytes] | WarmProcess | None = None

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    def settings_in_environment(self) -> dict[str, str]:
        """What a process of this deployment is started with."""
        settings = self.deployment.settings
        # `offset` bends this process's clock alone; waiting and file times stay as they are.
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "CONSENT_DATABASE_URL": settings.database_url,
            "CONSENT_KEYS_FILE": str(settings.keys_file),
            "CONSENT_BASE_URL": settings.base_url,
            "CONSENT_LOG_ORIGIN": settings.log_origin,
            "CONSENT_LOG_ANCHOR_FILE": str(settings.anchor_file),
            "CONSENT_OIDC_ISSUER": "http://127.0.0.1:9",
            "CONSENT_OIDC_CLIENT_ID": "consent-test",
            "CONSENT_OIDC_CLIENT_SECRET": "made up",
            "CONSENT_OIDC_CPR_CLAIM": "dk.cpr",
            **self.environment,
        }

    def start(self) -> None:
        """Start gunicorn and wait until it is ready."""
        arguments = [
            *("-c", f"python:{self.gunicorn_settings}", "--bind", f"127.0.0.1:{self.port}"),
            *("--workers", str(self.workers), "--threads", str(self.threads)),
            *("--log-level", "warning"),
        ]
        if self.is_warm:
            self._process = WarmProcess(arguments, self.settings_in_environment(), self.log)
        else:
            self._process = self._start_cold(arguments)
        self._wait_until_ready()

    def _start_cold(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *arguments],
                cwd=Path(__file__).resolve().parent.parent,
                env=self.settings_in_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End master and workers at once, as a power cut would."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def report(self) -> None:
        """Hand what the service wrote to whoever watches for personal data."""
        WATCH.sections.append(("the log of a service process", self.log.read_text("utf-8")))

    def client(self, organisation: str = "gp-y") -> Client:
        return Client(self.port, self.token(organisation))

    def token(self, organisation: str) -> str:
        """A token issued on the service's own clock."""
        parts, settings = self.deployment.parts, self.deployment.settings
        now = datetime.now(UTC) + self.offset
        return issue_token(
            parts.keys.signing["token"],
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            caller=Caller(organisation, f"{organisation}-system", ALL_SCOPES),
            issued_at=now - timedelta(minutes=1),
            expires_at=now + timedelta(hours=1),
            token_id=str(uuid4()),
        )

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        patience = time.monotonic() + START_SECONDS
        while time.monotonic() < patience and self._process.poll() is None:
            probe = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                probe.request("GET", "/readyz")
                if probe.getresponse().status == 200:
                    return
            except OSError:
                pass
            finally:
                probe.close()
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"the service did not start:\n{self.log.read_text()[-2000:]}")


@contextmanager
def running_service(
    deployment: Deployment, folder: Path, **options: Any
) -> Iterator[ServiceProcess]:
    """A service that is ready, and gone afterwards."""
    service = ServiceProcess(deployment, folder, **options)
    service.start()
    try:
        yield service
    finally:
        service.kill()
        service.report()


def deploy_in_real_time(database_url: str, folder: Path, **options: Any) -> Deployment:
    """A furnished deployment on this machine's clock, for the test process's own side."""
    return deploy(database_url, folder, clock=RealClock(datetime.now(UTC)), **options).furnish()


def integrate_everything(parts: Parts) -> None:
    """Wait until every entry is in the tree, whoever puts it there.

    A run that does nothing is no proof: a web process may hold the turn at that moment.
    """
    patience = time.monotonic() + START_SECONDS
    while _is_any_pending(parts):
        assert time.monotonic() < patience, "entries wait for the tree and nobody takes them"
        if parts.sequencer.run_once() == 0:
            time.sleep(0.05)


def _is_any_pending(parts: Parts) -> bool:
    with parts.units.engine.connect() as connection:
        return bool(connection.scalar(sa.select(sa.exists(sa.select(log_pending)))))
