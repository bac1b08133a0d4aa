"""Consents over HTTP: what is answered, who sees what, and every way through the states."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent_service.audit.origins import Origins
from consent_service.audit.receipt import verify_receipt
from consent_service.domain.kernel.facts import Cancellation, CancellationReason, Scope
from consent_service.signing.keys import KeySet
from tests.api.families import (
    ADULT,
    CHILD,
    MOTHER_ALONE,
    SIBLING,
    YOUNG_PERSON,
    custody,
    facts_about,
)
from tests.deployment import CATEGORIES, EMPLOYEE, NOW, PARTIES, PURPOSE, Deployment, person

WHOLE = {
    "id",
    "status",
    "status_reasons",
    "controller",
    "template",
    "terms_sha256",
    "parties",
    "purpose",
    "categories",
    "effective_scope",
    "case_reference",
    "deadline",
    "lapses_at",
    "created_at",
    "complete_at",
    "expires_at",
    "renews",
    "signatories",
}
PARTY = {"id", "status", "controller", "purpose", "effective_scope", "expires_at", "terms"}
GP = {"id": "g1", "name": "Lise Læge"}
STRANGER = "municipality-z"
NONE = Scope(frozenset(), frozenset())


def read(service: Deployment, consent: dict[str, Any], org: str = "municipality-x") -> Any:
    answer = service.get(f"/v1/consents/{consent['id']}", org=org)
    assert answer.status_code == 200, answer.json
    return answer.json


def status(service: Deployment, consent: dict[str, Any]) -> str:
    return str(read(service, consent)["status"])


def cancel(service: Deployment, consent: dict[str, Any], org: str = "municipality-x") -> Any:
    body = {"reason": "case_closed", "note": "moved", "performed_by": EMPLOYEE}
    return service.post(f"/v1/consents/{consent['id']}/cancellation", body, org=org)


def withdraw(
    service: Deployment, consent: dict[str, Any], nth: int = 0, org: str = "municipality-x"
) -> Any:
    body = {
        "signatory": consent["signatories"][nth]["id"],
        "channel": "oral",
        "note": "by telephone",
        "performed_by": EMPLOYEE if org == "municipality-x" else GP,
    }
    return service.post(f"/v1/consents/{consent['id']}/withdrawals", body, org=org)


def links(service: Deployment, consent: dict[str, Any], **more: Any) -> Any:
    body = {"performed_by": EMPLOYEE, **more}
    return service.post(f"/v1/consents/{consent['id']}/links", body)


def listed(service: Deployment, query: str = "", org: str = "municipality-x") -> list[str]:
    answer = service.get(f"/v1/consents{query}", org=org)
    assert answer.status_code == 200, answer.json
    return [item["id"] for item in answer.json["items"]]


def searched(service: Deployment, cpr: str = CHILD.cpr, org: str = "municipality-x") -> list[str]:
    answer = service.post("/v1/consents/search", {"child": {"cpr": cpr}}, org=org)
    assert answer.status_code == 200, answer.json
    return [item["id"] for item in answer.json["items"]]


# -- asking -----------------------------------------------------------------------------------


def test_the_answer_to_a_request_is_whole(service: Deployment) -> None:
    asked = service.ask(deadline="2026-12-06", renews=None)
    assert set(asked) == WHOLE
    assert asked["status"] == "awaiting_signatures"
    assert asked["controller"] == "municipality-x"
    assert asked["template"]["id"] == "joint-action-plan"
    assert asked["template"]["version"] == 1
    assert asked["parties"] == PARTIES
    assert asked["categories"] == ["health", "school"]
    assert asked["purpose"] == PURPOSE
    assert asked["deadline"] == "2026-12-06"
    assert asked["lapses_at"] == "2026-12-13T23:00:00.000000Z"
    assert asked["created_at"].startswith("2026-11-23T09:01:")
    assert asked["created_at"].endswith("Z")
    for unknown in ("effective_scope", "complete_at", "expires_at", "renews"):
        assert asked[unknown] is None
    mother, father, child = asked["signatories"]
    assert [s["role"] for s in asked["signatories"]] == ["custody_holder"] * 2 + ["child"]
    assert [s["name"] for s in (mother, father, child)] == [
        "Mette Mor",
        "Frederik Far",
        "Alma Test",
    ]
    assert [s["state"] for s in (mother, father, child)] == ["invited", "invited", "not_required"]
    assert [s["required"] for s in (mother, father, child)] == [True, True, False]
    assert "signing_url" not in child
    assert mother["signing_url"].startswith("http://localhost:8000/sign/")
    assert mother["signing_url"] != father["signing_url"]
    assert asked["status_reasons"] == [
        {"code": "missing_signature", "role": "custody_holder", "signatory": s["id"]}
        for s in (mother, father)
    ]


def test_the_default_deadline_is_14_days_away(service: Deployment) -> None:
    assert service.ask()["deadline"] == "2026-12-07"


def test_a_signing_address_is_only_in_the_answer_that_makes_it(service: Deployment) -> None:
    asked = service.ask()
    read_again = read(service, asked)
    assert set(read_again) == WHOLE
    assert "signing_url" not in str(read_again)
    assert "/sign/" not in service.get("/v1/consents").get_data(as_text=True)


def test_a_birth_date_follows_from_the_number(service: Deployment) -> None:
    first = service.ask(child=CHILD.named())
    assert service.ask(child=SIBLING.named(birth_date=SIBLING.birth_date))["id"] != first["id"]
    replacement = person("6103174321", "Alma Test", birth_date="2017-03-01")
    assert service.ask(child=replacement)["signatories"][2]["state"] == "not_required"


def test_another_birth_date_than_before_is_refused(service: Deployment) -> None:
    """It would change by whom the earlier consents are given, and what they were by then."""
    child = person("6101104321", "Alma Test", birth_date="2010-01-01")
    asked = service.ask(child=child)
    service.act(asked["id"], "custody_holder", nth=0)
    service.act(asked["id"], "custody_holder", nth=1)
    younger = service.request_body(
        child=child | {"birth_date": "2014-01-01"}, parties=["municipality-x", "gp-y"]
    )
    answer = service.post("/v1/consents", younger)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/child/birth_date"]
    assert status(service, asked) == "awaiting_signatures"
    elsewhere = service.post(
        "/v1/consents", younger | {"parties": ["municipality-z", "gp-y"]}, org="municipality-z"
    )
    assert elsewhere.status_code == 201, "what another municipality knows is its own"
    assert status(service, asked) == "awaiting_signatures"


def test_a_young_person_signs_too(service: Deployment) -> None:
    asked = service.ask(child=YOUNG_PERSON.named())
    assert [s["required"] for s in asked["signatories"]] == [True, True, True]
    assert all("signing_url" in s for s in asked["signatories"])
    service.act(asked["id"], "custody_holder", nth=0)
    service.act(asked["id"], "custody_holder", nth=1)
    assert read(service, asked)["status_reasons"] == [
        {
            "code": "missing_signature",
            "role": "child",
            "signatory": asked["signatories"][2]["id"],
        }
    ]
    service.act(asked["id"], "child")
    assert status(service, asked) == "in_force"


def test_an_adult_signs_alone(service: Deployment) -> None:
    asked = service.ask(child=ADULT.named(), custody=custody())
    assert [s["role"] for s in asked["signatories"]] == ["child"]
    service.act(asked["id"], "child")
    assert status(service, asked) == "in_force"


def test_a_guardian_counts_as_a_holder(service: Deployment) -> None:
    guardian = {**MOTHER_ALONE["holders"][0], "role": "guardian"}
    asked = service.ask(custody=custody(guardian))
    assert asked["signatories"][0]["role"] == "guardian"
    service.act(asked["id"], "guardian")
    assert status(service, asked) == "in_force"


# -- who sees what ----------------------------------------------------------------------------


def test_an_unregistered_organisation_is_told_so(service: Deployment) -> None:
    answer = service.get("/v1/consents", org="nobody")
    assert (answer.status_code, answer.json["code"]) == (403, "not_allowed")


def test_before_it_is_in_force_only_the_controller_knows_of_it(service: Deployment) -> None:
    asked = service.ask()
    service.act(asked["id"], "custody_holder")
    unknown = service.get("/v1/consents/01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e", org="gp-y")
    for org in ("gp-y", STRANGER):
        answer = service.get(f"/v1/consents/{asked['id']}", org=org)
        assert (answer.status_code, answer.data) == (404, unknown.data)
        for part in ("receipt", "timeline"):
            answer = service.get(f"/v1/consents/{asked['id']}/{part}", org=org)
            assert (answer.status_code, answer.data) == (404, unknown.data)
        assert withdraw(service, asked, org=org).data == unknown.data
        assert cancel(service, asked, org=org).data == unknown.data
        assert listed(service, org=org) == []
        assert searched(service, org=org) == []
    assert listed(service) == searched(service) == [asked["id"]]


def test_a_party_sees_little_once_it_was_covered(service: Deployment) -> None:
    asked = service.in_force()
    seen = read(service, asked, org="gp-y")
    assert set(seen) == PARTY
    assert seen["status"] == "in_force"
    assert seen["effective_scope"] == {"parties": PARTIES, "categories": ["health", "school"]}
    assert seen["terms"]["consent"] == asked["id"]
    (item,) = service.get("/v1/consents", org="gp-y").json["items"]
    assert set(item) == PARTY - {"terms"}
    assert listed(service, org="gp-y") == searched(service, org="gp-y") == [asked["id"]]
    whole = read(service, asked)
    assert set(whole) == WHOLE
    assert whole["complete_at"] < whole["expires_at"]


def test_a_stranger_never_sees_it(service: Deployment) -> None:
    asked = service.in_force()
    unknown = service.get("/v1/consents/01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e", org=STRANGER)
    assert service.get(f"/v1/consents/{asked['id']}", org=STRANGER).data == unknown.data
    assert listed(service, org=STRANGER) == searched(service, org=STRANGER) == []
    assert searched(service, SIBLING.cpr, org=STRANGER) == []


def test_a_search_does_not_tell_anothers_child_from_an_unknown_one(service: Deployment) -> None:
    service.in_force()
    for members in ({}, {"cursor": "ÆØÅ"}, {"limit": 1}):
        others, unknown = (
            service.post("/v1/consents/search", {"child": {"cpr": cpr}, **members}, org=STRANGER)
            for cpr in (CHILD.cpr, SIBLING.cpr)
        )
        assert (others.status_code, others.data) == (unknown.status_code, unknown.data)


def test_a_party_left_out_by_a_signer_never_learns_of_it(service: Deployment) -> None:
    asked = service.ask()
    left_out = Scope(frozenset({"gp-y"}), frozenset({"school"}))
    service.act(asked["id"], "custody_holder", nth=0, left_out=left_out)
    service.act(asked["id"], "custody_holder", nth=1)
    assert read(service, asked)["effective_scope"] == {
        "parties": ["child-psychiatry", "municipality-x", "paediatrics"],
        "categories": ["health"],
    }
    assert service.get(f"/v1/consents/{asked['id']}", org="gp-y").status_code == 404
    assert listed(service, org="gp-y") == searched(service, org="gp-y") == []
    assert read(service, asked, org="paediatrics")["status"] == "in_force"


def test_a_party_sees_the_end_of_what_covered_it(service: Deployment) -> None:
    asked = service.in_force()
    assert cancel(service, asked).status_code == 200
    seen = read(service, asked, org="gp-y")
    assert (seen["status"], seen["effective_scope"]) == ("cancelled", None)


def test_only_the_controller_acts_on_it(service: Deployment) -> None:
    asked = service.in_force()
    for org in ("gp-y", STRANGER):
        for path, body in {
            "links": {},
            "cancellation": {"reason": "mistake"},
            "exemptions": {
                "signatory": asked["signatories"][0]["id"],
                "reason": "other",
                "provision": "§ 1",
                "evidence_reference": "d",
            },
            "exemptions/e/confirmation": {},
            "exemptions/e/revocation": {},
            "paper-grants": {
                "signatory": asked["signatories"][0]["id"],
                "decision": "decline",
                "signed_on": "2026-11-23",
                "document": {"reference": "d", "sha256": "0" * 64},
                "identity_checked": "passport",
            },
            "paper-grants/p/confirmation": {},
        }.items():
            answer = service.post(
                f"/v1/consents/{asked['id']}/{path}", {**body, "performed_by": GP}, org=org
            )
            assert (answer.status_code, answer.json["code"]) == (404, "not_found"), path
        assert service.get(f"/v1/consents/{asked['id']}/timeline", org=org).status_code == 404
    assert status(service, asked) == "in_force"


def test_a_list_shows_no_names(service: Deployment) -> None:
    service.ask()
    (item,) = service.get("/v1/consents").json["items"]
    assert set(item) == WHOLE
    for name in ("Mette", "Frederik", "Alma"):
        assert name not in str(item)


def test_lists_are_filtered(service: Deployment) -> None:
    first = service.ask(case_reference="A", deadline="2026-11-30")
    second = service.in_force(child=SIBLING.named(), case_reference="B", deadline="2026-12-20")
    both = [first["id"], second["id"]]
    assert listed(service) == both
    assert listed(service, "?status=in_force") == [second["id"]]
    assert listed(service, "?status=awaiting_signatures") == [first["id"]]
    assert listed(service, "?status=withdrawn") == []
    assert listed(service, "?case_reference=A") == [first["id"]]
    assert listed(service, "?case_reference=A&status=in_force") == []
    assert listed(service, "?deadline_before=2026-12-20") == [first["id"]]
    assert listed(service, "?deadline_before=2026-12-21") == both
    assert listed(service, "?expires_before=2027-11-22T00:00:00Z") == []
    assert listed(service, "?expires_before=2027-11-24T00:00:00Z") == [second["id"]]
    assert searched(service) == [first["id"]]
    assert searched(service, f"{SIBLING.cpr[:6]}-{SIBLING.cpr[6:]}") == [second["id"]]


def test_a_party_cannot_search_by_the_controllers_reference(service: Deployment) -> None:
    asked = service.in_force(case_reference="A", deadline="2026-11-30")
    assert listed(service, org="gp-y") == [asked["id"]]
    assert listed(service, "?case_reference=A", org="gp-y") == []
    assert listed(service, "?deadline_before=2027-01-01", org="gp-y") == []


def test_pages_follow_each_other(service: Deployment) -> None:
    asked = [
        service.ask(parties=["municipality-x", other])["id"]
        for other in ("gp-y", "paediatrics", "child-psychiatry", "municipality-z")
    ]
    first = service.get("/v1/consents?limit=3").json
    assert [item["id"] for item in first["items"]] == asked[:3]
    assert asked[2] not in first["next"]
    second = service.get(f"/v1/consents?limit=3&cursor={first['next']}").json
    assert [item["id"] for item in second["items"]] == asked[3:]
    assert second["next"] is None
    assert service.get("/v1/consents?limit=4").json["next"] is None
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = service.post(
            "/v1/consents/search", {"child": {"cpr": CHILD.cpr}, "limit": 1, **cursor}
        ).json
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == asked


def test_a_filtered_page_is_full_though_others_lie_between(service: Deployment) -> None:
    ended = []
    for other in ("gp-y", "paediatrics", "child-psychiatry", "municipality-z"):
        asked = service.ask(parties=["municipality-x", other])
        if other in ("gp-y", "municipality-z"):
            cancel(service, asked)
            ended.append(asked["id"])
    first = service.get("/v1/consents?status=cancelled&limit=1").json
    assert [item["id"] for item in first["items"]] == ended[:1]
    second = service.get(f"/v1/consents?status=cancelled&limit=1&cursor={first['next']}").json
    assert [item["id"] for item in second["items"]] == ended[1:]
    assert second["next"] is None


# -- links ------------------------------------------------------------------------------------


def token(signatory: dict[str, Any]) -> str:
    return str(signatory["signing_url"]).rpartition("/")[2]


def is_alive(service: Deployment, link_token: str) -> bool:
    with service.parts.units.reading() as uow:
        found = uow.links.find(link_token)
    assert found is not None
    return found.replaced_at is None


def test_new_links_end_the_old_ones(service: Deployment) -> None:
    asked = service.ask()
    answer = links(service, asked)
    assert answer.status_code == 200
    assert set(answer.json) == WHOLE
    for old, new in zip(asked["signatories"][:2], answer.json["signatories"][:2], strict=True):
        assert not is_alive(service, token(old))
        assert is_alive(service, token(new))
    assert "signing_url" not in answer.json["signatories"][2]


def test_a_new_link_for_one_leaves_the_others(service: Deployment) -> None:
    asked = service.ask()
    mother, father, _child = asked["signatories"]
    answer = links(service, asked, signatories=[mother["id"]])
    assert [("signing_url" in s) for s in answer.json["signatories"]] == [True, False, False]
    assert not is_alive(service, token(mother))
    assert is_alive(service, token(father))


def test_a_link_for_nobody_who_may_sign(service: Deployment) -> None:
    asked = service.ask()
    mother, _, child = asked["signatories"]
    for nobody in (child["id"], "01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e"):
        answer = links(service, asked, signatories=[mother["id"], nobody])
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json["errors"]] == ["/signatories/1"]
    assert is_alive(service, token(mother))


def test_no_links_when_it_has_ended(service: Deployment) -> None:
    asked = service.ask()
    cancel(service, asked)
    answer = links(service, asked)
    assert (answer.status_code, answer.json["code"]) == (409, "consent_not_live")


# -- states -----------------------------------------------------------------------------------


def _awaiting(service: Deployment) -> dict[str, Any]:
    return service.ask()


def _in_force(service: Deployment) -> dict[str, Any]:
    return service.in_force()


def _declined(service: Deployment) -> dict[str, Any]:
    asked = service.ask()
    service.act(asked["id"], "custody_holder", "decline")
    return asked


def _incomplete(service: Deployment) -> dict[str, Any]:
    asked = service.in_force(child=person("0112114322", "Alma Test"))
    service.clock.set(datetime(2026, 12, 1, 12, tzinfo=UTC))
    return asked


def _lapsed(service: Deployment) -> dict[str, Any]:
    asked = service.ask()
    service.clock.set(datetime.fromisoformat(asked["lapses_at"]))
    return asked


def _declined_for_good(service: Deployment) -> dict[str, Any]:
    asked = _declined(service)
    service.clock.set(datetime.fromisoformat(asked["lapses_at"]))
    return asked


def _withdrawn(service: Deployment) -> dict[str, Any]:
    asked = service.in_force()
    service.act(asked["id"], "custody_holder", "withdraw")
    return asked


def _expired(service: Deployment) -> dict[str, Any]:
    asked = service.in_force()
    service.clock.set(datetime.fromisoformat(read(service, asked)["expires_at"]))
    return asked


def _cancelled(service: Deployment) -> dict[str, Any]:
    asked = service.ask()
    assert cancel(service, asked).status_code == 200
    return asked


def _superseded(service: Deployment) -> dict[str, Any]:
    asked = service.in_force()
    service.in_force(renews=asked["id"])
    return asked


LIVE = {
    "awaiting_signatures": _awaiting,
    "in_force": _in_force,
    "declined": _declined,
    "incomplete": _incomplete,
}
FINAL = {
    "lapsed": _lapsed,
    "declined": _declined_for_good,
    "withdrawn": _withdrawn,
    "expired": _expired,
    "cancelled": _cancelled,
    "superseded": _superseded,
}
REASONS = {
    "awaiting_signatures": {"missing_signature"},
    "in_force": set(),
    "declined": {"declined", "missing_signature"},
    "incomplete": {"young_person_must_sign"},
    "lapsed": {"lapsed", "missing_signature"},
    "withdrawn": {"withdrawn"},
    "expired": {"expired"},
    "cancelled": {"cancelled"},
    "superseded": {"superseded"},
}


@pytest.mark.parametrize("expected", LIVE)
def test_a_live_consent_can_be_cancelled(service: Deployment, expected: str) -> None:
    asked = LIVE[expected](service)
    shown = read(service, asked)
    assert shown["status"] == expected
    assert {reason["code"] for reason in shown["status_reasons"]} == REASONS[expected]
    answer = cancel(service, asked)
    assert (answer.status_code, answer.json["status"]) == (200, "cancelled")
    assert answer.json["status_reasons"] == [{"code": "cancelled"}]
    assert answer.json["effective_scope"] is None
    assert status(service, asked) == "cancelled"


@pytest.mark.parametrize("expected", FINAL)
def test_an_ended_consent_cannot(service: Deployment, expected: str) -> None:
    asked = FINAL[expected](service)
    shown = read(service, asked)
    assert shown["status"] == expected
    assert {reason["code"] for reason in shown["status_reasons"]} == REASONS[expected]
    for answer in (cancel(service, asked), links(service, asked)):
        assert (answer.status_code, answer.json["code"]) == (409, "consent_not_live")
    assert status(service, asked) == expected


def test_cancelling_again_is_a_conflict_and_changes_nothing(service: Deployment) -> None:
    asked = _cancelled(service)
    before = read(service, asked)
    assert cancel(service, asked).status_code == 409
    assert read(service, asked) == before


def test_a_decline_before_the_lapse_can_become_a_grant(service: Deployment) -> None:
    asked = _declined(service)
    service.act(asked["id"], "custody_holder", nth=1)
    service.act(asked["id"], "custody_holder", nth=0)
    assert status(service, asked) == "in_force"


def test_grants_that_leave_nothing_in_common_decline_it(service: Deployment) -> None:
    asked = service.ask()
    for nth, category in enumerate(("health", "school")):
        left_out = Scope(frozenset(), frozenset({category}))
        service.act(asked["id"], "custody_holder", nth=nth, left_out=left_out)
    shown = read(service, asked)
    assert shown["status"] == "declined"
    assert shown["status_reasons"] == [{"code": "scope_empty"}]


def test_it_expires_a_year_after_the_first_grant(service: Deployment) -> None:
    asked = service.ask(deadline="2027-01-10")
    service.act(asked["id"], "custody_holder")
    service.clock.set(NOW + timedelta(days=20))
    service.act(asked["id"], "custody_holder", nth=1)
    shown = read(service, asked)
    assert shown["expires_at"].startswith("2027-11-23T09:01")
    assert shown["complete_at"].startswith("2026-12-13T09:00")
    expires = datetime.fromisoformat(shown["expires_at"])
    service.clock.set(expires - timedelta(milliseconds=1))
    assert status(service, asked) == "in_force"
    service.clock.set(expires - timedelta(microseconds=10))
    assert status(service, asked) == "expired"


def test_a_clock_behind_the_facts_is_not_decided_by(service: Deployment) -> None:
    asked = service.ask()
    service.clock.forward(seconds=-60)
    answer = cancel(service, asked)
    assert (answer.status_code, answer.json["code"]) == (503, "clock_behind")
    assert int(answer.headers["Retry-After"]) > 0


# -- withdrawals ------------------------------------------------------------------------------


@pytest.mark.parametrize("org", PARTIES)
def test_any_party_records_a_withdrawal(service: Deployment, org: str) -> None:
    asked = service.in_force()
    answer = withdraw(service, asked, nth=1, org=org)
    assert (answer.status_code, answer.json["status"]) == (201, "withdrawn")
    assert set(answer.json) == (WHOLE if org == "municipality-x" else PARTY)
    shown = read(service, asked)
    assert shown["status_reasons"] == [
        {
            "code": "withdrawn",
            "role": "custody_holder",
            "signatory": asked["signatories"][1]["id"],
        }
    ]
    assert [s["state"] for s in shown["signatories"]] == ["granted", "withdrawn", "not_required"]


def test_a_withdrawal_told_again_is_recorded_and_leaves_it_withdrawn(service: Deployment) -> None:
    asked = service.in_force()
    first = withdraw(service, asked)
    statements = service.get(f"/v1/consents/{asked['id']}/receipt").json["statements"]
    service.clock.forward(minutes=5)
    for org in ("municipality-x", "gp-y"):
        assert withdraw(service, asked, org=org).status_code == 201
    assert withdraw(service, asked).json == first.json
    receipt = service.get(f"/v1/consents/{asked['id']}/receipt").json
    assert len(statements) == 3
    assert len(receipt["statements"]) == 6


def test_a_withdrawal_before_it_was_in_force_is_a_decline(service: Deployment) -> None:
    asked = service.ask()
    answer = withdraw(service, asked)
    assert (answer.status_code, answer.json["status"]) == (201, "declined")
    assert answer.json["signatories"][0]["state"] == "declined"


def test_a_withdrawal_names_somebody_with_a_part_in_it(service: Deployment) -> None:
    asked = service.in_force()
    others = service.in_force(child=SIBLING.named())
    named = {**asked, "signatories": others["signatories"]}
    answer = withdraw(service, named)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/signatory"]
    assert status(service, asked) == "in_force"


def test_a_withdrawal_of_somebody_without_a_say_yet_ends_nothing(service: Deployment) -> None:
    asked = service.in_force()
    answer = withdraw(service, asked, nth=2)
    assert (answer.status_code, answer.json["status"]) == (201, "in_force")
    assert answer.json["signatories"][2]["state"] == "declined"
    assert service.disclose().status_code == 201


def test_a_withdrawal_from_an_ended_consent_still_stands(service: Deployment) -> None:
    asked = service.in_force()
    cancel(service, asked)
    answer = withdraw(service, asked)
    assert (answer.status_code, answer.json["status"]) == (201, "cancelled")
    renewed = service.ask()
    service.act(renewed["id"], "custody_holder", nth=1)
    denied = service.disclose()
    assert denied.status_code == 403


@pytest.mark.parametrize("ended", [False, True])
def test_a_no_said_again_after_a_yes_elsewhere_is_a_new_no(
    service: Deployment, ended: bool
) -> None:
    older = service.ask()
    service.act(older["id"], "custody_holder", "decline", nth=1)
    if ended:
        service.clock.forward(days=30)
    newer = service.in_force(renews=None if ended else older["id"])
    assert service.disclose().status_code == 201
    assert withdraw(service, older, nth=1).status_code == 201
    denied = service.disclose()
    assert denied.status_code == 403
    assert denied.json["reasons"] == [{"code": "objection_stands"}], "gp-y may not know the older"
    statements = service.get(f"/v1/consents/{older['id']}/receipt").json["statements"]
    assert len(statements) == 2
    assert withdraw(service, older, nth=1).status_code == 201, "once more is no error"
    assert status(service, newer) == "in_force"


# -- renewal ----------------------------------------------------------------------------------


def test_a_renewal_supersedes_when_it_is_in_force(service: Deployment) -> None:
    old = service.in_force()
    new = service.ask(renews=old["id"], categories=CATEGORIES)
    assert new["renews"] == old["id"]
    service.act(new["id"], "custody_holder", nth=0)
    assert (status(service, old), status(service, new)) == ("in_force", "awaiting_signatures")
    service.act(new["id"], "custody_holder", nth=1)
    assert (status(service, old), status(service, new)) == ("superseded", "in_force")
    assert service.disclose().json["consent"] == new["id"]


def test_a_renewal_of_one_that_has_ended(service: Deployment) -> None:
    old = _expired(service)
    new = service.in_force(renews=old["id"])
    assert (status(service, old), status(service, new)) == ("expired", "in_force")


# -- receipt and timeline ---------------------------------------------------------------------


def published_keys(service: Deployment) -> KeySet:
    return KeySet.from_jwks(service.get("/.well-known/jwks.json").json)


@pytest.mark.parametrize("org", ["municipality-x", "gp-y"])
def test_a_receipt_verifies_with_published_keys_only(service: Deployment, org: str) -> None:
    asked = service.in_force()
    withdraw(service, asked)
    service.parts.grow()
    answer = service.get(f"/v1/consents/{asked['id']}/receipt", org=org)
    assert answer.status_code == 200
    origin = service.get("/.well-known/consent-log.json").json["origin"]
    report = verify_receipt(
        answer.data, published_keys(service), Origins.named(origin), service.clock.now
    )
    assert [one.verdict for one in report.statements] == ["verified"] * 3
    assert [one.statement.decision for one in report.statements if one.statement] == [
        "grant",
        "grant",
        "withdraw",
    ]
    assert "opening" not in str(answer.json)
    assert report.terms.consent == asked["id"]


def test_a_changed_receipt_does_not_verify(service: Deployment) -> None:
    asked = service.in_force()
    service.parts.grow()
    receipt = service.get(f"/v1/consents/{asked['id']}/receipt").json
    receipt["statements"][0]["log"], receipt["statements"][1]["log"] = (
        receipt["statements"][1]["log"],
        receipt["statements"][0]["log"],
    )
    report = verify_receipt(
        receipt, published_keys(service), Origins.named("consent.example/log"), service.clock.now
    )
    assert report.exit_code == 1


def test_a_receipt_before_anybody_signed_has_the_terms(service: Deployment) -> None:
    asked = service.ask()
    receipt = service.get(f"/v1/consents/{asked['id']}/receipt").json
    assert receipt["v"] == 1
    assert receipt["statements"] == []


def test_the_timeline_tells_every_event_oldest_first(service: Deployment) -> None:
    asked = service.in_force()
    service.disclose()
    withdraw(service, asked, org="gp-y")
    answer = service.get(f"/v1/consents/{asked['id']}/timeline").json
    assert answer["next"] is None
    items = answer["items"]
    assert [item["type"] for item in items] == [
        "consent_requested",
        "link_issued",
        "link_issued",
        "consent_granted",
        "consent_granted",
        "disclosure",
        "consent_withdrawn",
        "withdrawal_recorded",
    ]
    assert [item["time"] for item in items] == sorted(item["time"] for item in items)
    assert items[3]["by_role"] == "custody_holder"
    for item in items:
        assert {"time", "type", "by_role", "detail"} <= set(item)
    assert CHILD.cpr not in str(items)
    looked = service.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    assert [item["type"] for item in looked[8:]] == ["personal_data_viewed"]


def test_a_custody_change_stands_in_the_timeline(service: Deployment) -> None:
    asked = service.in_force()
    body = {
        "child": {"cpr": CHILD.cpr},
        "custody": MOTHER_ALONE,
        "effective_from": "2026-11-23",
        "performed_by": EMPLOYEE,
    }
    assert service.post("/v1/custody-changes", body).status_code == 201
    items = service.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    assert "custody_changed" in {item["type"] for item in items}


@pytest.mark.parametrize("reason", CancellationReason)
def test_why_it_was_cancelled_is_kept(service: Deployment, reason: CancellationReason) -> None:
    asked = service.ask()
    body = {"reason": reason.value, "performed_by": EMPLOYEE}
    assert service.post(f"/v1/consents/{asked['id']}/cancellation", body).status_code == 200
    (kept,) = [fact for fact in facts_about(service) if isinstance(fact, Cancellation)]
    assert kept.reason is reason


@pytest.mark.parametrize("reason", ["deceased", "Mistake", "", None])
def test_it_is_cancelled_for_no_other_reason(service: Deployment, reason: str | None) -> None:
    asked = service.ask()
    body = {"reason": reason, "performed_by": EMPLOYEE}
    answer = service.post(f"/v1/consents/{asked['id']}/cancellation", body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/reason"]
    assert status(service, asked) == "awaiting_signatures"
