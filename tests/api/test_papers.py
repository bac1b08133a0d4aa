"""Papers over HTTP: recorded by one employee, counted once another confirmed them (R3, R5, R8)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from consent_service.audit.origins import Origins
from consent_service.audit.receipt import verify_receipt
from consent_service.audit.tree_checks import NO_CLAIMS
from consent_service.domain.kernel.facts import Scope
from consent_service.persistence.verification.log_reader import verify_database
from consent_service.services.children.acts import begin_act
from consent_service.services.consents.find_consent import child_of
from consent_service.services.signatures.sign import Evidence, grant
from consent_service.signing.statement import IdentityEvidence, Paper
from tests.api.families import SIBLING, YOUNG_PERSON, custody, holder
from tests.deployment import COLLEAGUE, EMPLOYEE, FATHER, MOTHER, Deployment, template

SHA256 = "ab" * 32
DOCUMENT = {"reference": "journal-77", "sha256": SHA256}


def body(consent: dict[str, Any], nth: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "signatory": consent["signatories"][nth]["id"],
        "decision": "grant",
        "signed_on": "2026-11-23",
        "document": DOCUMENT,
        "identity_checked": "driving licence, seen at the counter",
        "performed_by": EMPLOYEE,
    } | changes


def record(service: Deployment, consent: dict[str, Any], nth: int = 1, **changes: Any) -> Any:
    path = f"/v1/consents/{consent['id']}/paper-grants"
    return service.post(path, body(consent, nth, **changes))


def confirm(
    service: Deployment, consent: dict[str, Any], paper: str, by: dict[str, str] = COLLEAGUE
) -> Any:
    path = f"/v1/consents/{consent['id']}/paper-grants/{paper}/confirmation"
    return service.post(path, {"performed_by": by})


def both(service: Deployment, consent: dict[str, Any], nth: int = 1, **changes: Any) -> Any:
    recorded = record(service, consent, nth, **changes)
    assert recorded.status_code == 201, recorded.json
    return confirm(service, consent, recorded.json["id"])


def shown(service: Deployment, consent: dict[str, Any]) -> Any:
    return service.get(f"/v1/consents/{consent['id']}").json


def half(service: Deployment) -> dict[str, Any]:
    """A consent that the mother granted on the page."""
    asked = service.ask()
    service.act(asked["id"], "custody_holder", nth=0)
    return asked


def assert_conflict(answer: Any, code: str) -> None:
    assert (answer.status_code, answer.json["code"]) == (409, code), answer.json


def assert_sound(service: Deployment) -> None:
    """What was written is what `audit verify` finds sound, entries and facts both ways."""
    assert findings(service) == []


def findings(service: Deployment) -> list[str]:
    parts = service.parts
    parts.grow()
    report = verify_database(
        parts.units.engine,
        parts.units.ring,
        parts.index,
        parts.keys.published,
        parts.settings.log_origin,
        service.clock.now,
        NO_CLAIMS,
    )
    return [finding.detail for finding in report.findings]


def test_it_counts_once_another_employee_confirmed_it(service: Deployment) -> None:
    asked = half(service)
    service.clock.forward(days=3)
    recorded = record(service, asked)
    assert recorded.status_code == 201
    assert set(recorded.json) == {"id", "consent"}
    assert recorded.json["consent"]["status"] == "awaiting_signatures"
    assert service.disclose().status_code == 403
    assert_conflict(confirm(service, asked, recorded.json["id"], EMPLOYEE), "same_employee")
    assert service.disclose().status_code == 403
    confirmed = confirm(service, asked, recorded.json["id"])
    assert (confirmed.status_code, confirmed.json["status"]) == (200, "in_force")
    assert [s["state"] for s in confirmed.json["signatories"][:2]] == ["granted", "granted"]
    assert service.disclose().status_code == 201
    assert_sound(service)


def test_its_year_begins_at_midnight_of_the_day_it_was_signed(service: Deployment) -> None:
    asked = half(service)
    service.clock.forward(days=3)
    assert both(service, asked).json["expires_at"] == "2027-11-22T23:00:00.000000Z"
    service.clock.set(datetime(2027, 11, 22, 22, 59, 59, tzinfo=UTC))
    assert shown(service, asked)["status"] == "in_force"
    service.clock.set(datetime(2027, 11, 22, 23, tzinfo=UTC))
    assert shown(service, asked)["status"] == "expired"


def test_confirming_again_changes_nothing(service: Deployment) -> None:
    asked = half(service)
    paper = record(service, asked).json["id"]
    first = confirm(service, asked, paper).json
    service.clock.forward(minutes=1)
    again = confirm(service, asked, paper)
    assert (again.status_code, again.json) == (200, first)
    items = service.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    assert [item["type"] for item in items].count("paper_confirmed") == 1


def test_a_repeated_request_records_one_paper(service: Deployment) -> None:
    asked = half(service)
    path = f"/v1/consents/{asked['id']}/paper-grants"
    first = service.post(path, body(asked), key="k1")
    again = service.post(path, body(asked), key="k1")
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = service.post(path, body(asked, decision="decline"), key="k1")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")


def test_a_decline_on_paper(service: Deployment) -> None:
    asked = half(service)
    assert both(service, asked, decision="decline").json["status"] == "declined"
    assert shown(service, asked)["signatories"][1]["state"] == "declined"
    assert_sound(service)


def test_a_no_on_paper_ends_what_is_in_force(service: Deployment) -> None:
    asked = service.in_force()
    service.clock.forward(days=1)
    assert both(service, asked, decision="decline").json["status"] == "withdrawn"
    assert service.disclose().status_code == 403
    assert_sound(service)


def test_less_than_asked(service: Deployment) -> None:
    asked = half(service)
    kept = {"parties": ["gp-y", "municipality-x"], "categories": ["health"]}
    assert both(service, asked, scope=kept).json["effective_scope"] == kept
    assert service.disclose().status_code == 201
    assert service.disclose(categories=["school"]).status_code == 403
    assert_sound(service)


@pytest.mark.parametrize("when", ["same day", "next day"])
def test_what_was_refused_since_is_not_cleared(service: Deployment, when: str) -> None:
    asked = half(service)
    if when == "next day":
        service.clock.forward(days=1)
    service.act(asked["id"], "custody_holder", "decline", nth=1)
    service.clock.forward(days=1)
    paper = record(service, asked).json["id"]
    assert_conflict(confirm(service, asked, paper), "newer_refusal")
    assert shown(service, asked)["status"] == "declined"
    assert service.disclose().status_code == 403


def test_a_later_paper_clears_an_older_refusal(service: Deployment) -> None:
    asked = half(service)
    service.act(asked["id"], "custody_holder", "decline", nth=1)
    service.clock.forward(days=2)
    assert both(service, asked, signed_on="2026-11-24").json["status"] == "in_force"
    assert service.disclose().status_code == 201


def test_a_refusal_between_recording_and_confirming_stands(service: Deployment) -> None:
    asked = half(service)
    paper = record(service, asked).json["id"]
    service.clock.forward(hours=1)
    service.act(asked["id"], "custody_holder", "decline", nth=1)
    assert_conflict(confirm(service, asked, paper), "newer_refusal")


def test_a_refusal_under_an_overlapping_consent_stands(service: Deployment) -> None:
    asked = half(service)
    other = service.ask(parties=["municipality-x", "gp-y"])
    left_out = Scope(frozenset(), frozenset({"school"}))
    service.act(other["id"], "custody_holder", nth=1, left_out=left_out)
    paper = record(service, asked).json["id"]
    assert_conflict(confirm(service, asked, paper), "newer_refusal")


def test_who_lost_their_part_signs_no_paper(service: Deployment) -> None:
    asked = half(service)
    paper = record(service, asked).json["id"]
    change = {
        "child": {"cpr": "0103174321"},
        "custody": custody(holder(MOTHER, "Mette Mor")),
        "effective_from": "2026-11-23",
        "performed_by": EMPLOYEE,
    }
    assert service.post("/v1/custody-changes", change).status_code == 201
    assert_conflict(confirm(service, asked, paper), "signatory_without_standing")
    assert_conflict(record(service, asked), "signatory_without_standing")


def test_no_grant_was_signed_before_custody_began(service: Deployment) -> None:
    asked = service.ask(custody=custody(holder(MOTHER, "Mette Mor")))
    change = {
        "child": {"cpr": "0103174321"},
        "custody": custody(holder(MOTHER, "Mette Mor"), holder(FATHER, "Frederik Far")),
        "effective_from": "2026-11-25",
        "performed_by": EMPLOYEE,
    }
    assert service.post("/v1/custody-changes", change).status_code == 201
    father = {"signatory": shown(service, asked)["signatories"][2]["id"]}
    service.clock.set(datetime(2026, 11, 26, 12, tzinfo=UTC))
    early = record(service, asked, signed_on="2026-11-24", **father)
    assert early.status_code == 422
    assert [error["pointer"] for error in early.json["errors"]] == ["/signed_on"]
    no = record(service, asked, signed_on="2026-11-24", decision="decline", **father)
    assert no.status_code == 201, "a refusal counts whatever its date"
    assert record(service, asked, signed_on="2026-11-25", **father).status_code == 201


def test_an_answer_that_stands_is_not_given_twice(service: Deployment) -> None:
    asked = half(service)
    paper = record(service, asked).json["id"]
    service.act(asked["id"], "custody_holder", nth=1)
    assert_conflict(confirm(service, asked, paper), "answer_stands")
    assert shown(service, asked)["status"] == "in_force"


def test_a_grant_of_what_has_ended(service: Deployment) -> None:
    asked = half(service)
    paper = record(service, asked).json["id"]
    ended = {"reason": "mistake", "performed_by": EMPLOYEE}
    service.post(f"/v1/consents/{asked['id']}/cancellation", ended)
    assert_conflict(record(service, asked), "consent_not_live")
    assert_conflict(confirm(service, asked, paper), "consent_not_live")


def test_a_paper_whose_time_is_over_already(service: Deployment) -> None:
    short = template(id="short-plan", max_validity="P1D")
    assert service.post("/v1/templates", short).status_code == 201
    asked = service.ask(template="short-plan")
    paper = record(service, asked).json["id"]
    service.clock.forward(days=1)
    assert_conflict(confirm(service, asked, paper), "paper_expired")
    assert shown(service, asked)["expires_at"] is None


def test_a_child_signs_no_paper_before_its_15th_birthday(service: Deployment) -> None:
    fifteen_on_the_25th = holder("2511114888", "Alma Test")
    child = {"cpr": fifteen_on_the_25th["cpr"], "name": "Alma Test"}
    asked = service.ask(child=child)
    nth = [s["role"] for s in asked["signatories"]].index("child")
    assert_conflict(record(service, asked, nth, decision="decline"), "signatory_without_standing")
    service.clock.forward(days=3)
    early = record(service, asked, nth, signed_on="2026-11-24")
    assert early.status_code == 422
    assert [error["pointer"] for error in early.json["errors"]] == ["/signed_on"]
    on_the_day = both(service, asked, nth, signed_on="2026-11-25")
    assert on_the_day.json["signatories"][nth]["state"] == "granted"


def test_a_young_person_signs_on_paper(service: Deployment) -> None:
    asked = service.ask(child=YOUNG_PERSON.named())
    nth = [s["role"] for s in asked["signatories"]].index("child")
    assert both(service, asked, nth).json["signatories"][nth]["state"] == "granted"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"signatory": "01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e"}, "/signatory"),
        ({"signed_on": "2026-11-24"}, "/signed_on"),
        ({"signed_on": "2026-11-22"}, "/signed_on"),
        ({"scope": {"parties": ["municipality-x", "nobody"], "categories": ["health"]}},
         "/scope/parties"),
        ({"scope": {"parties": ["municipality-x", "gp-y"], "categories": ["income"]}},
         "/scope/categories"),
        ({"scope": {"parties": ["gp-y", "paediatrics"], "categories": ["health"]}}, "/scope"),
        ({"scope": {"parties": ["municipality-x"], "categories": ["health"]}}, "/scope"),
        ({"scope": {"parties": ["municipality-x", "gp-y"], "categories": []}}, "/scope"),
        ({"decision": "decline",
          "scope": {"parties": ["municipality-x", "gp-y"], "categories": ["health"]}}, "/scope"),
    ],
)  # fmt: skip
def test_what_is_refused(service: Deployment, changes: dict[str, Any], pointer: str) -> None:
    asked = half(service)
    answer = record(service, asked, **changes)
    assert answer.status_code == 422, answer.json
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    items = service.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    assert "paper_recorded" not in {item["type"] for item in items}


def test_a_paper_that_is_too_old(service: Deployment) -> None:
    asked = service.in_force(deadline="2027-02-20")
    service.clock.forward(days=91)
    answer = record(service, asked, decision="decline")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/signed_on"]
    assert record(service, asked, decision="decline", signed_on="2026-11-24").status_code == 201


def test_a_narrower_grant_where_the_template_allows_none(service: Deployment) -> None:
    whole = template(id="whole-plan", granular=False)
    assert service.post("/v1/templates", whole).status_code == 201
    asked = service.ask(template="whole-plan")
    kept = {"parties": ["gp-y", "municipality-x"], "categories": ["health"]}
    answer = record(service, asked, scope=kept)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/scope"]


def reject(
    service: Deployment,
    consent: dict[str, Any],
    paper: str,
    org: str = "municipality-x",
    **more: Any,
) -> Any:
    path = f"/v1/consents/{consent['id']}/paper-grants/{paper}/rejection"
    return service.post(path, {"performed_by": EMPLOYEE} | more, org=org)


def test_who_recorded_it_by_mistake_takes_it_back(service: Deployment) -> None:
    asked = half(service)
    paper = record(service, asked).json["id"]
    rejected = reject(service, asked, paper, note="of 010180-1112's sister")
    assert (rejected.status_code, rejected.json["status"]) == (200, "awaiting_signatures")
    assert_conflict(confirm(service, asked, paper), "paper_rejected")
    again = reject(service, asked, paper)
    assert (again.status_code, again.json) == (200, rejected.json)
    assert shown(service, asked)["signatories"][1]["state"] == "invited"
    items = service.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    (detail,) = [item["detail"] for item in items if item["type"] == "paper_rejected"]
    assert (detail["paper"], detail["note"]) == (paper, "of XXXXXX-XXXX's sister")
    assert detail["performed_by"] == EMPLOYEE
    assert both(service, asked).json["status"] == "in_force", "another paper of the same signer"
    assert_sound(service)


def write_past_the_service(
    service: Deployment, consent: dict[str, Any], paper: str, sha256: str = SHA256, nth: int = 1
) -> None:
    """A confirmation as somebody with every key could write it, sealed and logged."""
    signed_at = datetime(2026, 11, 22, 23, tzinfo=UTC)
    proof = IdentityEvidence(
        "municipality-x", "municipality-x", "paper", signed_at, None, Paper(paper, sha256)
    )
    with service.parts.units.writing() as uow:
        signatory = uow.consents.signatories(consent["id"])[nth]
        file = uow.consents.of_signatory(signatory)
        assert file is not None
        act = begin_act(uow, service.parts.context, child_of(uow, file))
        kept = act.history.request(file.id).asked
        evidence = Evidence(proof, None, {}, proof.issuer)
        assert grant(uow, service.parts.context, act, file, signatory, kept, evidence)
        uow.commit()


def test_verification_finds_what_was_never_recorded_so(on_sqlite: Deployment) -> None:
    asked = on_sqlite.ask()
    for nth, changes, wrong in (
        (0, {"sha256": "cd" * 32}, "its statement names another document than was recorded"),
        (1, {}, "it is about a paper that was rejected"),
    ):
        paper = record(on_sqlite, asked, nth).json["id"]
        if not changes:
            reject(on_sqlite, asked, paper)
        write_past_the_service(on_sqlite, asked, paper, nth=nth, **changes)
        assert wrong in findings(on_sqlite)
    assert shown(on_sqlite, asked)["status"] == "awaiting_signatures", "what was rejected is none"


def test_what_counts_is_not_taken_back(service: Deployment) -> None:
    asked = half(service)
    paper = record(service, asked).json["id"]
    confirm(service, asked, paper)
    assert_conflict(reject(service, asked, paper), "paper_confirmed")
    assert shown(service, asked)["status"] == "in_force"


def test_a_paper_of_what_has_ended_can_be_taken_back(service: Deployment) -> None:
    asked = half(service)
    paper = record(service, asked).json["id"]
    ended = {"reason": "mistake", "performed_by": EMPLOYEE}
    service.post(f"/v1/consents/{asked['id']}/cancellation", ended)
    assert reject(service, asked, paper).json["status"] == "cancelled"
    assert_conflict(confirm(service, asked, paper), "paper_rejected")


def test_only_its_controller_takes_a_paper_back(service: Deployment) -> None:
    asked, other = service.ask(), service.ask(child=SIBLING.named())
    paper = record(service, asked).json["id"]
    for consent, id_, org in (
        (other, paper, "municipality-x"),
        (asked, "nothing", "municipality-x"),
        (asked, paper, "gp-y"),
    ):
        answer = reject(service, consent, id_, org)
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert confirm(service, asked, paper).status_code == 200


def test_a_paper_belongs_to_its_consent(service: Deployment) -> None:
    asked, other = service.ask(), service.ask(child=SIBLING.named())
    paper = record(service, asked).json["id"]
    for consent, id_ in ((other, paper), (asked, "nothing")):
        answer = confirm(service, consent, id_)
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_both_steps_stand_in_the_timeline_with_who_did_them(service: Deployment) -> None:
    asked = half(service)
    masked = record(service, asked, identity_checked="passport of 010180-1112").json["id"]
    confirm(service, asked, masked)
    items = service.get(f"/v1/consents/{asked['id']}/timeline").json["items"][-3:]
    recorded, granted, confirmed = items
    assert [item["type"] for item in items] == [
        "paper_recorded",
        "consent_granted",
        "paper_confirmed",
    ]
    assert recorded["detail"]["performed_by"] == EMPLOYEE
    assert recorded["detail"]["document"] == DOCUMENT
    assert recorded["detail"]["identity_checked"] == "passport of XXXXXX-XXXX"
    assert (recorded["detail"]["decision"], recorded["detail"]["signed_on"]) == (
        "grant",
        "2026-11-23",
    )
    assert granted["by_role"] == "custody_holder"
    assert confirmed["detail"]["performed_by"] == COLLEAGUE
    assert confirmed["detail"]["paper"] == recorded["detail"]["paper"] == masked


def test_the_receipt_verifies_offline_and_names_no_employee(service: Deployment) -> None:
    asked = half(service)
    service.clock.forward(days=2)
    both(service, asked)
    parts = service.parts
    parts.grow()
    receipt = service.get(f"/v1/consents/{asked['id']}/receipt").json
    report = verify_receipt(
        receipt, parts.keys.published, Origins.named(parts.settings.log_origin), service.clock.now
    )
    assert [one.verdict for one in report.statements] == ["verified", "verified"]
    statement = report.statements[1].statement
    assert statement is not None
    identity = statement.identity
    assert (identity.loa, identity.id_token_sha256, identity.issuer) == (
        "paper",
        None,
        "municipality-x",
    )
    assert identity.time == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert identity.paper is not None
    assert identity.paper.sha256 == SHA256
    said = json.loads(statement.to_bytes())
    assert DOCUMENT["reference"] not in str(said) + str(receipt), "where it is filed is X's own"
    for employee in (EMPLOYEE, COLLEAGUE):
        assert employee["name"] not in str(said) + str(receipt)
        assert employee["id"] not in said["identity"].values()
    for number in (MOTHER, FATHER):
        assert number not in str(said)
