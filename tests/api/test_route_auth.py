"""Every route declares who may call it, and the declaration is what happens."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from werkzeug.routing import Rule

from tests.deployment import ALL_SCOPES, Deployment

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
PUBLIC_WITHOUT_A_PAGE = {
    "/log/checkpoint",
    "/log/proof",
    "/log/consistency",
    "/.well-known/jwks.json",
    "/.well-known/consent-log.json",
    "/openapi.json",
    "/docs",
    "/healthz",
    "/readyz",
}


def rules(service: Deployment) -> list[Rule]:
    return list(service.app.url_map.iter_rules())


def declared(service: Deployment, rule: Rule) -> str:
    return str(getattr(service.app.view_functions[rule.endpoint], "declared_auth", ""))


def scoped(service: Deployment) -> list[tuple[Rule, str]]:
    """Every route that declares a scope, with it."""
    return [
        (rule, declared(service, rule).removeprefix("scope "))
        for rule in rules(service)
        if declared(service, rule).startswith("scope ")
    ]


def address(rule: Rule) -> str:
    values: dict[str, Any] = {}
    for name, converter in rule._converters.items():
        kind = type(converter).__name__
        choices = sorted(getattr(converter, "items", ()))
        values[name] = 1 if kind == "IntegerConverter" else choices[0] if choices else "x"
    _, path = rule.build(values, append_unknown=False) or ("", "")
    return path


def methods(rule: Rule) -> set[str]:
    return (rule.methods or set()) - {"HEAD", "OPTIONS"}


def call(service: Deployment, rule: Rule, token: str | None) -> Any:
    headers = {"Idempotency-Key": "k"}
    if token is not None:
        headers["Authorization"] = token
    (method,) = methods(rule)
    body = None if method == "GET" else {}
    client = service.app.test_client()
    return client.open(address(rule), method=method, headers=headers, json=body)


def test_every_route_declares_its_auth(shared: Deployment) -> None:
    assert [rule.rule for rule in rules(shared) if not declared(shared, rule)] == []


def test_only_what_the_contract_says_is_public(shared: Deployment) -> None:
    public = {rule.rule for rule in rules(shared) if not declared(shared, rule).startswith("scope")}
    assert {path for path in public if path.startswith("/v1")} == set()
    assert public >= PUBLIC_WITHOUT_A_PAGE
    known = {scope for _, scope in scoped(shared)}
    assert known == ALL_SCOPES


def test_without_a_token(shared: Deployment) -> None:
    for rule, _ in scoped(shared):
        for header in (None, "", "Bearer", "Bearer ", "Basic eDp5", "x.y.z"):
            answer = call(shared, rule, header)
            assert answer.status_code == 401, (rule, header)
            assert answer.json["code"] == "unauthenticated"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer"), rule


def test_with_a_bad_token(shared: Deployment) -> None:
    for rule, _ in scoped(shared):
        answer = call(shared, rule, "Bearer nonsense")
        assert answer.status_code == 401, rule
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), rule


def test_with_every_other_scope(shared: Deployment) -> None:
    for rule, scope in scoped(shared):
        token = shared.token("municipality-x", ALL_SCOPES - {scope})
        answer = call(shared, rule, f"Bearer {token}")
        assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope"), rule


def test_with_that_scope_alone(shared: Deployment) -> None:
    for rule, scope in scoped(shared):
        token = shared.token("municipality-x", frozenset({scope}))
        answer = call(shared, rule, f"Bearer {token}")
        assert answer.status_code in {200, 404, 422}, (rule, answer.json)


def test_every_other_method_is_refused(shared: Deployment) -> None:
    routes = shared.app.url_map.bind("localhost")
    token = f"Bearer {shared.token('municipality-x')}"
    for number, rule in enumerate(rules(shared)):
        for method in sorted(METHODS - (rule.methods or set())):
            # Two rules can share an address; then the other one may be meant.
            shared_with_another = routes.test(address(rule), method)
            answer = shared.app.test_client().open(
                address(rule),
                method=method,
                headers={"Authorization": token, "Idempotency-Key": "k"},
                # Attempts at links are counted by address.
                environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
            )
            refusals = {400, 404, 405, 415, 422} if shared_with_another else {405}
            if shared_with_another and method in ("GET", "HEAD"):
                refusals |= {200}
            assert answer.status_code in refusals, (rule, method)


# -- tokens -----------------------------------------------------------------------------------


def _claims(service: Deployment, **changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    claims = {
        "iss": service.settings.token_issuer,
        "aud": service.settings.token_audience,
        "sub": "x-system",
        "org": "municipality-x",
        "scope": " ".join(ALL_SCOPES),
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(hours=1)).timestamp()),
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def _signed(service: Deployment, typ: str = "at+jwt", **changes: Any) -> str:
    key = service.parts.keys.signing["token"]
    headers = {"typ": typ, "kid": key.kid}
    return jwt.encode(_claims(service, **changes), key.private, algorithm="EdDSA", headers=headers)


def _status(service: Deployment, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return service.app.test_client().get("/v1/consents", headers=headers).status_code


def test_a_good_token(shared: Deployment) -> None:
    assert _status(shared, _signed(shared)) == 200
    assert _status(shared, _signed(shared, typ="application/at+jwt")) == 200
    assert _status(shared, _signed(shared, aud=["another", shared.settings.token_audience])) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://another.example"},
        {"iss": None},
        {"aud": "https://another.example"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "never"},
        {"nbf": 4102444800},
        {"sub": None},
        {"org": None},
        {"org": 7},
        {"org": ["municipality-x"]},
        {"scope": ["consents:read"]},
        {"typ": "JWT"},
        {"typ": "consent-statement+jws"},
    ],
    ids=str,
)
def test_a_token_that_does_not_verify(shared: Deployment, changes: dict[str, Any]) -> None:
    assert _status(shared, _signed(shared, **changes)) == 401


@pytest.mark.parametrize("scope", [None, "", "consents:readx", "CONSENTS:READ"])
def test_a_token_without_the_scope(shared: Deployment, scope: str | None) -> None:
    assert _status(shared, _signed(shared, scope=scope)) == 403


def test_a_token_of_another_key_or_of_none(shared: Deployment) -> None:
    kid = shared.parts.keys.signing["token"].kid
    headers = {"typ": "at+jwt", "kid": kid}
    claims = _claims(shared)
    stolen = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=headers)
    unsigned = jwt.encode(claims, None, algorithm="none", headers=headers)
    public = shared.parts.keys.signing["token"].public
    confused = jwt.encode(claims, public, algorithm="HS256", headers=headers)
    good = _signed(shared)
    changed = good[:-8] + ("AAAAAAAA" if good[-8:] != "AAAAAAAA" else "BBBBBBBB")
    seal = shared.parts.keys.signing["seal"]
    other_use = jwt.encode(
        claims, seal.private, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": seal.kid}
    )
    for token in (stolen, unsigned, confused, changed, other_use, good * 40):
        assert _status(shared, token) == 401


def test_a_token_ends_when_it_says_though_it_was_seen_before(shared: Deployment) -> None:
    import time

    token = _signed(shared, exp=int(datetime.now(UTC).timestamp()) + 2)
    assert _status(shared, token) == 200
    deadline = time.monotonic() + 5
    while _status(shared, token) == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert _status(shared, token) == 401
