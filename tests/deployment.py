"""A whole service over a real database, with organisations, a template and made-up families."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from consent_service.app import create_app
from consent_service.config import (
    Settings,
    SignerProviderSettings,
    StaffRoleSettings,
    StaffSettings,
)
from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.facts import Scope
from consent_service.errors import Misconfigured
from consent_service.identity.bearer import issue_token
from consent_service.module_settings import ModuleSettings
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.document import KeyFile
from consent_service.persistence.keys.open_module import module_at
from consent_service.services.catalogue.register_slugs import (
    register_categories,
    register_overlap,
    register_purpose,
)
from consent_service.services.children.acts import begin_act
from consent_service.services.consents.find_consent import child_of
from consent_service.services.kernel.model import Caller
from consent_service.services.signatures.identity import Identity
from consent_service.services.signatures.sign import (
    ShownText,
    evidence_of_login,
    grant,
    kept_scope,
    lift,
    refuse,
)
from consent_service.wiring import Parts
from tests.privacy import WATCH
from tests.remembered import remember

ALL_SCOPES = frozenset(
    {
        "consents:write",
        "consents:read",
        "withdrawals:write",
        "disclosures:write",
        "decisions:read",
        "audit:read",
        "templates:write",
        "organisations:write",
    }
)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OPERATOR = Caller("operator", "command-line")
EMPLOYEE = {"id": "e1", "name": "Karen Sagsbehandler"}
COLLEAGUE = {"id": "e2", "name": "Jens Kollega"}
PARTIES = ["child-psychiatry", "gp-y", "municipality-x", "paediatrics"]
PURPOSE = "joint-action-plan"
CATEGORIES = ["earlier-measures", "health", "identity", "school"]

MOTHER = "0101801112"
FATHER = "0202791113"


@dataclass
class SettableClock:
    """A clock that stands still until it is set, but for a tick whenever it is looked at."""

    now: datetime = NOW
    tick: timedelta = timedelta(microseconds=10)

    def __call__(self) -> datetime:
        self.now += self.tick
        return self.now

    def set(self, instant: datetime) -> None:
        self.now = instant

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


# Nothing answers there: for the many tests that only walk the routes.
STAFF = StaffSettings(
    issuer="http://127.0.0.1:9",
    client_id="staff-test",
    client_secret="made up",
    organisation="municipality-x",
    roles={"dpo-x": StaffRoleSettings("dpo", "municipality-x")},
)


def organisation(id_: str, kind: str, name: str) -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "kind": kind,
        "descriptions": {"da": f"{name} på dansk", "en": f"{name} in English"},
        "contact": {"phone": "+45 12 34 56 78", "email": f"{id_}@example.org"},
    }


ORGANISATIONS = [
    organisation("municipality-x", "municipality", "Kommune X"),
    organisation("child-psychiatry", "child_psychiatry", "Børne- og Ungdomspsykiatrien"),
    organisation("paediatrics", "paediatrics", "Børneafdelingen"),
    organisation("gp-y", "general_practice", "Lægehuset Y"),
    organisation("municipality-z", "municipality", "Kommune Z"),
]


def template(**changes: Any) -> dict[str, Any]:
    words = {category: category.capitalize() for category in CATEGORIES}
    text = {
        "title": "Samtykke",
        "body": "Vi vil gerne tale sammen om jeres barn.",
        "voluntary": "Det er frivilligt.",
        "withdrawal": "I kan trække det tilbage.",
        "contact": "Ring til os.",
        "privacy": "Sådan behandler vi oplysninger.",
    }
    return {
        "id": "joint-action-plan",
        "purpose": PURPOSE,
        "categories": CATEGORIES,
        "signer_rule": "all_holders_and_child_15",
        "max_validity": "P1Y",
        "granular": True,
        "labels": {
            "da": {"categories": words, "purpose": "En fælles plan"},
            "en": {"categories": words, "purpose": "A joint plan"},
        },
        "texts": {"da": text, "en": text},
    } | changes


def person(cpr: str, name: str, **more: Any) -> dict[str, Any]:
    return {"cpr": cpr, "name": name, **more}


@dataclass
class Deployment:
    """A running application with a test client, and short ways to do the usual things."""

    app: Flask
    settings: Settings
    clock: SettableClock
    tokens: dict[tuple[str, frozenset[str]], str] = field(default_factory=dict)

    @property
    def parts(self) -> Parts:
        parts: Parts = self.app.extensions["consent_service"]
        return parts

    def client(self) -> FlaskClient:
        """A client of the application."""
        return self.app.test_client()

    def token(self, org: str, scopes: frozenset[str] = ALL_SCOPES) -> str:
        if (org, scopes) not in self.tokens:
            now = datetime.now(UTC)
            self.tokens[org, scopes] = issue_token(
                self.parts.keys.signing["token"],
                issuer=self.settings.token_issuer,
                audience=self.settings.token_audience,
                caller=Caller(org, f"{org}-system", scopes),
                issued_at=now,
                expires_at=now + timedelta(hours=1),
                token_id=str(uuid4()),
            )
        return self.tokens[org, scopes]

    def get(self, path: str, org: str = "municipality-x", **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token(org)}", **kwargs.pop("headers", {})}
        return self.client().get(path, headers=headers, **kwargs)

    def post(
        self,
        path: str,
        body: Any,
        org: str = "municipality-x",
        key: str | None = None,
        **kwargs: Any,
    ) -> TestResponse:
        headers = {
            "Authorization": f"Bearer {self.token(org)}",
            "Idempotency-Key": key or str(uuid4()),
            **kwargs.pop("headers", {}),
        }
        answer = self.client().post(path, json=body, headers=headers, **kwargs)
        WATCH.remember(body, answer.get_json(silent=True))
        return answer

    def patch(self, path: str, body: Any, org: str = "operator", **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token(org)}", **kwargs.pop("headers", {})}
        answer = self.client().patch(path, json=body, headers=headers, **kwargs)
        WATCH.remember(body, answer.get_json(silent=True))
        return answer

    # -- the usual things -----------------------------------------------------------------

    def furnish(self, **template_changes: Any) -> "Deployment":
        """Register the organisations and publish the template of both municipalities."""
        for one in ORGANISATIONS:
            answer = self.post("/v1/organisations", one, org="operator")
            assert answer.status_code == 201, answer.json
        self.register_catalogue()
        for municipality in ("municipality-x", "municipality-z"):
            answer = self.post("/v1/templates", template(**template_changes), org=municipality)
            assert answer.status_code == 201, answer.json
        return self

    def register_catalogue(self) -> None:
        """What the template names, as the operator registers it first of all."""
        self.register(PURPOSE)
        with self.parts.units.writing() as uow:
            register_categories(uow, self.parts.context, OPERATOR, "municipality-x", CATEGORIES)
            uow.commit()

    def register(self, purpose: str, *overlaps: str) -> None:
        """The operator registers a purpose, as with `consent-service purposes add`."""
        with self.parts.units.writing() as uow:
            context = self.parts.context
            register_purpose(uow, context, OPERATOR, "municipality-x", purpose, overlaps)
            uow.commit()

    def overlap(self, one: str, other: str) -> None:
        """Two registered purposes overlap from now on."""
        with self.parts.units.writing() as uow:
            context = self.parts.context
            register_overlap(uow, context, OPERATOR, "municipality-x", one, other)
            uow.commit()

    def request_body(self, **changes: Any) -> dict[str, Any]:
        return {
            "template": "joint-action-plan",
            "case_reference": "2026-0117",
            "renews": None,
            "child": person("010317-4321", "Alma Test", birth_date="2017-03-01"),
            "custody": {
                "source": "cpr-register",
                "as_of": local_date(self.clock.now).isoformat(),
                "holders": [
                    person(MOTHER, "Mette Mor", role="parent"),
                    person(FATHER, "Frederik Far", role="parent"),
                ],
            },
            "parties": PARTIES,
            "categories": ["health", "school"],
            "deadline": None,
            "delivery": "caller",
            "performed_by": EMPLOYEE,
        } | changes

    def ask(self, org: str = "municipality-x", **changes: Any) -> dict[str, Any]:
        answer = self.post("/v1/consents", self.request_body(**changes), org=org)
        assert answer.status_code == 201, answer.json
        return dict(answer.json or {})

    def act(
        self,
        consent: str,
        role: str,
        decision: str = "grant",
        *,
        nth: int = 0,
        left_out: Scope | None = None,
    ) -> None:
        """A signer's act with a fresh login, through the service the pages use."""
        with self.parts.units.writing() as uow:
            signatory = [s for s in uow.consents.signatories(consent) if s.role == role][nth]
            file = uow.consents.of_signatory(signatory)
            assert file is not None
            act = begin_act(uow, self.parts.context, child_of(uow, file))
            details = uow.children.details(file.controller, [signatory.person])
            identity = Identity(
                issuer="https://broker.example",
                subject=f"subject-{signatory.person}",
                loa="substantial",
                authenticated_at=act.now,
                cpr=details[signatory.person].cpr,
                id_token="header.payload.signature",
            )
            evidence = evidence_of_login(identity, ShownText("da", "Teksten"))
            if decision == "grant":
                request = act.history.request(consent)
                kept = kept_scope(request, left_out or Scope(frozenset(), frozenset()))
                assert kept is not None
                grant(uow, self.parts.context, act, file, signatory, kept, evidence)
            elif decision == "lift":
                lift(uow, self.parts.context, act, file, signatory, evidence)
            else:
                refuse(uow, self.parts.context, act, file, signatory, evidence)
            uow.commit()

    def in_force(self, org: str = "municipality-x", **changes: Any) -> dict[str, Any]:
        """A consent that both parents have granted."""
        asked = self.ask(org, **changes)
        self.act(asked["id"], "custody_holder", nth=0)
        self.act(asked["id"], "custody_holder", nth=1)
        return asked

    def disclosure_body(self, **changes: Any) -> dict[str, Any]:
        return {
            "child": {"cpr": "0103174321"},
            "sender": "gp-y",
            "recipient": "municipality-x",
            "purpose": PURPOSE,
            "categories": ["health"],
            "legal_basis": {"type": "consent"},
            "channel": "document",
            "document": {
                "reference": "doc-1",
                "sha256": "0" * 64,
                "media_type": "application/pdf",
            },
            "performed_by": {"id": "g1", "name": "Lise Læge"},
        } | changes

    def disclose(self, org: str = "gp-y", **changes: Any) -> TestResponse:
        return self.post("/v1/disclosures", self.disclosure_body(**changes), org=org)

    def close(self) -> None:
        self.parts.close()


