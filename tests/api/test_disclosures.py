"""Disclosures and decisions over HTTP: permitted, denied with reasons, recorded, reported."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent_service.audit.promise import verify_promise
from consent_service.domain.kernel.facts import Scope
from consent_service.signing.canonical import instant_text
from consent_service.signing.keys import KeySet
from tests.api.families import CHILD, SIBLING, YOUNG_PERSON
from tests.deployment import EMPLOYEE, MOTHER, PARTIES, Deployment, person, template

GP = {"id": "g1", "name": "Lise Læge"}
VITAL = {
    "type": "vital_interest",
    "provision": "Sundhedsloven § 43",
    "justification": "The child was in danger.",
}


def decide(service: Deployment, org: str = "gp-y", **changes: Any) -> Any:
    body = service.disclosure_body(**changes)
    for member in ("channel", "document"):
        body.pop(member, None)
    return service.post("/v1/decisions", body, org=org)


def assert_denied(answer: Any, *reasons: dict[str, str]) -> None:
    assert answer.status_code == 403, answer.json
    assert answer.mimetype == "application/problem+json"
    members = {"type", "title", "status", "detail", "code", "id", "decision", "reasons"}
    assert set(answer.json) == members
    assert answer.json["code"] == "disclosure_denied"
    assert answer.json["type"] == "/problems/disclosure_denied"
    assert answer.json["decision"] == "denied"
    if reasons:
        assert answer.json["reasons"] == list(reasons)


# -- permitted --------------------------------------------------------------------------------


def test_a_permitted_disclosure(service: Deployment) -> None:
    asked = service.in_force()
    answer = service.disclose()
    assert answer.status_code == 201
    assert set(answer.json) == {
        "id",
        "decision",
        "consent",
        "terms_sha256",
        "decided_at",
        "valid_until",
        "log_promise",
    }
    assert answer.json["decision"] == "permitted"
    assert answer.json["consent"] == asked["id"]
    assert answer.json["terms_sha256"] == asked["terms_sha256"]
    decided = datetime.fromisoformat(answer.json["decided_at"])
    assert datetime.fromisoformat(answer.json["valid_until"]) == decided + timedelta(minutes=5)
    keys = KeySet.from_jwks(service.get("/.well-known/jwks.json").json)
    promise = verify_promise(answer.json["log_promise"], keys)
    assert (promise.entry, promise.time) == (answer.json["id"], decided)


def test_it_is_valid_no_longer_than_the_consent(service: Deployment) -> None:
    asked = service.in_force()
    expires = service.get(f"/v1/consents/{asked['id']}").json["expires_at"]
    service.clock.set(datetime.fromisoformat(expires) - timedelta(minutes=2))
    assert service.disclose().json["valid_until"] == expires
    service.clock.set(datetime.fromisoformat(expires))
    assert_denied(service.disclose(), {"code": "expired"})


@pytest.mark.parametrize("sender", PARTIES)
def test_every_direction_between_the_parties(service: Deployment, sender: str) -> None:
    service.in_force()
    for recipient in PARTIES:
        if recipient != sender:
            answer = service.disclose(
                sender, sender=sender, recipient=recipient, categories=["school", "health"]
            )
            assert answer.status_code == 201


def test_a_document_and_a_note_of_the_meeting_are_optional(service: Deployment) -> None:
    service.in_force()
    for channel in ("document", "meeting", "phone"):
        body = service.disclosure_body(channel=channel)
        del body["document"]
        assert service.post("/v1/disclosures", body, org="gp-y").status_code == 201


def test_the_sender_is_the_caller(service: Deployment) -> None:
    service.in_force()
    answer = service.disclose("municipality-x")
    assert (answer.status_code, answer.json["code"]) == (403, "not_allowed")


# -- denied -----------------------------------------------------------------------------------


def test_nothing_known_is_no_consent(service: Deployment) -> None:
    service.in_force(parties=["municipality-x", "paediatrics"])
    no_consent = {"code": "no_consent"}
    assert_denied(service.disclose(), no_consent)
    assert_denied(service.disclose(child={"cpr": SIBLING.cpr}), no_consent)
    stranger = service.disclose("municipality-z", sender="municipality-z")
    assert_denied(stranger, no_consent)


def test_before_it_covered_the_caller_it_is_not_looked_at(service: Deployment) -> None:
    asked = service.ask()
    service.act(asked["id"], "custody_holder", "decline")
    assert_denied(service.disclose(), {"code": "no_consent"})
    own = service.disclose("municipality-x", sender="municipality-x", recipient="gp-y")
    assert_denied(own)
    assert {"code": "declined", "role": "custody_holder"} in own.json["reasons"]


def test_the_controller_learns_whose_signature_is_missing(service: Deployment) -> None:
    service.ask(child=YOUNG_PERSON.named())
    answer = service.disclose(
        "municipality-x",
        sender="municipality-x",
        recipient="gp-y",
        child={"cpr": YOUNG_PERSON.cpr},
    )
    assert_denied(
        answer,
        {"code": "missing_signature", "role": "custody_holder"},
        {"code": "missing_signature", "role": "child"},
    )


def test_out_of_scope(service: Deployment) -> None:
    service.in_force()
    assert_denied(
        service.disclose(categories=["health", "identity"]),
        {"code": "category_not_covered", "category": "identity"},
    )
    assert_denied(
        service.disclose(recipient="municipality-z"),
        {"code": "party_not_covered", "party": "municipality-z"},
    )
    assert_denied(service.disclose(purpose="other-purpose"), {"code": "purpose_not_covered"})


def test_left_out_by_one_signer(service: Deployment) -> None:
    asked = service.ask()
    left_out = Scope(frozenset({"paediatrics"}), frozenset({"school"}))
    service.act(asked["id"], "custody_holder", nth=0, left_out=left_out)
    service.act(asked["id"], "custody_holder", nth=1)
    assert service.disclose().status_code == 201
    codes = {r["code"] for r in service.disclose(categories=["school"]).json["reasons"]}
    assert codes == {"category_not_covered"}
    codes = {r["code"] for r in service.disclose(recipient="paediatrics").json["reasons"]}
    assert codes == {"party_not_covered"}


@pytest.mark.parametrize(
    ("end", "code"),
    [("withdraw", "withdrawn"), ("cancel", "cancelled"), ("birthday", "young_person_must_sign")],
)
def test_after_the_end_the_reason_says_why(service: Deployment, end: str, code: str) -> None:
    child = person("0112114322", "Alma Test")
    asked = service.in_force(child=child)
    assert service.disclose(child={"cpr": child["cpr"]}).status_code == 201
    if end == "withdraw":
        service.act(asked["id"], "custody_holder", "withdraw")
    elif end == "cancel":
        body = {"reason": "case_closed", "performed_by": EMPLOYEE}
        service.post(f"/v1/consents/{asked['id']}/cancellation", body)
    else:
        service.clock.set(datetime(2026, 11, 30, 23, tzinfo=UTC))
    answer = service.disclose(child={"cpr": child["cpr"]})
    assert_denied(answer)
    assert code in {reason["code"] for reason in answer.json["reasons"]}


def test_a_denial_under_another_request_stops_an_older_consent(service: Deployment) -> None:
    service.in_force(parties=["municipality-x", "gp-y"])
    assert service.disclose().status_code == 201
    wider = service.ask()
    assert service.disclose().status_code == 201
    service.act(wider["id"], "custody_holder", "decline")
    assert_denied(service.disclose(), {"code": "objection_stands"})
    service.act(wider["id"], "custody_holder", nth=1)
    assert service.disclose().status_code == 403
    service.act(wider["id"], "custody_holder", nth=0)
    assert service.disclose().status_code == 201


def test_nothing_personal_in_a_denial(service: Deployment) -> None:
    asked = service.in_force()
    service.act(asked["id"], "custody_holder", "withdraw")
    text = service.disclose().get_data(as_text=True)
    for secret in (CHILD.cpr, MOTHER, "Mette", "Alma", asked["signatories"][0]["id"]):
        assert secret not in text


# -- another legal basis ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "type_",
    ["current_treatment", "other_statute", "notification_duty", "vital_interest", "oral_consent"],
)
def test_another_basis_is_recorded(service: Deployment, type_: str) -> None:
    answer = service.disclose(legal_basis={**VITAL, "type": type_})
    assert answer.status_code == 201
    assert set(answer.json) == {"id", "decision", "decided_at", "log_promise", "warnings"}
    assert (answer.json["decision"], answer.json["warnings"]) == ("recorded", [])


def test_it_warns_when_the_family_objected(service: Deployment) -> None:
    service.in_force(parties=["municipality-x", "gp-y"])
    wider = service.ask()
    assert service.disclose(legal_basis=VITAL).json["warnings"] == []
    service.act(wider["id"], "custody_holder", "decline")
    recorded = service.disclose(legal_basis=VITAL)
    assert recorded.json["warnings"] == ["family_objected"]
    shown = service.get(f"/v1/disclosures/{recorded.json['id']}", org="gp-y").json
    assert shown["warnings"] == ["family_objected"]
    other = service.disclose(legal_basis=VITAL, categories=["earlier-measures"])
    assert other.json["warnings"] == []


def test_it_warns_nobody_of_a_request_they_may_not_know(service: Deployment) -> None:
    asked = service.ask()
    service.act(asked["id"], "custody_holder", "decline")
    recorded = service.disclose(legal_basis=VITAL)
    assert recorded.json["warnings"] == [], "the GP was never covered by it"
    entry = service.get(f"/v1/audit/entries/{recorded.json['id']}", org="gp-y").json
    assert entry["body"]["objected"] is True, "the data-protection officer sees it all the same"
    theirs = service.disclose(org="municipality-x", legal_basis=VITAL, **TO_GP)
    assert theirs.json["warnings"] == ["family_objected"]


TO_GP = {"sender": "municipality-x", "recipient": "gp-y"}


def test_what_was_recorded_is_found_for_review(service: Deployment) -> None:
    """R6: the list of the data-protection officer whose organisation answers for it."""
    asked = service.ask()
    service.act(asked["id"], "custody_holder", "decline")
    service.disclose()
    recorded = service.disclose(legal_basis=VITAL).json["id"]
    listed = service.get("/v1/audit/entries?outcome=recorded", org="gp-y").json["items"]
    searched = service.post("/v1/audit/search", {"outcome": "recorded"}, org="gp-y").json["items"]
    for items in (listed, searched):
        (found,) = items
        assert found["id"] == recorded
        assert found["body"]["legal_basis"] == VITAL
        assert found["body"]["objected"] is True
        assert found["body"]["performed_by"] == GP
    assert service.get("/v1/audit/entries?outcome=recorded").json["items"] == []


def spoil_a_fact(service: Deployment) -> None:
    """Somebody damages what decisions are made from, past every guard."""
    damage = "UPDATE fact SET payload = '{}' WHERE kind = 'grant'"
    with service.parts.units.engine.connect().execution_options(writes=True) as connection:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'fact'"
        for (name,) in connection.exec_driver_sql(triggers).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql(damage)
        connection.commit()


def test_on_facts_that_cannot_be_read_nothing_is_permitted(on_sqlite: Deployment) -> None:
    on_sqlite.in_force()
    spoil_a_fact(on_sqlite)
    assert_denied(on_sqlite.disclose(), {"code": "unverifiable"})
    assert decide(on_sqlite).json["reasons"] == [{"code": "unverifiable"}]


def test_what_the_law_demands_is_recorded_even_then(on_sqlite: Deployment) -> None:
    """R6: it is told all the same, and must be in the log. Whether somebody said no is unknown."""
    on_sqlite.in_force()
    spoil_a_fact(on_sqlite)
    recorded = on_sqlite.disclose(legal_basis=VITAL)
    assert (recorded.status_code, recorded.json["decision"]) == (201, "recorded")
    assert recorded.json["warnings"] == ["objections_unknown"]


def test_it_may_be_shown_to_the_family_later(service: Deployment) -> None:
    visibility = {"from": "2027-01-01", "reason": "A parent is suspected. 010317-4321"}
    recorded = service.disclose(legal_basis={**VITAL, "family_visibility": visibility})
    assert recorded.status_code == 201
    shown = service.get(f"/v1/disclosures/{recorded.json['id']}", org="gp-y").json["legal_basis"]
    assert shown["type"] == "vital_interest"
    assert shown["provision"] == VITAL["provision"]
    assert shown["family_visibility"] == {
        "from": "2027-01-01",
        "reason": "A parent is suspected. XXXXXX-XXXX",
    }


# -- seeing and reporting ---------------------------------------------------------------------


def test_sender_recipient_and_controller_see_a_disclosure(service: Deployment) -> None:
    asked = service.in_force()
    made = service.disclose(recipient="paediatrics").json
    path = f"/v1/disclosures/{made['id']}"
    for org in ("gp-y", "paediatrics", "municipality-x"):
        shown = service.get(path, org=org).json
        assert shown == {
            "id": made["id"],
            "decision": "permitted",
            "decided_at": made["decided_at"],
            "consent": asked["id"],
            "sender": "gp-y",
            "recipient": "paediatrics",
            "purpose": "joint-action-plan",
            "categories": ["health"],
            "legal_basis": {"type": "consent"},
            "channel": "document",
            "document": {
                "reference": "doc-1",
                "sha256": "0" * 64,
                "media_type": "application/pdf",
            },
            "reasons": [],
            "warnings": [],
            "outcome": None,
        }
        listed = service.get("/v1/disclosures", org=org).json["items"]
        assert listed == [shown]
    unknown = service.get("/v1/disclosures/01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e", org="gp-y")
    for org in ("child-psychiatry", "municipality-z"):
        answer = service.get(path, org=org)
        assert (answer.status_code, answer.data) == (404, unknown.data)
        assert service.get("/v1/disclosures", org=org).json["items"] == []


def test_a_recipient_outside_the_consent_does_not_learn_of_it(service: Deployment) -> None:
    asked = service.in_force()
    denied = service.disclose(recipient="municipality-z").json
    for path in ("/v1/disclosures", f"/v1/disclosures/{denied['id']}"):
        answer = service.get(path, org="municipality-z")
        text = answer.get_data(as_text=True)
        assert asked["id"] not in text
        assert "party_not_covered" not in text


def left_out_at_z(service: Deployment) -> None:
    """X's consent is in force. Under Z's the mother left X out: the GP may know that, X may not."""
    service.in_force()
    asked = service.ask("municipality-z", parties=["municipality-z", "gp-y", "municipality-x"])
    left_out = Scope(frozenset({"municipality-x"}), frozenset())
    service.act(asked["id"], "custody_holder", nth=0, left_out=left_out)
    service.act(asked["id"], "custody_holder", nth=1)
    assert service.get(f"/v1/consents/{asked['id']}", org="gp-y").status_code == 200
    assert service.get(f"/v1/consents/{asked['id']}", org="municipality-x").status_code == 404


@pytest.mark.parametrize("way", ["disclosure", "decision"])
def test_the_controllers_log_tells_nothing_of_a_request_it_may_not_know(
    service: Deployment, way: str
) -> None:
    """R5h: the GP is told whose no it was, in its answer; X's own log is read by X."""
    left_out_at_z(service)
    answer = service.disclose() if way == "disclosure" else decide(service)
    named = {"code": "party_not_covered", "role": "custody_holder", "party": "municipality-x"}
    assert answer.json["reasons"] == [named]
    assert decide(service, "municipality-x").json["reasons"] == [{"code": "objection_stands"}]
    entries = service.get(f"/v1/audit/entries?type={way}&outcome=denied").json["items"]
    assert entries[0]["body"]["organisation"] == "gp-y"
    assert entries[0]["body"]["reasons"] == [{"code": "objection_stands"}]
    shown = service.get("/v1/disclosures").json["items"]
    assert [one["reasons"] for one in shown] == [[{"code": "objection_stands"}]] * len(shown)


