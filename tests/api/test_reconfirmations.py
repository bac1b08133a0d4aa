"""Reconfirmations over HTTP: after a restore nothing passes until the controllers have looked."""

from dataclasses import replace
from typing import Any

import pytest

from consent_service.app import create_app
from consent_service.audit.checkpoint import parse_checkpoint
from consent_service.persistence.log.restoring import anchor_new_name
from consent_service.services.rights.erase import Approval
from consent_service.services.rights.restore import KnownOutside, bring_in
from tests.api.families import SIBLING
from tests.deployment import COLLEAGUE, EMPLOYEE, Deployment, deploy_with

APPROVED = Approval("e-17", "e-42", "the disk failed")
BASIS = "Case 2026-0117, every letter since 1 November"


@pytest.fixture
def consent(service: Deployment) -> dict[str, Any]:
    """In force, and then the database was put back from an older copy."""
    asked = service.in_force()
    restore(service)
    return asked


def restore(service: Deployment) -> None:
    """The database was put back from an older copy, and brought in under another name."""
    service.parts.grow()
    settings = replace(service.settings, log_origin=f"{service.settings.log_origin}/again")
    service.close()
    parts = create_app(settings, service.clock).extensions["consent_service"]
    parts.guard.set_aside()
    note = parts.anchor.read()
    kept = KnownOutside(note, parse_checkpoint(note).size, service.settings.log_origin, ())
    with parts.units.writing() as uow:
        bring_in(uow, parts.context, "municipality-x", kept, APPROVED)
        uow.commit()
    parts.anchor.hold()
    anchor_new_name(parts.units.engine, parts.anchor, parts.log_identity(), parts.signer)
    parts.close()
    again = deploy_with(settings, service.clock)
    service.app, service.settings = again.app, again.settings


def record(service: Deployment, consent: dict[str, Any], **changes: Any) -> Any:
    body = {"basis": BASIS, "performed_by": EMPLOYEE} | changes
    org = changes.pop("org", consent["controller"])
    body.pop("org", None)
    return service.post(f"/v1/consents/{consent['id']}/reconfirmations", body, org=org)


def confirm(
    service: Deployment, consent: dict[str, Any], named: str, by: dict[str, str] = COLLEAGUE
) -> Any:
    path = f"/v1/consents/{consent['id']}/reconfirmations/{named}/confirmation"
    return service.post(path, {"performed_by": by}, org=consent["controller"])


def reasons(service: Deployment) -> list[str]:
    answer = service.disclose()
    return [reason["code"] for reason in answer.json.get("reasons", [])]


def test_nothing_passes_until_it_is_confirmed(service: Deployment, consent: dict[str, Any]) -> None:
    assert reasons(service) == ["reconfirmation_required"]
    recorded = record(service, consent)
    assert recorded.status_code == 201
    assert set(recorded.json) == {"id", "consent"}
    assert recorded.json["consent"]["status"] == "in_force"
    same = confirm(service, consent, recorded.json["id"], EMPLOYEE)
    assert (same.status_code, same.json["code"]) == (409, "same_employee")
    assert reasons(service) == ["reconfirmation_required"]
    confirmed = confirm(service, consent, recorded.json["id"])
    assert (confirmed.status_code, confirmed.json["status"]) == (200, "in_force")
    assert reasons(service) == []
    assert confirm(service, consent, recorded.json["id"]).status_code == 200


def test_it_speaks_for_all_of_the_controllers_consents(
    service: Deployment, consent: dict[str, Any]
) -> None:
    ended = service.ask(parties=["municipality-x", "gp-y"])
    service.post(
        f"/v1/consents/{ended['id']}/cancellation",
        {"reason": "mistake", "performed_by": EMPLOYEE},
    )
    recorded = record(service, ended)
    assert confirm(service, ended, recorded.json["id"]).status_code == 200
    assert reasons(service) == []


def test_every_controller_is_awaited(service: Deployment) -> None:
    first = service.in_force()
    other = service.in_force("municipality-z", parties=["municipality-z", "gp-y"])
    restore(service)
    confirm(service, first, record(service, first).json["id"])
    assert reasons(service) == ["reconfirmation_required"]
    confirm(service, other, record(service, other).json["id"])
    assert reasons(service) == []


