"""A caseworker's list: custody to be looked up again after a denial contradicted it (R5e).

The rule that denies so is the domain's. Here its answer is put in its place, beneath the services
that decide, log and note, in the units of work that the routes use.
"""

from enum import StrEnum
from typing import Any

import pytest

from consent_service.domain.consents.state import Reason
from consent_service.domain.disclosures.decision import Denied
from consent_service.persistence.verification.log_reader import verify_database
from consent_service.services.disclosures import decided
from consent_service.services.disclosures.ask_decision import ask_decision
from consent_service.services.disclosures.disclose import disclose
from consent_service.services.disclosures.question import Disclosure, LegalBasis, Question
from consent_service.services.kernel.model import Caller, Employee
from tests.api.families import CHILD, MOTHER_ALONE, SIBLING
from tests.api.test_custody import change
from tests.deployment import ALL_SCOPES, PURPOSE, Deployment

DOCTOR = Employee("g1", "Lise Læge")
GP = Caller("gp-y", "gp-y-system", ALL_SCOPES)
CONSENT = LegalBasis("consent")
BOTH_WAYS = ("decision", "disclosure")


class Code(StrEnum):
    CUSTODY_CONTRADICTED = "custody_contradicted"
    CUSTODY_CHANGED = "custody_changed"


@pytest.fixture
def denied(service: Deployment, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """X has a consent in force; every answer denies under Z's, which knows the mother alone."""
    own = service.in_force()
    other = service.ask("municipality-z", parties=["municipality-z", "gp-y"], custody=MOTHER_ALONE)
    answer = {"code": Code.CUSTODY_CONTRADICTED, "own": own, "other": other}

    def decide(*_: object) -> Denied:
        reason = Reason(answer["code"])
        return Denied((reason,), other["id"], "municipality-z")

    monkeypatch.setattr(decided, "decide_transfer", decide)
    return answer


def ask(service: Deployment, way: str = "decision", cpr: str = CHILD.cpr, **as_of: Any) -> None:
    """The GP wants to tell X, and is denied."""
    question = Question(cpr, "gp-y", "municipality-x", PURPOSE, ("health",))
    context = service.parts.context
    with service.parts.units.stepwise() as uow:
        if way == "decision":
            ask_decision(uow, context, GP, question, CONSENT, as_of.get("as_of"), DOCTOR)
        else:
            disclosure = Disclosure(question, CONSENT, "phone", None, DOCTOR)
            assert disclose(uow, context, GP, disclosure, lambda _: None) is not None
        uow.commit()


def work(service: Deployment, org: str = "municipality-x", query: str = "") -> Any:
    answer = service.get(f"/v1/work{query}", org=org)
    assert answer.status_code == 200, answer.json
    return answer.json


def notes(service: Deployment, org: str = "municipality-x") -> list[Any]:
    found = service.get("/v1/audit/entries?type=custody_to_check", org=org)
    return [entry["body"] for entry in found.json["items"]]


def test_nobody_has_work_before_anything_happened(service: Deployment) -> None:
    service.in_force()
    assert work(service) == {"items": [], "next": None}


@pytest.mark.parametrize("way", BOTH_WAYS)
def test_whose_own_facts_name_another_holder_is_asked_to_look(
    service: Deployment, denied: dict[str, Any], way: str
) -> None:
    ask(service, way)
    item = {
        "kind": "custody_to_check",
        "consent": denied["own"]["id"],
        "case_reference": "2026-0117",
    }
    assert work(service) == {"items": [item], "next": None}
    for org in ("municipality-z", "gp-y", "paediatrics"):
        assert work(service, org)["items"] == []
        assert notes(service, org) == []


def test_what_is_noted_names_nobody_elses_consent_controller_or_person(
    service: Deployment, denied: dict[str, Any]
) -> None:
    ask(service)
    (body,) = notes(service)
    assert body == {
        "type": "custody_to_check",
        "organisation": "municipality-x",
        "consent": denied["own"]["id"],
        "child": {"cpr": CHILD.cpr},
    }
    timeline = service.get(f"/v1/consents/{denied['own']['id']}/timeline").json["items"]
    (shown,) = [item for item in timeline if item["type"] == "custody_to_check"]
    assert shown["detail"] == {"organisation": "municipality-x"}


@pytest.mark.parametrize("way", BOTH_WAYS)
def test_another_denial_is_noted_as_nothing(
    service: Deployment, denied: dict[str, Any], way: str
) -> None:
    denied["code"] = Code.CUSTODY_CHANGED
    ask(service, way)
    assert work(service)["items"] == []


def test_once_asked_it_is_asked_once(service: Deployment, denied: dict[str, Any]) -> None:
    for way in (*BOTH_WAYS, *BOTH_WAYS):
        ask(service, way)
    assert len(work(service)["items"]) == len(notes(service)) == 1


def test_a_question_about_the_past_asks_nobody(service: Deployment, denied: dict[str, Any]) -> None:
    ask(service, as_of=service.clock.now)
    assert notes(service) == []


def test_it_stands_on_the_newest_consent(service: Deployment, denied: dict[str, Any]) -> None:
    newest = service.ask(parties=["municipality-x", "gp-y"], case_reference="2026-0200")
    ask(service)
    (item,) = work(service)["items"]
    assert (item["consent"], item["case_reference"]) == (newest["id"], "2026-0200")


def test_a_look_up_since_is_what_does_it(service: Deployment, denied: dict[str, Any]) -> None:
    service.clock.forward(days=2)
    ask(service)
    old = service.request_body()["custody"] | {"as_of": "2026-11-24"}
    service.ask(parties=["municipality-x", "gp-y"], custody=old)
    assert len(work(service)["items"]) == 1, "looked up before that day"
    change(service, MOTHER_ALONE, org="municipality-z")
    assert len(work(service)["items"]) == 1, "by somebody else"
    assert change(service, old | {"as_of": "2026-11-25"}).status_code == 201
    assert work(service)["items"] == []
    ask(service)
    assert len(work(service)["items"]) == 1, "asked anew, it is to be done anew"
    assert len(notes(service)) == 2


def test_pages_leave_out_what_is_done(service: Deployment, denied: dict[str, Any]) -> None:
    service.ask(child=SIBLING.named(), case_reference="2026-0300")
    service.ask(
        "municipality-z", child=SIBLING.named(), parties=["municipality-z", "gp-y"],
        custody=MOTHER_ALONE,
    )  # fmt: skip
    ask(service)
    ask(service, cpr=SIBLING.cpr)
    assert [item["case_reference"] for item in work(service)["items"]] == ["2026-0117", "2026-0300"]
    assert change(service, service.request_body()["custody"]).status_code == 201
    first = work(service, query="?limit=1")
    assert first["items"] == []
    second = work(service, query=f"?limit=1&cursor={first['next']}")
    assert [item["case_reference"] for item in second["items"]] == ["2026-0300"]
    assert second["next"] is None


def test_a_look_at_the_list_is_logged(service: Deployment) -> None:
    work(service)
    (entry,) = service.get("/v1/audit/entries?type=consents_listed").json["items"]
    assert (entry["body"]["view"], entry["body"]["count"]) == ("work", 0)


def test_the_list_needs_its_scope(service: Deployment) -> None:
    token = service.token("municipality-x", ALL_SCOPES - {"consents:read"})
    answer = service.get("/v1/work", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")


def test_the_log_verifies_with_it(service: Deployment, denied: dict[str, Any]) -> None:
    ask(service, "disclosure")
    service.parts.sequencer.run_once()
    parts = service.parts
    report = verify_database(
        parts.units.engine, parts.units.ring, parts.index, parts.keys.published,
        parts.settings.log_origin, service.clock(),
    )  # fmt: skip
    assert report.findings == ()
