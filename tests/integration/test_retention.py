"""What has had its time goes by the controller's own rule, and what is needed stays."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from consent_service.cli import cli
from consent_service.domain.kernel.calendar import local_date
from consent_service.errors import InvalidInput
from consent_service.persistence.children.tables import child, fact, person_details
from consent_service.persistence.consents.tables import consent
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body, log_erased
from consent_service.persistence.rights.tables import retention_rule
from consent_service.persistence.schema import metadata
from consent_service.persistence.verification.log_reader import verify_database
from tests.api.families import BOTH, GRANDMOTHER, custody, holder
from tests.deployment import EMPLOYEE, MOTHER, Deployment, SettableClock, deploy
from tests.deployment import person as named

BO = named("020418-4321", "Bo Test", birth_date="2018-04-02")
LONG_AGO = timedelta(days=8 * 366)
SIGNED = ("--performed-by", "e1", "--approved-by", "e2", "--reason", "the rule")


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    """A service whose first story was told eight years ago by the real clock."""
    clock = SettableClock(datetime.now(UTC) - LONG_AGO)
    deployment = deploy(database_url, tmp_path, clock=clock).furnish()
    yield deployment
    deployment.close()


def run(service: Deployment, *arguments: str, number: str | None = None) -> Result:
    """A command as the operator runs it, by the real clock."""
    # What waits is integrated meanwhile, as a worker does.
    service.parts.grow()
    settings = service.settings
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
    return CliRunner().invoke(cli, arguments, input=number, env=environment)


def findings(service: Deployment) -> list[str]:
    parts = service.parts
    report = verify_database(
        parts.units.engine, parts.units.ring, parts.index, parts.keys.published,
        parts.settings.log_origin, datetime.now(UTC),
    )  # fmt: skip
    return [f"{one.kind} {one.place} {one.detail}" for one in report.findings]


def count(service: Deployment, table: sa.Table, **where: object) -> int:
    query = sa.select(sa.func.count()).select_from(table).filter_by(**where)
    with service.parts.units.engine.connect() as connection:
        return int(connection.scalar(query) or 0)


def everything(service: Deployment) -> str:
    with service.parts.units.engine.connect() as connection:
        return repr([
            sorted(repr(tuple(row)) for row in connection.execute(sa.select(table)))
            for table in metadata.sorted_tables
        ])  # fmt: skip


def story(service: Deployment) -> tuple[str, str]:
    """An old consent about Alma, ended, and one about her asked for now; Bo's is old alone."""
    old = service.in_force()
    assert service.disclose().status_code == 201
    bo = service.in_force(child=BO)
    service.act(bo["id"], "custody_holder", "withdraw", nth=0)
    ended = {"reason": "case_closed", "note": None, "performed_by": EMPLOYEE}
    assert service.post(f"/v1/consents/{old['id']}/cancellation", ended).status_code == 200
    service.parts.grow()
    service.clock.set(datetime.now(UTC) - timedelta(hours=1))
    service.tokens.clear()
    new = service.in_force(case_reference="new")
    assert service.disclose().status_code == 201
    service.parts.grow()
    return str(old["id"]), str(new["id"])


