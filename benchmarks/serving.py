"""The processes that are measured: a throw-away PostgreSQL, gunicorn twice alike, the worker."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import sqlalchemy as sa

from consent_service.identity.bearer import issue_token
from consent_service.persistence.kernel.migrate import upgrade
from consent_service.services.kernel.model import Caller
from tests.deployment import ALL_SCOPES, PURPOSE, Deployment
from tests.postgres_cluster import Cluster, PostgresFailed, find_binaries, running_cluster
from tests.service_process import deploy_in_real_time

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
WORKERS, THREADS = 2, 4
OVERLAPPING_PURPOSES = 4


@dataclass(frozen=True)
class Bench:
    """A migrated and furnished database, and the deployment that runs on it."""

    cluster: Cluster
    deployment: Deployment
    folder: Path

    @property
    def url(self) -> str:
        """The database as SQLAlchemy names it."""
        return self.deployment.settings.database_url

    @property
    def conninfo(self) -> str:
        """The same as psycopg takes it."""
        return self.url.replace("postgresql+psycopg://", "postgresql://")

    def environment(self) -> dict[str, str]:
        """What the service reads; the signers' login is never asked here."""
        settings = self.deployment.settings
        return {
            "CONSENT_DATABASE_URL": settings.database_url,
            "CONSENT_KEYS_FILE": str(settings.keys_file),
            "CONSENT_BASE_URL": settings.base_url,
            "CONSENT_LOG_ORIGIN": settings.log_origin,
            "CONSENT_LOG_ANCHOR_FILE": str(settings.anchor_file),
            "CONSENT_OIDC_ISSUER": "http://127.0.0.1:9",
            "CONSENT_OIDC_CLIENT_ID": "benchmark",
            "CONSENT_OIDC_CLIENT_SECRET": "made up",
            "CONSENT_OIDC_CPR_CLAIM": "dk.cpr",
        }

    def token(self, organisation: str) -> str:
        """A token of one organisation's system, good for a day."""
        parts, settings = self.deployment.parts, self.deployment.settings
        now = datetime.now(UTC)
        return issue_token(
            parts.keys.signing["token"],
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            caller=Caller(organisation, f"{organisation}-system", ALL_SCOPES),
            issued_at=now - timedelta(minutes=1),
            expires_at=now + timedelta(days=1),
            token_id=str(uuid4()),
        )

    def settle(self) -> None:
        """Up-to-date statistics, and no checkpoint or vacuum left over from loading."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def wait_for_sequencer(self, patience_seconds: float = 300) -> float:
        """Wait until every entry is in the tree, so that nobody pays for another's entries."""
        began = time.monotonic()
        with self.deployment.parts.units.engine.connect() as connection:
            while connection.scalar(sa.text("SELECT EXISTS (SELECT FROM log_pending)")):
                connection.rollback()
                if time.monotonic() - began > patience_seconds:
                    raise RuntimeError("the sequencer does not keep up")
                time.sleep(0.1)
        return time.monotonic() - began


@contextmanager
def new_bench() -> Iterator[Bench]:
    """A cluster of its own with a furnished database, gone afterwards."""
    binaries = find_binaries()
    if binaries is None:
        raise PostgresFailed("no server binaries; install Debian's postgresql package")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="consent-bench-")))
        cluster = stack.enter_context(running_cluster(binaries))
        url = cluster.url(cluster.create_database())
        upgrade(url)
        deployment = deploy_in_real_time(url, folder)
        stack.callback(deployment.close)
        # Every decision reads the overlaps: as many as a region with several purposes may have.
        for number in range(OVERLAPPING_PURPOSES):
            deployment.register(f"purpose-{number}", PURPOSE)
        yield Bench(cluster, deployment, folder)


@contextmanager
def gunicorn(
    app: str, environment: Mapping[str, str], folder: Path, ready: str | None = None
) -> Iterator[int]:
    """Serve an application, whichever it is, with the same workers and options; its port."""
    port = _free_port()
    shared = Path("/dev/shm")
    arguments = [
        *("-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"),
        *("--workers", str(WORKERS), "--threads", str(THREADS)),
        *("--worker-tmp-dir", str(shared if shared.is_dir() else folder)),
        *("--log-level", "warning", "--no-control-socket"),
    ]
    with _process(arguments, environment, folder / f"gunicorn-{port}.log") as process:
        _wait_until_open(process, port, ready)
        yield port


@contextmanager
def sequencing_worker(bench: Bench) -> Iterator[None]:
    """`consent-service worker`, beside the requests as in production."""
    arguments = ["-m", "consent_service.cli", "worker"]
    with _process(arguments, bench.environment(), bench.folder / "worker.log") as process:
        yield
        if process.poll() is not None:
            raise RuntimeError("the worker ended by itself")


@contextmanager
def _process(
    arguments: list[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as written:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={"PATH": os.environ.get("PATH", os.defpath), **environment},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_open(process: subprocess.Popen[bytes], port: int, path: str | None) -> None:
    patience = time.monotonic() + START_SECONDS
    while time.monotonic() < patience and process.poll() is None:
        probe = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        with suppress(OSError):
            probe.request("GET", path or "/")
            if path is None or probe.getresponse().status == 200:
                probe.close()
                return
        probe.close()
        time.sleep(0.05)
    raise RuntimeError("gunicorn did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
