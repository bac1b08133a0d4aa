"""`consent-service organisations`, `templates` and `tokens`: the operator without a client."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from consent_service.cli import cli, main
from consent_service.commands.assembled import verify_with_keys
from consent_service.services.access.client import SCOPES
from tests.deployment import Deployment, deploy, template


@pytest.fixture
def service(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy(furnished_url, tmp_path)
    yield deployment
    deployment.close()


@pytest.fixture
def on_sqlite(furnished_sqlite_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy(furnished_sqlite_url, tmp_path)
    yield deployment
    deployment.close()


def environment(service: Deployment) -> dict[str, str]:
    settings = service.settings
    return {
        "CONSENT_DATABASE_URL": settings.database_url,
        "CONSENT_KEYS_FILE": str(settings.keys_file),
        "CONSENT_BASE_URL": settings.base_url,
        "CONSENT_LOG_ORIGIN": settings.log_origin,
        "CONSENT_LOG_ANCHOR_FILE": str(settings.anchor_file),
    }


def run(service: Deployment, *arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(cli, arguments, env=environment(service), **options)


def done(service: Deployment, *arguments: str, **options: Any) -> list[Any]:
    result = run(service, *arguments, **options)
    assert result.exit_code == 0, (result.output, result.exception)
    return [json.loads(line) for line in result.output.splitlines()]


def logged(service: Deployment, type_: str, org: str) -> list[dict[str, Any]]:
    service.parts.grow()
    answer = service.get(
        f"/v1/audit/entries?type={type_}", org=org, headers={"Performed-By": 'id="d1"'}
    )
    return [entry["body"] for entry in answer.json["items"]]


def findings(service: Deployment) -> list[str]:
    service.parts.grow()
    report = verify_with_keys(service.parts, workers=1)
    return [f"{one.kind}: {one.place}" for one in report.findings]


# -- organisations --------------------------------------------------------------------------


def test_organisations_are_listed_and_shown(service: Deployment) -> None:
    listed = done(service, "organisations", "list")
    assert listed == service.get("/v1/organisations").json["items"]
    (shown,) = done(service, "organisations", "show", "gp-y")
    assert shown == service.get("/v1/organisations/gp-y").json
    assert shown in listed


def test_a_telephone_number_is_corrected(service: Deployment) -> None:
    before = service.get("/v1/organisations/gp-y").json
    (shown,) = done(service, "organisations", "edit", "gp-y", "--phone", "+45 87 65 43 21")
    after = service.get("/v1/organisations/gp-y").json
    assert shown == after
    contact = before["contact"] | {"phone": "+45 87 65 43 21"}
    assert after == before | {"contact": contact}
    assert logged(service, "organisation_changed", "gp-y") == [
        {
            "type": "organisation_changed",
            "organisation": "operator",
            "client": "command-line",
            "contact": contact,
        }
    ]
    assert findings(service) == []


def test_everything_that_may_be_changed_at_once(service: Deployment) -> None:
    changes = (
        *("--name", "Lægerne Y", "--email", "", "--description", "da=Læger", "--description"),
        *("en=", "--identifier", "ydernummer=012345", "--confirmation", "login"),
    )
    done(service, "organisations", "edit", "gp-y", *changes)
    after = service.get("/v1/organisations/gp-y").json
    assert after == {
        "id": "gp-y",
        "name": "Lægerne Y",
        "kind": "general_practice",
        "descriptions": {"da": "Læger"},
        "contact": {"phone": "+45 12 34 56 78", "email": None},
        "identifiers": {"ydernummer": "012345"},
        "confirmation": "login",
    }
    (entry,) = logged(service, "organisation_changed", "gp-y")
    assert {"name", "descriptions", "contact", "identifiers", "confirmation"} < set(entry)
    assert findings(service) == []


def test_saying_it_again_changes_nothing(service: Deployment) -> None:
    result = run(service, "organisations", "edit", "gp-y", "--name", "Lægehuset Y")
    assert (result.exit_code, result.output) == (0, "Nothing of it is changed.\n")
    assert logged(service, "organisation_changed", "gp-y") == []


def test_one_that_is_added_says_all_of_itself(service: Deployment) -> None:
    told = ("--phone", "+45 11 22 33 44", "--description", "da=Skole", "--identifier")
    kind = ("--kind", "other")
    assert (
        done(service, "organisations", "add", "skolen", "Skolen", *kind, *told, "cvr=12345678")
        == []
    )
    assert done(service, "organisations", "show", "skolen")[0] == {
        "id": "skolen",
        "name": "Skolen",
        "kind": "other",
        "descriptions": {"da": "Skole"},
        "contact": {"phone": "+45 11 22 33 44"},
        "identifiers": {"cvr": "12345678"},
        "confirmation": "any",
    }
    assert findings(service) == []


REFUSED = {
    ("organisations", "add", "Stor Kommune", "Stor Kommune", "--kind", "municipality"): "no id",
    ("organisations", "add", "skolen", "Skolen", "--kind", "other", "--phone", "x"): (
        "/contact/phone: Not a phone number."
    ),
    ("organisations", "add", "skolen", "Skolen", "--kind", "other", "--identifier", "cvr=1"): (
        "/identifiers/cvr: Eight digits."
    ),
    ("organisations", "add", "skolen", "Skolen", "--kind", "other", "--identifier", "cvr"): (
        "with = between them"
    ),
    ("organisations", "add", "gp-y", "Y", "--kind", "other"): "An organisation with this id",
    ("organisations", "show", "nobody"): "There is no organisation 'nobody'.",
    ("organisations", "edit", "nobody", "--name", "N"): "There is no organisation 'nobody'.",
    ("organisations", "edit", "gp-y", "--name", ""): "/name: ",
    ("organisations", "edit", "gp-y", "--email", "x"): "/contact/email: ",
    ("templates", "add", "--org", "nobody", "--default"): "There is no organisation 'nobody'",
    ("templates", "add", "--org", "gp-y"): "Give a FILE or --default.",
    ("templates", "add", "--org", "gp-y", "{keys}"): "/id: ",
    ("templates", "list", "--org", "nobody"): "There is no organisation 'nobody'.",
    ("tokens", "issue", "--org", "nobody", "--client", "c", "--scope", "consents:read"): (
        "There is no organisation 'nobody'"
    ),
    ("tokens", "issue", "--org", "gp-y", "--client", "c", "--scope", "consents:reed"): (
        "'consents:reed' is not one of"
    ),
}


@pytest.mark.parametrize(("command", "says"), REFUSED.items(), ids=[" ".join(c) for c in REFUSED])
def test_what_is_refused_is_a_sentence_and_leaves_nothing(
    on_sqlite: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    says: str,
) -> None:
    before = (
        done(on_sqlite, "organisations", "list"),
        done(on_sqlite, "templates", "list", "--org", "gp-y"),
    )
    for name, value in environment(on_sqlite).items():
        monkeypatch.setenv(name, value)
    arguments = [one.format(keys=on_sqlite.settings.keys_file) for one in command]
    monkeypatch.setattr("sys.argv", ["consent-service", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr()
    assert stopped.value.code in (1, 2)
    assert (said.out, "Traceback" in said.err) == ("", False)
    expected = "is not 1 to 64 lower-case letters" if says == "no id" else says
    assert expected in said.err
    assert before == (
        done(on_sqlite, "organisations", "list"),
        done(on_sqlite, "templates", "list", "--org", "gp-y"),
    )


# -- templates ------------------------------------------------------------------------------


def test_the_template_that_comes_with_the_service(service: Deployment) -> None:
    (made,) = done(service, "templates", "add", "--default", "--org", "gp-y")
    assert (made["template"], made["version"]) == ("joint-action-plan", 1)
    read = service.get("/v1/templates/joint-action-plan", org="gp-y").json
    assert read["sha256"] == made["sha256"]
    assert set(read["texts"]) == set(made["languages"])
    (entry,) = logged(service, "template_published", "gp-y")
    assert entry == {
        "type": "template_published",
        "organisation": "gp-y",
        "client": "command-line",
        "template": "joint-action-plan",
        "version": 1,
        "sha256": made["sha256"],
    }
    assert done(service, "templates", "list", "--org", "gp-y") == [made]
    assert findings(service) == []


def test_a_template_from_a_file_is_the_next_version(service: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template(max_validity="P6M")))
    (made,) = done(service, "templates", "add", str(file), "--org", "municipality-x")
    (again,) = done(
        service, "templates", "add", "-", "--org", "municipality-x", input=file.read_bytes()
    )
    assert again["version"] == made["version"] + 1 >= 3
    assert done(service, "templates", "list", "--org", "municipality-x") == [again]
    assert service.get("/v1/templates/joint-action-plan").json["max_validity"] == "P6M"


def test_a_template_of_what_is_not_registered(service: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template(purpose="something-else")))
    result = run(service, "templates", "add", str(file), "--org", "gp-y")
    assert "/purpose: The operator has not registered this." in str(result.exception)
    assert done(service, "templates", "list", "--org", "gp-y") == []


# -- tokens ---------------------------------------------------------------------------------


def test_a_token_for_each_scope_there_is(service: Deployment) -> None:
    for scope in SCOPES:
        result = run(service, "tokens", "issue", "--org", "gp-y", "--client", "c", "--scope", scope)
        assert (result.exit_code, result.output.count(".")) == (0, 2)


def test_who_only_registers_others_need_be_no_party(service: Deployment) -> None:
    command = ("tokens", "issue", "--org", "operator", "--client", "c", "--scope")
    assert run(service, *command, "organisations:write").exit_code == 0
    assert run(service, *command, "organisations:write", "--scope", "audit:read").exit_code == 1
