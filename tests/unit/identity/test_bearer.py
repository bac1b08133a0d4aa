"""Access tokens: what proves a caller, and everything that does not."""

import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from consent_service.errors import Misconfigured, Unauthenticated
from consent_service.identity.bearer import (
    LONGEST_EXTERNAL_LIFE,
    LONGEST_LIFE,
    TokenVerifier,
    issue_token,
    load_token_keys,
    own_issuer,
)
from consent_service.identity.external_issuers import load_issuers
from consent_service.services.kernel.model import Caller
from consent_service.signing import base64url
from consent_service.signing.keys import KeySet, PublishedKey, SigningKey
from tests.unit.identity import token_forge as forge
from tests.unit.identity.token_forge import (
    EC,
    ENTRA,
    ENTRA_ISSUER,
    HERE,
    KEYCLOAK,
    KEYCLOAK_ISSUER,
    OTHER_RSA,
    RSA,
    entra_token,
    keycloak_token,
    write_issuers,
)

KEY = SigningKey.from_seed(b"k" * 32, "token")
OTHER = SigningKey.from_seed(b"o" * 32, "token")
PUBLISHED = PublishedKey(KEY.kid, "token", KEY.public, datetime(2026, 1, 1, tzinfo=UTC))
CALLER = Caller("kommune-x", "case-system", frozenset({"consents:read", "consents:write"}))


def verifier(folder: Path | None = None) -> TokenVerifier:
    """Our own tokens, and with a folder those of two external issuers."""
    issuers = {HERE: own_issuer(HERE, HERE, load_token_keys(KeySet([PUBLISHED])))}
    if folder is not None:
        issuers |= load_issuers(write_issuers(folder), HERE)
    return TokenVerifier(issuers)


def issued(key: SigningKey = KEY, **changes: Any) -> str:
    now = datetime.now(UTC)
    members: dict[str, Any] = {
        "issuer": HERE,
        "audience": HERE,
        "caller": CALLER,
        "issued_at": now,
        "expires_at": now + timedelta(hours=1),
        "token_id": "1",
    }
    return issue_token(key, **(members | changes))


def claims_of(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": HERE,
        "aud": HERE,
        "sub": "s",
        "org": "o",
        "scope": "consents:read",
        "iat": now,
        "exp": now + 60,
    }
    return {k: v for k, v in {**claims, **changes}.items() if v is not None}


def forged(claims: Mapping[str, Any] = {}, header: Mapping[str, Any] = {}) -> str:
    headers = {"typ": "at+jwt", "kid": KEY.kid, **header}
    return jwt.encode(claims_of(**claims), KEY.private, algorithm="EdDSA", headers=headers)


def signed(payload: str, header: str | None = None) -> str:
    """A soundly signed token of these very texts."""
    header = header or json.dumps({"alg": "EdDSA", "typ": "at+jwt", "kid": KEY.kid})
    signing = f"{base64url.encode(header.encode())}.{base64url.encode(payload.encode())}"
    return f"{signing}.{base64url.encode(KEY.private.sign(signing.encode()))}"


