"""Custody changes over HTTP: the municipality's own live consents are looked at anew (R10)."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from consent_service.domain.kernel.facts import CustodyChange, LinkIssued, Request, Role
from consent_service.persistence.children.children_store import ChildrenStore
from consent_service.persistence.verification.log_reader import verify_database
from consent_service.signing.canonical import instant_text
from tests.api.families import (
    BOTH,
    CHILD,
    EIGHTEEN_TOMORROW,
    GRANDMOTHER,
    MOTHER_ALONE,
    SIBLING,
    custody,
    facts_about,
    holder,
)
from tests.deployment import EMPLOYEE, FATHER, MOTHER, Deployment, deploy_with, person

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
    assert (answer.status_code, answer.json["status"]) == (201, "in_force")
    assert service.disclose().status_code == 201


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


# -- how new what is known is (R10) -----------------------------------------------------------


OTHER_PARTIES = ["municipality-x", "gp-y"]


def as_of(day: str, facts: dict[str, Any] = BOTH) -> dict[str, Any]:
    return facts | {"as_of": day}


def ask_again(service: Deployment, day: str, facts: dict[str, Any] = BOTH, **more: Any) -> Any:
    """Another request of the same municipality, on a look-up of that day."""
    body = service.request_body(parties=OTHER_PARTIES, custody=as_of(day, facts), **more)
    return service.post("/v1/consents", body)


def known_newer(answer: Any, day: str) -> None:
    assert answer.status_code == 409, answer.json
    assert (answer.json["code"], answer.json["date"]) == ("custody_known_newer", day)


def bad_date(answer: Any) -> None:
    assert answer.status_code == 422, answer.json
    assert [error["pointer"] for error in answer.json["errors"]] == ["/custody/as_of"]


def custody_facts(service: Deployment) -> list[Request | CustodyChange]:
    return [fact for fact in facts_about(service) if isinstance(fact, Request | CustodyChange)]


def test_the_date_of_a_look_up_is_kept(service: Deployment) -> None:
    service.ask(custody=as_of("2026-11-20"))
    change(service, as_of("2026-11-21"))
    kept = [fact.as_of for fact in custody_facts(service)]
    assert kept == [date(2026, 11, 20), date(2026, 11, 21)]


def test_a_request_on_an_older_look_up_brings_nobody_back(service: Deployment) -> None:
    asked = service.in_force(custody=as_of("2026-11-20"))
    assert change(service, as_of("2026-11-22", MOTHER_ALONE)).status_code == 201
    before = facts_about(service)
    known_newer(ask_again(service, "2026-11-21"), "2026-11-23")
    known_newer(ask_again(service, "2026-11-22"), "2026-11-23")
    assert facts_about(service) == before, "nothing half-written"
    assert required_names(service, asked) == {"Mette Mor"}
    assert ask_again(service, "2026-11-23").status_code == 201


def test_nor_does_a_custody_change(service: Deployment) -> None:
    asked = service.in_force(custody=as_of("2026-11-20"))
    change(service, as_of("2026-11-22", MOTHER_ALONE))
    known_newer(change(service, as_of("2026-11-22")), "2026-11-23")
    known_newer(change(service, as_of("2026-11-20"), effective_from="2027-01-01"), "2026-11-23")
    assert required_names(service, asked) == {"Mette Mor"}
    assert change(service, as_of("2026-11-23")).status_code == 201


def test_an_older_look_up_than_a_requests_is_refused_too(service: Deployment) -> None:
    service.ask(custody=as_of("2026-11-22"))
    known_newer(ask_again(service, "2026-11-21"), "2026-11-22")
    known_newer(change(service, as_of("2026-11-21")), "2026-11-22")
    assert ask_again(service, "2026-11-22").status_code == 201
    assert change(service, as_of("2026-11-22")).status_code == 201


def test_a_change_still_to_come_counts_by_its_look_up_until_its_day(service: Deployment) -> None:
    service.ask(custody=as_of("2026-11-20"))
    change(service, as_of("2026-11-21", MOTHER_ALONE), effective_from="2026-11-25")
    known_newer(ask_again(service, "2026-11-20"), "2026-11-21")
    service.clock.set(datetime(2026, 11, 24, 22, 59, 59, tzinfo=UTC))
    assert change(service, as_of("2026-11-21"), effective_from="2027-01-01").status_code == 201
    service.clock.set(datetime(2026, 11, 24, 23, tzinfo=UTC))
    known_newer(ask_again(service, "2026-11-24"), "2026-11-25")
    assert ask_again(service, "2026-11-25").status_code == 201


def test_what_another_municipality_knows_is_its_own(service: Deployment) -> None:
    service.ask("municipality-z", **Z)
    change(service, as_of("2026-11-23"), org="municipality-z")
    assert ask_again(service, "2026-11-01").status_code == 201


def test_a_wrong_date_does_not_keep_itself_from_being_corrected(service: Deployment) -> None:
    service.ask(custody=as_of("2026-11-20"))
    wrong = change(service, as_of("2026-11-23", MOTHER_ALONE)).json["id"]
    known_newer(change(service, as_of("2026-11-19"), corrects=wrong), "2026-11-20")
    known_newer(change(service, as_of("2026-11-21")), "2026-11-23")
    right = change(service, as_of("2026-11-21"), corrects=wrong, effective_from="2026-12-01")
    assert right.status_code == 201
    known_newer(ask_again(service, "2026-11-20"), "2026-11-21")
    assert ask_again(service, "2026-11-21").status_code == 201, "the wrong one counts no more"


def test_a_look_up_is_not_from_the_future_nor_too_old(service: Deployment) -> None:
    # Half past midnight in Copenhagen, while it is still the day before in UTC.
    service.clock.set(datetime(2026, 11, 23, 23, 30, tzinfo=UTC))
    for day in ("2026-11-25", "2199-12-31", "2026-10-24", "1999-01-01"):
        bad_date(ask_again(service, day))
    assert ask_again(service, "2026-10-25").status_code == 201
    for day in ("2026-11-25", "2199-12-31", "2026-10-24", "1999-01-01"):
        bad_date(change(service, as_of(day)))
    assert change(service, as_of("2026-10-25"), effective_from="2027-01-01").status_code == 201
    assert change(service, as_of("2026-11-24")).status_code == 201


def test_how_old_a_look_up_may_be_is_configuration(service: Deployment) -> None:
    settings = replace(service.settings, oldest_lookup_days=2)
    stricter = deploy_with(settings, service.clock)
    bad_date(ask_again(stricter, "2026-11-20"))
    assert ask_again(stricter, "2026-11-21").status_code == 201
    stricter.close()


def test_it_is_accepted_after_the_last_consent_ended(service: Deployment) -> None:
    """What the municipality knows still speaks where another's consent is decided on (R5e)."""
    asked = service.in_force()
    ended = {"reason": "case_closed", "performed_by": EMPLOYEE}
    assert service.post(f"/v1/consents/{asked['id']}/cancellation", ended).status_code == 200
    answer = change(service, MOTHER_ALONE)
    assert (answer.status_code, answer.json["consents"]) == (201, [])
    holders = [len(fact.holders) for fact in custody_facts(service)]
    assert holders == [2, 1]
    # A party that it covered has no custody facts of its own.
    assert change(service, org="gp-y").status_code == 422


