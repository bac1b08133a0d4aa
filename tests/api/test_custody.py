"""Custody changes over HTTP: the municipality's own live consents are looked at anew (R10)."""

from datetime import UTC, datetime
from typing import Any

from consent_service.signing.canonical import instant_text
from tests.api.families import BOTH, CHILD, GRANDMOTHER, MOTHER_ALONE, SIBLING, custody, holder
from tests.deployment import EMPLOYEE, FATHER, MOTHER, Deployment

MOTHER_AND_GRANDMOTHER = custody(
    holder(MOTHER, "Mette Mor"), holder(GRANDMOTHER, "Gerda", role="guardian")
)
Z = {"parties": ["municipality-z", "gp-y"]}


def change(
    service: Deployment,
    facts: dict[str, Any] = MOTHER_AND_GRANDMOTHER,
    effective_from: str = "2026-11-23",
    org: str = "municipality-x",
    cpr: str = CHILD.cpr,
    **more: Any,
) -> Any:
    body = {
        "child": {"cpr": cpr},
        "custody": facts,
        "effective_from": effective_from,
        "performed_by": EMPLOYEE,
        **more,
    }
    return service.post("/v1/custody-changes", body, org=org)


def shown(service: Deployment, consent: dict[str, Any], org: str = "municipality-x") -> Any:
    return service.get(f"/v1/consents/{consent['id']}", org=org).json


def test_a_new_holder_must_sign(service: Deployment) -> None:
    asked = service.in_force()
    answer = change(service)
    assert answer.status_code == 201
    assert set(answer.json) == {"id", "consents"}
    assert answer.json["consents"] == [asked["id"]]
    after = shown(service, asked)
    assert after["status"] == "incomplete"
    states = {s["name"]: (s["role"], s["required"], s["state"]) for s in after["signatories"]}
    assert states["Mette Mor"] == ("custody_holder", True, "granted")
    assert states["Frederik Far"][1] is False
    assert states["Gerda"] == ("guardian", True, "invited")
    assert {reason["code"] for reason in after["status_reasons"]} == {"custody_changed"}
    denied = service.disclose()
    assert denied.status_code == 403
    assert {"code": "custody_changed", "role": "guardian"} in denied.json["reasons"]
    service.act(asked["id"], "guardian")
    assert shown(service, asked)["status"] == "in_force"
    assert service.disclose().status_code == 201


def test_new_links_go_to_those_who_must_sign_now(service: Deployment) -> None:
    asked = service.ask()
    change(service)
    body = {"performed_by": EMPLOYEE}
    answer = service.post(f"/v1/consents/{asked['id']}/links", body).json
    invited = {s["name"] for s in answer["signatories"] if "signing_url" in s}
    assert invited == {"Mette Mor", "Gerda"}
    body["signatories"] = [asked["signatories"][1]["id"]]  # type: ignore[assignment]
    assert service.post(f"/v1/consents/{asked['id']}/links", body).status_code == 422


def test_a_request_may_complete_because_a_holder_left(service: Deployment) -> None:
    asked = service.ask()
    service.act(asked["id"], "custody_holder", nth=0)
    change(service, MOTHER_ALONE)
    assert shown(service, asked)["status"] == "in_force"


def test_a_former_holder_has_no_part_any_more(service: Deployment) -> None:
    asked = service.in_force()
    change(service, MOTHER_ALONE)
    body = {
        "signatory": asked["signatories"][1]["id"],
        "channel": "letter",
        "performed_by": EMPLOYEE,
    }
    answer = service.post(f"/v1/consents/{asked['id']}/withdrawals", body)
    assert (answer.status_code, answer.json["code"]) == (409, "signatory_without_standing")
    assert shown(service, asked)["status"] == "in_force"


def test_a_former_holders_denial_stops_counting(service: Deployment) -> None:
    asked = service.ask()
    service.act(asked["id"], "custody_holder", "decline", nth=1)
    service.act(asked["id"], "custody_holder", nth=0)
    change(service, MOTHER_ALONE)
    assert shown(service, asked)["status"] == "in_force"
    assert service.disclose().status_code == 201


def test_it_takes_effect_on_its_day(service: Deployment) -> None:
    asked = service.in_force()
    assert change(service, effective_from="2026-12-01").json["consents"] == [asked["id"]]
    service.clock.set(datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC))
    assert shown(service, asked)["status"] == "in_force"
    service.clock.set(datetime(2026, 11, 30, 23, tzinfo=UTC))
    assert shown(service, asked)["status"] == "incomplete"


def test_it_does_not_reach_into_the_past(service: Deployment) -> None:
    service.in_force()
    service.clock.forward(minutes=1)
    before = instant_text(service.clock())
    service.clock.forward(minutes=1)
    change(service, effective_from="2026-11-01")
    body = service.disclosure_body(as_of=before)
    del body["channel"], body["document"]
    assert service.post("/v1/decisions", body, org="gp-y").json["decision"] == "permitted"
    assert service.disclose().status_code == 403


def test_it_is_for_the_municipalitys_own_consents(service: Deployment) -> None:
    own = service.in_force()
    others = service.in_force("municipality-z", **Z)
    assert change(service).json["consents"] == [own["id"]]
    assert shown(service, others, "municipality-z")["status"] == "in_force"


def test_only_live_consents_are_looked_at(service: Deployment) -> None:
    ended = service.in_force()
    service.act(ended["id"], "custody_holder", "withdraw")
    live = service.ask()
    service.ask(child=SIBLING.named())
    assert change(service).json["consents"] == [live["id"]]
    assert shown(service, ended)["status"] == "withdrawn"


