"""Every error is a problem document (RFC 9457): all members, no stack trace, nothing personal."""

import logging
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from consent_service.api.http.problems import STATUSES, problem_of, status_of
from consent_service.errors import ConsentServiceError, InvalidInput, Misconfigured
from tests.deployment import ALL_SCOPES, EMPLOYEE, MOTHER, Deployment, deploy

MEMBERS = {"type", "title", "status", "detail", "code"}
SECRET = "Mette Mor 010180-1112"


def assert_problem(answer: TestResponse, status: int, code: str, *more: str) -> None:
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    members: dict[str, Any] = answer.json or {}
    assert set(members) == MEMBERS | set(more)
    assert members["type"] == f"/problems/{code}"
    assert members["status"] == status
    assert members["code"] == code
    assert members["title"]
    text = answer.get_data(as_text=True)
    for trace in ("Traceback", "File ", ".py", "SELECT", "psycopg", "sqlite", "werkzeug"):
        assert trace not in text
    assert "010180" not in text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/v1", "/v1/consents/", "/v2/consents", "/v1/consents/a/b/c", "/docs/files/x"],
)
def test_404(shared: Deployment, path: str) -> None:
    assert_problem(shared.get(path), 404, "not_found")


def test_404_of_a_resource(shared: Deployment) -> None:
    assert_problem(shared.get(f"/v1/consents/{uuid4()}"), 404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_405(shared: Deployment, method: str) -> None:
    answer = shared.app.test_client().open("/v1/consents", method=method)
    assert_problem(answer, 405, "method_not_allowed")
    allowed = {name.strip() for name in answer.headers["Allow"].split(",")}
    assert allowed == {"GET", "HEAD", "POST"}


def test_401(shared: Deployment) -> None:
    answer = shared.app.test_client().get("/v1/consents")
    assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_403(shared: Deployment) -> None:
    token = shared.token("municipality-x", frozenset({"consents:read"}))
    body = shared.request_body()
    answer = shared.post("/v1/consents", body, headers={"Authorization": f"Bearer {token}"})
    assert_problem(answer, 403, "insufficient_scope")


def test_409(service: Deployment) -> None:
    service.ask()
    answer = service.post("/v1/consents", service.request_body())
    assert_problem(answer, 409, "already_requested", "consent")


def test_413(shared: Deployment) -> None:
    body = shared.request_body(case_reference="x" * 2**20)
    assert_problem(shared.post("/v1/consents", body), 413, "too_large")


def test_415(shared: Deployment) -> None:
    answer = shared.app.test_client().post(
        "/v1/consents",
        data="child=Mette",
        headers={
            "Authorization": f"Bearer {shared.token('municipality-x')}",
            "Idempotency-Key": "k",
        },
    )
    assert_problem(answer, 415, "unsupported_media_type")


def test_422(shared: Deployment) -> None:
    body = shared.request_body(case_reference=SECRET)
    answer = shared.post("/v1/consents", body)
    assert_problem(answer, 422, "invalid_input", "errors")
    assert [set(error) for error in answer.json["errors"]] == [{"pointer", "detail"}]


def test_400(shared: Deployment) -> None:
    answer = shared.app.test_client().post(
        "/v1/consents",
        data=f'{{"child": "{SECRET}"',
        headers={
            "Authorization": f"Bearer {shared.token('municipality-x')}",
            "Content-Type": "application/json",
            "Idempotency-Key": "k",
        },
    )
    assert_problem(answer, 400, "malformed_json")


def _raise_value_error() -> str:
    raise ValueError(SECRET)


def _raise_own() -> str:
    raise Misconfigured(SECRET)


def _raise_unknown_text() -> str:
    return {"a": 1}[SECRET]  # type: ignore[index,return-value]  # the KeyError is the point


@pytest.mark.parametrize("view", [_raise_value_error, _raise_own, _raise_unknown_text])
def test_500(service: Deployment, view: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service.app.add_url_rule("/broken", "broken", view)
    answer = service.app.test_client().get("/broken")
    assert_problem(answer, 500, "internal_error")
    assert "Mette" not in answer.get_data(as_text=True)
    logged = [record.getMessage() + str(record.exc_text) for record in caplog.records]
    assert logged
    assert not [line for line in logged if "Mette" in line or "010180" in line]


def test_500_in_the_middle_of_an_act_leaves_nothing(service: Deployment) -> None:
    """The key for seals is gone at the last moment: the whole act is undone."""
    asked = service.in_force()
    before = service.get(f"/v1/consents/{asked['id']}").json
    context = service.parts.context
    key = context.seal_key
    body = {
        "signatory": asked["signatories"][0]["id"],
        "channel": "oral",
        "performed_by": EMPLOYEE,
    }
    path = f"/v1/consents/{asked['id']}/withdrawals"
    object.__setattr__(context, "seal_key", service.parts.keys.signing["promise"])
    assert_problem(service.post(path, body, key="k"), 500, "internal_error")
    object.__setattr__(context, "seal_key", key)
    assert service.get(f"/v1/consents/{asked['id']}").json == before
    assert service.post(path, body, key="k").json["status"] == "withdrawn"


def test_503_without_the_database(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = deploy(f"sqlite:///{tmp_path}/nowhere/consent.db", tmp_path)
    for answer in (service.get("/v1/consents"), service.disclose()):
        assert_problem(answer, 503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert service.get("/healthz").status_code == 200
    assert service.get("/readyz").status_code == 503
    assert MOTHER not in caplog.text
    service.close()


def test_503_before_the_migrations(blank_database_url: str, tmp_path: Path) -> None:
    service = deploy(blank_database_url, tmp_path)
    answer = service.get("/readyz")
    assert_problem(answer, 503, "schema_outdated")
    assert int(answer.headers["Retry-After"]) > 0
    assert service.get("/healthz").status_code == 200
    service.close()


def test_ready(shared: Deployment) -> None:
    for path in ("/healthz", "/readyz"):
        assert shared.app.test_client().get(path).status_code == 200


def _kinds(root: type[ConsentServiceError]) -> list[type[ConsentServiceError]]:
    found = [root]
    for kind in root.__subclasses__():
        found += _kinds(kind)
    return found


def test_every_kind_of_error_has_a_status() -> None:
    for kind in _kinds(ConsentServiceError):
        error = kind.__new__(kind)
        assert status_of(error) in {400, 401, 403, 404, 409, 422, 429, 500, 503}, kind
    assert set(STATUSES) <= set(_kinds(ConsentServiceError))


def test_a_detail_of_our_own_trouble_stays_here() -> None:
    for kind in _kinds(ConsentServiceError):
        error = kind.__new__(kind, SECRET)
        error.detail = SECRET
        if status_of(error) == 500:
            assert SECRET not in str(problem_of(error)), kind
    shown = problem_of(InvalidInput.field("/child/cpr", "This is not a number."))
    assert shown["errors"] == [{"pointer": "/child/cpr", "detail": "This is not a number."}]


def test_head_answers_like_get(shared: Deployment) -> None:
    token = shared.token("municipality-x", ALL_SCOPES)
    answer = shared.app.test_client().head(
        "/v1/consents", headers={"Authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.data) == (200, b"")
