"""The processes of the demo: the service, its worker, and stand-ins for both its providers."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests
import sqlalchemy as sa

from consent_service.demo.world import CONTROLLER, STAFF, STAFF_ROLES, Person
from consent_service.errors import Misconfigured
from consent_service.persistence.kernel.database import engine_options, prepare
from consent_service.persistence.kernel.migrate import upgrade
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.data_keys import check_keys_fit
from consent_service.persistence.keys.document import KeyFile
from consent_service.persistence.keys.sealing import KeyRing

HOST = "127.0.0.1"
PATIENCE_SECONDS = 60
CLIENT = "consent-service-demo"
STAFF_CLIENT = "consent-service-demo-staff"


@dataclass(frozen=True)
class Running:
    """A demo that is up: where it is, where its files lie, its settings as an environment."""

    base_url: str
    folder: Path
    environment: Mapping[str, str]


@contextlib.contextmanager
def demo_running(
    people: Sequence[Person], folder: Path, database_url: str | None, port: int
) -> Iterator[Running]:
    """Start everything in a fresh folder, and stop it all again."""
    try:
        from mitid_stand_in import Person as Listed  # noqa: PLC0415
        from mitid_stand_in import running as stand_in  # noqa: PLC0415 - not in the wheel
    except ImportError:
        raise Misconfigured(
            "the demo needs the repository: its stand-in for MitID is not part of the product"
        ) from None
    folder = folder.absolute()
    _fresh(folder)
    port = port or _free_port()
    base_url = f"http://{HOST}:{port}"
    secret = secrets.token_urlsafe(24)
    url = database_url or f"sqlite:///{folder / 'demo.db'}"
    changes.create(KeyFile(folder / "keys.json"), datetime.now(UTC))
    upgrade(url)
    _check_empty(url, folder / "keys.json")
    listed = [Listed(p.cpr, p.name, f"born {p.born:%d.%m.%Y}") for p in people]
    staff = [Listed(None, e.name, e.description, {"roles": [e.role_value]}) for e in STAFF]
    with (
        stand_in(listed, CLIENT, secret, f"{base_url}/sign/callback/mitid") as issuer,
        stand_in(staff, STAFF_CLIENT, secret, f"{base_url}/staff/callback") as staff_issuer,
    ):
        environment = {
            "CONSENT_DATABASE_URL": url,
            "CONSENT_KEYS_FILE": str(folder / "keys.json"),
            "CONSENT_LOG_ANCHOR_FILE": str(folder / "log.anchor"),
            "CONSENT_BASE_URL": base_url,
            "CONSENT_OIDC_ISSUER": issuer,
            "CONSENT_OIDC_CLIENT_ID": CLIENT,
            "CONSENT_OIDC_CLIENT_SECRET": secret,
            "CONSENT_OIDC_CPR_CLAIM": "dk.cpr",
            "CONSENT_STAFF_OIDC_ISSUER": staff_issuer,
            "CONSENT_STAFF_OIDC_CLIENT_ID": STAFF_CLIENT,
            "CONSENT_STAFF_OIDC_CLIENT_SECRET": secret,
            "CONSENT_STAFF_ORGANISATION": CONTROLLER,
            "CONSENT_STAFF_ROLES": json.dumps({"roles": STAFF_ROLES}),
        }
        with contextlib.ExitStack() as stack:
            log = stack.enter_context((folder / "service.log").open("w"))
            _process(stack, ["serve", "--bind", f"{HOST}:{port}"], environment, log.fileno())
            _process(stack, ["worker"], environment, log.fileno())
            _wait_until_ready(base_url, folder)
            yield Running(base_url, folder, environment)


def command(running: Running, *arguments: str) -> None:
    """Run a command as the operator does. Raises Misconfigured with what it said."""
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "consent_service.cli", *arguments],
        env={**os.environ, **running.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise Misconfigured(f"consent-service {' '.join(arguments)}: {ran.stderr.strip()}")


def _fresh(folder: Path) -> None:
    if folder.exists() and not (folder / "keys.json").exists() and any(folder.iterdir()):
        raise Misconfigured(f"{folder} holds something else: name another folder for the demo")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _check_empty(url: str, keys_file: Path) -> None:
    """Each demo has keys of its own: a database that others were used for cannot be read."""
    engine = prepare(sa.create_engine(url, **engine_options(url)))
    try:
        check_keys_fit(engine, KeyRing(KeyFile(keys_file).read().key_encryption))
    except Misconfigured:
        raise Misconfigured("the demo needs an empty database: this one is in use") from None
    finally:
        engine.dispose()


def _process(
    stack: contextlib.ExitStack, command: list[str], environment: Mapping[str, str], log: int
) -> None:
    started = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "consent_service.cli", *command],
        env={**os.environ, **environment},
        stdout=log,
        stderr=log,
    )

    def stop() -> None:
        started.terminate()
        try:
            started.wait(timeout=15)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()

    stack.callback(stop)


def _wait_until_ready(base_url: str, folder: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(requests.RequestException), requests.Session() as session:
            session.trust_env = False
            if session.get(f"{base_url}/readyz", timeout=2).ok:
                return
        time.sleep(0.1)
    raise Misconfigured(f"the service did not start: see {folder / 'service.log'}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
