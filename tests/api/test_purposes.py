"""The operator's register: what templates may name, and a no for a purpose that overlaps (R5g)."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.deployment import COLLEAGUE, EMPLOYEE, PURPOSE, Deployment, deploy, template

FOLLOW_UP = "follow-up"


def unregistered(service: Deployment, **changes: Any) -> list[str]:
    answer = service.post("/v1/templates", template(**changes))
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_input"), answer.json
    assert {error["detail"] for error in answer.json["errors"]} == {
        "The operator has not registered this."
    }
    return [error["pointer"] for error in answer.json["errors"]]


def named(categories: list[str]) -> dict[str, Any]:
    labels = {"da": {"categories": dict.fromkeys(categories, "Ord"), "purpose": "En plan"}}
    return {
        "categories": categories,
        "labels": labels,
        "texts": {"da": template()["texts"]["da"]},
    }


def test_a_template_names_registered_purposes_and_categories(shared: Deployment) -> None:
    assert unregistered(shared, purpose=FOLLOW_UP) == ["/purpose"]
    assert unregistered(shared, **named(["health", "dental"])) == ["/categories/1"]
    several = named(["dental", "school", "eyes"])
    assert unregistered(shared, purpose="plan", **several) == [
        "/purpose",
        "/categories/0",
        "/categories/2",
    ]
    assert shared.get("/v1/templates/joint-action-plan").json["version"] == 1


# -- a no for the purpose of one municipality stops what overlaps at another -------------


def asks_for_follow_up(service: Deployment, org: str, *overlaps: str) -> dict[str, Any]:
    """Another purpose, registered by the operator, and a request for it."""
    service.register(FOLLOW_UP, *overlaps)
    plan = template(id="follow-up-plan", purpose=FOLLOW_UP)
    assert service.post("/v1/templates", plan, org=org).status_code == 201
    return service.ask(
        org, template="follow-up-plan", parties=["gp-y", "municipality-x", "municipality-z"]
    )


def reasons(answer: TestResponse) -> list[dict[str, str]]:
    assert answer.json
    return list(answer.json["reasons"])


@pytest.fixture
def refused(service: Deployment) -> dict[str, Any]:
    """X's consent is in force; the mother says no to Z's request for a purpose that overlaps."""
    service.in_force()
    asked = asks_for_follow_up(service, "municipality-z", PURPOSE)
    assert service.disclose().status_code == 201
    service.act(asked["id"], "custody_holder", "decline", nth=0)
    return asked


def test_a_no_for_a_purpose_that_overlaps_stops(
    service: Deployment, refused: dict[str, Any]
) -> None:
    denied = service.disclose()
    assert (denied.status_code, reasons(denied)) == (403, [{"code": "objection_stands"}])
    question = service.disclosure_body()
    del question["channel"], question["document"]
    decided = service.post("/v1/decisions", question, org="gp-y").json
    assert (decided["decision"], decided["reasons"]) == ("denied", [{"code": "objection_stands"}])


def test_it_is_a_warning_on_another_legal_basis(
    service: Deployment, refused: dict[str, Any]
) -> None:
    basis = {"type": "notification_duty", "provision": "§ 133", "justification": "Bekymring."}
    recorded = service.disclose(legal_basis=basis)
    assert (recorded.status_code, recorded.json["warnings"]) == (201, ["family_objected"])
    entry = service.get(f"/v1/audit/entries/{recorded.json['id']}", org="gp-y").json
    assert entry["body"]["objected"] is True


def test_a_yes_for_the_purpose_asked_about_or_the_one_refused_takes_it_back(
    service: Deployment, refused: dict[str, Any]
) -> None:
    again = service.ask(parties=["gp-y", "municipality-x"])
    service.act(again["id"], "custody_holder", nth=0)
    assert service.disclose().status_code == 201
    service.act(refused["id"], "custody_holder", "decline", nth=0)
    assert service.disclose().status_code == 403
    service.act(refused["id"], "custody_holder", nth=0)
    assert service.disclose().status_code == 201


def test_an_overlap_counts_from_its_registration_for_what_was_denied_before(
    service: Deployment,
) -> None:
    service.in_force()
    asked = asks_for_follow_up(service, "municipality-z")
    service.act(asked["id"], "custody_holder", "decline", nth=0)
    assert service.disclose().status_code == 201
    before = service.clock.now
    service.clock.forward(minutes=1)
    service.overlap(PURPOSE, FOLLOW_UP)
    assert reasons(service.disclose()) == [{"code": "objection_stands"}]
    question = service.disclosure_body(as_of=before.isoformat())
    del question["channel"], question["document"]
    assert service.post("/v1/decisions", question, org="gp-y").json["decision"] == "permitted"


def test_it_counts_at_once_in_every_process(service: Deployment) -> None:
    service.in_force()
    asked = asks_for_follow_up(service, "municipality-z")
    service.act(asked["id"], "custody_holder", "decline", nth=0)
    settings = service.settings
    folder = settings.keys_file.parent
    other = deploy(settings.database_url, folder, base_url=settings.base_url, clock=service.clock)
    try:
        assert other.disclose().status_code == 201
        service.overlap(PURPOSE, FOLLOW_UP)
        assert other.disclose().status_code == 403
    finally:
        other.close()


def test_it_counts_at_once_though_the_operators_clock_is_ahead(service: Deployment) -> None:
    service.in_force()
    asked = asks_for_follow_up(service, "municipality-z")
    service.act(asked["id"], "custody_holder", "decline", nth=0)
    here = service.clock.now
    service.clock.forward(seconds=4)
    service.overlap(PURPOSE, FOLLOW_UP)
    service.clock.set(here)
    assert service.disclose().status_code == 403


def test_a_paper_is_overtaken_by_a_no_for_a_purpose_that_overlaps(service: Deployment) -> None:
    asked = service.ask()
    paper = {
        "signatory": asked["signatories"][1]["id"],
        "decision": "grant",
        "signed_on": "2026-11-23",
        "document": {"reference": "journal-77", "sha256": "ab" * 32},
        "identity_checked": "driving licence, seen at the counter",
        "performed_by": EMPLOYEE,
    }
    path = f"/v1/consents/{asked['id']}/paper-grants"
    recorded = service.post(path, paper).json["id"]
    follow_up = asks_for_follow_up(service, "municipality-x", PURPOSE)
    service.act(follow_up["id"], "custody_holder", "decline", nth=1)
    confirmed = service.post(f"{path}/{recorded}/confirmation", {"performed_by": COLLEAGUE})
    assert (confirmed.status_code, confirmed.json["code"]) == (409, "newer_refusal")
