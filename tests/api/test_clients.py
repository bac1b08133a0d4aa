"""Clients as the operator manages them, and what becomes of a revoked one's requests."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from joserfc.jwk import OKPKey
from werkzeug.test import TestResponse

from consent_service.cli import cli
from consent_service.persistence.access.tables import client_secret
from consent_service.persistence.verification.log_reader import verify_database
from tests.api.test_token_endpoint import (
    ED,
    JWKS,
    SCOPES,
    STRANGER,
    ask,
    assert_refused,
    assertion,
    by_key,
    register,
    with_secret,
)
from tests.deployment import Deployment, deploy, deploy_with
from tests.unit.identity.token_forge import ed_jwk, keycloak_token, write_issuers

OPERATOR = "operator"


def operate(service: Deployment, path: str, body: Any = None, **more: Any) -> TestResponse:
    return service.post(f"/v1/{path}", {} if body is None else body, org=OPERATOR, **more)


def calls(service: Deployment, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return service.app.test_client().get("/v1/disclosures", headers=headers).status_code


def token(service: Deployment, **form: Any) -> str:
    answer = by_key(service, **form)
    assert answer.status_code == 200, answer.json
    return str((answer.json or {})["access_token"])


def logged(service: Deployment, organisation: str = "gp-y") -> list[dict[str, Any]]:
    entries = service.get("/v1/audit/entries?limit=200", org=organisation).json["items"]
    bodies = [entry["body"] for entry in entries if entry["body"]["type"].startswith("client_")]
    for body in bodies:
        # What the verification goes by (test_suspended_clients).
        assert isinstance(body.pop("epoch"), int)
        assert len(body.pop("state_sha256")) == 64
    return bodies


# -- registered ---------------------------------------------------------------------------------


def test_a_client_is_registered_and_shown(service: Deployment) -> None:
    made = register(service)
    assert made["id"] == "journal"
    assert made["organisation"] == "gp-y"
    assert made["scopes"] == SCOPES
    assert (made["auth_method"], made["revoked_at"], made["secrets"]) == (
        "private_key_jwt",
        None,
        [],
    )
    assert {key["kid"]: key["alg"] for key in made["jwks"]["keys"]} == {
        "ed": "EdDSA",
        "ec": "ES256",
        "rs": "RS256",
        "ps": "PS256",
    }
    assert service.get("/v1/clients/journal", org=OPERATOR).json == made
    assert service.get("/v1/clients", org=OPERATOR).json == {"items": [made], "next": None}
    taken = operate(service, "clients", {**BODY, "id": "journal"})
    assert (taken.status_code, taken.json["code"]) == (409, "already_exists")


def test_a_key_without_a_name_gets_its_thumbprint(service: Deployment) -> None:
    jwk = {k: v for k, v in ed_jwk(ED, "x").items() if k != "kid"}
    made = register(service, jwks={"keys": [jwk]})
    assert made["jwks"]["keys"][0]["kid"] == OKPKey.import_key(jwk).thumbprint()


def test_clients_come_in_pages(service: Deployment) -> None:
    for name in ("c", "a", "b"):
        register(service, name)
    first = service.get("/v1/clients?limit=2", org=OPERATOR).json
    second = service.get(f"/v1/clients?limit=2&cursor={first['next']}", org=OPERATOR).json
    assert [one["id"] for one in (*first["items"], *second["items"])] == ["a", "b", "c"]
    assert second["next"] is None


BODY = {"id": "new", "organisation": "gp-y", "scopes": SCOPES, "jwks": JWKS}

WRONG: dict[str, dict[str, Any]] = {
    "an unknown organisation": {"organisation": "nobody"},
    "an unknown scope": {"scopes": ["everything"]},
    "no scope": {"scopes": []},
    "no key": {"jwks": None},
    "an empty set": {"jwks": {"keys": []}},
    "too many keys": {"jwks": {"keys": [ed_jwk(ED, str(n)) for n in range(6)]}},
    "two keys of one name": {"jwks": {"keys": [ed_jwk(ED, "x"), ed_jwk(STRANGER, "x")]}},
    "a private key": {"jwks": {"keys": [{**ed_jwk(ED, "x"), "d": "AAAA"}]}},
    "a shared secret": {"jwks": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]}},
    "a short RSA key": {"jwks": {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}},
    "another curve": {"jwks": {"keys": [{**ed_jwk(ED, "x"), "crv": "Ed448"}]}},
    "an algorithm that does not fit": {"jwks": {"keys": [{**ed_jwk(ED, "x"), "alg": "RS256"}]}},
    "bytes that are no key": {"jwks": {"keys": [{**ed_jwk(ED, "x"), "x": "AAAA"}]}},
    "a kid that is a path": {"jwks": {"keys": [{**ed_jwk(ED, "../x")}]}},
    "keys and a secret": {"auth_method": "client_secret"},
    "no proof": {"auth_method": "none"},
    "an id that is no slug": {"id": "Not A Slug"},
    "an unknown member": {"redirect_uris": []},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_what_is_no_client(shared: Deployment, changes: dict[str, Any]) -> None:
    answer = operate(shared, "clients", {**BODY, **changes})
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert shared.get("/v1/clients/new", org=OPERATOR).status_code == 404


def test_only_the_operator_manages_clients(service: Deployment) -> None:
    register(service)
    paths = (
        "clients",
        "clients/journal/scopes",
        "clients/journal/revocation",
        "client-revocations",
    )
    for path in paths:
        everything_else = service.token(
            "gp-y", frozenset({"consents:read", "templates:write", "audit:read"})
        )
        headers = {"Authorization": f"Bearer {everything_else}"}
        answer = service.post(f"/v1/{path}", BODY, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")
    assert calls(service, token(service)) == 200


# -- rotation -----------------------------------------------------------------------------------


def by_next(service: Deployment) -> TestResponse:
    return by_key(service, assertion(service, header={"kid": "next"}, key=STRANGER))


def test_a_key_is_rotated_without_a_gap(service: Deployment) -> None:
    register(service, jwks={"keys": [ed_jwk(ED, "ed")]})
    added = operate(service, "clients/journal/keys", ed_jwk(STRANGER, "next"))
    assert added.status_code == 201
    assert (
        by_key(service, assertion(service, header={"kid": "next"}, key=STRANGER)).status_code == 200
    )
    assert by_key(service).status_code == 200
    again = operate(service, "clients/journal/keys", ed_jwk(STRANGER, "next"))
    assert (again.status_code, again.json["code"]) == (409, "already_exists")
    removed = operate(service, "clients/journal/keys/ed/removal")
    assert [key["kid"] for key in removed.json["jwks"]["keys"]] == ["next"]
    assert_refused(by_key(service))
    assert (
        by_key(service, assertion(service, header={"kid": "next"}, key=STRANGER)).status_code == 200
    )
    assert operate(service, "clients/journal/keys/ed/removal").status_code == 404
    types = [body["type"] for body in logged(service)]
    assert types == ["client_registered", "client_key_added", "client_key_removed"]


def test_a_client_has_five_keys_at_most(service: Deployment) -> None:
    register(service)
    assert operate(service, "clients/journal/keys", ed_jwk(STRANGER, "5th")).status_code == 201
    answer = operate(service, "clients/journal/keys", ed_jwk(STRANGER, "6th"))
    assert (answer.status_code, answer.json["code"]) == (409, "too_many_keys")
    assert operate(service, "clients/journal/secrets").json["code"] == "wrong_auth_method"


def test_a_secret_is_rotated_without_a_gap(service: Deployment) -> None:
    old = with_secret(service)
    made = operate(service, "clients/small/secrets").json
    third = operate(service, "clients/small/secrets")
    assert (third.status_code, third.json["code"]) == (409, "too_many_secrets")
    for secret in (old, made["client_secret"]):
        assert ask(service, {"client_id": "small", "client_secret": secret}).status_code == 200
    first = next(
        one["id"]
        for one in service.get("/v1/clients/small", org=OPERATOR).json["secrets"]
        if one["id"] != made["id"]
    )
    assert operate(service, f"clients/small/secrets/{first}/revocation").status_code == 200
    assert_refused(ask(service, {"client_id": "small", "client_secret": old}))
    fresh = {"client_id": "small", "client_secret": made["client_secret"]}
    assert ask(service, fresh).status_code == 200
    assert operate(service, f"clients/small/secrets/{first}/revocation").status_code == 404
    assert operate(service, "clients/small/keys", ed_jwk(ED, "x")).status_code == 409


def test_a_secret_is_shown_once_and_kept_nowhere(service: Deployment) -> None:
    body = {**BODY, "auth_method": "client_secret", "jwks": None}
    first = operate(service, "clients", body, key="k")
    repeated = operate(service, "clients", body, key="k")
    assert repeated.headers["Idempotency-Replayed"] == "true"
    secret = first.json["client_secret"]
    assert {**repeated.json, "client_secret": secret} == first.json
    assert "client_secret" not in repeated.json
    shown = service.get("/v1/clients/new", org=OPERATOR).get_data(as_text=True)
    assert secret not in shown
    assert secret not in json.dumps(logged(service))
    with service.parts.units.engine.connect() as connection:
        (row,) = connection.execute(client_secret.select())
    assert secret.encode() not in row.sha256
    assert len(row.sha256) == 32
    assert len(secret) >= 43  # 256 bits in base64url


# -- scopes -------------------------------------------------------------------------------------


def test_a_token_that_says_more_than_its_client_now_may_ends_at_once(service: Deployment) -> None:
    """In every worker: the second one shares the database and nothing else."""
    register(service)
    second = deploy_with(service.settings, service.clock)
    both, narrow = token(service), token(service, scope="disclosures:write")
    assert {calls(one, held) for one in (service, second) for held in (both, narrow)} == {200}
    changed = operate(service, "clients/journal/scopes", {"scopes": ["disclosures:write"]})
    assert (changed.status_code, changed.json["scopes"]) == (200, ["disclosures:write"])
    for worker in (service, second):
        assert calls(worker, both) == 401
        assert calls(worker, narrow) == 200
    assert calls(second, token(service)) == 200
    assert by_key(service, scope="consents:read").json["error"] == "invalid_scope"
    second.close()


def test_a_client_that_may_do_more_goes_on_with_the_token_it_has(service: Deployment) -> None:
    register(service, scopes=["disclosures:write"])
    held = token(service)
    more = {"scopes": ["disclosures:write", "decisions:read", "disclosures:write"]}
    changed = operate(service, "clients/journal/scopes", more).json
    assert changed["scopes"] == ["decisions:read", "disclosures:write"]
    assert service.get("/v1/clients/journal", org=OPERATOR).json == changed
    assert calls(service, held) == 200
    assert operate(service, "clients/journal/scopes", more).json == changed
    assert logged(service)[1:] == [
        {
            "type": "client_scopes_changed",
            "organisation": OPERATOR,
            "client": "operator-system",
            "client_id": "journal",
            "scopes": ["decisions:read", "disclosures:write"],
            "before": ["disclosures:write"],
        }
    ]


def test_scopes_that_cannot_be_set(service: Deployment) -> None:
    register(service)
    for scopes in ([], ["everything"], "consents:read", None):
        answer = operate(service, "clients/journal/scopes", {"scopes": scopes})
        assert answer.status_code == 422
    sound = {"scopes": ["consents:read"]}
    assert operate(service, "clients/nobody/scopes", sound).status_code == 404
    operate(service, "clients/journal/revocation")
    answer = operate(service, "clients/journal/scopes", sound)
    assert (answer.status_code, answer.json["code"]) == (409, "client_revoked")
    assert service.get("/v1/clients/journal", org=OPERATOR).json["scopes"] == SCOPES
    assert [body["type"] for body in logged(service)] == ["client_registered", "client_revoked"]


def test_scopes_from_the_command_line(service: Deployment) -> None:
    register(service)
    held, settings = token(service), service.settings
    environment = {
        "CONSENT_DATABASE_URL": settings.database_url,
        "CONSENT_KEYS_FILE": str(settings.keys_file),
        "CONSENT_BASE_URL": settings.base_url,
        "CONSENT_LOG_ORIGIN": settings.log_origin,
        "CONSENT_LOG_ANCHOR_FILE": str(settings.anchor_file),
        "CONSENT_OIDC_ISSUER": "http://127.0.0.1:9",
        "CONSENT_OIDC_CLIENT_ID": "consent-test",
        "CONSENT_OIDC_CLIENT_SECRET": "made up",
        "CONSENT_OIDC_CPR_CLAIM": "dk.cpr",
    }
    run = CliRunner(env=environment)
    result = run.invoke(cli, ["clients", "set-scopes", "journal", "--scope", "decisions:read"])
    assert result.exit_code == 0, result.output
    assert calls(service, held) == 401
    assert logged(service)[-1]["client"] == "command-line"
    assert run.invoke(cli, ["clients", "set-scopes", "journal"]).exit_code == 2


# -- revoked ------------------------------------------------------------------------------------


def test_a_revoked_client_is_refused_at_once_and_for_ever(service: Deployment) -> None:
    register(service)
    held = token(service)
    assert calls(service, held) == 200
    revoked = operate(service, "clients/journal/revocation")
    assert revoked.status_code == 200
    assert revoked.json["revoked_at"] is not None
    assert calls(service, held) == 401
    assert_refused(by_key(service))
    assert operate(service, "clients/journal/revocation").json == revoked.json
    assert operate(service, "clients/journal/keys", ed_jwk(ED, "x")).json["code"] == (
        "client_revoked"
    )
    assert operate(service, "clients", {**BODY, "id": "journal"}).status_code == 409
    assert [body["type"] for body in logged(service)] == ["client_registered", "client_revoked"]
    assert logged(service)[1] == {
        "type": "client_revoked",
        "organisation": OPERATOR,
        "client": "operator-system",
        "client_id": "journal",
    }


def test_a_revoked_client_hears_nothing_else(service: Deployment) -> None:
    """Not even that its scope, path, body or key was wrong, or an answer it had before."""
    service.in_force()
    register(service)
    headers = {"Authorization": f"Bearer {token(service)}"}
    body = service.disclosure_body()
    assert service.post("/v1/disclosures", body, headers=headers, key="k").status_code == 201
    operate(service, "clients/journal/revocation")
    client = service.app.test_client()
    answers = {
        "a sound request": client.get("/v1/disclosures", headers=headers),
        "the same request": service.post("/v1/disclosures", body, headers=headers, key="k"),
        "no scope": client.get("/v1/audit/entries", headers=headers),
        "no such thing": client.get("/v1/disclosures/x.y", headers=headers),
        "a wrong body": service.post("/v1/disclosures", {}, headers=headers),
        "no JSON": client.post("/v1/disclosures", data="{", headers=headers),
        "too much": client.post("/v1/disclosures", data="x" * 300_000, headers=headers),
        "no key": client.post("/v1/disclosures", json=body, headers=headers),
        "a wrong query": client.get("/v1/disclosures?limit=0", headers=headers),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
        answers, 401
    )


def test_a_token_made_by_hand_is_revoked_by_its_client(service: Deployment) -> None:
    service.in_force()
    assert service.disclose().status_code == 201
    body = {"client": "gp-y-system", "organisation": "gp-y"}
    answer = operate(service, "client-revocations", body)
    assert (answer.status_code, answer.json) == (201, {**body, "issuer": None})
    assert service.disclose().status_code == 401
    assert service.get("/v1/disclosures", org="gp-y").status_code == 401
    assert service.get("/v1/consents").status_code == 200
    taken = operate(service, "clients", {**BODY, "id": "gp-y-system"})
    assert (taken.status_code, taken.json["code"]) == (409, "already_exists")
    nobody = operate(service, "client-revocations", {**body, "organisation": "nobody"})
    assert nobody.status_code == 422


def test_an_external_client_is_revoked_under_its_issuer_alone(
    service: Deployment, tmp_path: Any
) -> None:
    file = write_issuers(tmp_path)
    with_issuers = deploy(
        service.settings.database_url, tmp_path, clock=service.clock, token_issuers_file=file
    )
    held = keycloak_token()
    headers = {"Authorization": f"Bearer {held}"}
    client = with_issuers.app.test_client()
    assert client.get("/v1/consents", headers=headers).status_code == 200
    other = {"client": "case-system", "organisation": "municipality-x"}
    assert operate(with_issuers, "client-revocations", other).status_code == 201
    assert client.get("/v1/consents", headers=headers).status_code == 200
    issuer = "https://login.kommune.example/realms/x"
    assert (
        operate(with_issuers, "client-revocations", {**other, "issuer": issuer}).status_code == 201
    )
    assert client.get("/v1/consents", headers=headers).status_code == 401
    entry = logged(with_issuers, "municipality-x")[-1]
    assert (entry["client_id"], entry["client_issuer"]) == ("case-system", issuer)
    with_issuers.close()


def test_who_acted_from_outside_is_logged_with_its_issuer(
    service: Deployment, tmp_path: Any
) -> None:
    file = write_issuers(tmp_path)
    with_issuers = deploy(
        service.settings.database_url, tmp_path, clock=service.clock, token_issuers_file=file
    )
    headers = {"Authorization": f"Bearer {keycloak_token()}"}
    asked = with_issuers.post("/v1/consents", with_issuers.request_body(), headers=headers)
    assert asked.status_code == 201
    entries = with_issuers.get("/v1/audit/entries?limit=200").json["items"]
    issuers = {e["body"].get("client"): e["body"].get("issuer") for e in entries}
    assert issuers["case-system"] == "https://login.kommune.example/realms/x"
    assert issuers["municipality-x-system"] is None
    with_issuers.close()


def test_a_token_may_not_say_more_than_its_registered_client(service: Deployment) -> None:
    """A token made by hand under a registered client's id, for more than the client may."""
    register(service, "gp-y-system")
    more = service.token("gp-y")
    within = service.token("gp-y", frozenset({"disclosures:write"}))
    elsewhere = service.token("municipality-x", frozenset({"disclosures:write"}))
    assert calls(service, within) == 200
    assert calls(service, more) == 401
    register(service, "municipality-x-system")
    assert calls(service, elsewhere) == 401


def test_the_log_verifies_with_these_acts_in_it(service: Deployment) -> None:
    register(service)
    with_secret(service)
    operate(service, "clients/journal/scopes", {"scopes": ["decisions:read"]})
    operate(service, "clients/journal/keys/ed/removal")
    operate(service, "clients/journal/revocation")
    operate(service, "client-revocations", {"client": "x", "organisation": "gp-y"})
    parts = service.parts
    parts.grow()
    report = verify_database(
        parts.units.engine,
        parts.units.ring,
        parts.index,
        parts.keys.published,
        parts.settings.log_origin,
        parts.context.clock(),
    )
    assert report.findings == ()
