"""Fills an empty service over its own interface: parties, template, families and their links."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from consent_service.config import Settings
from consent_service.demo.municipality import System
from consent_service.demo.running import Running, command
from consent_service.demo.world import CATEGORIES, CONTROLLER, ORGANISATIONS, PURPOSE, Family
from consent_service.errors import Misconfigured
from consent_service.identity.bearer import issue_token
from consent_service.persistence.keys.document import KeyFile
from consent_service.persistence.units import new_id
from consent_service.services.kernel.model import Caller

OPERATOR_SCOPES = ("organisations:write",)
CASEWORKER_SCOPES = (
    "consents:write",
    "consents:read",
    "withdrawals:write",
    "disclosures:write",
    "decisions:read",
    "templates:write",
)
DPO_SCOPES = ("audit:read",)


@dataclass(frozen=True)
class Asked:
    """A family that was asked: the consent, and each person's link by signatory name."""

    family: Family
    consent: Mapping[str, Any]

    @property
    def links(self) -> dict[str, str]:
        """The signing links of those who must sign, by name."""
        return {
            signatory["name"]: signatory["signing_url"]
            for signatory in self.consent["signatories"]
            if "signing_url" in signatory
        }


def token_for(running: Running, organisation: str, scopes: Sequence[str], hours: int = 12) -> str:
    """An access token, as `consent-service tokens issue` makes it."""
    settings = Settings.from_environment(running.environment)
    now = datetime.now(UTC)
    return issue_token(
        KeyFile(Path(settings.keys_file)).read().signing["token"],
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        caller=Caller(organisation, f"{organisation}-demo", frozenset(scopes)),
        issued_at=now,
        expires_at=now + timedelta(hours=hours),
        token_id=new_id(),
    )


def furnish(running: Running) -> None:
    """Register the four parties, purpose and categories, and publish the default template."""
    operator = System(running.base_url, token_for(running, "operator", OPERATOR_SCOPES))
    for organisation in ORGANISATIONS:
        answer = operator.post("/v1/organisations", organisation)
        if answer.status_code not in (201, 409):
            raise Misconfigured(f"registering {organisation['id']}: {answer.text}")
    operator.close()
    command(running, "purposes", "add", PURPOSE)
    command(running, "categories", "add", *CATEGORIES)
    caseworker = System(running.base_url, token_for(running, CONTROLLER, CASEWORKER_SCOPES))
    answer = caseworker.post("/v1/templates", default_template())
    if answer.status_code != 201:
        raise Misconfigured(f"publishing the template: {answer.text}")
    caseworker.close()


def default_template() -> dict[str, Any]:
    """The joint-action-plan template that comes with the service."""
    text = (files("consent_service") / "default_template.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def ask(running: Running, family: Family, **changes: Any) -> Asked:
    """Send the family's request for consent."""
    caseworker = System(running.base_url, token_for(running, CONTROLLER, CASEWORKER_SCOPES))
    answer = caseworker.post("/v1/consents", family.request() | changes)
    caseworker.close()
    if answer.status_code != 201:
        raise Misconfigured(f"asking for consent: {answer.text}")
    return Asked(family, answer.json())
