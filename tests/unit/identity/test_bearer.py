"""Access tokens: what proves a caller, and everything that does not."""

import json
import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from consent_service.errors import Misconfigured, Unauthenticated
from consent_service.identity.bearer import TokenVerifier, issue_token, load_token_keys
from consent_service.services.model import Caller
from consent_service.signing.keys import KeySet, PublishedKey, SigningKey

KEY = SigningKey.from_seed(b"k" * 32, "token")
OTHER = SigningKey.from_seed(b"o" * 32, "token")
PUBLISHED = PublishedKey(KEY.kid, "token", KEY.public, datetime(2026, 1, 1, tzinfo=UTC))
HERE = "https://consent.example"
CALLER = Caller("kommune-x", "case-system", frozenset({"consents:read", "consents:write"}))


def verifier() -> TokenVerifier:
    return TokenVerifier(load_token_keys(KeySet([PUBLISHED]), None), HERE, HERE)


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


def forged(claims: Mapping[str, Any] = {}, header: Mapping[str, Any] = {}) -> str:
    now = int(datetime.now(UTC).timestamp())
    body = {
        "iss": HERE,
        "aud": HERE,
        "sub": "s",
        "org": "o",
        "scope": "consents:read",
        "iat": now,
        "exp": now + 60,
    }
    body = {k: v for k, v in {**body, **claims}.items() if v is not None}
    headers = {"typ": "at+jwt", "kid": KEY.kid, **header}
    return jwt.encode(body, KEY.private, algorithm="EdDSA", headers=headers)


def test_a_token_of_ours_names_its_caller() -> None:
    assert verifier().verify(issued()) == CALLER


def without_signature(token: str) -> str:
    header, body, _ = token.split(".")
    decoded = json.loads(urlsafe_b64decode(header + "=="))
    plain = urlsafe_b64encode(json.dumps({**decoded, "alg": "none"}).encode()).decode().rstrip("=")
    return f"{plain}.{body}."


REFUSED = {
    "no token at all": "x",
    "not signed": without_signature(issued()),
    "signed by another key under our kid": jwt.encode(
        jwt.decode(issued(), options={"verify_signature": False}),
        OTHER.private,
        algorithm="EdDSA",
        headers={"typ": "at+jwt", "kid": KEY.kid},
    ),
    "a key we do not know": issued(OTHER),
    "a shared secret, which is our public key": jwt.encode(
        jwt.decode(issued(), options={"verify_signature": False}),
        KEY.public,
        algorithm="HS256",
        headers={"typ": "at+jwt", "kid": KEY.kid},
    ),
    "an ID token": forged(header={"typ": "JWT"}),
    "no type": forged(header={"typ": None}),
    "another audience": issued(audience="https://elsewhere.example"),
    "another issuer": issued(issuer="https://elsewhere.example"),
    "expired": issued(expires_at=datetime.now(UTC) - timedelta(seconds=1)),
    "no expiry": forged({"exp": None}),
    "no issue time": forged({"iat": None}),
    "issued in the future": forged({"iat": int(datetime.now(UTC).timestamp()) + 3600}),
    "not valid yet": forged({"nbf": int(datetime.now(UTC).timestamp()) + 3600}),
    "no organisation": forged({"org": None}),
    "an organisation that is no text": forged({"org": ["kommune-x"]}),
    "scopes that are no text": forged({"scope": ["consents:read"]}),
    "an unknown critical header": forged(header={"crit": ["x"], "x": 1}),
    "too long": forged({"padding": "x" * 9000}),
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_what_proves_nothing_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier().verify(token)


def test_a_remembered_token_still_expires() -> None:
    tokens = verifier()
    token = issued(expires_at=datetime.now(UTC) + timedelta(seconds=1.5))
    assert tokens.verify(token) == tokens.verify(token) == CALLER
    time.sleep(1.6)
    with pytest.raises(Unauthenticated):
        tokens.verify(token)


def test_keys_of_another_issuer_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    published = PublishedKey(OTHER.kid, "token", OTHER.public, PUBLISHED.not_before)
    path.write_text(json.dumps({"keys": [published.to_jwk()]}))
    keys = load_token_keys(KeySet([PUBLISHED]), path)
    assert TokenVerifier(keys, HERE, HERE).verify(issued(OTHER)) == CALLER


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_file_that_is_no_key_set_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(content)
    with pytest.raises(Misconfigured, match="CONSENT_TOKEN_JWKS_FILE"):
        load_token_keys(KeySet([PUBLISHED]), path)


def test_a_key_for_shared_secrets_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    secret = urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    key = {"kty": "oct", "k": secret, "alg": "HS256", "kid": "x"}
    path.write_text(json.dumps({"keys": [key]}))
    with pytest.raises(Misconfigured):
        load_token_keys(KeySet([PUBLISHED]), path)
