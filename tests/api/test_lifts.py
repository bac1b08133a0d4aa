"""A signer takes their own no back on paper: it clears at one controller, and grants nothing."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.deployment import COLLEAGUE, EMPLOYEE, Deployment


def draft(asked: dict[str, Any], nth: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "signatory": asked["signatories"][nth]["id"],
        "signed_on": "2026-11-24",
        "document": {"reference": "lift-1", "sha256": "0" * 64},
        "identity_checked": "seen at the counter",
        "performed_by": EMPLOYEE,
    } | changes


def lifted(
    service: Deployment, asked: dict[str, Any], org: str = "municipality-x", **changes: Any
) -> TestResponse:
    recorded = service.post(f"/v1/consents/{asked['id']}/lifts", draft(asked, **changes), org=org)
    assert recorded.status_code == 201, recorded.json
    path = f"/v1/consents/{asked['id']}/lifts/{recorded.json['id']}/confirmation"
    return service.post(path, {"performed_by": COLLEAGUE}, org=org)


@pytest.fixture
def refused(service: Deployment) -> dict[str, Any]:
    """The father declined a wider request yesterday; the older consent is stopped."""
    service.in_force(parties=["municipality-x", "gp-y"])
    wider = service.ask()
    service.act(wider["id"], "custody_holder", "decline", nth=1)
    service.clock.forward(days=1)
    assert service.disclose().status_code == 403
    return wider


def test_it_counts_once_another_employee_confirmed_it(
    service: Deployment, refused: dict[str, Any]
) -> None:
    path = f"/v1/consents/{refused['id']}/lifts"
    recorded = service.post(path, draft(refused)).json
    assert recorded["consent"]["signatories"][1]["state"] == "declined"
    assert service.disclose().status_code == 403
    same = service.post(f"{path}/{recorded['id']}/confirmation", {"performed_by": EMPLOYEE})
    assert (same.status_code, same.json["code"]) == (409, "same_employee")
    confirmed = service.post(f"{path}/{recorded['id']}/confirmation", {"performed_by": COLLEAGUE})
    assert (confirmed.status_code, confirmed.json["status"]) == (200, "awaiting_signatures")
    assert confirmed.json["signatories"][1]["state"] == "invited"
    assert service.disclose().status_code == 201
    receipt = service.get(f"/v1/consents/{refused['id']}/receipt").json
    assert len(receipt["statements"]) == 2


def test_it_works_when_the_request_has_ended(service: Deployment, refused: dict[str, Any]) -> None:
    service.clock.forward(days=30)
    path = f"/v1/consents/{refused['id']}"
    assert service.get(path).json["status"] == "declined"
    answer = lifted(service, refused, signed_on="2026-12-20")
    assert (answer.status_code, answer.json["status"]) == (200, "declined")
    assert service.disclose().status_code == 201


def test_a_lift_is_not_confirmed_as_a_paper(service: Deployment, refused: dict[str, Any]) -> None:
    path = f"/v1/consents/{refused['id']}"
    lift = service.post(f"{path}/lifts", draft(refused)).json["id"]
    wrong = service.post(f"{path}/paper-grants/{lift}/confirmation", {"performed_by": COLLEAGUE})
    assert wrong.status_code == 404
    paper = service.post(f"{path}/paper-grants", draft(refused, decision="decline")).json["id"]
    wrong = service.post(f"{path}/lifts/{paper}/confirmation", {"performed_by": COLLEAGUE})
    assert wrong.status_code == 404


def test_one_of_the_day_of_the_no_clears_nothing(
    service: Deployment, refused: dict[str, Any]
) -> None:
    answer = lifted(service, refused, signed_on="2026-11-23")
    assert (answer.status_code, answer.json["code"]) == (409, "answer_stands")
    assert service.disclose().status_code == 403


def test_another_municipalitys_lift_clears_no_denial_said_to_us(
    service: Deployment, refused: dict[str, Any]
) -> None:
    theirs = service.ask("municipality-z", parties=["gp-y", "municipality-x", "municipality-z"])
    answer = lifted(service, theirs, org="municipality-z")
    assert (answer.status_code, answer.json["code"]) == (409, "answer_stands")
    assert service.disclose().status_code == 403


def test_the_log_verifies_with_a_lift_in_it(service: Deployment, refused: dict[str, Any]) -> None:
    from tests.api.test_papers import assert_sound

    assert lifted(service, refused).status_code == 200
    assert_sound(service)