def test_a_warning_is_the_senders_alone(service: Deployment) -> None:
    """R6: the GP may know that the family objected, under Z's request; X, who receives, may not."""
    left_out_at_z(service)
    recorded = service.disclose(legal_basis=VITAL).json
    assert recorded["warnings"] == ["family_objected"]
    path = f"/v1/disclosures/{recorded['id']}"
    assert service.get(path, org="gp-y").json["warnings"] == ["family_objected"]
    assert service.get(path, org="municipality-x").json["warnings"] == []


def test_disclosures_come_in_pages_oldest_first(service: Deployment) -> None:
    service.in_force()
    made = [service.disclose().json["id"] for _ in range(3)]
    first = service.get("/v1/disclosures?limit=2", org="gp-y").json
    assert [item["id"] for item in first["items"]] == made[:2]
    second = service.get(f"/v1/disclosures?limit=2&cursor={first['next']}", org="gp-y").json
    assert [item["id"] for item in second["items"]] == made[2:]
    assert second["next"] is None


def test_the_sender_reports_the_outcome(service: Deployment) -> None:
    service.in_force()
    path = f"/v1/disclosures/{service.disclose().json['id']}"
    for org in ("municipality-x", "paediatrics", "municipality-z"):
        body = {"outcome": "sent", "performed_by": GP}
        assert service.post(f"{path}/outcome", body, org=org).status_code == 404
    for outcome in ("not_sent", "sent"):
        body = {"outcome": outcome, "performed_by": GP}
        answer = service.post(f"{path}/outcome", body, org="gp-y")
        assert (answer.status_code, answer.json["outcome"]) == (200, outcome)
        assert service.get(path, org="municipality-x").json["outcome"] == outcome