def test_by_the_rule(service: Deployment) -> None:
    old, new = story(service)
    refused = run(service, "erase", "--controller", "municipality-x", "--retention", "--dry-run")
    assert refused.exit_code != 0
    rule = ("--consents-years", "5", "--log-years", "6", "--performed-by", "e1")
    assert run(service, "retention", "set", "--controller", "municipality-x", *rule).exit_code == 0
    shown = run(service, "retention", "show", "--controller", "municipality-x")
    assert "5 years" in shown.output
    assert "6 years" in shown.output
    service.parts.grow()
    before = everything(service)
    dry = run(service, "erase", "--controller", "municipality-x", "--retention", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "2 children, of them 1 whole" in dry.output
    assert "2 consents" in dry.output
    assert everything(service) == before

    done = run(service, "erase", "--controller", "municipality-x", "--retention", *SIGNED)

    assert done.exit_code == 0, (done.output, done.exception)
    assert done.output.count("The log verifies") == 2
    assert findings(service) == []
    assert count(service, consent, id=old) == 0
    assert count(service, consent, id=new) == 1
    assert count(service, consent) == 1
    assert count(service, child) == 1
    assert count(service, data_key, organisation_id="municipality-x") == 2
    assert count(service, person_details) == 3
    assert count(service, fact, consent_id=new) == 3
    assert count(service, log_body, consent_id=old) == 0
    assert count(service, log_erased) > 10
    # The live consent is as it was; the erasure is one entry for all the children.
    shown_one = service.get(f"/v1/consents/{new}")
    assert shown_one.json
    assert shown_one.json["status"] == "in_force"
    assert service.disclose().status_code == 201
    with service.parts.units.engine.connect() as connection:
        erasures = set(connection.scalars(sa.select(log_erased.c.erasure_id)))
    (erasure,) = erasures
    entry = service.get(f"/v1/audit/entries/{erasure}").json
    assert entry
    assert entry["body"]["counts"]["children"] == 2
    assert entry["body"]["rule"] == {"by": "retention", "consents_years": 5, "log_years": 6}
    assert "0103174321" not in json.dumps(entry)
    again = run(service, "erase", "--controller", "municipality-x", "--retention", *SIGNED)
    assert again.exit_code == 0
    assert "0 children" in again.output
    assert findings(service) == []


@pytest.mark.parametrize("id_", ["", " ", "e 1", "e1 ", "e\u200b1", "a\u030ase", "010180-1112"])
def test_who_set_the_rule_is_an_employee(service: Deployment, id_: str) -> None:
    rule = ("--consents-years", "5", "--log-years", "6", "--performed-by", id_)
    refused = run(service, "retention", "set", "--controller", "municipality-x", *rule)
    assert isinstance(refused.exception, InvalidInput)
    assert [error.pointer for error in refused.exception.errors] == ["/performed_by"]
    assert count(service, retention_rule) == 0


def test_old_log_entries_go_and_the_facts_of_a_kept_consent_stay(service: Deployment) -> None:
    story(service)
    rule = ("--consents-years", "50", "--log-years", "6", "--performed-by", "e1")
    run(service, "retention", "set", "--controller", "municipality-x", *rule)
    facts = count(service, fact)
    done = run(service, "erase", "--controller", "municipality-x", "--retention", *SIGNED)
    assert done.exit_code == 0, (done.output, done.exception)
    assert count(service, fact) == facts
    assert count(service, log_erased) > 0
    assert findings(service) == []


def test_an_old_no_that_stops_a_live_consent_stays(service: Deployment) -> None:
    """Asked wider eight years ago, the mother said no to it; the father's exempted now."""
    no = service.ask()
    service.act(no["id"], "custody_holder", "decline", nth=0)
    service.parts.grow()
    service.clock.set(datetime.now(UTC) - timedelta(hours=1))
    service.tokens.clear()
    # The mother answers the new request last: until then her old no is her latest word.
    new = service.ask(case_reference="new")
    service.act(new["id"], "custody_holder", nth=1)
    rule = ("--consents-years", "5", "--log-years", "6", "--performed-by", "e1")
    run(service, "retention", "set", "--controller", "municipality-x", *rule)
    kept = run(service, "erase", "--controller", "municipality-x", "--retention", *SIGNED)
    assert kept.exit_code == 0, (kept.output, kept.exception)
    assert "have to stay: 1" in kept.output
    assert count(service, consent, id=no["id"]) == 1
    service.act(new["id"], "custody_holder", nth=0)
    gone = run(service, "erase", "--controller", "municipality-x", "--retention", *SIGNED)
    assert gone.exit_code == 0, (gone.output, gone.exception)
    assert count(service, consent, id=no["id"]) == 0
    assert findings(service) == []
    assert service.disclose().status_code == 201


def test_a_stop_that_was_taken_has_its_time_too(service: Deployment) -> None:
    body = {
        "child": {"cpr": "0707154327"},
        "signer": {"cpr": MOTHER},
        "channel": "letter",
        "performed_by": EMPLOYEE,
    }
    old = service.post("/v1/withdrawals", body).json["id"]
    service.parts.grow()
    service.clock.set(datetime.now(UTC) - timedelta(hours=1))
    service.tokens.clear()
    new = service.post("/v1/withdrawals", body).json["id"]
    rule = ("--consents-years", "5", "--log-years", "6", "--performed-by", "e1")
    assert run(service, "retention", "set", "--controller", "municipality-x", *rule).exit_code == 0
    dry = run(service, "erase", "--controller", "municipality-x", "--retention", "--dry-run")
    assert "whoever asked about them: 1." in dry.output
    done = run(service, "erase", "--controller", "municipality-x", "--retention", *SIGNED)
    assert done.exit_code == 0, done.output
    assert count(service, log_body, entry_id=old) == 0
    assert count(service, log_body, entry_id=new) == 1
    assert findings(service) == []
    again = run(service, "erase", "--controller", "municipality-x", "--retention", *SIGNED)
    assert again.exit_code == 0, again.output
    assert "Erased;" not in again.output


def test_one_child_by_its_number_from_standard_input(service: Deployment) -> None:
    story(service)
    one = ("erase", "--controller", "municipality-x", "--child-file", "-")
    assert "live" in run(service, *one, "--dry-run", number="010317-4321\n").output
    before = everything(service)
    for wrong in (one, (*one, *SIGNED[:2], "--approved-by", "e1", *SIGNED[4:])):
        assert run(service, *wrong, number="010317-4321").exit_code != 0
        assert everything(service) == before
    done = run(service, *one, *SIGNED, number="010317-4321\n")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "0103174321" not in done.output
    assert count(service, child) == 1
    assert findings(service) == []


def test_a_log_that_does_not_verify_is_not_erased_from(service: Deployment) -> None:
    story(service)
    engine = sa.create_engine(service.parts.units.engine.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        entry = connection.scalar(
            sa.select(log_body.c.entry_id).where(log_body.c.type == "disclosure")
        )
        connection.execute(sa.delete(log_body).where(log_body.c.entry_id == entry))
    before = everything(service)
    one = ("erase", "--controller", "municipality-x", "--child-file", "-", *SIGNED)
    refused = run(service, *one, number="010317-4321")
    assert refused.exit_code == 1
    assert "body_missing" in refused.output
    assert everything(service) == before


def test_whom_an_erased_request_named_is_still_known_where_they_may_sign(
    service: Deployment,
) -> None:
    """Its custody facts asked the grandmother to sign a consent that lives on."""
    begin = datetime.now(UTC) - timedelta(days=400)
    service.clock.set(begin)
    service.tokens.clear()
    live = service.ask(deadline=(begin + timedelta(days=85)).date().isoformat())
    looked_up = {"as_of": local_date(begin).isoformat()}
    named_her = custody(holder(MOTHER, "Mette Mor"), holder(GRANDMOTHER, "Gerda")) | looked_up
    wrong = service.ask(parties=["municipality-x", "gp-y"], custody=named_her)
    ended = {"reason": "mistake", "performed_by": EMPLOYEE}
    assert service.post(f"/v1/consents/{wrong['id']}/cancellation", ended).status_code == 200
    both = {
        "child": {"cpr": "0103174321"},
        "custody": BOTH | looked_up,
        "effective_from": begin.date().isoformat(),
        "performed_by": EMPLOYEE,
    }
    assert service.post("/v1/custody-changes", both).status_code == 201
    service.clock.forward(days=80)
    service.act(live["id"], "custody_holder", nth=0)
    service.act(live["id"], "custody_holder", nth=1)
    rule = ("--consents-years", "1", "--log-years", "1", "--performed-by", "e1")
    assert run(service, "retention", "set", "--controller", "municipality-x", *rule).exit_code == 0
    service.parts.grow()
    erased = run(service, "erase", "--controller", "municipality-x", "--retention", *SIGNED)
    assert erased.exit_code == 0, erased.output
    service.clock.set(datetime.now(UTC))
    service.tokens.clear()
    assert service.get(f"/v1/consents/{wrong['id']}").status_code == 404
    shown = service.get(f"/v1/consents/{live['id']}")
    assert (shown.status_code, shown.json["status"]) == (200, "in_force")
    assert "Gerda" in {one["name"] for one in shown.json["signatories"]}
    assert findings(service) == []
