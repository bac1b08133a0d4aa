"""`consent-service demo --play`: the whole story over real HTTP, until a step does not hold."""

import base64
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from consent_service.audit.checkpoint import verify_checkpoint
from consent_service.audit.merkle import verify_consistency
from consent_service.audit.origins import Origins
from consent_service.audit.receipt import verify_receipt
from consent_service.demo.browser import Browser
from consent_service.demo.furnish import CASEWORKER_SCOPES, Asked, ask, furnish, token_for
from consent_service.demo.municipality import System
from consent_service.demo.running import Running, demo_running
from consent_service.demo.tampering import tampered_copy_is_detected, verify_own_log
from consent_service.demo.world import CONTROLLER, DOCTOR, PURPOSE, Family, families
from consent_service.errors import ConsentServiceError
from consent_service.signing.keys import KeySet

Say = Callable[[str], None]
DOCTORS = "laegehuset-y"
PROOF_PATIENCE_SECONDS = 20


class StepFailed(ConsentServiceError):
    """A step of the story did not hold."""

    code = "demo_step_failed"


def play(folder: Path, database_url: str | None, say: Say) -> None:
    """Walk the story on a fresh service. Raises StepFailed."""
    family = families(datetime.now(UTC).date(), random.SystemRandom())[1]
    with demo_running(family.people, folder, database_url, port=0) as running:
        furnish(running)
        story = _Story(running, family, say)
        try:
            story.tell()
        finally:
            story.close()


@dataclass
class _Story:
    running: Running
    family: Family
    say: Say

    def __post_init__(self) -> None:
        url = self.running.base_url
        self._doctors = System(url, token_for(self.running, DOCTORS, CASEWORKER_SCOPES))
        self._municipality = System(url, token_for(self.running, CONTROLLER, CASEWORKER_SCOPES))
        self._browsers: dict[str, Browser] = {}

    def tell(self) -> None:
        """The story, step by step."""
        asked = ask(self.running, self.family, categories=["identity", "health", "school"])
        self._holds(len(asked.links) == 3, "asked: two parents and the 15-year-old must sign")
        self._disclose("health", 403, "no_consent", "before anybody signed")
        for name, link in asked.links.items():
            self._sign(name, link)
        self._holds(self._status(asked) == "in_force", "the consent is in force")
        self._disclose("health", 201, None, "health information")
        self._disclose("earlier-measures", 403, "category_not_covered", "what nobody asked about")
        checkpoint = self._fetch("/log/checkpoint").text
        name = self.family.holders[0].name
        self._withdraw(name)
        self._disclose("health", 403, "withdrawn", "after the withdrawal")
        self._check_receipts(asked)
        self._check_growth(checkpoint)
        self._check_log()

    def close(self) -> None:
        """Close every connection."""
        closing: list[System | Browser] = [self._doctors, self._municipality]
        for one in [*closing, *self._browsers.values()]:
            one.close()

    def _sign(self, name: str, link: str) -> None:
        browser = self._browsers[name] = Browser()
        browser.open(link)
        self._holds(self.family.child.name not in browser.text, "the link's page names no child")
        self._log_in(browser, name)
        browser.press("/sign/grant")
        self._holds(browser.status == 200, f"{name} logged in and granted")

    def _log_in(self, browser: Browser, name: str) -> None:
        browser.press("/sign/login")
        browser.press("", button=name)

    def _withdraw(self, name: str) -> None:
        browser = self._browsers[name]
        browser.open(f"{self.running.base_url}/sign/")
        browser.press("/sign/decline")
        self._holds(browser.status == 200, f"{name} withdrew with one button")

    def _disclose(self, category: str, status: int, reason: str | None, what: str) -> None:
        body = {
            "child": {"cpr": self.family.child.cpr},
            "sender": DOCTORS,
            "recipient": CONTROLLER,
            "purpose": PURPOSE,
            "categories": [category],
            "legal_basis": {"type": "consent"},
            "channel": "meeting",
            "performed_by": DOCTOR,
        }
        answer = self._doctors.post("/v1/disclosures", body)
        codes = {given["code"] for given in answer.json().get("reasons", [])}
        held = answer.status_code == status and (reason is None or reason in codes)
        verdict = "permitted" if status == 201 else f"denied ({reason})"
        self._holds(held, f"the doctor's disclosure is {verdict}: {what}")

    def _status(self, asked: Asked) -> str:
        answer = self._municipality.get(f"/v1/consents/{asked.consent['id']}")
        status: str = answer.json()["status"]
        return status

    def _fetch(self, path: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(self.running.base_url + path, timeout=20)
        answer.raise_for_status()
        return answer

    def _published(self) -> tuple[KeySet, str]:
        keys = KeySet.from_jwks(self._fetch("/.well-known/jwks.json").json())
        return keys, self._fetch("/.well-known/consent-log.json").json()["origin"]

    def _check_receipts(self, asked: Asked) -> None:
        keys, origin = self._published()
        until = time.monotonic() + PROOF_PATIENCE_SECONDS
        name = self.family.holders[0].name
        while True:
            receipt = self._municipality.get(f"/v1/consents/{asked.consent['id']}/receipt").content
            report = verify_receipt(receipt, keys, Origins.named(origin), datetime.now(UTC))
            if report.exit_code == 0 or time.monotonic() > until:
                break
            time.sleep(0.2)
        acts = len(report.statements)
        self._holds(
            report.exit_code == 0 and acts == 4, f"the receipt's {acts} seals and proofs verify"
        )
        own = self._browsers[name].download("/sign/receipt")
        report = verify_receipt(own, keys, Origins.named(origin), datetime.now(UTC))
        self._holds(
            report.exit_code == 0 and len(report.statements) == 2,
            f"{name}'s own receipt verifies, and holds only their own acts",
        )

    def _check_growth(self, kept: str) -> None:
        keys, origin = self._published()
        old = verify_checkpoint(kept, origin, keys)
        new = verify_checkpoint(self._fetch("/log/checkpoint").text, origin, keys)
        proof = self._fetch(f"/log/consistency?old={old.size}&new={new.size}").json()["path"]
        path = [base64.b64decode(one, validate=True) for one in proof]
        verify_consistency(old.size, old.root, new.size, new.root, path)
        self._holds(
            new.size > old.size,
            f"the log grew from {old.size} to {new.size} entries and lost none",
        )

    def _check_log(self) -> None:
        report = verify_own_log(self.running)
        self._holds(not report.findings, f"the whole log verifies ({report.entries} entries)")
        found = tampered_copy_is_detected(self.running)
        self._holds(
            bool(found), f"a withdrawal deleted from a copy of the database is found: {found}"
        )

    def _holds(self, held: bool, what: str) -> None:
        if not held:
            raise StepFailed(f"this step does not hold: {what}")
        self.say(f"✓ {what}")
