"""Four eyes: who is another person, and who may say so (R1, R3, R5c)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from werkzeug.test import TestResponse

from consent_service.cli import cli
from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.facts import ExemptionReason
from consent_service.persistence.catalogue.tables import organisation
from consent_service.persistence.idempotency.tables import kept_answer
from consent_service.persistence.log.tables import log_header
from consent_service.services.consents.exempt import ExemptionDraft, record_exemption
from consent_service.services.kernel.model import Caller, Employee
from consent_service.web.rights.subject_page import subject_page
from tests.api.test_papers import findings
from tests.deployment import ALL_SCOPES, COLLEAGUE, EMPLOYEE, Deployment

ORGANISATION = "/v1/organisations/municipality-x"
LOGIN, ANY = {"confirmation": "login"}, {"confirmation": "any"}
PAPER = {
    "decision": "grant",
    "signed_on": "2026-11-23",
    "document": {"reference": "journal-77", "sha256": "ab" * 32},
    "identity_checked": "driving licence, seen at the counter",
}
EXEMPTION = {
    "reason": "unknown_whereabouts",
    "provision": "Forældreansvarsloven § 1",
    "evidence_reference": "journal-1",
}


@dataclass(frozen=True)
class Kind:
    """Something that one employee records and another confirms."""

    path: str
    body: Mapping[str, Any]
    entry: str
    prepare: Callable[[Deployment, dict[str, Any]], None] = lambda service, asked: None

    def record(self, service: Deployment, asked: dict[str, Any], by: Any = EMPLOYEE) -> str:
        """About the father. The address of its confirmation."""
        self.prepare(service, asked)
        path = f"/v1/consents/{asked['id']}/{self.path}"
        signatory = asked["signatories"][1]["id"]
        body = {**self.body, "signatory": signatory, "performed_by": by}
        recorded = service.post(path, body)
        assert recorded.status_code == 201, recorded.json
        return f"{path}/{recorded.json['id']}/confirmation"


def _father_declines(service: Deployment, asked: dict[str, Any]) -> None:
    service.act(asked["id"], "custody_holder", "decline", nth=1)
    service.clock.forward(days=1)


LIFT = {name: value for name, value in PAPER.items() if name != "decision"}
KINDS = {
    "paper": Kind("paper-grants", PAPER, "paper_confirmed"),
    "lift": Kind("lifts", LIFT | {"signed_on": "2026-11-24"}, "paper_confirmed", _father_declines),
    "exemption": Kind("exemptions", EXEMPTION, "exemption_confirmed"),
}

kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def confirm(service: Deployment, path: str, by: Any = COLLEAGUE, **kwargs: Any) -> TestResponse:
    return service.post(path, {"performed_by": by}, **kwargs)


def named(id_: str) -> dict[str, str]:
    return {"id": id_, "name": "Karen"}


def rows(service: Deployment, table: sa.Table) -> int:
    with service.parts.units.engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def entries(service: Deployment, type_: str) -> list[dict[str, Any]]:
    found = service.get(f"/v1/audit/entries?type={type_}").json["items"]
    return [entry["body"] for entry in found]


def assert_problem(answer: TestResponse, status: int, code: str) -> None:
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.json


# -- who is another person --------------------------------------------------------------------


@kinds
@pytest.mark.parametrize(
    ("first", "second"),
    [("kx-042", "KX-042"), ("ÅSE", "åse"), ("ØRN.ærø", "ørn.ÆRØ"), ("a@b", "A@B")],
)
def test_another_case_is_nobody_else(
    on_sqlite: Deployment, kind: Kind, first: str, second: str
) -> None:
    path = kind.record(on_sqlite, on_sqlite.ask(), named(first))
    assert_problem(confirm(on_sqlite, path, named(second)), 409, "same_employee")
    assert entries(on_sqlite, kind.entry) == []
    assert confirm(on_sqlite, path, named(f"{second}-2")).status_code == 200


@kinds
@pytest.mark.parametrize(
    "id_",
    [
        "kx-042 ",
        "kx\u200b-042",
        "\uff4bx-042",
        "\u043ax-042",
        "\u212bse",
        "A\u030ase",
        "stra\u00dfe",
        "\u0130b",
        "kx\u00ad042",
    ],
)
def test_what_is_no_id_confirms_nothing(on_sqlite: Deployment, kind: Kind, id_: str) -> None:
    path = kind.record(on_sqlite, on_sqlite.ask(), named("kx-042"))
    refused = confirm(on_sqlite, path, named(id_))
    assert_problem(refused, 422, "invalid_input")
    assert [error["pointer"] for error in refused.json["errors"]] == ["/performed_by/id"]
    assert entries(on_sqlite, kind.entry) == []


@pytest.mark.parametrize("before", ["kx\u200b-042", "kx-042 ", "\uff4bx-042", "A\u030ase"])
def test_a_record_from_before_the_alphabet_is_confirmed_by_nobody(
    on_sqlite: Deployment, before: str
) -> None:
    """Whom its id may hide, nobody can tell."""
    asked = on_sqlite.ask()
    draft = ExemptionDraft(
        asked["signatories"][1]["id"],
        ExemptionReason.OTHER,
        "§ 1",
        "journal-1",
        None,
        None,
        Employee(before, "Karen"),
    )
    caller = Caller("municipality-x", "old-system")
    with on_sqlite.parts.units.writing() as uow:
        exemption = record_exemption(uow, on_sqlite.parts.context, caller, asked["id"], draft)
        uow.commit()
    path = f"/v1/consents/{asked['id']}/exemptions/{exemption}"
    assert_problem(confirm(on_sqlite, f"{path}/confirmation"), 409, "same_employee")
    assert confirm(on_sqlite, f"{path}/revocation").status_code == 200


def test_an_employee_is_found_however_the_id_is_typed(service: Deployment) -> None:
    for id_ in ("kx-åse", "KX-Åse", "kx-ÅSE"):
        service.ask(performed_by=named(id_), parties=["municipality-x", "gp-y"])
        service.clock.forward(days=120)
    found = []
    for id_ in ("kx-åse", "KX-ÅSE"):
        members = {"employee": id_, "type": "consent_requested"}
        found.append(service.post("/v1/audit/search", members).json["items"])
    assert found[0] == found[1]
    assert [entry["body"]["performed_by"]["id"] for entry in found[0]] == [
        "kx-åse",
        "KX-Åse",
        "kx-ÅSE",
    ]
    assert findings(service) == []


# -- who may say so ---------------------------------------------------------------------------


@kinds
def test_a_clients_confirmation_says_that_it_is_asserted(service: Deployment, kind: Kind) -> None:
    asked = service.ask()
    path = kind.record(service, asked)
    assert confirm(service, path).status_code == 200
    (entry,) = entries(service, kind.entry)
    assert (entry["confirmation"], entry["performed_by"]) == ("asserted_by_client", COLLEAGUE)
    items = service.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    (item,) = [item for item in items if item["type"] == kind.entry]
    assert item["detail"]["confirmation"] == "asserted_by_client"
    body = {"subject": {"cpr": "0103174321"}, "performed_by": EMPLOYEE}
    (about,) = service.post("/v1/audit/subject-export", body).json["about"]
    (step,) = [step for step in about["steps"] if step["type"] == kind.entry]
    assert step["confirmation"] == "asserted_by_client"
    assert findings(service) == []


def test_the_verifier_of_a_receipt_says_on_whose_word_it_rests(
    on_sqlite: Deployment, tmp_path: Path
) -> None:
    # The command runs by the real clock, which must not be behind what was sealed.
    on_sqlite.clock.set(datetime.now(UTC) - timedelta(hours=1))
    asked = on_sqlite.ask()
    on_sqlite.act(asked["id"], "custody_holder", nth=0)
    today = local_date(on_sqlite.clock.now).isoformat()
    paper = Kind("paper-grants", PAPER | {"signed_on": today}, "paper_confirmed")
    assert confirm(on_sqlite, paper.record(on_sqlite, asked)).status_code == 200
    files = {
        "receipt.json": f"/v1/consents/{asked['id']}/receipt",
        "jwks.json": "/.well-known/jwks.json",
        "log.json": "/.well-known/consent-log.json",
    }
    for name, path in files.items():
        (tmp_path / name).write_bytes(on_sqlite.get(path).data)
    receipt, jwks, log = (str(tmp_path / name) for name in files)
    said = CliRunner().invoke(cli, ["verify", receipt, "--jwks", jwks, "--log", log])
    first, second, *_ = said.output.splitlines()
    assert "asserted by" not in first
    assert "UTC, asserted by municipality-x)" in second


def test_the_data_protection_officers_page_says_it_in_words(on_sqlite: Deployment) -> None:
    path = KINDS["paper"].record(on_sqlite, on_sqlite.ask())
    assert confirm(on_sqlite, path).status_code == 200
    body = {"subject": {"cpr": "0103174321"}, "performed_by": EMPLOYEE}
    export = on_sqlite.post("/v1/audit/subject-export", body).json
    assert "A paper was confirmed" in subject_page(export, "en")
    assert "asserted by the client, not verified" in subject_page(export, "en")
    assert "oplyst af det system, der kaldte; ikke efterprøvet" in subject_page(export, "da")


@kinds
def test_where_a_login_is_wanted_no_client_confirms(service: Deployment, kind: Kind) -> None:
    asked = service.ask()
    path = kind.record(service, asked)
    before = service.get(f"/v1/consents/{asked['id']}").json
    changed = service.patch(ORGANISATION, LOGIN)
    assert (changed.status_code, changed.json["confirmation"]) == (200, "login")
    written = rows(service, log_header), rows(service, kept_answer)
    for by in (COLLEAGUE, EMPLOYEE, COLLEAGUE):
        refused = confirm(service, path, by, key="the same")
        assert_problem(refused, 403, "login_required")
        assert refused.json["type"] == "/problems/login_required"
        assert refused.json["title"] == "Not allowed"
        assert "Idempotency-Replayed" not in refused.headers
    assert (rows(service, log_header), rows(service, kept_answer)) == written
    assert service.get(f"/v1/consents/{asked['id']}").json == before
    assert findings(service) == []
    # A refusal is not kept: it says nothing about what was asked.
    assert service.patch(ORGANISATION, ANY).json["confirmation"] == "any"
    assert confirm(service, path, key="the same").status_code == 200


@kinds
def test_where_a_login_is_wanted_it_is_still_recorded_and_taken_back(
    service: Deployment, kind: Kind
) -> None:
    assert service.patch(ORGANISATION, LOGIN).status_code == 200
    path = kind.record(service, service.ask())
    if kind.path == "exemptions":
        path = path.replace("/confirmation", "/revocation")
    else:
        path = path.replace("/lifts/", "/paper-grants/").replace("/confirmation", "/rejection")
    assert confirm(service, path).status_code == 200


@kinds
def test_what_was_confirmed_before_still_counts(service: Deployment, kind: Kind) -> None:
    asked = service.ask()
    path = kind.record(service, asked)
    confirmed = confirm(service, path, key="first")
    assert service.patch(ORGANISATION, LOGIN).status_code == 200
    assert service.get(f"/v1/consents/{asked['id']}").json == confirmed.json
    replayed = confirm(service, path, key="first")
    assert (replayed.status_code, replayed.headers["Idempotency-Replayed"]) == (200, "true")
    assert_problem(confirm(service, path), 403, "login_required")


@kinds
def test_whoever_may_not_know_of_the_consent_is_told_nothing(
    service: Deployment, kind: Kind
) -> None:
    path = kind.record(service, service.ask())
    assert service.patch(ORGANISATION, LOGIN).status_code == 200
    for org in ("municipality-z", "gp-y"):
        assert_problem(confirm(service, path, org=org), 404, "not_found")


@kinds
def test_each_organisation_decides_for_itself(service: Deployment, kind: Kind) -> None:
    path = kind.record(service, service.ask())
    assert service.patch("/v1/organisations/municipality-z", LOGIN).status_code == 200
    assert service.patch("/v1/organisations/gp-y", LOGIN).status_code == 200
    assert confirm(service, path).status_code == 200


def test_a_change_waits_for_the_confirmation_under_way(on_postgres: Deployment) -> None:
    """And so no client's confirmation comes after the answer to the change."""
    service = on_postgres
    engine = service.parts.units.engine
    with service.parts.units.writing() as uow:
        assert uow.catalogue.hold_confirmation("municipality-x") == "any"
        with engine.connect() as other:
            other.execute(sa.text("SET lock_timeout = '200ms'"))
            update = sa.update(organisation).where(organisation.c.id == "municipality-x")
            with pytest.raises(sa.exc.OperationalError):
                other.execute(update.values(confirmation="login"))
    with service.parts.units.writing() as uow:
        assert uow.catalogue.hold_organisation("municipality-x") is not None
        with engine.connect() as other:
            other.execute(sa.text("SET lock_timeout = '200ms'"))
            held = sa.select(organisation.c.confirmation).with_for_update(read=True)
            with pytest.raises(sa.exc.OperationalError):
                other.execute(held)
            other.rollback()
            # What only refers to the organisation is not held up.
            held = sa.select(organisation.c.id).with_for_update(read=True, key_share=True)
            assert other.execute(held).all()


