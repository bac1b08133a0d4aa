"""A replacement number proves no birth date: what one municipality files binds no other (R5d)."""

from typing import Any

from tests.deployment import COLLEAGUE, EMPLOYEE, Deployment, person

X, Z = "municipality-x", "municipality-z"
NUMBER = "0103176AB1"
NOBODY = {"source": "cpr-register", "as_of": "2026-11-23", "holders": []}


def reasons(service: Deployment, org: str) -> list[str]:
    """Why the GP may not tell X, as one of the two is told."""
    body = service.disclosure_body(child={"cpr": NUMBER})
    del body["document"], body["channel"]
    answer = service.post("/v1/decisions", body, org=org)
    return [reason["code"] for reason in answer.json["reasons"]]


def grants_on_paper(service: Deployment, asked: dict[str, Any], org: str) -> None:
    path = f"/v1/consents/{asked['id']}/paper-grants"
    body = {
        "signatory": asked["signatories"][0]["id"],
        "decision": "grant",
        "signed_on": "2026-11-23",
        "document": {"reference": "arkiv 7", "sha256": "0" * 64},
        "identity_checked": "pas set",
        "performed_by": EMPLOYEE,
    }
    paper = service.post(path, body, org=org).json["id"]
    done = service.post(f"{path}/{paper}/confirmation", {"performed_by": COLLEAGUE}, org=org)
    assert done.json["status"] == "in_force"


def test_a_child_made_adult_at_z_is_still_its_parents_child_at_x(service: Deployment) -> None:
    child = person(NUMBER, "Alma Test", birth_date="2017-03-01")
    service.in_force(child=child)
    assert reasons(service, "gp-y") == []
    wider = service.ask(child=child, parties=[X, "gp-y", "child-psychiatry"])
    service.act(wider["id"], "custody_holder", "decline")
    grown = person(NUMBER, "Alma Test", birth_date="2000-03-01")
    asked = service.ask(Z, child=grown, custody=NOBODY, parties=[X, Z, "gp-y"])
    assert [one["role"] for one in asked["signatories"]] == ["child"]
    grants_on_paper(service, asked, Z)
    assert reasons(service, X) == ["custody_contradicted", "declined"]
    assert reasons(service, "gp-y") == ["custody_contradicted", "objection_stands"]
