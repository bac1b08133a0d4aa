"""The token endpoint: systems prove themselves by key or by secret, and by nothing else."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import jwt
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from werkzeug.test import TestResponse

from consent_service.persistence.access.client_store import forget_used_assertions
from tests.deployment import Deployment
from tests.unit.identity.token_forge import EC, OTHER_RSA, RSA, ec_jwk, ed_jwk, rsa_jwk

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ED = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
KEYS: dict[str, tuple[Any, str]] = {
    "ed": (ED, "EdDSA"),
    "ec": (EC, "ES256"),
    "rs": (RSA, "RS256"),
    "ps": (OTHER_RSA, "PS256"),
}
JWKS = {
    "keys": [
        ed_jwk(ED, "ed"),
        ec_jwk(EC, "ec"),
        rsa_jwk(RSA, "rs", alg="RS256"),
        rsa_jwk(OTHER_RSA, "ps", alg="PS256"),
    ]
}
SCOPES = ["consents:read", "disclosures:write"]
_NUMBERS = count(1)


def register(service: Deployment, id_: str = "journal", **changes: Any) -> dict[str, Any]:
    body = {"id": id_, "organisation": "gp-y", "scopes": SCOPES, "jwks": JWKS, **changes}
    answer = service.post("/v1/clients", body, org="operator")
    assert answer.status_code == 201, answer.json
    return dict(answer.json or {})


def with_secret(service: Deployment, id_: str = "small") -> str:
    made = register(service, id_, auth_method="client_secret", jwks=None)
    return str(made["client_secret"])


def elsewhere() -> dict[str, str]:
    """An address that nobody asked from before: failures are counted by where they come from."""
    number = next(_NUMBERS)
    return {"REMOTE_ADDR": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}


def ask(
    service: Deployment, form: Mapping[str, Any], *, address: str | None = None, **headers: str
) -> TestResponse:
    form = {"grant_type": "client_credentials", **form}
    return service.app.test_client().post(
        "/oauth/token",
        data={k: v for k, v in form.items() if v is not None},
        headers=headers,
        environ_base={"REMOTE_ADDR": address} if address else elsewhere(),
    )


def claims_of(service: Deployment, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": "journal",
        "sub": "journal",
        "aud": f"{service.settings.base_url}/oauth/token",
        "iat": now,
        "exp": now + 120,
        "jti": str(uuid4()),
        **changes,
    }
    return {k: v for k, v in claims.items() if v is not None}


def assertion(
    service: Deployment,
    kid: str = "ed",
    header: Mapping[str, Any] = {},
    key: Any = None,
    alg: str | None = None,
    **changes: Any,
) -> str:
    own, own_alg = KEYS[kid]
    headers = {"kid": kid, **header}
    claims = claims_of(service, **changes)
    return jwt.encode(claims, key or own, algorithm=alg or own_alg, headers=headers)


def by_key(service: Deployment, text: str | None = None, **form: Any) -> TestResponse:
    proof = {"client_assertion_type": ASSERTION, "client_assertion": text or assertion(service)}
    return ask(service, {**proof, **form})


def basic(client: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


def assert_refused(answer: TestResponse, error: str = "invalid_client") -> None:
    status = 401 if error == "invalid_client" else 400
    content: dict[str, Any] = answer.json or {}
    assert (answer.status_code, content["error"]) == (status, error)
    assert set(content) == {"error", "error_description"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)


# -- tokens -------------------------------------------------------------------------------------


def test_a_token_by_key_opens_what_the_client_may(service: Deployment) -> None:
    register(service)
    answer = by_key(service)
    assert answer.status_code == 200, answer.json
    assert answer.headers["Cache-Control"] == "no-store"
    made: dict[str, Any] = answer.json or {}
    assert {k: v for k, v in made.items() if k != "access_token"} == {
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "consents:read disclosures:write",
    }
    token = made["access_token"]
    # RFC 9068 § 2: type and claims.
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 900
    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= set(claims)
    assert (claims["sub"], claims["org"]) == ("journal", "gp-y")
    headers = {"Authorization": f"Bearer {token}"}
    client = service.app.test_client()
    assert client.get("/v1/disclosures", headers=headers).status_code == 200
    assert client.get("/v1/audit/entries", headers=headers).status_code == 403
    service.in_force()
    disclosed = service.post("/v1/disclosures", service.disclosure_body(), headers=headers)
    assert disclosed.status_code == 201


@pytest.mark.parametrize("kid", KEYS)
def test_every_algorithm_of_the_contract(service: Deployment, kid: str) -> None:
    register(service)
    assert by_key(service, assertion(service, kid)).status_code == 200
    unnamed = jwt.encode(claims_of(service), KEYS[kid][0], algorithm=KEYS[kid][1])
    assert by_key(service, unnamed).status_code == 200


def test_a_token_by_secret(service: Deployment) -> None:
    secret = with_secret(service)
    assert ask(service, {"client_id": "small", "client_secret": secret}).status_code == 200
    assert ask(service, {}, Authorization=basic("small", secret)).status_code == 200


def test_the_issuer_is_an_audience_too(service: Deployment) -> None:
    register(service)
    for audience in (service.settings.token_issuer, [service.settings.token_issuer]):
        assert by_key(service, assertion(service, aud=audience)).status_code == 200


def test_fewer_scopes_are_granted_and_more_refused(service: Deployment) -> None:
    register(service)
    fewer = by_key(service, scope="consents:read").json or {}
    assert fewer["scope"] == "consents:read"
    granted = jwt.decode(fewer["access_token"], options={"verify_signature": False})
    assert granted["scope"] == "consents:read"
    for scope in ("audit:read", "consents:read audit:read", "organisations:write", "nonsense", '"'):
        assert_refused(by_key(service, scope=scope), "invalid_scope")


# -- what proves nothing ------------------------------------------------------------------------

Forge = Callable[[Deployment], str]


def without_signature(service: Deployment) -> str:
    parts = assertion(service).split(".")
    header = base64.urlsafe_b64encode(b'{"alg":"none","kid":"ed"}').decode().rstrip("=")
    return f"{header}.{parts[1]}."


def under_public_key(service: Deployment) -> str:
    return jwt.encode(
        claims_of(service), ED.public_key().public_bytes_raw(), "HS256", headers={"kid": "ed"}
    )


ASSERTIONS: dict[str, Forge] = {
    "no JWT": lambda _: "x.y.z",
    "nothing": lambda _: "..",
    "alg none": without_signature,
    "HS256 under the public key": under_public_key,
    "another's key under a known kid": lambda s: assertion(s, key=STRANGER),
    "a kid of another key": lambda s: assertion(s, "ed", {"kid": "ec"}),
    "an unknown kid": lambda s: assertion(s, "ed", {"kid": "nobody"}),
    "PS256 under a key for RS256": lambda s: assertion(s, "rs", alg="PS256"),
    "RS256 under a key for PS256": lambda s: assertion(s, "ps", alg="RS256"),
    "RS512 under a key for RS256": lambda s: assertion(s, "rs", alg="RS512"),
    "its own key in the header": lambda s: assertion(
        s, header={"jwk": ed_jwk(STRANGER, "ed")}, key=STRANGER
    ),
    "an access token's type": lambda s: assertion(s, header={"typ": "at+jwt"}),
    "an unknown critical header": lambda s: assertion(s, header={"crit": ["x"], "x": 1}),
    "another audience": lambda s: assertion(s, aud="https://elsewhere.example/oauth/token"),
    "our audience and another": lambda s: assertion(
        s, aud=[s.settings.base_url + "/oauth/token", "https://elsewhere.example"]
    ),
    "no audience": lambda s: assertion(s, aud=None),
    "an empty list of audiences": lambda s: assertion(s, aud=[]),
    "another issuer than the subject": lambda s: assertion(s, iss="small"),
    "no issuer": lambda s: assertion(s, iss=None),
    "no subject": lambda s: assertion(s, sub=None),
    "an unknown client": lambda s: assertion(s, iss="nobody", sub="nobody"),
    "expired": lambda s: assertion(s, exp=int(time.time()) - 120),
    "no expiry": lambda s: assertion(s, exp=None),
    "an expiry that is text": lambda s: assertion(s, exp="never"),
    "an expiry far ahead": lambda s: assertion(s, exp=int(time.time()) + 3600),
    "issued in the future": lambda s: assertion(s, iat=int(time.time()) + 200),
    "not valid yet": lambda s: assertion(s, nbf=int(time.time()) + 200),
    "no jti": lambda s: assertion(s, jti=None),
    "an empty jti": lambda s: assertion(s, jti=""),
    "a jti that is no text": lambda s: jwt.api_jws.encode(
        json.dumps(claims_of(s, jti=7)).encode(), ED, "EdDSA", headers={"kid": "ed"}
    ),
    "an endless jti": lambda s: assertion(s, jti="x" * 300),
    "half a character in the client": lambda s: assertion(s, iss="\ud800", sub="\ud800"),
    "half a character in the jti": lambda s: assertion(s, jti="\ud800"),
    "half a character anywhere": lambda s: assertion(s, anything=["\ud800"]),
    "an expiry beyond all time": lambda s: assertion(s, exp=10**19),
    "an expiry that is true": lambda s: assertion(s, exp=True),
    "issued before all time": lambda s: assertion(s, iat=-(10**18)),
    "not valid before the end of time": lambda s: assertion(s, nbf=10**19),
    "too long": lambda s: assertion(s, padding="x" * 5000),
}


@pytest.mark.parametrize("forge", ASSERTIONS.values(), ids=ASSERTIONS)
def test_an_assertion_that_proves_nothing(with_clients: Deployment, forge: Forge) -> None:
    assert_refused(by_key(with_clients, forge(with_clients)))


@pytest.fixture(scope="module")
def with_clients(shared: Deployment) -> Deployment:
    """A service with a client of either kind."""
    register(shared)
    SECRET["small"] = with_secret(shared)
    return shared


SECRET: dict[str, str] = {}

REQUESTS: dict[str, tuple[Callable[[Deployment], TestResponse], str]] = {
    "nothing at all": (lambda s: ask(s, {}), "invalid_client"),
    "an id alone": (lambda s: ask(s, {"client_id": "small"}), "invalid_client"),
    "a wrong secret": (
        lambda s: ask(s, {"client_id": "small", "client_secret": "x"}),
        "invalid_client",
    ),
    "a wrong secret in the header": (
        lambda s: ask(s, {}, Authorization=basic("small", "x")),
        "invalid_client",
    ),
    "an unknown client": (
        lambda s: ask(s, {"client_id": "no", "client_secret": SECRET["small"]}),
        "invalid_client",
    ),
    "an endless secret": (
        lambda s: ask(s, {"client_id": "small", "client_secret": "x" * 9000}),
        "invalid_client",
    ),
    "another client's secret": (
        lambda s: ask(s, {"client_id": "journal", "client_secret": SECRET["small"]}),
        "invalid_client",
    ),
    "the hash instead of the secret": (
        lambda s: ask(s, {"client_id": "small", "client_secret": "e3b0c44298fc1c149afbf4c8996fb"}),
        "invalid_client",
    ),
    "a header that is no base64": (
        lambda s: ask(s, {}, Authorization="Basic ????"),
        "invalid_client",
    ),
    "a header of bytes that are no text": (
        lambda s: ask(s, {}, Authorization="Basic " + base64.b64encode(b"\xff:\xfe").decode()),
        "invalid_client",
    ),
    "an empty header": (lambda s: ask(s, {}, Authorization="Basic "), "invalid_client"),
    "a bearer token as proof": (
        lambda s: ask(s, {}, Authorization=f"Bearer {s.token('gp-y')}"),
        "invalid_client",
    ),
    "an assertion of another kind": (
        lambda s: by_key(
            s, client_assertion_type="urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
        ),
        "invalid_client",
    ),
    "an assertion under another client's id": (
        lambda s: by_key(s, client_id="small"),
        "invalid_client",
    ),
    "two ways at once": (
        lambda s: by_key(s, client_id="small", client_secret=SECRET["small"]),
        "invalid_request",
    ),
    "another grant": (
        lambda s: by_key(s, grant_type="authorization_code"),
        "unsupported_grant_type",
    ),
    "a grant that tells tales": (
        lambda s: by_key(s, grant_type='<script>"010180-1112"'),
        "unsupported_grant_type",
    ),
    "no grant": (lambda s: by_key(s, grant_type=None), "unsupported_grant_type"),
    "a secret in the query": (
        lambda s: s.app.test_client().post(
            f"/oauth/token?client_id=small&client_secret={SECRET['small']}",
            data={"grant_type": "client_credentials"},
        ),
        "invalid_request",
    ),
    "a parameter twice": (
        lambda s: s.app.test_client().post(
            "/oauth/token",
            data="grant_type=client_credentials&client_id=small&client_id=journal&client_secret=x",
            content_type="application/x-www-form-urlencoded",
        ),
        "invalid_request",
    ),
    "JSON": (
        lambda s: s.app.test_client().post(
            "/oauth/token", json={"grant_type": "client_credentials"}
        ),
        "invalid_request",
    ),
    "an id by the header that no database holds": (
        lambda s: ask(s, {}, Authorization=basic("a\0", "x")),
        "invalid_client",
    ),
    "one in the form": (
        lambda s: ask(s, {"client_id": "a\0", "client_secret": "x"}),
        "invalid_client",
    ),
    "one that an assertion says, of text that is none": (
        lambda s: by_key(s, assertion(s, iss="\ud800", sub="\ud800")),
        "invalid_client",
    ),
    "one that an assertion says, with NUL": (
        lambda s: by_key(s, assertion(s, iss="a\0", sub="a\0")),
        "invalid_client",
    ),
    "one client by the header and another in the form": (
        lambda s: ask(s, {"client_id": "journal"}, Authorization=basic("small", SECRET["small"])),
        "invalid_client",
    ),
    "a form without end": (lambda s: ask(s, {"padding": "x" * 20_000}), "invalid_request"),
}


@pytest.mark.parametrize(("send", "error"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_that_gets_no_token(
    with_clients: Deployment, send: Callable[[Deployment], TestResponse], error: str
) -> None:
    answer = send(with_clients)
    assert_refused(answer, error)
    assert "010180" not in answer.get_data(as_text=True)


# -- once, and never again ----------------------------------------------------------------------


def test_an_assertion_counts_once(service: Deployment) -> None:
    register(service)
    text = assertion(service)
    assert by_key(service, text).status_code == 200
    assert_refused(by_key(service, text))
    again = jwt.decode(text, options={"verify_signature": False})
    resigned = jwt.encode(again | {"exp": again["exp"] + 1}, ED, "EdDSA", headers={"kid": "ed"})
    assert_refused(by_key(service, resigned))


def test_an_assertion_refused_for_its_scope_is_used_up(service: Deployment) -> None:
    register(service)
    text = assertion(service)
    assert_refused(by_key(service, text, scope="audit:read"), "invalid_scope")
    assert_refused(by_key(service, text))


def test_two_clients_may_use_the_same_jti(service: Deployment) -> None:
    register(service)
    register(service, "another")
    for client in ("journal", "another"):
        text = assertion(service, iss=client, sub=client, jti="1")
        assert by_key(service, text).status_code == 200


def test_used_assertions_are_forgotten_when_they_have_expired(service: Deployment) -> None:
    register(service)
    text = assertion(service)
    by_key(service, text)
    now = datetime.now(UTC)
    with service.parts.units.engine.connect().execution_options(writes=True) as connection:
        assert forget_used_assertions(connection, now + timedelta(seconds=150)) == 0
        connection.commit()
    assert_refused(by_key(service, text))
    with service.parts.units.engine.connect().execution_options(writes=True) as connection:
        assert forget_used_assertions(connection, now + timedelta(seconds=400)) == 1
        connection.commit()


# -- metadata -----------------------------------------------------------------------------------


def test_the_server_describes_itself(shared: Deployment) -> None:
    answer = shared.app.test_client().get("/.well-known/oauth-authorization-server")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    described: dict[str, Any] = answer.json or {}
    assert described["issuer"] == shared.settings.token_issuer
    assert described["token_endpoint"] == f"{shared.settings.base_url}/oauth/token"
    assert set(described["token_endpoint_auth_methods_supported"]) == {
        "private_key_jwt",
        "client_secret_basic",
        "client_secret_post",
    }
    # Authlib's own reading of RFC 8414, for a server that lies behind TLS.
    secure = json.loads(json.dumps(described).replace("http://localhost:8000", "https://x.example"))
    metadata = AuthorizationServerMetadata(secure)
    metadata.validate_issuer()
    metadata.validate_token_endpoint()
    metadata.validate_grant_types_supported()
    metadata.validate_token_endpoint_auth_methods_supported()
    metadata.validate_token_endpoint_auth_signing_alg_values_supported()
    api = shared.app.test_client().get("/openapi.json").json or {}
    flow = api["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == described["token_endpoint"]
    assert set(flow["scopes"]) == set(described["scopes_supported"])


def test_guesses_from_one_place_are_limited_and_the_right_secret_never(service: Deployment) -> None:
    secret = with_secret(service)
    place = "192.0.2.7"
    wrong = [
        ask(service, {"client_id": "small", "client_secret": f"guess-{n}"}, address=place)
        for n in range(32)
    ]
    assert [answer.status_code for answer in wrong] == [401] * 30 + [429] * 2
    assert int(wrong[-1].headers["Retry-After"]) > 0
    right = ask(service, {"client_id": "small", "client_secret": secret}, address=place)
    assert right.status_code == 200
    other = ask(service, {"client_id": "small", "client_secret": "guess"}, address="192.0.2.8")
    assert other.status_code == 401


@pytest.mark.parametrize("name", ["a\0", "\u202e", "", "x" * 300], ids=ascii)
def test_an_id_that_is_none_is_counted_like_a_guess(service: Deployment, name: str) -> None:
    place = next(iter(elsewhere().values()))
    asked = [
        ask(service, {}, address=place, Authorization=basic(name, f"{n}")).status_code
        for n in range(31)
    ]
    assert asked == [401] * 30 + [429]


def test_who_got_a_token_is_in_the_access_log(
    service: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    register(service)
    caplog.set_level("INFO")
    for answer in (by_key(service), by_key(service, assertion(service, key=STRANGER))):
        answer.close()  # the line is written once the answer is over
    records = [r for r in caplog.records if r.name == "consent_service.access"][-2:]
    lines = [json.loads(record.getMessage()) for record in records]
    assert [line["route"] for line in lines] == ["/oauth/token"] * 2
    seen = [(line["status"], line.get("organisation"), line.get("client")) for line in lines]
    assert seen == [(200, "gp-y", "journal"), (401, None, None)]
