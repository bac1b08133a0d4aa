"""A certified OpenID provider in a process of its own, speaking like one broker or for staff."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from mitid_stand_in import Person

FOLDER = Path(__file__).parent
OLDEST_NODE = 20


def why_not_here() -> str | None:
    """Why the suite cannot run on this machine, or None; the packages are fetched when missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "no Node.js with npm; install Debian's nodejs and npm packages"
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    if int(said.stdout.lstrip("v").split(".")[0]) < OLDEST_NODE:
        return f"Node.js is older than {OLDEST_NODE}"
    # One process of the tests fetches, and the others wait for it.
    with (FOLDER / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _installed() or (_fetch(npm) and _installed()):
            return None
    return "npm could not fetch oidc-provider"


def _fetch(npm: str) -> bool:
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode == 0


def _installed() -> bool:
    """Whether what is installed is what the lock file names."""
    package = FOLDER / "node_modules" / "oidc-provider" / "package.json"
    locked = json.loads((FOLDER / "package-lock.json").read_text())
    wanted = locked["packages"]["node_modules/oidc-provider"]["version"]
    return package.exists() and json.loads(package.read_text())["version"] == wanted


@dataclass(frozen=True)
class CertifiedProvider:
    """A running provider."""

    issuer: str

    def shall(self, **changes: str | int | bool | None) -> None:
        """What the next login is like: level, ageSeconds, withoutCpr, forNeighbour."""
        with requests.Session() as session:
            session.trust_env = False
            session.post(f"{self.issuer}/control", json=changes, timeout=5).raise_for_status()


@contextmanager
def certified_provider(
    dialect: str,
    redirect_uri: str,
    client_id: str,
    client_secret: str,
    client_key: dict[str, str],
    people: Sequence[Person],
    client: Mapping[str, Any] | None = None,
    neighbour: Mapping[str, Any] | None = None,
) -> Iterator[CertifiedProvider]:
    """Start it, and end it afterwards. `client` and `neighbour` are more metadata of clients."""
    config = {
        "dialect": dialect,
        "redirectUri": redirect_uri,
        "clientId": client_id,
        "clientSecret": client_secret,
        "clientKey": client_key,
        "client": client or {},
        "neighbour": neighbour,
        "people": [
            {"sub": one.subject, "cpr": one.cpr, "name": one.name, "claims": dict(one.claims)}
            for one in people
        ],
    }
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            ["node", "provider.mjs"],
            cwd=FOLDER,
            env={**os.environ, "NODE_ENV": "test", "NODE_NO_WARNINGS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(config))
            process.stdin.close()
            issuer = process.stdout.readline().strip()
            if not issuer.startswith("http://127.0.0.1:"):
                errors.seek(0)
                raise AssertionError(f"the provider did not start: {errors.read()[-2000:]}")
            yield CertifiedProvider(issuer)
        finally:
            process.terminate()
            process.wait(10)
            errors.seek(0)
            print(errors.read()[-4000:])  # noqa: T201 - pytest shows it where a test fails
