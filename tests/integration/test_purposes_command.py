"""`consent-service purposes` and `categories`: the operator says what templates may name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from consent_service.cli import cli, main
from tests.deployment import CATEGORIES, PURPOSE, Deployment, deploy

ORG = ("--org", "municipality-x")


@pytest.fixture
def service(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy(furnished_url, tmp_path)
    yield deployment
    deployment.close()


def environment(service: Deployment, **changes: str) -> dict[str, str]:
    settings = service.settings
    return {
        "CONSENT_DATABASE_URL": settings.database_url,
        "CONSENT_KEYS_FILE": str(settings.keys_file),
        "CONSENT_BASE_URL": settings.base_url,
        "CONSENT_LOG_ORIGIN": settings.log_origin,
        "CONSENT_LOG_ANCHOR_FILE": str(settings.anchor_file),
        "CONSENT_OIDC_ISSUER": "http://127.0.0.1:9",
        "CONSENT_OIDC_CLIENT_ID": "test",
        "CONSENT_OIDC_CLIENT_SECRET": "made up",
        "CONSENT_OIDC_CPR_CLAIM": "dk.cpr",
        **changes,
    }


def run(service: Deployment, *arguments: str, **changes: str) -> Result:
    return CliRunner().invoke(cli, arguments, env=environment(service, **changes))


def done(service: Deployment, *arguments: str) -> list[Any]:
    result = run(service, *arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return [json.loads(line) for line in result.output.splitlines()]


def overlaps(service: Deployment) -> dict[str, list[str]]:
    return {one["id"]: one["overlaps"] for one in done(service, "purposes", "list")}


def logged(service: Deployment, type_: str, org: str = "municipality-x") -> list[dict[str, Any]]:
    service.parts.grow()
    answer = service.get(
        f"/v1/audit/entries?type={type_}", org=org, headers={"Performed-By": 'id="d1"'}
    )
    return [entry["body"] for entry in answer.json["items"]]


def test_a_purpose_and_what_it_overlaps(service: Deployment) -> None:
    done(service, "purposes", "add", "review", *ORG)
    done(service, "purposes", "add", "follow-up", "--overlaps", f"review,{PURPOSE}", *ORG)
    assert overlaps(service) == {
        "follow-up": [PURPOSE, "review"],
        PURPOSE: ["follow-up"],
        "review": ["follow-up"],
    }
    assert logged(service, "purpose_registered")[1:] == [
        {
            "type": "purpose_registered",
            "organisation": "operator",
            "client": "command-line",
            "purpose": purpose,
            "overlaps": beside,
        }
        for purpose, beside in (("review", []), ("follow-up", [PURPOSE, "review"]))
    ]


def test_two_that_were_registered_apart(service: Deployment) -> None:
    done(service, "purposes", "add", "review", *ORG)
    done(service, "purposes", "overlap", "review", PURPOSE, *ORG)
    assert overlaps(service) == {PURPOSE: ["review"], "review": [PURPOSE]}
    (entry,) = logged(service, "purpose_overlap_registered")
    assert entry["purposes"] == [PURPOSE, "review"]


def test_categories(service: Deployment) -> None:
    done(service, "categories", "add", "vision", "dental", *ORG)
    listed = [one["id"] for one in done(service, "categories", "list")]
    assert listed == sorted([*CATEGORIES, "vision", "dental"])
    assert logged(service, "categories_registered")[-1]["categories"] == ["dental", "vision"]


REFUSED = {
    ("purposes", "add", PURPOSE): f"The purpose {PURPOSE} is registered already.",
    ("purposes", "add", "a", "--overlaps", "b,c"): "Not registered as a purpose: b, c.",
    ("purposes", "add", "a", "--overlaps", "a"): "Not registered as a purpose: a.",
    ("purposes", "overlap", PURPOSE, "b"): "Not registered as a purpose: b.",
    ("purposes", "overlap", PURPOSE, PURPOSE): (
        f"The purposes {PURPOSE} and {PURPOSE} overlap already."
    ),
    ("categories", "add", "new", "school", "health"): "Registered already: health, school.",
}


@pytest.mark.parametrize(("arguments", "says"), REFUSED.items(), ids=list(map(" ".join, REFUSED)))
def test_what_is_refused_is_a_sentence_and_leaves_nothing(
    service: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: Any, arguments: Any, says: str
) -> None:
    for name, value in environment(service).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["consent-service", *arguments, *ORG])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert capsys.readouterr().err == f"consent-service: {says}\n"
    assert overlaps(service) == {PURPOSE: []}
    assert len(done(service, "categories", "list")) == len(CATEGORIES)
    assert len(logged(service, "purpose_registered")) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("purposes", "add", "Assessment"),
        ("purposes", "add", "a", "--overlaps", "b, c"),
        ("purposes", "overlap", "a", "b/c"),
        ("categories", "add", "school", "-x"),
        ("categories", "add"),
    ],
)
def test_a_slug_is_a_slug(service: Deployment, arguments: tuple[str, ...]) -> None:
    assert run(service, *arguments, *ORG).exit_code == 2
    assert overlaps(service) == {PURPOSE: []}


def test_whose_log_it_stands_in_must_be_known(service: Deployment) -> None:
    unsaid = run(service, "purposes", "add", "review")
    assert (unsaid.exit_code, "--org" in unsaid.output) == (2, True)
    unknown = run(service, "purposes", "add", "review", "--org", "nobody")
    assert unknown.exit_code == 1
    assert str(unknown.exception) == "There is no organisation nobody."
    assert overlaps(service) == {PURPOSE: []}


def test_that_of_the_organisation_that_runs_the_service_unless_said(service: Deployment) -> None:
    staff = {
        "CONSENT_STAFF_OIDC_ISSUER": "http://127.0.0.1:9",
        "CONSENT_STAFF_OIDC_CLIENT_ID": "staff",
        "CONSENT_STAFF_OIDC_CLIENT_SECRET": "made up",
        "CONSENT_STAFF_ORGANISATION": "municipality-z",
        "CONSENT_STAFF_ROLES": json.dumps({"roles": {"op": {"role": "operator"}}}),
    }
    assert run(service, "categories", "add", "dental", **staff).exit_code == 0
    (entry,) = logged(service, "categories_registered", "municipality-z")
    assert entry["categories"] == ["dental"]
