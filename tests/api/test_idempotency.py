"""A repeated request happens once, and its answer is kept; a disclosure is decided again."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from consent_service.persistence.children.tables import child
from consent_service.persistence.idempotency.tables import kept_answer
from consent_service.persistence.verification.log_reader import verify_database
from tests.api.families import SIBLING
from tests.deployment import ALL_SCOPES, EMPLOYEE, Deployment

KEY = "4a8f6c1e-key-of-the-test"
REPLAYED = "Idempotency-Replayed"


def ask(service: Deployment, key: str = KEY, **changes: Any) -> TestResponse:
    return service.post("/v1/consents", service.request_body(**changes), key=key)


def disclose(service: Deployment, key: str = KEY, **changes: Any) -> TestResponse:
    return service.post("/v1/disclosures", service.disclosure_body(**changes), "gp-y", key)


def count(service: Deployment) -> int:
    return len(service.get("/v1/consents").json["items"])


def logged(service: Deployment, type_: str = "disclosure") -> list[str]:
    items = service.get(f"/v1/audit/entries?type={type_}", org="gp-y").json["items"]
    return [entry["body"]["outcome"] for entry in items]


def test_the_same_request_happens_once(service: Deployment) -> None:
    first = ask(service)
    assert first.status_code == 201
    assert REPLAYED not in first.headers
    again = ask(service)
    assert again.status_code == 201
    assert again.headers[REPLAYED] == "true"
    assert again.json["id"] == first.json["id"]
    assert count(service) == 1


def test_a_signing_address_is_never_repeated(service: Deployment) -> None:
    first = ask(service).json
    assert "signing_url" in str(first)
    for _ in range(2):
        again = ask(service)
        assert "signing_url" not in again.get_data(as_text=True)
        assert "/sign/" not in again.get_data(as_text=True)
    path = f"/v1/consents/{first['id']}/links"
    made = service.post(path, {"performed_by": EMPLOYEE}, key="links")
    assert "/sign/" in made.get_data(as_text=True)
    replay = service.post(path, {"performed_by": EMPLOYEE}, key="links")
    assert replay.headers[REPLAYED] == "true"
    assert "/sign/" not in replay.get_data(as_text=True)
    token = made.json["signatories"][0]["signing_url"].rpartition("/")[2]
    with service.parts.units.reading() as uow:
        found = uow.links.find(token)
    assert found is not None
    assert found.replaced_at is None


def test_the_first_answer_is_repeated_though_the_world_moved_on(service: Deployment) -> None:
    first = ask(service).json
    cancellation = {"reason": "mistake", "performed_by": EMPLOYEE}
    service.post(f"/v1/consents/{first['id']}/cancellation", cancellation)
    assert ask(service).json["status"] == "awaiting_signatures"


def test_another_body_is_refused(service: Deployment) -> None:
    first = ask(service)
    for _ in range(2):
        other = ask(service, case_reference="2026-0118")
        assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert ask(service).json["id"] == first.json["id"]
    service.act(first.json["id"], "custody_holder", nth=0)
    service.act(first.json["id"], "custody_holder", nth=1)
    assert disclose(service).status_code == 201
    reused = disclose(service, categories=["school"])
    assert (reused.status_code, reused.json["code"]) == (422, "idempotency_key_reused")
    assert logged(service) == ["permitted"]


def send(service: Deployment, path: str, org: str, text: str, media: str = "") -> TestResponse:
    headers = {"Authorization": f"Bearer {service.token(org)}", "Idempotency-Key": KEY}
    media_type = media or "application/json"
    return service.client().post(path, data=text, headers=headers, content_type=media_type)


def test_the_same_body_written_otherwise_is_the_same_body(service: Deployment) -> None:
    first = ask(service)
    body = service.request_body()
    backwards = dict(reversed(body.items())) | {"child": dict(reversed(body["child"].items()))}
    for text in (
        json.dumps(backwards),
        json.dumps(body, indent=3),
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
    ):
        again = send(service, "/v1/consents", "municipality-x", text)
        assert (again.status_code, again.json["id"]) == (201, first.json["id"])
        assert again.headers[REPLAYED] == "true"
    # The order of a list is part of it.
    turned = json.dumps(body | {"parties": body["parties"][::-1]})
    reused = send(service, "/v1/consents", "municipality-x", turned)
    assert (reused.status_code, reused.json["code"]) == (422, "idempotency_key_reused")
    assert disclose(service).status_code == 403
    question = dict(reversed(service.disclosure_body().items()))
    again = send(service, "/v1/disclosures", "gp-y", json.dumps(question, indent=1))
    assert (again.status_code, again.headers[REPLAYED]) == (403, "true")
    assert logged(service) == ["denied"]


@pytest.mark.parametrize("path", ["/v1/consents", "/v1/disclosures"])
def test_what_failed_before_it_was_parsed_is_not_kept(service: Deployment, path: str) -> None:
    is_request = path == "/v1/consents"
    org = "municipality-x" if is_request else "gp-y"
    body = json.dumps(service.request_body() if is_request else service.disclosure_body())
    for text, media, status in (
        (body[:-1], "", 400),
        ('{"a": 1, "a": 2}', "", 400),
        ("[]", "", 422),
        (body, "text/plain", 415),
        (" " * 300_000, "", 413),
    ):
        answer = send(service, path, org, text, media)
        assert answer.status_code == status
        assert REPLAYED not in answer.headers
    answer = send(service, path, org, body)
    assert answer.status_code == (201 if is_request else 403)
    assert REPLAYED not in answer.headers


def test_who_was_not_registered_yet_is_asked_anew(service: Deployment) -> None:
    body = service.disclosure_body(sender="late")
    for path, text in (
        ("/v1/disclosures", json.dumps(body)),
        ("/v1/consents", json.dumps(service.request_body())),
    ):
        for _ in range(2):
            refused = send(service, path, "late", text)
            assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")
            assert REPLAYED not in refused.headers
    late = {"id": "late", "name": "Sen", "kind": "general_practice"}
    assert service.post("/v1/organisations", late, "operator").status_code == 201
    answer = send(service, "/v1/disclosures", "late", json.dumps(body))
    assert (answer.status_code, answer.json["code"]) == (403, "disclosure_denied")
    assert REPLAYED not in answer.headers
    answer = send(service, "/v1/consents", "late", json.dumps(service.request_body()))
    assert (answer.status_code, REPLAYED in answer.headers) == (422, False)


def test_what_is_not_known_yet_is_asked_anew(service: Deployment) -> None:
    """Neither a party that is registered later nor a consent that is there by then."""
    parties = ["late", "municipality-x"]
    refused = ask(service, parties=parties)
    assert (refused.status_code, REPLAYED in refused.headers) == (422, False)
    late = {"id": "late", "name": "Sen", "kind": "general_practice"}
    assert service.post("/v1/organisations", late, "operator").status_code == 201
    answer = ask(service, parties=parties)
    assert (answer.status_code, REPLAYED in answer.headers) == (201, False)
    unknown = {"id": "journal", "organisation": "later", "scopes": ["consents:read"]}
    unknown |= {"auth_method": "client_secret"}
    assert service.post("/v1/clients", unknown, "operator", KEY).status_code == 422
    assert service.post("/v1/clients/journal/revocation", {}, "operator", KEY).status_code == 404
    assert service.post("/v1/organisations", late | {"id": "later"}, "operator").status_code == 201
    assert service.post("/v1/clients", unknown, "operator", KEY).status_code == 201
    again = service.post("/v1/clients/journal/revocation", {}, "operator", KEY)
    assert (again.status_code, REPLAYED in again.headers) == (200, False)


def test_whoever_may_not_is_asked_anew_too(service: Deployment) -> None:
    body = service.disclosure_body(sender="paediatrics")
    for _ in range(2):
        answer = service.post("/v1/disclosures", body, "gp-y", KEY)
        assert (answer.status_code, answer.json["code"]) == (403, "not_allowed")
        assert REPLAYED not in answer.headers


def test_a_conflict_is_repeated_in_the_same_words(service: Deployment) -> None:
    service.ask()
    conflict = ask(service, key="conflict")
    assert conflict.status_code == 409
    service.post(
        f"/v1/consents/{conflict.json['consent']}/cancellation",
        {"reason": "mistake", "performed_by": EMPLOYEE},
    )
    again = ask(service, key="conflict")
    assert (again.status_code, again.json) == (409, conflict.json)
    assert again.mimetype == "application/problem+json"
    assert again.headers[REPLAYED] == "true"


@pytest.mark.parametrize("path", ["/v1/consents", "/v1/disclosures"])
def test_the_key_is_required(service: Deployment, path: str) -> None:
    body = service.request_body() if path == "/v1/consents" else service.disclosure_body()
    token = service.token("municipality-x" if path == "/v1/consents" else "gp-y")
    for key in (None, "", "x" * 256, "ø"):
        headers = {"Authorization": f"Bearer {token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        answer = service.app.test_client().post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_required")
    assert count(service) == 0


def test_elsewhere_the_key_is_a_choice(service: Deployment) -> None:
    asked = service.ask()
    path = f"/v1/consents/{asked['id']}/links"
    token = service.token("municipality-x")
    answer = service.app.test_client().post(
        path, json={"performed_by": EMPLOYEE}, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200
    cancellation = {"reason": "mistake", "performed_by": EMPLOYEE}
    path = f"/v1/consents/{asked['id']}/cancellation"
    assert service.post(path, cancellation, key=KEY).status_code == 200
    again = service.post(path, cancellation, key=KEY)
    assert (again.status_code, again.headers[REPLAYED]) == (200, "true")
    assert service.post(path, cancellation, key="other").status_code == 409


def test_searches_and_decisions_ignore_it(service: Deployment) -> None:
    service.in_force()
    question = service.disclosure_body()
    del question["channel"], question["document"]
    for path, body in (
        ("/v1/consents/search", {"child": question["child"]}),
        ("/v1/audit/search", {"type": "disclosure"}),
        ("/v1/decisions", question),
    ):
        for changes in ({}, {}, {"child": {"cpr": SIBLING.cpr}}):
            answer = service.post(path, body | changes, "gp-y", KEY)
            assert answer.status_code == 200, answer.json
            assert REPLAYED not in answer.headers


def test_a_key_is_of_one_organisation_and_path(service: Deployment) -> None:
    first = ask(service)
    other = service.post(
        "/v1/consents",
        service.request_body(parties=["municipality-z", "gp-y"]),
        "municipality-z",
        KEY,
    )
    assert other.status_code == 201
    assert other.json["id"] != first.json["id"]
    links = f"/v1/consents/{first.json['id']}/links"
    answer = service.post(links, {"performed_by": EMPLOYEE}, key=KEY)
    assert answer.status_code == 200
    assert REPLAYED not in answer.headers


def test_neither_who_was_not_let_in_nor_a_broken_clock_is_kept(service: Deployment) -> None:
    path, body = "/v1/consents", service.request_body()
    nobody = {"Authorization": "Bearer nonsense"}
    assert service.post(path, body, key=KEY, headers=nobody).status_code == 401
    short = service.token("municipality-x", ALL_SCOPES - {"consents:write"})
    scoped = {"Authorization": f"Bearer {short}"}
    assert service.post(path, body, key=KEY, headers=scoped).status_code == 403
    service.ask(parties=["municipality-x", "gp-y"])
    service.clock.forward(minutes=-1)
    assert ask(service).status_code == 503
    service.clock.forward(minutes=1)
    answer = ask(service)
    assert answer.status_code == 201
    assert REPLAYED not in answer.headers


def test_a_replay_is_authorised_first(service: Deployment) -> None:
    assert ask(service).status_code == 201
    short = service.token("municipality-x", ALL_SCOPES - {"consents:write"})
    for token, status in (("nonsense", 401), (short, 403)):
        headers = {"Authorization": f"Bearer {token}"}
        answer = service.post("/v1/consents", service.request_body(), key=KEY, headers=headers)
        assert answer.status_code == status
        assert REPLAYED not in answer.headers


def test_after_a_day_it_is_forgotten(service: Deployment) -> None:
    custody = service.request_body()["custody"]
    first = ask(service, custody=custody)
    service.clock.forward(hours=23, minutes=59)
    assert ask(service, custody=custody).headers[REPLAYED] == "true"
    service.clock.forward(minutes=2)
    later = ask(service, custody=custody)
    assert (later.status_code, later.json["code"]) == (409, "already_requested")
    assert later.json["consent"] == first.json["id"]


def test_what_is_kept_says_nothing_by_itself(service: Deployment) -> None:
    asked = ask(service).json
    lately = kept_answer.c.created_at > service.clock.now - timedelta(seconds=1)
    with service.parts.units.engine.connect() as connection:
        (row,) = connection.execute(sa.select(kept_answer).where(lately)).all()
    kept = bytes(row.sealed) + bytes(row.key_hash) + bytes(row.body_hash)
    for secret in (asked["id"], "Mette", KEY):
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    "change",
    [
        {"status": 201},
        {"body_hash": b"\0" * 32},
        {"sealed": b"\0" * 60},
        {"sealed": b"\0"},
        {"key_hash": b"\0" * 32},
    ],
    ids=lambda change: f"{next(iter(change))}-{len(str(change))}",
)
def test_an_answer_that_was_changed_is_not_replayed(
    service: Deployment, change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert disclose(service).json["decision"] == "denied"
    with service.parts.units.engine.begin() as connection:
        connection.execute(
            sa.update(kept_answer).where(kept_answer.c.status == 403).values(**change)
        )
    answer = disclose(service)
    if "key_hash" in change:
        # Nobody is answered from it: the question is a new one.
        assert REPLAYED not in answer.headers
        return
    assert (answer.status_code, answer.json["code"]) == (503, "unreadable")
    assert "decision" not in answer.json
    assert [one.levelno for one in caplog.records].count(logging.CRITICAL) == 1


# -- disclosures ------------------------------------------------------------------------------


def test_a_permitted_disclosure_is_decided_again(service: Deployment) -> None:
    asked = service.in_force()
    first = disclose(service)
    assert first.json["decision"] == "permitted"
    service.clock.forward(minutes=10)
    again = disclose(service)
    assert again.status_code == 201
    assert again.headers[REPLAYED] == "true"
    assert again.json["id"] == first.json["id"], "there is one disclosure"
    assert again.json["valid_until"] > first.json["valid_until"]
    assert again.json["log_promise"] != first.json["log_promise"]
    service.act(asked["id"], "custody_holder", "withdraw")
    for _ in range(2):
        denied = disclose(service)
        assert (denied.status_code, denied.json["code"]) == (403, "disclosure_denied")
        assert denied.json["decision"] == "denied"
        assert "withdrawn" in {reason["code"] for reason in denied.json["reasons"]}
        assert denied.json["id"] != first.json["id"]
    assert logged(service)[-2:] == ["denied", "denied"]
    entries = service.get("/v1/audit/entries?type=disclosure", org="gp-y").json["items"]
    assert entries[-1]["id"] == denied.json["id"]
    assert not entries[-1]["body"].get("about"), "whoever controls it need not know of the first"


def test_a_replay_is_one_disclosure_wherever_one_looks(service: Deployment) -> None:
    service.in_force()
    first = disclose(service).json
    disclose(service)
    reported = {"outcome": "sent", "performed_by": EMPLOYEE}
    assert (
        service.post(f"/v1/disclosures/{first['id']}/outcome", reported, "gp-y").status_code == 200
    )
    child = {"child": {"cpr": service.disclosure_body()["child"]["cpr"]}}
    for org in ("municipality-x", "gp-y"):
        found = service.post("/v1/audit/search", child, org).json["items"]
        found = [e for e in found if e["body"]["type"].startswith("disclosure")]
        (replay,) = [e for e in found if e["body"]["type"] == "disclosure_replayed"]
        assert (replay["body"]["about"], replay["body"]["outcome"]) == (first["id"], "permitted")
        assert service.get(f"/v1/audit/entries/{replay['id']}", org).status_code == 200
        listed = service.get("/v1/disclosures", org).json["items"]
        assert [(one["id"], one["outcome"]) for one in listed] == [(first["id"], "sent")]
        # There is one disclosure, and the replay is none.
        assert service.get(f"/v1/disclosures/{replay['id']}", org).status_code == 404
        path = f"/v1/disclosures/{replay['id']}/outcome"
        assert service.post(path, reported, org).status_code == 404
    assert replay["id"] in service.get("/v1/audit/export").get_data(as_text=True)
    parts = service.parts
    parts.grow()
    assert service.get(f"/v1/audit/entries/{replay['id']}/proof").status_code == 200
    report = verify_database(
        parts.units.engine, parts.units.ring, parts.index, parts.keys.published,
        parts.settings.log_origin, service.clock(),
    )  # fmt: skip
    assert report.findings == ()


def test_a_replay_is_answered_under_whichever_consent_permits_now(service: Deployment) -> None:
    asked = service.in_force()
    first = disclose(service).json
    service.act(asked["id"], "custody_holder", "withdraw")
    assert disclose(service).status_code == 403
    newer = service.in_force()
    again = disclose(service)
    assert (again.status_code, again.json["id"]) == (201, first["id"])
    assert again.json["consent"] == newer["id"]
    assert again.json["terms_sha256"] == newer["terms_sha256"] != first["terms_sha256"]
    assert again.json["decided_at"] > first["decided_at"]
    entries = service.get("/v1/audit/entries?type=disclosure_replayed").json["items"]
    assert [one["body"]["about"] for one in entries] == [first["id"]]
    listed = service.get("/v1/disclosures", org="gp-y").json["items"]
    assert [one["id"] for one in listed if one["decision"] == "permitted"] == [first["id"]]


def test_the_sixth_replay_is_refused_whatever_the_five_answered(service: Deployment) -> None:
    asked = service.in_force()
    assert disclose(service).status_code == 201
    answers = [disclose(service).status_code for _ in range(3)]
    service.act(asked["id"], "custody_holder", "withdraw")
    answers += [disclose(service).status_code for _ in range(2)]
    assert answers == [201, 201, 201, 403, 403]
    for _ in range(2):
        sixth = disclose(service)
        assert (sixth.status_code, sixth.json["code"]) == (409, "idempotency_exhausted")
    assert disclose(service, key="another").status_code == 403


def test_at_the_same_time_too_no_more_than_five_are_decided(service: Deployment) -> None:
    service.in_force()
    assert disclose(service).status_code == 201
    with ThreadPoolExecutor(8) as pool:
        answers = [one.result() for one in [pool.submit(disclose, service) for _ in range(8)]]
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 3


def test_a_replayed_denial_stays_a_denial(service: Deployment) -> None:
    first = disclose(service)
    assert first.status_code == 403
    service.in_force()
    again = disclose(service)
    assert (again.status_code, again.json) == (403, first.json)
    assert again.mimetype == "application/problem+json"
    assert again.headers[REPLAYED] == "true"
    assert disclose(service, key="another").status_code == 201


def test_a_recorded_disclosure_is_recorded_once(service: Deployment) -> None:
    basis = {"type": "vital_interest", "provision": "§ 1", "justification": "danger"}
    first = disclose(service, legal_basis=basis)
    again = disclose(service, legal_basis=basis)
    assert (again.status_code, again.json) == (201, first.json)
    assert logged(service) == ["recorded"]


def test_a_disclosure_is_forgotten_after_a_day_too(service: Deployment) -> None:
    assert disclose(service).status_code == 403
    service.in_force()
    service.clock.forward(hours=25)
    answer = disclose(service)
    assert answer.status_code == 201
    assert REPLAYED not in answer.headers


# -- at the same time -------------------------------------------------------------------------


@contextmanager
def every_child_held(service: Deployment) -> Iterator[None]:
    """Somebody else is acting about every child, so that an act waits."""
    with service.parts.units.engine.connect() as connection:
        connection.execute(sa.update(child).values(version=child.c.version))
        yield
        connection.rollback()


@pytest.mark.postgres
def test_while_the_first_runs_the_second_is_told_so(on_postgres: Deployment) -> None:
    service = on_postgres
    service.ask(parties=["municipality-x", "gp-y"])
    answers: list[TestResponse] = []
    first = threading.Thread(target=lambda: answers.append(ask(service)))
    with every_child_held(service):
        first.start()
        _wait_for_the_claim(service)
        second = ask(service)
        third = ask(service)
    first.join()
    for answer in (second, third):
        assert (answer.status_code, answer.json["code"]) == (409, "idempotency_in_progress")
    assert answers[0].status_code == 201
    replay = ask(service)
    assert (replay.status_code, replay.headers[REPLAYED]) == (201, "true")
    assert replay.json["id"] == answers[0].json["id"]


def _wait_for_the_claim(service: Deployment) -> None:
    locks = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    for _ in range(500):
        with service.parts.units.engine.connect() as connection:
            if connection.scalar(locks):
                return
        time.sleep(0.01)
    pytest.fail("the first request did not begin")


class _ClaimedOnce(set[bytes]):
    """Claims in which another request is seen the first time one looks, and then has failed."""

    seen = False

    def __contains__(self, key: object) -> bool:
        seen, self.seen = self.seen, True
        return not seen or super().__contains__(key)


def test_still_running_is_never_kept(on_sqlite: Deployment) -> None:
    on_sqlite.parts.units.claims = _ClaimedOnce()
    first = ask(on_sqlite)
    assert (first.status_code, first.json["code"]) == (409, "idempotency_in_progress")
    assert ask(on_sqlite).status_code == 201


def test_two_at_once_are_one(service: Deployment) -> None:
    answers: list[TestResponse] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(service))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} <= {
        "idempotency_in_progress"
    }
    assert len({answer.json["id"] for answer in answers if answer.status_code == 201}) == 1
    assert count(service) == 1


def test_two_disclosures_at_once_are_one(service: Deployment) -> None:
    service.in_force()
    answers: list[TestResponse] = []
    threads = [threading.Thread(target=lambda: answers.append(disclose(service))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Each waits for the first and gets its answer: none is told that the first still runs.
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json["id"] for answer in answers}) == 1
    assert [answer.headers.get(REPLAYED) for answer in answers].count("true") == 3
    assert len(service.get("/v1/disclosures", org="gp-y").json["items"]) == 1
