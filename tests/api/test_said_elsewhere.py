"""What Z records in a signer's name is answered the same, whatever that signer said to X (R5f).

The shortest stories of what the two worlds found: Z's own act told it that the mother had answered
X since.
"""

from typing import Any

import pytest

from tests.deployment import COLLEAGUE, EMPLOYEE, MOTHER, Deployment, person

X, Z = "municipality-x", "municipality-z"
MOTHER_ALONE = {
    "source": "cpr-register",
    "as_of": "2026-11-23",
    "holders": [person(MOTHER, "Mette Mor", role="parent")],
}


@pytest.fixture
def refused(service: Deployment) -> dict[str, Any]:
    """Z asked the mother, who declined; that was the day before yesterday."""
    asked = service.ask(Z, parties=[Z, "gp-y", "child-psychiatry"], custody=MOTHER_ALONE)
    service.act(asked["id"], "custody_holder", "decline")
    service.clock.forward(days=2)
    return asked


def says_yes_to_x(service: Deployment, parties: list[str]) -> None:
    """By her own login; the father has yet to answer, so Z may not know of it."""
    service.act(service.ask(X, parties=parties)["id"], "custody_holder")


def told_to_z(service: Deployment, asked: dict[str, Any]) -> Any:
    """Everything that a further no of the mother's, told to Z, leaves for Z to see."""
    path = f"/v1/consents/{asked['id']}"
    body = {"signatory": asked["signatories"][0]["id"], "performed_by": EMPLOYEE}
    said = service.post(f"{path}/withdrawals", body | {"channel": "oral"}, org=Z)
    timeline = service.get(f"{path}/timeline", org=Z).json["items"]
    statements = service.get(f"{path}/receipt", org=Z).json["statements"]
    status = said.json["status"]
    return said.status_code, status, [one["type"] for one in timeline], len(statements)


def on_paper(service: Deployment, asked: dict[str, Any], kind: str, **more: Any) -> Any:
    """The answer to a paper of the mother's, recorded and confirmed at Z."""
    path = f"/v1/consents/{asked['id']}/{kind}"
    body = {
        "signatory": asked["signatories"][0]["id"],
        "signed_on": "2026-11-25",
        "document": {"reference": "arkiv 7", "sha256": "0" * 64},
        "identity_checked": "pas set",
        "performed_by": EMPLOYEE,
    }
    recorded = service.post(path, body | more, org=Z).json["id"]
    confirmed = service.post(f"{path}/{recorded}/confirmation", {"performed_by": COLLEAGUE}, org=Z)
    return confirmed.status_code, confirmed.json.get("code"), confirmed.json.get("status")


def test_a_no_told_to_z_once_more_is_recorded_once_more(
    service: Deployment, refused: dict[str, Any]
) -> None:
    status, state, entries, statements = told_to_z(service, refused)
    assert (status, state, statements) == (201, "declined", 2)
    assert entries.count("withdrawal_recorded") == 1
    assert told_to_z(service, refused)[3] == 3


def test_nor_does_a_yes_to_x_change_what_it_leaves(
    service: Deployment, refused: dict[str, Any]
) -> None:
    says_yes_to_x(service, [X, "gp-y", "child-psychiatry"])
    status, state, entries, statements = told_to_z(service, refused)
    assert (status, state, statements) == (201, "declined", 2)
    assert entries.count("withdrawal_recorded") == 1


@pytest.mark.parametrize("to_x", [False, True])
def test_a_no_on_paper_after_a_no(service: Deployment, refused: dict[str, Any], to_x: bool) -> None:
    if to_x:
        says_yes_to_x(service, [X, "gp-y", "child-psychiatry"])
    answer = on_paper(service, refused, "paper-grants", decision="decline")
    assert answer == (200, None, "declined")


@pytest.mark.parametrize("to_x", [False, True])
def test_a_no_taken_back_on_paper(service: Deployment, refused: dict[str, Any], to_x: bool) -> None:
    if to_x:
        says_yes_to_x(service, [X, Z, "gp-y", "child-psychiatry"])
    assert on_paper(service, refused, "lifts") == (200, None, "awaiting_signatures")