# -- decisions --------------------------------------------------------------------------------


def test_a_decision_answers_like_a_disclosure(service: Deployment) -> None:
    asked = service.in_force()
    permitted = decide(service)
    assert permitted.status_code == 200
    assert set(permitted.json) == {"decision", "reasons", "as_of"}
    assert (permitted.json["decision"], permitted.json["reasons"]) == ("permitted", [])
    assert decide(service, "municipality-x").json["decision"] == "permitted"
    denied = decide(service, categories=["identity"])
    assert denied.status_code == 200
    assert denied.json["reasons"] == [{"code": "category_not_covered", "category": "identity"}]
    service.act(asked["id"], "custody_holder", "withdraw")
    assert decide(service).json["reasons"] == service.disclose().json["reasons"]


def test_a_decision_is_for_sender_and_recipient(service: Deployment) -> None:
    service.in_force()
    answer = decide(service, "paediatrics")
    assert (answer.status_code, answer.json["code"]) == (403, "not_allowed")
    stranger = decide(service, "municipality-z", recipient="municipality-z")
    assert stranger.json["reasons"] == [{"code": "no_consent"}]
    unknown = decide(service, "municipality-z", recipient="municipality-z", child={"cpr": MOTHER})
    assert unknown.json["reasons"] == stranger.json["reasons"]


