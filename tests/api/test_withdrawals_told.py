"""A family says stop to any organisation, and it is never lost and never tells anything (R4)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from consent_service.domain.kernel.facts import Scope
from consent_service.persistence.children.tables import child, person
from consent_service.persistence.keys.tables import data_key
from consent_service.signing import base64url
from tests.api.families import (
    BOTH,
    CHILD,
    EIGHTEEN_TOMORROW,
    GRANDMOTHER,
    MOTHER_ALONE,
    SIBLING,
    YOUNG_PERSON,
    custody,
    facts_about,
    holder,
)
from tests.api.test_papers import assert_sound
from tests.deployment import EMPLOYEE, FATHER, MOTHER, PURPOSE, Deployment

ASKED_BY_X = ["municipality-x", "gp-y", "child-psychiatry"]
NEVER_ASKED = "0707154327"


def say_stop(
    service: Deployment,
    org: str = "municipality-x",
    *,
    about: str = CHILD.cpr,
    by: str = FATHER,
    key: str | None = None,
    **more: Any,
) -> TestResponse:
    body = {
        "child": {"cpr": about},
        "signer": {"cpr": by},
        "channel": "oral",
        "note": "by telephone",
        "performed_by": EMPLOYEE,
    } | more
    return service.post("/v1/withdrawals", body, org=org, key=key)


def stop(service: Deployment, org: str = "municipality-x", **more: Any) -> str:
    answer = say_stop(service, org, **more)
    assert answer.status_code == 202, answer.json
    assert set(answer.json) == {"id"}
    taken: str = answer.json["id"]
    return taken


def shown(service: Deployment, asked: dict[str, Any], org: str = "municipality-x") -> Any:
    answer = service.get(f"/v1/consents/{asked['id']}", org=org)
    assert answer.status_code == 200
    return answer.json


def entries(service: Deployment, org: str, type_: str) -> list[dict[str, Any]]:
    answer = service.get(f"/v1/audit/entries?type={type_}&limit=200", org=org)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def bodies(service: Deployment, org: str, type_: str) -> list[dict[str, Any]]:
    return [entry["body"] for entry in entries(service, org, type_)]


def counted(service: Deployment) -> list[int]:
    with service.parts.units.engine.connect() as connection:
        counts = (
            connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in (child, person, data_key)
        )
        return [count or 0 for count in counts]


# -- what it stops ----------------------------------------------------------------------------


def test_what_was_in_force_is_withdrawn_at_once(service: Deployment) -> None:
    asked = service.in_force()
    assert service.disclose().status_code == 201
    stop(service)
    assert shown(service, asked)["status"] == "withdrawn"
    assert [s["state"] for s in shown(service, asked)["signatories"][:2]] == [
        "granted",
        "withdrawn",
    ]
    assert service.disclose().json["reasons"] == [{"code": "withdrawn", "role": "custody_holder"}]
    assert_sound(service)


def test_a_party_may_be_told_before_it_may_know_of_the_request(service: Deployment) -> None:
    asked = service.ask(parties=ASKED_BY_X)
    assert service.get(f"/v1/consents/{asked['id']}", org="gp-y").status_code == 404
    stop(service, "gp-y")
    state = shown(service, asked)
    assert (state["status"], state["signatories"][1]["state"]) == ("declined", "declined")
    assert service.get(f"/v1/consents/{asked['id']}", org="gp-y").status_code == 404
    assert_sound(service)


def test_a_party_that_was_left_out_may_be_told(service: Deployment) -> None:
    asked = service.ask()
    service.act(asked["id"], "custody_holder", nth=0)
    left_out = Scope(frozenset({"paediatrics"}), frozenset())
    service.act(asked["id"], "custody_holder", nth=1, left_out=left_out)
    path = f"/v1/consents/{asked['id']}/withdrawals"
    body = {
        "signatory": asked["signatories"][0]["id"],
        "channel": "oral",
        "performed_by": EMPLOYEE,
    }
    assert service.post(path, body, org="paediatrics").status_code == 404
    stop(service, "paediatrics", by=MOTHER)
    assert shown(service, asked)["status"] == "withdrawn"


def test_it_reaches_every_request_that_names_the_organisation(service: Deployment) -> None:
    asked_by_x = service.in_force(parties=ASKED_BY_X)
    asked_by_z = service.in_force("municipality-z", parties=["municipality-z", "gp-y"])
    stop(service, "gp-y")
    assert shown(service, asked_by_x)["status"] == "withdrawn"
    assert shown(service, asked_by_z, "municipality-z")["status"] == "withdrawn"
    (at_x,) = bodies(service, "municipality-x", "withdrawal_recorded")
    (at_z,) = bodies(service, "municipality-z", "withdrawal_recorded")
    assert (at_x["consent"], at_z["consent"]) == (asked_by_x["id"], asked_by_z["id"])
    assert_sound(service)


def test_it_reaches_no_request_that_does_not_name_it(service: Deployment) -> None:
    asked = service.in_force(parties=["municipality-x", "gp-y"])
    before = facts_about(service)
    stop(service, "municipality-z")
    stop(service, "paediatrics")
    assert facts_about(service) == before
    assert shown(service, asked)["status"] == "in_force"


@pytest.mark.parametrize(
    "told",
    [{"about": SIBLING.cpr}, {"about": NEVER_ASKED}, {"by": GRANDMOTHER}, {"by": "0101010101"}],
)
def test_it_is_of_one_signer_about_one_child(service: Deployment, told: dict[str, str]) -> None:
    asked = service.in_force()
    sibling = service.ask(child=SIBLING.named(), custody=MOTHER_ALONE)
    stop(service, **told)
    assert shown(service, asked)["status"] == "in_force"
    assert shown(service, sibling)["status"] == "awaiting_signatures"


def test_with_a_purpose_it_is_of_that_purpose(service: Deployment) -> None:
    asked = service.in_force()
    stop(service, purpose="something-else")
    assert shown(service, asked)["status"] == "in_force"
    stop(service, purpose=PURPOSE)
    assert shown(service, asked)["status"] == "withdrawn"


def test_an_ended_request_is_reached_too(service: Deployment) -> None:
    over = service.ask()
    service.clock.forward(days=30)
    assert shown(service, over)["status"] == "lapsed"
    stop(service)
    assert shown(service, over)["status"] == "lapsed"
    later = service.in_force(parties=["municipality-x", "gp-y"])
    assert shown(service, later)["status"] == "in_force"
    assert service.disclose().status_code == 201, "the later yes clears it"
    stop(service)
    assert service.disclose().status_code == 403


def test_once_more_is_no_error_and_recorded_too(service: Deployment) -> None:
    asked = service.in_force()
    first = stop(service)
    state = shown(service, asked)
    assert stop(service, "gp-y") != first
    assert shown(service, asked) == state
    recorded = bodies(service, "municipality-x", "withdrawal_recorded")
    assert [b["taken_by"]["organisation"] for b in recorded] == ["municipality-x", "gp-y"]
    assert_sound(service)


def test_the_same_key_takes_it_once(service: Deployment) -> None:
    service.in_force()
    first = stop(service, key="once")
    again = say_stop(service, key="once")
    assert (again.status_code, again.json["id"]) == (202, first)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(entries(service, "municipality-x", "withdrawal_taken")) == 1


# -- who says it ------------------------------------------------------------------------------


def test_a_former_holders_stop_is_kept_and_ends_nothing(service: Deployment) -> None:
    asked = service.in_force()
    body = {"child": {"cpr": CHILD.cpr}, "custody": MOTHER_ALONE, "performed_by": EMPLOYEE}
    changed = service.post("/v1/custody-changes", body | {"effective_from": "2026-11-23"})
    assert changed.status_code == 201
    stop(service)
    assert shown(service, asked)["status"] == "in_force"
    assert service.disclose().status_code == 201
    back = body | {"custody": BOTH, "effective_from": "2026-11-24"}
    service.clock.forward(days=1)
    assert service.post("/v1/custody-changes", back).status_code == 201
    assert service.disclose().status_code == 403, "a holder again, who said no"
    assert_sound(service)


def test_a_coming_holders_stop_counts_from_their_day(service: Deployment) -> None:
    asked = service.ask(custody=MOTHER_ALONE)
    service.act(asked["id"], "custody_holder")
    coming = custody(holder(MOTHER, "Mette Mor"), holder(GRANDMOTHER, "Gerda", role="guardian"))
    body = {"child": {"cpr": CHILD.cpr}, "custody": coming, "effective_from": "2026-12-01"}
    assert service.post("/v1/custody-changes", body | {"performed_by": EMPLOYEE}).status_code == 201
    stop(service, by=GRANDMOTHER)
    assert service.disclose().status_code == 201
    service.clock.set(datetime(2026, 11, 30, 23, tzinfo=UTC))
    denied = service.disclose().json
    assert {"code": "declined", "role": "guardian"} in denied["reasons"]


def test_a_child_too_young_to_sign_is_heard_from_its_birthday(service: Deployment) -> None:
    asked = service.in_force()
    stop(service, by=CHILD.cpr)
    assert shown(service, asked)["status"] == "in_force"


def test_a_young_person_says_stop(service: Deployment) -> None:
    young = service.in_force(child=YOUNG_PERSON.named())
    service.act(young["id"], "child")
    assert shown(service, young)["status"] == "in_force"
    stop(service, "gp-y", about=YOUNG_PERSON.cpr, by=YOUNG_PERSON.cpr)
    assert shown(service, young)["status"] == "withdrawn"
    assert shown(service, young)["status_reasons"][0]["role"] == "child"


class _StandingClock:
    """A clock that stands: several readings are of one instant."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize("told_about", ["the consent", "the child"])