class OwnHostClient(FlaskClient):
    """Asks for the host that the application answers to, unless told otherwise."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        if args and isinstance(args[0], str):
            settings = self.application.extensions["consent_service"].settings
            kwargs.setdefault("base_url", settings.base_url)
        return super().open(*args, **kwargs)


def deploy(
    database_url: str,
    folder: Path,
    *,
    base_url: str = "http://localhost:8000",
    provider: SignerProviderSettings | None = None,
    staff: StaffSettings | None = STAFF,
    clock: SettableClock | None = None,
    token_issuers_file: Path | None = None,
    key_module: ModuleSettings | None = None,
) -> Deployment:
    """A service on a migrated database, with keys of its own, all in the module if there is one."""
    keys_file = folder / "keys.json"
    clock = clock or SettableClock()
    if not keys_file.exists():
        file = KeyFile(keys_file, module_at(key_module))
        changes.create(file, clock.now - timedelta(days=365), changes.KINDS if key_module else ())
    settings = Settings(
        database_url=database_url,
        keys_file=keys_file,
        key_module=key_module,
        base_url=base_url,
        log_origin="consent.example/log",
        anchor_file=folder / "keys.json.anchor",
        token_issuer=base_url,
        token_audience=base_url,
        token_issuers_file=token_issuers_file,
        signer_provider=provider,
        staff=staff,
    )
    return deploy_with(settings, clock)


def deploy_with(settings: Settings, clock: SettableClock) -> Deployment:
    """A service with these settings."""
    remember()
    app = create_app(settings, clock)
    app.test_client_class = OwnHostClient
    deployment = Deployment(app, settings, clock)
    # As every process does at its start; some tests have no database yet, or one that is away.
    try:
        with suppress(DBAPIError):
            deployment.parts.guard.begin()
    except Misconfigured:
        deployment.close()
        raise
    return deployment