# -- the setting ------------------------------------------------------------------------------


def test_it_is_off_unless_the_operator_says_so(service: Deployment) -> None:
    assert service.get(ORGANISATION).json["confirmation"] == "any"
    body = {"id": "school-1", "name": "Skolen", "kind": "other", "confirmation": "login"}
    registered = service.post("/v1/organisations", body, org="operator")
    assert (registered.status_code, registered.json["confirmation"]) == (201, "login")
    assert service.get("/v1/organisations/school-1").json == registered.json
    (shown,) = [
        one
        for one in service.get("/v1/organisations?limit=200").json["items"]
        if one["id"] == "school-1"
    ]
    assert shown == registered.json
    assert findings(service) == []


def test_the_command_registers_with_it(on_sqlite: Deployment) -> None:
    settings = on_sqlite.settings
    environment = {
        "CONSENT_DATABASE_URL": settings.database_url,
        "CONSENT_KEYS_FILE": str(settings.keys_file),
        "CONSENT_BASE_URL": settings.base_url,
        "CONSENT_LOG_ORIGIN": settings.log_origin,
        "CONSENT_LOG_ANCHOR_FILE": str(settings.anchor_file),
        "CONSENT_OIDC_ISSUER": "https://broker.example",
        "CONSENT_OIDC_CLIENT_ID": "c",
        "CONSENT_OIDC_CLIENT_SECRET": "s",
        "CONSENT_OIDC_CPR_CLAIM": "dk.cpr",
    }
    for name, chosen in (("plain", ()), ("careful", ("--confirmation", "login"))):
        command = ["organisations", "add", name, "Skolen", "--kind", "other", *chosen]
        done = CliRunner().invoke(cli, command, env=environment)
        assert done.exit_code == 0, (done.output, done.exception)
    shown = [on_sqlite.get(f"/v1/organisations/{name}").json for name in ("plain", "careful")]
    assert [one["confirmation"] for one in shown] == ["any", "login"]
    assert findings(on_sqlite) == []