def test_a_stop_at_the_very_instant_of_completion(service: Deployment, told_about: str) -> None:
    asked = service.ask(child=EIGHTEEN_TOMORROW.named(), parties=ASKED_BY_X)
    service.act(asked["id"], "child")
    midnight = datetime(2026, 11, 23, 23, tzinfo=UTC)
    object.__setattr__(service.parts.context, "clock", _StandingClock(midnight))
    young = next(s["id"] for s in asked["signatories"] if s["role"] == "child")
    if told_about == "the consent":
        body = {"signatory": young, "channel": "oral", "performed_by": EMPLOYEE}
        told = service.post(f"/v1/consents/{asked['id']}/withdrawals", body, org="gp-y")
        assert (told.status_code, told.json["status"]) == (201, "withdrawn")
        assert told.json["effective_scope"] is None
    else:
        stop(service, "gp-y", about=EIGHTEEN_TOMORROW.cpr, by=EIGHTEEN_TOMORROW.cpr)
    state = shown(service, asked)
    assert (state["status"], state["complete_at"]) == ("withdrawn", None), "it never was in force"
    denied = service.disclose(child={"cpr": EIGHTEEN_TOMORROW.cpr})
    assert denied.status_code == 403


# -- what it tells ----------------------------------------------------------------------------


