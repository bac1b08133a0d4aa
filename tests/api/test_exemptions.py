"""Exemptions over HTTP: recorded by one employee, counted once another confirmed them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from consent_service.domain.kernel.facts import ExemptionReason, ExemptionRecorded
from tests.api.families import MOTHER_ALONE, SIBLING, facts_about
from tests.deployment import COLLEAGUE, EMPLOYEE, Deployment


def record(service: Deployment, consent: dict[str, Any], nth: int = 1, **changes: Any) -> Any:
    body = {
        "signatory": consent["signatories"][nth]["id"],
        "reason": "unknown_whereabouts",
        "provision": "Forældreansvarsloven § 1",
        "evidence_reference": "journal-1",
        "performed_by": EMPLOYEE,
    } | changes
    return service.post(f"/v1/consents/{consent['id']}/exemptions", body)


def follow(
    service: Deployment,
    consent: dict[str, Any],
    exemption: str,
    step: str = "confirmation",
    by: dict[str, str] = COLLEAGUE,
) -> Any:
    path = f"/v1/consents/{consent['id']}/exemptions/{exemption}/{step}"
    return service.post(path, {"performed_by": by})


def states(service: Deployment, consent: dict[str, Any]) -> tuple[str, list[str]]:
    shown = service.get(f"/v1/consents/{consent['id']}").json
    return shown["status"], [signatory["state"] for signatory in shown["signatories"]]


def test_it_counts_once_another_employee_confirmed_it(service: Deployment) -> None:
    asked = service.ask()
    service.act(asked["id"], "custody_holder", nth=0)
    recorded = record(service, asked)
    assert recorded.status_code == 201
    assert set(recorded.json) == {"id", "consent"}
    assert recorded.json["consent"]["status"] == "awaiting_signatures"
    assert states(service, asked)[1] == ["granted", "invited", "not_required"]
    same = follow(service, asked, recorded.json["id"], by=EMPLOYEE)
    assert (same.status_code, same.json["code"]) == (409, "same_employee")
    assert states(service, asked)[0] == "awaiting_signatures"
    confirmed = follow(service, asked, recorded.json["id"])
    assert confirmed.status_code == 200
    assert confirmed.json["status"] == "in_force"
    assert states(service, asked) == ("in_force", ["granted", "excused", "not_required"])
    assert service.disclose().status_code == 201


@pytest.mark.parametrize("reason", ExemptionReason)
def test_its_reason_is_kept_with_it(service: Deployment, reason: ExemptionReason) -> None:
    asked = service.ask()
    assert record(service, asked, reason=reason.value).status_code == 201
    (kept,) = [fact for fact in facts_about(service) if isinstance(fact, ExemptionRecorded)]
    assert kept.reason is reason


@pytest.mark.parametrize("reason", ["mistake", "Deceased", "", None])
def test_there_is_no_other_reason(service: Deployment, reason: str | None) -> None:
    asked = service.ask()
    answer = record(service, asked, reason=reason)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/reason"]


def test_confirming_again_changes_nothing(service: Deployment) -> None:
    asked = service.ask()
    exemption = record(service, asked).json["id"]
    first = follow(service, asked, exemption).json
    service.clock.forward(minutes=1)
    again = follow(service, asked, exemption)
    assert (again.status_code, again.json) == (200, first)
    events = service.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    assert [e["type"] for e in events].count("exemption_confirmed") == 1


def test_a_revoked_one_no_longer_counts(service: Deployment) -> None:
    asked = service.ask()
    service.act(asked["id"], "custody_holder", nth=0)
    exemption = record(service, asked).json["id"]
    follow(service, asked, exemption)
    assert service.disclose().status_code == 201
    revoked = follow(service, asked, exemption, "revocation", by=EMPLOYEE)
    assert (revoked.status_code, revoked.json["status"]) == (200, "incomplete")
    assert follow(service, asked, exemption, "revocation").status_code == 200
    assert service.disclose().status_code == 403
    again = follow(service, asked, exemption)
    assert again.status_code in (200, 409)
    assert states(service, asked)[0] == "incomplete"


def test_one_revoked_before_it_was_confirmed_cannot_be(service: Deployment) -> None:
    asked = service.ask()
    exemption = record(service, asked).json["id"]
    follow(service, asked, exemption, "revocation", by=EMPLOYEE)
    answer = follow(service, asked, exemption)
    assert (answer.status_code, answer.json["code"]) == (409, "exemption_ended")


def test_it_ends_after_its_last_day(service: Deployment) -> None:
    asked = service.ask()
    service.act(asked["id"], "custody_holder", nth=0)
    exemption = record(service, asked, valid_until="2026-11-25").json["id"]
    follow(service, asked, exemption)
    service.clock.set(datetime(2026, 11, 25, 22, 59, 59, tzinfo=UTC))
    assert states(service, asked)[0] == "in_force"
    service.clock.set(datetime(2026, 11, 25, 23, tzinfo=UTC))
    assert states(service, asked)[0] == "incomplete"


def test_below_15_somebody_must_be_left_to_sign(service: Deployment) -> None:
    asked = service.ask(custody=MOTHER_ALONE)
    exemption = record(service, asked, nth=0).json["id"]
    answer = follow(service, asked, exemption)
    assert (answer.status_code, answer.json["code"]) == (409, "nobody_left_to_sign")
    assert states(service, asked)[0] == "awaiting_signatures"


def test_an_excused_holders_denial_still_stands(service: Deployment) -> None:
    asked = service.ask()
    service.act(asked["id"], "custody_holder", "decline", nth=1)
    service.act(asked["id"], "custody_holder", nth=0)
    exemption = record(service, asked).json["id"]
    follow(service, asked, exemption)
    assert service.disclose().status_code == 403


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"signatory": "01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e"}, "/signatory"),
        ({"valid_until": "2026-11-22"}, "/valid_until"),
        ({"reason": "on_holiday"}, "/reason"),
        ({"evidence_reference": "010317-4321"}, "/evidence_reference"),
        ({"provision": ""}, "/provision"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused(service: Deployment, changes: dict[str, Any], pointer: str) -> None:
    asked = service.ask()
    answer = record(service, asked, **changes)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_the_child_is_not_excused(service: Deployment) -> None:
    asked = service.ask()
    answer = record(service, asked, nth=2)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/signatory"]


def test_an_exemption_belongs_to_its_consent(service: Deployment) -> None:
    asked = service.ask()
    other = service.ask(child=SIBLING.named())
    exemption = record(service, asked).json["id"]
    for consent, id_ in ((other, exemption), (asked, "nothing")):
        for step in ("confirmation", "revocation"):
            answer = follow(service, consent, id_, step)
            assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_none_for_a_consent_that_has_ended(service: Deployment) -> None:
    asked = service.ask()
    exemption = record(service, asked).json["id"]
    body = {"reason": "mistake", "performed_by": EMPLOYEE}
    service.post(f"/v1/consents/{asked['id']}/cancellation", body)
    for answer in (record(service, asked), follow(service, asked, exemption)):
        assert (answer.status_code, answer.json["code"]) == (409, "consent_not_live")


def test_it_is_visible_in_the_log(service: Deployment) -> None:
    asked = service.ask()
    exemption = record(service, asked, note="about 010317-4321").json["id"]
    follow(service, asked, exemption)
    items = service.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    recorded, confirmed = items[-2:]
    assert (recorded["type"], confirmed["type"]) == ("exemption_recorded", "exemption_confirmed")
    assert recorded["detail"]["reason"] == "unknown_whereabouts"
    assert recorded["detail"]["performed_by"] == EMPLOYEE
    assert recorded["detail"]["note"] == "about XXXXXX-XXXX"
    assert confirmed["detail"]["performed_by"] == COLLEAGUE