def test_anothers_child_and_an_unknown_one_are_answered_alike(service: Deployment) -> None:
    service.in_force("municipality-z", **Z)
    others, unknown = change(service), change(service, cpr=SIBLING.cpr)
    assert (others.status_code, unknown.status_code) == (422, 422)
    assert others.json == unknown.json
    assert [error["pointer"] for error in others.json["errors"]] == ["/child/cpr"]


def test_the_rules_of_a_request_hold(service: Deployment) -> None:
    service.ask()
    for facts, pointer in (
        (custody(), "/custody/holders"),
        (custody(holder(FATHER, "F"), holder(FATHER, "F")), "/custody/holders/1/cpr"),
        (custody(holder(CHILD.cpr, "Alma")), "/custody/holders/0/cpr"),
    ):
        answer = change(service, facts)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_a_change_that_is_still_to_come_is_taken_back(service: Deployment) -> None:
    asked = service.in_force()
    wrong = change(service, effective_from="2027-01-01").json["id"]
    corrected = change(service, BOTH, corrects=wrong)
    assert corrected.status_code == 201
    service.clock.set(datetime(2027, 1, 2, tzinfo=UTC))
    assert shown(service, asked)["status"] == "in_force"
    assert service.disclose().status_code == 201


def test_a_correction_changes_what_holds_and_not_what_was_believed(service: Deployment) -> None:
    asked = service.in_force()
    wrong = change(service).json["id"]
    believed = instant_text(service.clock.now)
    assert shown(service, asked)["status"] == "incomplete"
    service.clock.forward(hours=1)
    assert change(service, BOTH, corrects=wrong).json["consents"] == [asked["id"]]
    assert shown(service, asked)["status"] == "in_force"
    assert service.disclose().status_code == 201
    question = {
        name: value
        for name, value in service.disclosure_body().items()
        if name not in ("document", "channel")
    }
    past = service.post("/v1/decisions", question | {"as_of": believed}, org="gp-y").json
    assert past["decision"] == "denied"
    assert "custody_changed" in {reason["code"] for reason in past["reasons"]}
    entries = service.get("/v1/audit/entries?type=custody_changed").json["items"]
    assert [entry["body"].get("corrects") for entry in entries] == [None, wrong]
    assert entries[0]["body"]["change"] == wrong


def test_only_its_own_and_only_once(service: Deployment) -> None:
    service.ask()
    service.ask("municipality-z", **Z)
    own = change(service).json["id"]
    other = change(service, org="municipality-z").json["id"]
    for unknown in (other, "nothing"):
        answer = change(service, BOTH, corrects=unknown)
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_input")
        assert [error["pointer"] for error in answer.json["errors"]] == ["/corrects"]
    assert change(service, BOTH, corrects=own).status_code == 201
    again = change(service, BOTH, corrects=own)
    assert (again.status_code, again.json["code"]) == (409, "already_corrected")


def required_names(service: Deployment, consent: dict[str, Any]) -> set[str]:
    return {s["name"] for s in shown(service, consent)["signatories"] if s["required"]}


def test_whom_another_request_names_can_sign_the_earlier_ones_too(service: Deployment) -> None:
    """Its custody facts hold for the municipality's other consents (decision 3)."""
    earlier = service.ask()
    ended = service.ask(parties=["municipality-x", "paediatrics"])
    service.post(
        f"/v1/consents/{ended['id']}/cancellation", {"reason": "mistake", "performed_by": EMPLOYEE}
    )
    others = service.ask("municipality-z", **Z)
    service.ask(parties=["municipality-x", "gp-y"], custody=MOTHER_AND_GRANDMOTHER)
    assert required_names(service, earlier) == {"Mette Mor", "Gerda"}
    links = service.post(f"/v1/consents/{earlier['id']}/links", {"performed_by": EMPLOYEE}).json
    invited = {s["name"] for s in links["signatories"] if "signing_url" in s}
    assert invited == {"Mette Mor", "Gerda"}
    service.act(earlier["id"], "custody_holder", nth=0)
    service.act(earlier["id"], "guardian")
    assert shown(service, earlier)["status"] == "in_force"
    assert len(shown(service, ended)["signatories"]) == 3
    assert len(shown(service, others, "municipality-z")["signatories"]) == 3


def test_who_will_hold_custody_can_sign_a_request_made_before_that_day(
    service: Deployment,
) -> None:
    service.ask()
    change(service, effective_from="2026-12-01")
    asked = service.ask(parties=["municipality-x", "gp-y"])
    assert required_names(service, asked) == {"Mette Mor", "Frederik Far"}
    assert {s["name"] for s in asked["signatories"] if "signing_url" in s} == {
        "Mette Mor",
        "Frederik Far",
    }
    service.clock.set(datetime(2026, 11, 30, 23, tzinfo=UTC))
    assert required_names(service, asked) == {"Mette Mor", "Gerda"}
    service.act(asked["id"], "custody_holder", nth=0)
    service.act(asked["id"], "guardian")
    assert shown(service, asked)["status"] == "in_force"


def test_what_was_found_wrong_asks_nobody(service: Deployment) -> None:
    service.ask()
    wrong = change(service, effective_from="2026-12-01").json["id"]
    assert change(service, BOTH, corrects=wrong).status_code == 201
    asked = service.ask(parties=["municipality-x", "gp-y"])
    assert "Gerda" not in {s["name"] for s in asked["signatories"]}