def test_a_change_is_an_entry_of_the_organisations_log(service: Deployment) -> None:
    assert service.patch(ORGANISATION, LOGIN).json["confirmation"] == "login"
    again = service.patch(ORGANISATION, LOGIN)
    assert (again.status_code, again.json["confirmation"]) == (200, "login")
    assert service.patch(ORGANISATION, ANY).json == service.get(ORGANISATION).json
    changes = entries(service, "organisation_changed")
    assert changes == [
        {
            "type": "organisation_changed",
            "organisation": "operator",
            "client": "operator-system",
            "confirmation": confirmation,
        }
        for confirmation in ("login", "any")
    ]
    assert findings(service) == []


def test_only_the_operator_changes_it(service: Deployment) -> None:
    token = service.token("municipality-x", ALL_SCOPES - {"organisations:write"})
    refused = service.patch(ORGANISATION, LOGIN, headers={"Authorization": f"Bearer {token}"})
    assert_problem(refused, 403, "insufficient_scope")
    assert service.get(ORGANISATION).json["confirmation"] == "any"


def test_an_organisation_there_is_not(service: Deployment) -> None:
    assert_problem(service.patch("/v1/organisations/nobody", LOGIN), 404, "not_found")
    assert entries(service, "organisation_changed") == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/confirmation"),
        ({"confirmation": None}, "/confirmation"),
        ({"confirmation": "LOGIN"}, "/confirmation"),
        ({"confirmation": True}, "/confirmation"),
        ({"confirmation": ["login"]}, "/confirmation"),
        (LOGIN | {"name": "Another"}, "/name"),
        (LOGIN | {"id": "another"}, "/id"),
        (LOGIN | {"contact": {}}, "/contact"),
        (LOGIN | {"changed_at": "2026-11-23"}, "/changed_at"),
        (["login"], ""),
        ("login", ""),
    ],
    ids=str,
)
def test_a_change_that_is_none(service: Deployment, body: Any, pointer: str) -> None:
    refused = service.patch(ORGANISATION, body)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]
    assert service.get(ORGANISATION).json["confirmation"] == "any"
    assert entries(service, "organisation_changed") == []