def test_its_entry_is_the_same_whatever_was_found(service: Deployment) -> None:
    service.in_force()
    told = [
        stop(service, "gp-y"),
        stop(service, "gp-y", by=GRANDMOTHER),
        stop(service, "gp-y", about=SIBLING.cpr),
        stop(service, "gp-y", about=NEVER_ASKED),
    ]
    found = entries(service, "gp-y", "withdrawal_taken")
    assert [entry["id"] for entry in found] == told
    shapes = []
    for entry in found:
        body = {**entry["body"]}
        assert set(body.pop("told")) == {"child", "signer"}
        shapes.append((sorted(entry), body))
    assert shapes == [shapes[0]] * 4


def test_the_taker_reads_its_own_entry_and_no_other(service: Deployment) -> None:
    asked = service.ask(parties=ASKED_BY_X)
    taken = stop(service, "gp-y")
    (own,) = entries(service, "gp-y", "withdrawal_taken")
    assert own["body"]["told"] == {"child": CHILD.cpr, "signer": FATHER}
    assert own["body"]["performed_by"] == EMPLOYEE
    assert own["body"]["note"] == "by telephone"
    assert entries(service, "gp-y", "withdrawal_recorded") == []
    assert entries(service, "municipality-x", "withdrawal_taken") == []
    (recorded,) = entries(service, "municipality-x", "withdrawal_recorded")
    assert recorded["body"]["taken_by"] == {"organisation": "gp-y", "entry": taken}
    assert recorded["body"]["consent"] == asked["id"]
    for member in ("performed_by", "client", "issuer", "note"):
        assert member not in recorded["body"], "what is the taker's own"
    path = f"/v1/audit/entries/{recorded['id']}"
    assert service.get(path, org="gp-y").status_code == 404
    assert service.get(f"/v1/audit/entries/{taken}").status_code == 404


def test_it_makes_no_child_and_no_key_where_there_is_none(service: Deployment) -> None:
    service.in_force()
    stop(service, "gp-y")
    before = counted(service)
    stop(service, "gp-y", about=NEVER_ASKED)
    stop(service, "gp-y", about=SIBLING.cpr, by=GRANDMOTHER)
    stop(service, "gp-y", by=GRANDMOTHER)
    assert counted(service) == before
    assert_sound(service)


def test_the_signer_sees_who_recorded_it_in_their_name(service: Deployment) -> None:
    asked = service.in_force()
    stop(service, "gp-y")
    timeline = service.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    sealed = [item for item in timeline if item["detail"].get("attested_by")]
    assert [item["detail"]["attested_by"] for item in sealed] == ["gp-y"]
    receipt = service.get(f"/v1/consents/{asked['id']}/receipt").json
    payload = receipt["statements"][-1]["seal"].split(".")[1]
    assert json.loads(base64url.decode(payload))["identity"]["issuer"] == "gp-y"


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"child": {"cpr": "9999999999"}}, ["/child/cpr"]),
        ({"signer": {"cpr": "320101-1111"}}, ["/signer/cpr"]),
        ({"child": {"cpr": "x"}, "signer": {"cpr": "y"}}, ["/child/cpr", "/signer/cpr"]),
        ({"channel": "fax"}, ["/channel"]),
        ({"purpose": "Ikke et slug"}, ["/purpose"]),
        ({"performed_by": None}, ["/performed_by"]),
        ({"signatory": "s"}, ["/signatory"]),
    ],
)
def test_what_is_not_well_formed_is_refused_whole(
    on_sqlite: Deployment, changes: dict[str, Any], pointers: list[str]
) -> None:
    answer = say_stop(on_sqlite, **changes)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == pointers
    assert entries(on_sqlite, "municipality-x", "withdrawal_taken") == []
