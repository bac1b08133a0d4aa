"""`consent-service staff end-sessions`: the operator ends what a lost computer still holds open."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from consent_service.cli import cli
from tests.web.family import words
from tests.web.workplace import BODIL, DORTHE, ZITA, Employee, Workplace, steps, workplace


@pytest.fixture
def office(furnished_url: str, tmp_path: Path) -> Iterator[Workplace]:
    with workplace(furnished_url, tmp_path) as place:
        yield place


def run(office: Workplace, *arguments: str, **changes: str) -> Result:
    settings = office.deployment.settings
    signers, staff = settings.signer_provider, settings.staff
    assert signers
    assert staff
    environment = {
        "CONSENT_DATABASE_URL": settings.database_url,
        "CONSENT_KEYS_FILE": str(settings.keys_file),
        "CONSENT_BASE_URL": settings.base_url,
        "CONSENT_LOG_ORIGIN": settings.log_origin,
        "CONSENT_LOG_ANCHOR_FILE": str(settings.anchor_file),
        "CONSENT_OIDC_ISSUER": signers.issuer,
        "CONSENT_OIDC_CLIENT_ID": signers.client_id,
        "CONSENT_OIDC_CLIENT_SECRET": signers.client_secret,
        "CONSENT_OIDC_CPR_CLAIM": signers.cpr_claim,
        "CONSENT_STAFF_OIDC_ISSUER": staff.issuer,
        "CONSENT_STAFF_OIDC_CLIENT_ID": staff.client_id,
        "CONSENT_STAFF_OIDC_CLIENT_SECRET": staff.client_secret,
        "CONSENT_STAFF_ORGANISATION": staff.organisation,
        "CONSENT_STAFF_ROLES": json.dumps({"roles": {"op": {"role": "operator"}}}),
        **changes,
    }
    return CliRunner().invoke(cli, ["staff", "end-sessions", *arguments], env=environment)


def is_in(browser: Employee) -> bool:
    return "Du er logget ind" in words(browser.see())


def test_one_persons_sessions(office: Workplace) -> None:
    desk, phone, colleague = (
        Employee(office.deployment),
        Employee(office.deployment),
        Employee(office.deployment, BODIL),
    )
    for browser in (desk, phone, colleague):
        browser.arrive()
    ended = run(office, "--subject", DORTHE.subject)
    assert (ended.exit_code, ended.output) == (0, "Ended.\n"), ended.exception
    assert [is_in(browser) for browser in (desk, phone, colleague)] == [False, False, True]
    assert steps(office.deployment)[3:] == ["staff_sessions_ended"]
    again = run(office, "--subject", DORTHE.subject)
    assert again.output == "There was no session to end.\n"
    assert steps(office.deployment)[4:] == []


def test_everybodys_sessions(office: Workplace) -> None:
    dorthe, zita = Employee(office.deployment), Employee(office.deployment, ZITA)
    dorthe.arrive()
    zita.arrive()
    assert run(office, "--all").output == "Ended.\n"
    assert not is_in(dorthe)
    assert not is_in(zita)
    for organisation in ("municipality-x", "municipality-z"):
        assert steps(office.deployment, organisation) == [
            "staff_logged_in",
            "staff_sessions_ended everybody",
        ]


@pytest.mark.parametrize("arguments", [[], ["--all", "--subject", "s"]])
def test_whose_sessions_must_be_said(office: Workplace, arguments: list[str]) -> None:
    assert run(office, *arguments).exit_code == 2


def test_without_staff_there_is_nothing_to_end(office: Workplace) -> None:
    refused = run(office, "--all", CONSENT_STAFF_OIDC_ISSUER="")
    assert refused.exit_code == 1
    assert "CONSENT_STAFF_OIDC_ISSUER" in str(refused.exception)
