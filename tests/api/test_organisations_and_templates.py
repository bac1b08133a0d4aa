"""Organisations and templates over HTTP."""

import hashlib
from typing import Any

import pytest

from consent_service.signing.canonical import canonical_json
from tests.deployment import ORGANISATIONS, Deployment, template
from tests.deployment import organisation as party


def test_an_organisation_is_registered_once(service: Deployment) -> None:
    body = party("school-1", "other", "Skolen") | {
        "identifiers": {"cvr": "12345678", "gln": "5790000000000"}
    }
    answer = service.post("/v1/organisations", body, org="operator")
    assert answer.status_code == 201
    shown = body | {"confirmation": "any"}
    assert answer.json == shown
    assert service.get("/v1/organisations/school-1", org="gp-y").json == shown
    again = service.post("/v1/organisations", body | {"name": "Another"}, org="operator")
    assert (again.status_code, again.json["code"]) == (409, "already_exists")
    assert service.get("/v1/organisations/school-1").json["name"] == "Skolen"


def test_the_least_an_organisation_says(service: Deployment) -> None:
    body = {"id": "school-1", "name": "Skolen", "kind": "other"}
    answer = service.post("/v1/organisations", body, org="operator")
    assert answer.status_code == 201
    unsaid = {"descriptions": {}, "contact": {}, "identifiers": {}, "confirmation": "any"}
    assert answer.json == body | unsaid


def test_only_the_operator_registers(service: Deployment) -> None:
    token = service.token("municipality-x", frozenset({"templates:write", "consents:write"}))
    body = {"id": "school-1", "name": "Skolen", "kind": "other"}
    answer = service.post("/v1/organisations", body, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")
    assert service.get("/v1/organisations/school-1").status_code == 404


def test_organisations_come_in_pages(service: Deployment) -> None:
    ids = sorted(one["id"] for one in ORGANISATIONS)
    found: list[str] = []
    path = "/v1/organisations?limit=2"
    pages = 0
    while True:
        page = service.get(path).json
        found += [one["id"] for one in page["items"]]
        pages += 1
        if page["next"] is None:
            break
        path = f"/v1/organisations?limit=2&cursor={page['next']}"
    assert (found, pages) == (ids, 3)


def test_a_template_version_is_immutable_and_hashed(service: Deployment) -> None:
    first = service.get("/v1/templates/joint-action-plan/versions/1").json
    body = template(granular=False)
    second = service.post("/v1/templates", body)
    assert second.status_code == 201
    assert second.json["version"] == 2
    assert {name: second.json[name] for name in body} == body
    assert second.json["organisation"] == "municipality-x"
    hashed = {k: v for k, v in second.json.items() if k not in ("sha256", "published_at")}
    assert second.json["sha256"] == hashlib.sha256(canonical_json(hashed)).hexdigest()
    assert second.json["sha256"] != first["sha256"]
    assert service.get("/v1/templates/joint-action-plan").json == second.json
    assert service.get("/v1/templates/joint-action-plan/versions/2").json == second.json
    assert service.get("/v1/templates/joint-action-plan/versions/1").json == first


def test_what_a_template_demands_of_a_login(service: Deployment) -> None:
    plain = service.post("/v1/templates", template()).json
    body = template(text_bound_login=True, minimum_assurance="high")
    demanding = service.post("/v1/templates", body).json
    assert {name: demanding[name] for name in body} == body
    defaults = template(text_bound_login=False, minimum_assurance="substantial")
    default = service.post("/v1/templates", defaults).json
    assert not {"text_bound_login", "minimum_assurance"} & default.keys()
    # So the hash of a template that says nothing is what it always was.
    assert {**default, "version": 0, "sha256": "", "published_at": ""} == {
        **plain,
        "version": 0,
        "sha256": "",
        "published_at": "",
    }


@pytest.mark.parametrize(
    "demand",
    [
        {"text_bound_login": "yes"},
        {"text_bound_login": None},
        {"minimum_assurance": "low"},
        {"minimum_assurance": None},
    ],
)
def test_demands_there_are_not(service: Deployment, demand: dict[str, Any]) -> None:
    assert service.post("/v1/templates", template(**demand)).status_code == 422


def test_the_hash_covers_every_language(service: Deployment) -> None:
    texts = template()["texts"]
    changed = {**texts, "en": {**texts["en"], "voluntary": "It is voluntary."}}
    first = service.get("/v1/templates/joint-action-plan").json
    second = service.post("/v1/templates", template(texts=changed)).json
    assert second["sha256"] != first["sha256"]


@pytest.mark.parametrize("version", ["0", "2", "2147483648", "99999999999999999999"])
def test_a_version_there_is_not(service: Deployment, version: str) -> None:
    answer = service.get(f"/v1/templates/joint-action-plan/versions/{version}")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_a_template_is_its_organisations_alone(service: Deployment) -> None:
    for path in ("/v1/templates/joint-action-plan", "/v1/templates/joint-action-plan/versions/1"):
        assert service.get(path, org="municipality-z").json["organisation"] == "municipality-z"
        assert service.get(path, org="gp-y").status_code == 404
    assert service.get("/v1/templates", org="gp-y").json == {"items": [], "next": None}
    published = service.post("/v1/templates", template(), org="gp-y")
    assert published.json["version"] == 1


def test_templates_come_in_pages(service: Deployment) -> None:
    for name in ("a-plan", "z-plan"):
        assert service.post("/v1/templates", template(id=name)).status_code == 201
    first = service.get("/v1/templates?limit=2").json
    second = service.get(f"/v1/templates?limit=2&cursor={first['next']}").json
    names = [one["id"] for one in (*first["items"], *second["items"])]
    assert names == ["a-plan", "joint-action-plan", "z-plan"]
    assert second["next"] is None


@pytest.mark.parametrize("period", ["P1Y", "P12M", "P6M", "P52W", "P365D", "P90D"])
def test_a_year_or_less(service: Deployment, period: str) -> None:
    answer = service.post("/v1/templates", template(max_validity=period))
    assert (answer.status_code, answer.json["max_validity"]) == (201, period)


def test_a_shorter_template_ends_sooner(service: Deployment) -> None:
    service.post("/v1/templates", template(max_validity="P1M"))
    asked = service.in_force()
    assert asked["template"]["version"] == 2
    shown = service.get(f"/v1/consents/{asked['id']}").json
    assert shown["expires_at"].startswith("2026-12-23T09:01")


def test_a_consent_keeps_the_version_it_was_asked_with(service: Deployment) -> None:
    asked = service.ask()
    service.post("/v1/templates", template(max_validity="P1M"))
    shown = service.get(f"/v1/consents/{asked['id']}").json
    assert shown["template"] == asked["template"]
    assert shown["template"]["version"] == 1


def test_the_young_person_alone_signs_under_that_rule(service: Deployment) -> None:
    service.post("/v1/templates", template(signer_rule="child_15_alone"))
    child: dict[str, Any] = {"cpr": "0505104444", "name": "Alma Test"}
    asked = service.ask(child=child)
    required = {s["role"]: s["required"] for s in asked["signatories"]}
    assert required == {"custody_holder": False, "child": True}
    assert asked["signatories"][0]["state"] == "not_required"
    service.act(asked["id"], "child")
    assert service.get(f"/v1/consents/{asked['id']}").json["status"] == "in_force"