def with_secret(secret: bytes, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """HS256 under a public key, by hand: the library refuses to."""
    parts = [base64url.encode(json.dumps(one).encode()) for one in (header, claims)]
    signing = ".".join(parts)
    digest = hmac.digest(secret, signing.encode(), "sha256")
    return f"{signing}.{base64url.encode(digest)}"


def confused(alg: str) -> str:
    """An external token whose header names another algorithm of the same key type."""
    headers = {"typ": "JWT", "kid": "rsa"}
    return jwt.encode(forge.keycloak_claims(), RSA, algorithm=alg, headers=headers)


def pem(key: Any) -> bytes:
    return bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def without_signature(token: str, alg: str = "none") -> str:
    header, body, _ = token.split(".")
    decoded = json.loads(base64url.decode(header))
    plain = base64url.encode(json.dumps({**decoded, "alg": alg}).encode())
    return f"{plain}.{body}."


def detached(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}..{signature}"


def id_token() -> str:
    """What a signers' or staff's provider issues: well signed, and by nobody configured here."""
    claims = {**claims_of(iss="https://broker.example", aud="consent-service"), "nonce": "n"}
    return jwt.encode(claims, RSA, algorithm="RS256", headers={"typ": "JWT", "kid": "rsa"})


def doubled_claim() -> str:
    text = json.dumps(claims_of())
    return signed(text[:-1] + ', "org": "kommune-x"}')


def embedded_key() -> str:
    jwk = forge.ed_jwk(OTHER.private, KEY.kid)
    headers = {"typ": "at+jwt", "kid": KEY.kid, "jwk": jwk}
    return jwt.encode(claims_of(), OTHER.private, algorithm="EdDSA", headers=headers)


HS = {"alg": "HS256", "typ": "at+jwt", "kid": KEY.kid}
RS_HS = {"alg": "HS256", "typ": "JWT", "kid": "rsa"}

ATTACKS: dict[str, Callable[[], str]] = {
    "no token at all": lambda: "x",
    "empty parts": lambda: "..",
    "alg none without a signature": lambda: without_signature(issued()),
    "alg None in another case": lambda: without_signature(issued(), "nOnE"),
    "alg none with a signature": lambda: without_signature(issued()) + "AAAA",
    "HS256 under our raw public key": lambda: with_secret(KEY.public, HS, claims_of()),
    "HS256 under an external PEM": lambda: with_secret(pem(RSA), RS_HS, forge.keycloak_claims()),
    "PS256 under a key for RS256": lambda: confused("PS256"),
    "RS512 under a key for RS256": lambda: confused("RS512"),
    "ES256 under the kid of an RSA key": lambda: keycloak_token(EC, "ES256", {"kid": "rsa"}),
    "RS256 under the kid of a P-256 key": lambda: keycloak_token(RSA, "RS256", {"kid": "ec"}),
    "signed by another key under our kid": lambda: jwt.encode(
        claims_of(),
        OTHER.private,
        algorithm="EdDSA",
        headers={"typ": "at+jwt", "kid": KEY.kid},
    ),
    "a key we do not know": lambda: issued(OTHER),
    "no kid": lambda: signed(json.dumps(claims_of()), '{"alg": "EdDSA", "typ": "at+jwt"}'),
    "a kid that is a path": lambda: forged(header={"kid": "../../../../dev/null"}),
    "a kid that is SQL": lambda: forged(header={"kid": "x' UNION SELECT 'secret' --"}),
    "a kid that is no text": lambda: signed(
        json.dumps(claims_of()), json.dumps({"alg": "EdDSA", "typ": "at+jwt", "kid": [KEY.kid]})
    ),
    "its own key in the header": embedded_key,
    "a key address in the header": lambda: forged(header={"jku": "https://evil.example/jwks"}),
    "a certificate address in the header": lambda: forged(header={"x5u": "https://evil.example"}),
    "a certificate in the header": lambda: forged(header={"x5c": ["MIIB"]}),
    "an unknown critical header": lambda: forged(header={"crit": ["x"], "x": 1}),
    "an unencoded payload": lambda: forged(header={"b64": False, "crit": ["b64"]}),
    "typ JWT, as an ID token": lambda: forged(header={"typ": "JWT"}),
    "typ of a seal": lambda: forged(header={"typ": "consent-statement+jws"}),
    "no typ": lambda: forged(header={"typ": None}),
    "another audience": lambda: issued(audience="https://elsewhere.example"),
    "a list of audiences without us": lambda: forged({"aud": ["https://a.example", "b"]}),
    "an audience that only begins like ours": lambda: forged({"aud": HERE + ".evil.example"}),
    "no audience": lambda: forged({"aud": None}),
    "another issuer under our key": lambda: issued(issuer="https://elsewhere.example"),
    "our issuer with a slash": lambda: issued(issuer=HERE + "/"),
    "a list of issuers": lambda: signed(json.dumps(claims_of(iss=[HERE]))),
    "no issuer": lambda: forged({"iss": None}),
    "an external issuer's key under our name": lambda: jwt.encode(
        claims_of(), RSA, algorithm="RS256", headers={"typ": "at+jwt", "kid": "rsa"}
    ),
    "one external issuer's key under the other's name": lambda: entra_token(RSA),
    "our key under an external name": lambda: forged({"iss": KEYCLOAK}, {"typ": "JWT"}),
    "expired": lambda: issued(expires_at=datetime.now(UTC) - timedelta(seconds=1)),
    "expired within the grace for clocks": lambda: keycloak_token(exp=int(time.time()) - 5),
    "no expiry": lambda: forged({"exp": None}),
    "an expiry that is text": lambda: forged({"exp": "never"}),
    "an infinite expiry": lambda: signed(json.dumps(claims_of(exp="X")).replace('"X"', "1e999")),
    "an endless integer as expiry": lambda: forged({"exp": 10**400}),
    "an expiry that is text of digits": lambda: forged({"exp": str(int(time.time()) + 60)}),
    "an expiry that is true": lambda: forged({"exp": True}),
    "an expiry beyond all time": lambda: signed(
        json.dumps(claims_of(exp="X")).replace('"X"', "1e300")
    ),
    "a life longer than any we give": lambda: issued(
        expires_at=datetime.now(UTC) + LONGEST_LIFE + timedelta(seconds=2)
    ),
    "a long life that began long ago": lambda: issued(
        issued_at=datetime.now(UTC) - LONGEST_LIFE, expires_at=datetime.now(UTC) + timedelta(1)
    ),
    "a life longer than another issuer's may be": lambda: keycloak_token(
        exp=int(time.time() + LONGEST_EXTERNAL_LIFE.total_seconds()) + 2
    ),
    "an issue time that is text": lambda: forged({"iat": str(int(time.time()))}),
    "an issue time that is nothing": lambda: signed(
        json.dumps(claims_of(iat="X")).replace('"X"', "NaN")
    ),
    "issued before all time": lambda: forged({"iat": -(10**18)}),
    "not valid before the end of time": lambda: signed(
        json.dumps(claims_of(nbf="X")).replace('"X"', "1e300")
    ),
    "no issue time": lambda: forged({"iat": None}),
    "issued in the far future": lambda: forged({"iat": int(time.time()) + 3600}),
    "not valid yet": lambda: forged({"nbf": int(time.time()) + 3600}),
    "no client": lambda: forged({"sub": None}),
    "a client that is no text": lambda: forged({"sub": 7}),
    **{
        f"half a character in {claim}": lambda claim=claim: signed(
            json.dumps(claims_of(**{claim: "a\ud800b"}))
        )
        for claim in ("sub", "org", "scope", "iss", "jti", "anything")
    },
    "half a character in a name": lambda: signed(json.dumps(claims_of(**{"\udfff": 1}))),
    "half a character deep inside": lambda: signed(json.dumps(claims_of(x=[{"y": ["\ud800"]}]))),
    "half a character in the header": lambda: signed(
        json.dumps(claims_of()),
        json.dumps({"alg": "EdDSA", "typ": "at+jwt", "kid": KEY.kid, "x": "\ud800"}),
    ),
    "a character that no text holds": lambda: signed(json.dumps(claims_of(org="kommune-x\0"))),
    "half a character in an external client": lambda: keycloak_token(azp="case-system\ud800"),
    "half a character in an external role": lambda: keycloak_token(
        realm_access={"roles": ["caseworker", "\ud800"]}
    ),
    "no organisation": lambda: forged({"org": None}),
    "a list of organisations": lambda: forged({"org": ["kommune-x"]}),
    "a list of scopes": lambda: forged({"scope": ["consents:read"]}),
    "an external client that is mapped to no organisation": lambda: keycloak_token(azp="stranger"),
    "an external token that says its organisation itself": lambda: keycloak_token(
        azp="stranger", org="municipality-x"
    ),
    "external roles that are no list": lambda: keycloak_token(realm_access={"roles": 7}),
    "no external roles": lambda: keycloak_token(realm_access={}),
    "an external token without its client": lambda: keycloak_token(azp=None),
    "an external token for another audience": lambda: keycloak_token(aud=["account"]),
    "another typ than the issuer's": lambda: keycloak_token(header={"typ": "at+jwt"}),
    "an ID token of the people's provider": id_token,
    "a claim named twice": doubled_claim,
    "a header member named twice": lambda: signed(
        json.dumps(claims_of()),
        f'{{"alg": "none", "alg": "EdDSA", "typ": "at+jwt", "kid": "{KEY.kid}"}}',
    ),
    "claims that are no object": lambda: signed("[]"),
    "claims that are no JSON": lambda: signed("{"),
    "claims nested without end": lambda: signed("[" * 4000),
    "a trailing dot": lambda: issued() + ".",
    "a padded signature": lambda: issued() + "=",
    "a respelt signature": lambda: issued()[:-1] + "B",
    "a detached payload": lambda: detached(issued()),
    "five parts, as JWE": lambda: ".".join(["e30"] * 5),
    "too long": lambda: forged({"padding": "x" * 9000}),
    "white space around": lambda: f" {issued()}",
    "another token's payload": lambda: ".".join(
        (issued().split(".")[0], forged({"org": "x"}).split(".")[1], issued().split(".")[2])
    ),
}


def test_a_token_of_ours_names_its_caller() -> None:
    assert verifier().verify(issued()) == CALLER


def test_an_external_token_names_whom_the_file_says(tmp_path: Path) -> None:
    tokens = verifier(tmp_path)
    scopes = frozenset({"consents:read", "consents:write"})
    expected = Caller("municipality-x", "case-system", scopes, KEYCLOAK)
    assert tokens.verify(keycloak_token()) == expected
    assert tokens.verify(keycloak_token(EC, "ES256")) == expected
    assert tokens.verify(entra_token()) == Caller(
        "gp-y", "0f3c-app", frozenset({"disclosures:write"}), ENTRA
    )
    both = keycloak_token(realm_access={"roles": ["dpo", "caseworker"]})
    assert tokens.verify(both).scopes == scopes | {"audit:read"}
    assert tokens.verify(keycloak_token(realm_access={"roles": ["other"]})).scopes == frozenset()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_what_proves_nothing_is_refused(attack: Callable[[], str], tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated):
        verifier(tmp_path).verify(attack())


def test_clocks_may_differ_by_a_minute(tmp_path: Path) -> None:
    soon = int(time.time()) + 40
    assert verifier(tmp_path).verify(keycloak_token(iat=soon, nbf=soon))


def test_the_longest_lives_there_are(tmp_path: Path) -> None:
    tokens, now = verifier(tmp_path), datetime.now(UTC)
    assert tokens.verify(issued(expires_at=now + LONGEST_LIFE)) == CALLER
    day = int(LONGEST_EXTERNAL_LIFE.total_seconds())
    assert tokens.verify(keycloak_token(iat=int(now.timestamp()), exp=int(now.timestamp()) + day))


def test_a_remembered_token_still_expires() -> None:
    tokens = verifier()
    token = issued(expires_at=datetime.now(UTC) + timedelta(seconds=1.5))
    assert tokens.verify(token) == tokens.verify(token) == CALLER
    time.sleep(1.6)
    with pytest.raises(Unauthenticated):
        tokens.verify(token)


def test_a_remembered_token_ends_with_its_key() -> None:
    keys = load_token_keys(KeySet([PUBLISHED]))
    tokens = TokenVerifier({HERE: own_issuer(HERE, HERE, keys)})
    token = issued()
    assert tokens.verify(token) == CALLER
    keys.clear()
    with pytest.raises(Unauthenticated):
        tokens.verify(token)


# -- the operator's file ------------------------------------------------------------------------


def changed(**changes: Any) -> dict[str, Any]:
    return {k: v for k, v in {**KEYCLOAK_ISSUER, **changes}.items() if v is not ...}


WRONG_FILES: dict[str, tuple[list[Any], str]] = {
    "ourselves": ([changed(issuer=HERE)], "this service itself"),
    "twice": ([KEYCLOAK_ISSUER, KEYCLOAK_ISSUER], "twice"),
    "no issuer": ([changed(issuer=...)], "issuer"),
    "no audience": ([changed(audience=...)], "audience"),
    "an unknown member": ([changed(audiance=HERE)], "unknown"),
    "no object": (["x"], "object"),
    "no algorithm": ([changed(algorithms=[])], "algorithms"),
    "a shared secret": ([changed(algorithms=["HS256"])], "algorithms"),
    "none": ([changed(algorithms=["none"])], "algorithms"),
    "two sources of keys": ([changed(jwks_uri="https://x.example")], "jwks_uri or a jwks_file"),
    "no source of keys": ([changed(jwks_file=...)], "jwks_uri or a jwks_file"),
    "a file that is not there": ([changed(jwks_file="nowhere.json")], "jwks_file"),
    "a file without usable keys": ([changed(algorithms=["PS256"])], "jwks_file"),
    "keys without TLS": (
        [changed(jwks_file=..., jwks_uri="http://login.kommune.example/jwks")],
        "https",
    ),
    "no mapping": ([changed(organisation={"claim": "azp", "values": {}})], "organisation"),
    "no claim": ([changed(organisation={"claim": [], "values": {"a": "b"}})], "organisation"),
    "an organisation that is no text": (
        [changed(organisation={"claim": "azp", "values": {"a": ["b"]}})],
        "organisation",
    ),
    "scopes that are no list": (
        [changed(scopes={"claim": "r", "values": {"a": "consents:read"}})],
        "scopes",
    ),
    "an unknown scope": (
        [changed(scopes={"claim": "r", "values": {"a": ["consents:raed"]}})],
        "scope",
    ),
    "the operator's scope, not said so": (
        [changed(scopes={"claim": "r", "values": {"a": ["organisations:write"]}})],
        "may_operate",
    ),
}


@pytest.mark.parametrize(("issuers", "named"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_wrong_file_stops_the_start(issuers: list[Any], named: str, tmp_path: Path) -> None:
    path = write_issuers(tmp_path, *issuers)
    with pytest.raises(Misconfigured, match="CONSENT_TOKEN_ISSUERS_FILE") as refused:
        load_issuers(path, HERE)
    assert named in refused.value.detail


@pytest.mark.parametrize("content", ["", "{}", "null", "[", "7"])
def test_a_file_that_is_no_list_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "issuers.json"
    path.write_text(content)
    with pytest.raises(Misconfigured, match="CONSENT_TOKEN_ISSUERS_FILE"):
        load_issuers(path, HERE)


def test_the_operators_scope_from_outside_where_the_file_says_so(tmp_path: Path) -> None:
    scopes = {"claim": "roles", "values": {"Operator": ["organisations:write"]}}
    issuer = {**ENTRA_ISSUER, "scopes": scopes, "may_operate": True}
    tokens = TokenVerifier(load_issuers(write_issuers(tmp_path, issuer), HERE))
    assert tokens.verify(entra_token(roles=["Operator"])).scopes == {"organisations:write"}


@pytest.mark.parametrize("groups", [[], ["nobody"], ["x", "z"]])
def test_one_token_acts_for_exactly_one_organisation(groups: list[str], tmp_path: Path) -> None:
    organisation = {"claim": "groups", "values": {"x": "municipality-x", "z": "municipality-z"}}
    path = write_issuers(tmp_path, {**ENTRA_ISSUER, "organisation": organisation})
    tokens = TokenVerifier(load_issuers(path, HERE))
    assert tokens.verify(entra_token(groups=["x", "nobody"])).organisation == "municipality-x"
    with pytest.raises(Unauthenticated):
        tokens.verify(entra_token(groups=groups))


def test_a_key_without_an_algorithm_counts_for_one(tmp_path: Path) -> None:
    path = write_issuers(tmp_path, {**ENTRA_ISSUER, "algorithms": ["PS256", "RS256"]})
    tokens = TokenVerifier(load_issuers(path, HERE))
    with pytest.raises(Unauthenticated):
        tokens.verify(entra_token(OTHER_RSA))
