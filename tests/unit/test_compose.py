"""compose.yaml and `.env.example` against the settings the code reads: nothing is left out."""

import json
import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from consent_service.config import BESIDE, setting_names

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "compose.yaml").read_text("utf-8")
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")

NOT_PASSED_ON = {
    "CONSENT_KEYS": "the keys are a file here, so that a rotation needs no restart",
}
SET_HERE = {
    "CONSENT_DATABASE_URL": "the database is this file's own",
    "CONSENT_KEYS_FILE": "a path inside the container, of CONSENT_KEYS_FOLDER",
    "CONSENT_LOG_ANCHOR_FILE": "a path inside the container, on a volume of its own",
}


def given_to_the_service() -> set[str]:
    """The names in the environment of web and worker, which share it."""
    block = COMPOSE.partition("x-application:")[2].partition("\nservices:")[0]
    return set(re.findall(r"^    (CONSENT_[A-Z0-9_]+):", block, re.MULTILINE))


def asked_for() -> set[str]:
    """The variables that compose reads from `.env`."""
    return set(re.findall(r"\$\{(CONSENT_[A-Z0-9_]+)", COMPOSE))


def test_every_setting_is_passed_on_or_has_a_reason() -> None:
    assert given_to_the_service() == setting_names() - NOT_PASSED_ON.keys()
    assert given_to_the_service() - asked_for() == SET_HERE.keys()


def test_each_is_passed_on_under_its_own_name() -> None:
    passed = re.findall(
        r"^    (CONSENT_[A-Z0-9_]+): \$\{(CONSENT_[A-Z0-9_]+)", COMPOSE, re.MULTILINE
    )
    assert len(passed) > 40
    for name, of in passed:
        assert name == of or name.startswith("CONSENT_KEYS"), name


def test_what_compose_needs_beside_the_settings_is_known_to_the_check() -> None:
    assert asked_for() - setting_names() == BESIDE - {"CONSENT_REQUIRE_ALL_SUITES"}


def test_the_example_has_every_variable_once_and_no_value_that_is_secret() -> None:
    lines = re.findall(r"^(#?)(CONSENT_[A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE)
    names = [name for _, name, _ in lines]
    assert sorted(names) == sorted(asked_for())
    assert {value for _, _, value in lines} <= {"", "8000", "1", "no", "30", "15"}
    # What compose stops without stands there to be filled in.
    demanded = set(re.findall(r"\$\{(CONSENT_[A-Z0-9_]+):\?", COMPOSE))
    assert demanded <= {name for sign, name, _ in lines if not sign}


@pytest.mark.parametrize("base_url", ["https://consent.example", "https://consent.example:8443"])
def test_the_containers_health_check_asks_under_the_services_own_name(base_url: str) -> None:
    """So whatever CONSENT_EXTRA_HOSTS says it is answered."""
    (command,) = re.findall(r"HEALTHCHECK .*\\\n +CMD (\[.*\])", (ROOT / "Dockerfile").read_text())
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Host"])
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    _, *arguments = json.loads(command)
    here = f"127.0.0.1:{server.server_address[1]}"
    arguments = [one.replace("127.0.0.1:8000", here) for one in arguments]
    ran = subprocess.run(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], "CONSENT_BASE_URL": base_url},
        capture_output=True,
        text=True,
        check=False,
    )
    server.shutdown()
    server.server_close()
    assert (ran.returncode, asked) == (0, ["consent.example"]), ran.stderr
    assert (
        "CONSENT_EXTRA_HOSTS"
        not in (ROOT / "Dockerfile")
        .read_text()
        .partition("HEALTH")[0]
        .partition("ENV")[2]
        .partition("RUN")[0]
    )