def test_a_change_that_is_no_json(service: Deployment) -> None:
    headers = {"Authorization": f"Bearer {service.token('operator')}"}
    for content_type, data, status in (
        ("application/json", b"{", 400),
        ("text/plain", b"{}", 415),
        ("application/json", b" " * 300_000, 413),
    ):
        client = service.client()
        answer = client.patch(ORGANISATION, data=data, content_type=content_type, headers=headers)
        assert answer.status_code == status
    assert service.get(ORGANISATION).json["confirmation"] == "any"


def test_a_clock_that_is_behind_the_change_before_changes_nothing(service: Deployment) -> None:
    assert service.patch(ORGANISATION, LOGIN).status_code == 200
    service.clock.forward(seconds=-30)
    late = service.patch(ORGANISATION, ANY)
    assert_problem(late, 503, "clock_behind")
    assert service.get(ORGANISATION).json["confirmation"] == "login"
    service.clock.forward(seconds=31)
    assert service.patch(ORGANISATION, ANY).status_code == 200
    assert findings(service) == []


# -- and whoever changes it past the service --------------------------------------------------


def _write(service: Deployment, **values: Any) -> None:
    with service.parts.units.engine.connect().execution_options(writes=True) as connection:
        changed = sa.update(organisation).where(organisation.c.id == "municipality-x")
        connection.execute(changed.values(**values))
        connection.commit()


