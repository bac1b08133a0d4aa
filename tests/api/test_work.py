"""A caseworker's list: custody to be looked up again after a denial contradicted it (R5e)."""

from typing import Any

import pytest

from consent_service.persistence.verification.log_reader import verify_database
from consent_service.signing.canonical import instant_text
from tests.api.families import CHILD, MOTHER_ALONE, SIBLING
from tests.api.test_custody import change
from tests.deployment import ALL_SCOPES, Deployment

BOTH_WAYS = ("decision", "disclosure")
CODE = "custody_contradicted"


def z_knows_the_mother_alone(service: Deployment, **more: Any) -> dict[str, Any]:
    """A consent of Z in force between the GP, X and Z, which leaves the father out."""
    parties = ["gp-y", "municipality-x", "municipality-z"]
    asked = service.ask("municipality-z", parties=parties, custody=MOTHER_ALONE, **more)
    service.act(asked["id"], "custody_holder")
    return asked


@pytest.fixture
def own(service: Deployment) -> dict[str, Any]:
    """X's own request, which both parents have yet to answer, beside Z's in force."""
    asked = service.ask()
    z_knows_the_mother_alone(service)
    return asked


def ask(service: Deployment, way: str = "decision", cpr: str = CHILD.cpr, **more: Any) -> set[str]:
    """The GP wants to tell X; the reasons of the denial."""
    body = service.disclosure_body(child={"cpr": cpr}, **more)
    if way == "disclosure":
        answer = service.post("/v1/disclosures", body, org="gp-y")
    else:
        del body["document"], body["channel"]
        answer = service.post("/v1/decisions", body, org="gp-y")
    return {reason["code"] for reason in answer.json["reasons"]}


def work(service: Deployment, org: str = "municipality-x", query: str = "") -> Any:
    answer = service.get(f"/v1/work{query}", org=org)
    assert answer.status_code == 200, answer.json
    return answer.json


def notes(service: Deployment, org: str = "municipality-x") -> list[Any]:
    found = service.get("/v1/audit/entries?type=custody_to_check", org=org)
    return [entry["body"] for entry in found.json["items"]]


def test_nobody_has_work_before_anything_happened(service: Deployment) -> None:
    service.in_force()
    assert work(service) == {"items": [], "next": None}


@pytest.mark.parametrize("way", BOTH_WAYS)
def test_whose_own_facts_name_another_holder_is_asked_to_look(
    service: Deployment, own: dict[str, Any], way: str
) -> None:
    assert CODE in ask(service, way)
    item = {
        "kind": "custody_to_check",
        "consent": own["id"],
        "case_reference": "2026-0117",
    }
    assert work(service) == {"items": [item], "next": None}
    for org in ("municipality-z", "gp-y", "paediatrics"):
        assert work(service, org)["items"] == []
        assert notes(service, org) == []


def test_what_is_noted_names_nobody_elses_consent_controller_or_person(
    service: Deployment, own: dict[str, Any]
) -> None:
    ask(service)
    (body,) = notes(service)
    assert body == {
        "type": "custody_to_check",
        "organisation": "municipality-x",
        "consent": own["id"],
        "child": {"cpr": CHILD.cpr},
    }
    timeline = service.get(f"/v1/consents/{own['id']}/timeline").json["items"]
    (shown,) = [item for item in timeline if item["type"] == "custody_to_check"]
    assert shown["detail"] == {"organisation": "municipality-x"}


@pytest.mark.parametrize("way", BOTH_WAYS)
def test_another_denial_is_noted_as_nothing(service: Deployment, way: str) -> None:
    asked = service.in_force()
    service.act(asked["id"], "custody_holder", "withdraw")
    assert ask(service, way) == {"withdrawn"}
    assert notes(service) == []


def test_once_asked_it_is_asked_once(service: Deployment, own: dict[str, Any]) -> None:
    for way in (*BOTH_WAYS, *BOTH_WAYS):
        ask(service, way)
    assert len(work(service)["items"]) == len(notes(service)) == 1


def test_a_question_about_the_past_asks_nobody(service: Deployment, own: dict[str, Any]) -> None:
    before = instant_text(service.clock.now)
    service.clock.forward(minutes=1)
    assert CODE in ask(service, as_of=before)
    assert notes(service) == []


def test_it_stands_on_the_newest_consent(service: Deployment, own: dict[str, Any]) -> None:
    newest = service.ask(parties=["municipality-x", "gp-y"], case_reference="2026-0200")
    ask(service)
    (item,) = work(service)["items"]
    assert (item["consent"], item["case_reference"]) == (newest["id"], "2026-0200")


def test_a_look_up_since_is_what_does_it(service: Deployment, own: dict[str, Any]) -> None:
    service.clock.forward(days=2)
    ask(service)
    old = service.request_body()["custody"] | {"as_of": "2026-11-24"}
    service.ask(parties=["municipality-x", "gp-y"], custody=old)
    assert len(work(service)["items"]) == 1, "looked up before that day"
    change(service, MOTHER_ALONE, org="municipality-z")
    assert len(work(service)["items"]) == 1, "by somebody else"
    assert change(service, old | {"as_of": "2026-11-25"}).status_code == 201
    assert work(service)["items"] == []
    ask(service)
    assert len(work(service)["items"]) == 1, "asked anew, it is to be done anew"
    assert len(notes(service)) == 2


def test_pages_leave_out_what_is_done(service: Deployment, own: dict[str, Any]) -> None:
    service.ask(child=SIBLING.named(), case_reference="2026-0300")
    z_knows_the_mother_alone(service, child=SIBLING.named())
    ask(service)
    ask(service, cpr=SIBLING.cpr)
    assert [item["case_reference"] for item in work(service)["items"]] == ["2026-0117", "2026-0300"]
    assert change(service, service.request_body()["custody"]).status_code == 201
    first = work(service, query="?limit=1")
    assert first["items"] == []
    second = work(service, query=f"?limit=1&cursor={first['next']}")
    assert [item["case_reference"] for item in second["items"]] == ["2026-0300"]
    assert second["next"] is None


def test_a_look_at_the_list_is_logged(service: Deployment) -> None:
    work(service)
    (entry,) = service.get("/v1/audit/entries?type=consents_listed").json["items"]
    assert (entry["body"]["view"], entry["body"]["count"]) == ("work", 0)


def test_the_list_needs_its_scope(service: Deployment) -> None:
    token = service.token("municipality-x", ALL_SCOPES - {"consents:read"})
    answer = service.get("/v1/work", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")


def test_the_log_verifies_with_it(service: Deployment, own: dict[str, Any]) -> None:
    ask(service, "disclosure")
    service.parts.grow()
    parts = service.parts
    report = verify_database(
        parts.units.engine, parts.units.ring, parts.index, parts.keys.published,
        parts.settings.log_origin, service.clock(),
    )  # fmt: skip
    assert report.findings == ()