def test_only_consent_is_decided(service: Deployment) -> None:
    answer = decide(service, legal_basis=VITAL)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/legal_basis/type"]


def test_the_past_is_answered_from_what_was_recorded_by_then(service: Deployment) -> None:
    before = instant_text(service.clock())
    service.clock.forward(minutes=10)
    asked = service.in_force()
    in_force = instant_text(service.clock())
    service.clock.forward(minutes=10)
    service.act(asked["id"], "custody_holder", "withdraw")
    withdrawn = instant_text(service.clock())
    service.clock.forward(minutes=10)
    assert decide(service, as_of=before).json == {
        "decision": "denied",
        "reasons": [{"code": "no_consent"}],
        "as_of": before,
    }
    assert decide(service, as_of=in_force).json["decision"] == "permitted"
    assert decide(service, as_of=withdrawn).json["decision"] == "denied"
    same_instant = in_force.replace("T09:", "T10:").replace("Z", "+01:00")
    assert decide(service, as_of=same_instant).json == {
        "decision": "permitted",
        "reasons": [],
        "as_of": in_force,
    }


def test_the_future_is_not_answered(service: Deployment) -> None:
    service.in_force()
    future = instant_text(service.clock.now + timedelta(seconds=1))
    answer = decide(service, as_of=future)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/as_of"]


def test_the_newest_of_two_consents_answers(service: Deployment) -> None:
    first = service.in_force(parties=["municipality-x", "gp-y"])
    second = service.in_force(parties=["municipality-x", "gp-y", "paediatrics"])
    assert service.disclose().json["consent"] == second["id"]
    body = {"reason": "case_closed", "performed_by": EMPLOYEE}
    service.post(f"/v1/consents/{second['id']}/cancellation", body)
    assert service.disclose().json["consent"] == first["id"]


def test_another_purpose_has_a_consent_of_its_own(service: Deployment) -> None:
    labels = template()["labels"]
    service.register("other-purpose")
    second = template(id="other-plan", purpose="other-purpose", labels=labels)
    assert service.post("/v1/templates", second).status_code == 201
    service.in_force(template="other-plan")
    assert service.disclose(purpose="other-purpose").status_code == 201
    assert_denied(service.disclose(), {"code": "purpose_not_covered"})