def _stood(service: Deployment) -> dict[str, Any]:
    with service.parts.units.engine.connect() as connection:
        query = sa.select(organisation.c.confirmation, organisation.c.changed_at)
        found = connection.execute(query.where(organisation.c.id == "municipality-x")).one()
        return dict(found._mapping)


def test_a_setting_written_past_the_log_is_found(service: Deployment) -> None:
    first = _stood(service)
    assert service.patch(ORGANISATION, LOGIN).status_code == 200
    right = _stood(service)
    assert findings(service) == []
    forgeries: list[dict[str, Any]] = [
        {"confirmation": "any"},
        # As it stood once: a state that was right is no more.
        first,
        {"changed_at": first["changed_at"]},
        {"changed_at": service.clock()},
    ]
    for forged in forgeries:
        _write(service, **forged)
        assert findings(service) == ["not as its entries say, or since another time"]
        _write(service, **right)
        assert findings(service) == []


def test_an_organisation_nobody_registered_is_found(service: Deployment) -> None:
    with service.parts.units.engine.connect().execution_options(writes=True) as connection:
        row = connection.execute(
            sa.select(organisation).where(organisation.c.id == "municipality-x")
        ).one()
        forged = dict(row._mapping) | {"id": f"forged-{uuid4()}"[:20]}
        connection.execute(sa.insert(organisation).values(forged))
        connection.commit()
    assert findings(service) == ["not as its entries say, or since another time"]