def test_nobody_held_custody_before_the_child_was_born(service: Deployment) -> None:
    service.ask()
    for day in ("1850-01-01", "2017-02-28"):
        answer = change(service, effective_from=day)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json["errors"]] == ["/effective_from"]
    assert change(service, effective_from=CHILD.birth_date).status_code == 201


# -- who comes later (R9) ---------------------------------------------------------------------


def links(service: Deployment, consent: dict[str, Any], **more: Any) -> Any:
    path = f"/v1/consents/{consent['id']}/links"
    return service.post(path, {"performed_by": EMPLOYEE, **more})


def signatory_of(service: Deployment, consent: dict[str, Any], name: str) -> Any:
    return next(s["id"] for s in shown(service, consent)["signatories"] if s["name"] == name)


def first_links(service: Deployment) -> list[LinkIssued]:
    return [fact for fact in facts_about(service) if isinstance(fact, LinkIssued)]


def test_nobody_acts_before_their_custody_begins(service: Deployment) -> None:
    asked = service.in_force()
    change(service, effective_from="2026-12-01")
    gerda = signatory_of(service, asked, "Gerda")
    paper = {
        "signatory": gerda,
        "decision": "grant",
        "signed_on": "2026-11-23",
        "document": {"reference": "paper", "sha256": "0" * 64},
        "identity_checked": "at the counter",
        "performed_by": EMPLOYEE,
    }

    def refused() -> None:
        before = facts_about(service)
        answer = links(service, asked, signatories=[gerda])
        assert answer.status_code == 422
        (error,) = answer.json["errors"]
        assert error["pointer"] == "/signatories/0"
        assert "from 2026-12-01" in error["detail"]
        path = f"/v1/consents/{asked['id']}"
        acted = service.post(f"{path}/paper-grants", paper)
        assert (acted.status_code, acted.json["code"]) == (409, "signatory_without_standing")
        assert facts_about(service) == before

    refused()
    service.clock.set(datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC))
    refused()
    everybody = links(service, asked).json["signatories"]
    assert {s["name"] for s in everybody if "signing_url" in s} == {"Mette Mor", "Frederik Far"}
    service.clock.set(datetime(2026, 11, 30, 23, tzinfo=UTC))
    assert links(service, asked, signatories=[gerda]).status_code == 200