def test_without_a_restore_there_is_nothing_to_confirm(service: Deployment) -> None:
    asked = service.in_force()
    refused = record(service, asked)
    assert (refused.status_code, refused.json["code"]) == (409, "nothing_to_reconfirm")
    restore(service)
    assert confirm(service, asked, record(service, asked).json["id"]).status_code == 200
    again = record(service, asked)
    assert (again.status_code, again.json["code"]) == (409, "nothing_to_reconfirm")


def work(service: Deployment, org: str, query: str = "") -> Any:
    return service.get(f"/v1/work{query}", org=org).json


def test_each_controller_has_its_children_to_look_through(service: Deployment) -> None:
    service.in_force()
    newest = service.ask(parties=["municipality-x", "gp-y"], case_reference="2026-0200")
    other = service.in_force("municipality-z", parties=["municipality-z", "gp-y"])
    assert work(service, "municipality-x")["items"] == []
    restore(service)
    mine = {"kind": "reconfirmation", "consent": newest["id"], "case_reference": "2026-0200"}
    theirs = {"kind": "reconfirmation", "consent": other["id"], "case_reference": "2026-0117"}
    assert work(service, "municipality-x") == {"items": [mine], "next": None}
    assert work(service, "municipality-z")["items"] == [theirs]
    assert work(service, "gp-y")["items"] == []
    recorded = record(service, newest).json["id"]
    assert work(service, "municipality-x")["items"] == [mine]
    confirm(service, newest, recorded)
    assert work(service, "municipality-x")["items"] == []
    assert work(service, "municipality-z")["items"] == [theirs]


def test_whoever_is_known_since_is_no_work_and_a_later_restore_asks_anew(
    service: Deployment, consent: dict[str, Any]
) -> None:
    sibling = service.ask(child=SIBLING.named(), case_reference="2026-0300")
    recorded = record(service, consent).json["id"]
    assert [one["consent"] for one in work(service, "municipality-x")["items"]] == [consent["id"]]
    restore(service)
    # Recorded before the second restore: confirming it now says nothing of what that one lost.
    assert confirm(service, consent, recorded).status_code == 200
    first = work(service, "municipality-x", "?limit=1")
    assert [one["consent"] for one in first["items"]] == [consent["id"]]
    second = work(service, "municipality-x", f"?limit=1&cursor={first['next']}")
    assert [one["consent"] for one in second["items"]] == [sibling["id"]]
    assert second["next"] is None


def test_what_was_not_recorded_cannot_be_confirmed(
    service: Deployment, consent: dict[str, Any]
) -> None:
    unknown = confirm(service, consent, "019ab000-0000-7000-8000-000000000000")
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"basis": ""}, "/basis"),
        ({"basis": None}, "/basis"),
        ({"performed_by": {}}, "/performed_by/id"),
    ],
)
def test_bad_input_is_named(
    service: Deployment, consent: dict[str, Any], changes: dict[str, Any], pointer: str
) -> None:
    answer = record(service, consent, **changes)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json["errors"]]


def test_only_its_controller_confirms(service: Deployment, consent: dict[str, Any]) -> None:
    assert record(service, consent, org="municipality-z").status_code == 404


def test_the_log_says_on_what_it_rests(service: Deployment, consent: dict[str, Any]) -> None:
    named = record(service, consent).json["id"]
    confirm(service, consent, named)
    entries = service.get("/v1/audit/entries?limit=200").json["items"]
    bodies = {entry["body"]["type"]: entry["body"] for entry in entries}
    assert bodies["reconfirmation_recorded"]["basis"] == BASIS
    assert bodies["reconfirmation_recorded"]["performed_by"]["id"] == EMPLOYEE["id"]
    assert bodies["reconfirmation_confirmed"]["reconfirmation"] == named
    assert bodies["reconfirmation_confirmed"]["confirmation"] == "asserted_by_client"
