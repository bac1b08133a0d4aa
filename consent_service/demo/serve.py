"""`consent-service demo`: everything up, and printed what to open."""

import random
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from consent_service.demo.furnish import (
    CASEWORKER_SCOPES,
    DPO_SCOPES,
    Asked,
    ask,
    furnish,
    token_for,
)
from consent_service.demo.running import Running, demo_running
from consent_service.demo.world import CONTROLLER, DOCTOR, PURPOSE, STAFF, families

Say = Callable[[str], None]


def serve_demo(folder: Path, database_url: str | None, port: int, say: Say) -> None:
    """Run the demo until it is interrupted."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    today = datetime.now(UTC).date()
    everybody = families(today, random.SystemRandom())
    people = [person for family in everybody for person in family.people]
    with demo_running(people, folder, database_url, port) as running:
        furnish(running)
        asked = [ask(running, family) for family in everybody]
        for line in _what_to_open(running, asked):
            say(line)
        stop.wait()
        say("Stopping …")


def _what_to_open(running: Running, asked: list[Asked]) -> list[str]:
    lines = [
        "",
        f"The service is at {running.base_url}, its interface at {running.base_url}/docs",
        "Everybody here is made up, and the login is a stand-in for MitID: DEMO ONLY.",
        "",
        "Open a link as the person it was sent to, and log in as the same person:",
    ]
    for one in asked:
        lines += ["", f"  {one.family.story}:"]
        lines += [f"    {name:12} {url}" for name, url in one.links.items()]
    caseworker = token_for(running, CONTROLLER, CASEWORKER_SCOPES)
    dpo = token_for(running, CONTROLLER, DPO_SCOPES)
    doctor = token_for(running, "laegehuset-y", CASEWORKER_SCOPES)
    first = asked[0]
    body = (
        f'{{"child": {{"cpr": "{first.family.child.cpr}"}}, "sender": "laegehuset-y", '
        f'"recipient": "{CONTROLLER}", "purpose": "{PURPOSE}", "categories": ["health"], '
        '"legal_basis": {"type": "consent"}, "channel": "meeting", '
        f'"performed_by": {{"id": "{DOCTOR["id"]}", "name": "{DOCTOR["name"]}"}}}}'
    )
    url = running.base_url
    lines += [
        "",
        "A caseworker looks how far the first family has come:",
        "",
        f"  curl -H 'Authorization: Bearer {caseworker}' {url}/v1/consents/{first.consent['id']}",
        "",
        "A doctor asks to tell the municipality something (denied until both parents signed):",
        "",
        f"  curl -H 'Authorization: Bearer {doctor}' -H 'Content-Type: application/json' \\",
        f'    -H "Idempotency-Key: $(date +%s%N)" {url}/v1/disclosures \\',
        f"    -d '{body}'",
        "",
        "The data-protection officer reads the log:",
        "",
        f"  curl -H 'Authorization: Bearer {dpo}' {url}/v1/audit/entries",
        "",
        f"Staff log in at {url}/staff: as {STAFF[0].name}, its data-protection officer, or others.",
        "",
        "Stop with Ctrl-C.",
    ]
    return lines