def test_a_link_is_refused_to_the_child_before_its_birthday(service: Deployment) -> None:
    asked = service.ask()
    child = signatory_of(service, asked, "Alma Test")
    (error,) = links(service, asked, signatories=[child]).json["errors"]
    assert "from 2032-03-01" in error["detail"]


def test_the_first_link_of_whoever_came_later_is_a_fact(service: Deployment) -> None:
    asked = service.in_force()
    assert links(service, asked).status_code == 200
    assert first_links(service) == [], "they were required from the beginning"
    change(service)
    assert links(service, asked).status_code == 200
    (first,) = first_links(service)
    gerda = next(h.person for h in custody_facts(service)[-1].holders if h.role is Role.GUARDIAN)
    assert (first.consent, first.person) == (asked["id"], gerda)
    service.clock.forward(days=1)
    assert links(service, asked).status_code == 200
    assert first_links(service) == [first], "later links are none"
    types = [e["body"]["type"] for e in service.get("/v1/audit/entries?limit=200").json["items"]]
    assert types.count("first_link_issued") == 1


def test_two_who_came_later_are_two_acts(service: Deployment) -> None:
    asked = service.ask(custody=MOTHER_ALONE)
    change(service, custody(holder(FATHER, "F"), holder(GRANDMOTHER, "Gerda", role="guardian")))
    answer = links(service, asked)
    assert answer.status_code == 200
    assert len({s["signing_url"] for s in answer.json["signatories"] if "signing_url" in s}) == 2
    one, other = first_links(service)
    assert one.person != other.person
    assert (other.seq, other.at > one.at) == (one.seq + 1, True)
    parts = service.parts
    parts.grow()
    report = verify_database(
        parts.units.engine, parts.units.ring, parts.index, parts.keys.published,
        parts.settings.log_origin, service.clock(),
    )  # fmt: skip
    assert report.findings == ()


def test_a_link_that_is_refused_is_no_fact(service: Deployment) -> None:
    asked = service.ask(custody=MOTHER_ALONE)
    change(service)
    gerda = signatory_of(service, asked, "Gerda")
    assert links(service, asked, signatories=[gerda, "nobody"]).status_code == 422
    assert first_links(service) == []


# -- every instant is read once the child's row is held (R8) ----------------------------------


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch, service: Deployment) -> None:
    """Whoever takes a child's row waits for a minute, over midnight in Copenhagen."""
    begin_act = ChildrenStore.begin_act

    def after_a_minute(store: ChildrenStore, child: str) -> int:
        service.clock.forward(minutes=1)
        return begin_act(store, child)

    service.clock.set(datetime(2026, 11, 23, 22, 59, 30, tzinfo=UTC))
    monkeypatch.setattr(ChildrenStore, "begin_act", after_a_minute)


@pytest.mark.usefixtures("wait")
@pytest.mark.parametrize(
    ("pointer", "changes"),
    [
        ("/custody/holders", {"child": EIGHTEEN_TOMORROW.named()}),
        ("/deadline", {"deadline": "2026-11-23"}),
        ("/custody/as_of", {"custody": as_of("2026-10-24")}),
    ],
)
def test_what_no_longer_holds_after_the_wait_is_refused(
    service: Deployment, pointer: str, changes: dict[str, Any]
) -> None:
    answer = service.post("/v1/consents", service.request_body(**changes))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


@pytest.mark.usefixtures("wait")
@pytest.mark.parametrize(
    "changes",
    [
        {"child": EIGHTEEN_TOMORROW.named(), "custody": custody()},
        {"child": person("6103174321", "Alma Test", birth_date="2026-11-24")},
        {"custody": as_of("2026-11-24")},
    ],
)
def test_what_holds_only_after_the_wait_is_accepted(
    service: Deployment, changes: dict[str, Any]
) -> None:
    answer = service.post("/v1/consents", service.request_body(**changes))
    assert answer.status_code == 201, answer.json


def test_a_link_is_made_for_whoever_has_a_say_after_the_wait(
    service: Deployment, request: pytest.FixtureRequest
) -> None:
    asked = service.ask()
    change(service, effective_from="2026-11-24")
    gerda = signatory_of(service, asked, "Gerda")
    father = signatory_of(service, asked, "Frederik Far")
    request.getfixturevalue("wait")
    assert links(service, asked, signatories=[gerda]).status_code == 200
    assert links(service, asked, signatories=[father]).status_code == 422
