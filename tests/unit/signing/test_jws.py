"""Compact JWS: interoperable with PyJWT, and refusing everything it did not mean."""

import json
from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwt import PyJWS

from consent_service.signing import base64url, jws
from consent_service.signing.keys import (
    InvalidSignature,
    KeySet,
    PublishedKey,
    SigningKey,
    UnknownKey,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = SigningKey.from_seed(b"\x01" * 32, "seal")
PROMISE = SigningKey.from_seed(b"\x02" * 32, "promise")
KEYS = KeySet(PublishedKey(key.kid, key.use, key.public, START) for key in (KEY, PROMISE))
HEADER = {"alg": "EdDSA", "kid": KEY.kid, "typ": "x+jws"}


def token_with(header, payload=b"{}", key=KEY):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    signed = f"{base64url.encode(text)}.{base64url.encode(payload)}"
    return f"{signed}.{base64url.encode(key.sign(signed.encode()))}"


def verify(token):
    return jws.verify(token, KEYS, "x+jws", "seal")


@given(st.binary(max_size=200))
def test_round_trip_and_pyjwt_agrees(payload):
    token = jws.sign(payload, KEY, "x+jws")
    verified = verify(token)
    assert verified.payload == payload
    assert verified.key.kid == KEY.kid
    theirs = PyJWS(algorithms=["EdDSA"])
    decoded = theirs.decode_complete(token, KEY.private.public_key(), algorithms=["EdDSA"])
    assert decoded["payload"] == payload
    assert decoded["header"] == HEADER


@given(st.binary(max_size=200))
def test_tokens_by_pyjwt_verify(payload):
    token = PyJWS().encode(
        payload, KEY.private, algorithm="EdDSA", headers={"kid": KEY.kid, "typ": "x+jws"}
    )
    assert verify(token).payload == payload


def test_signing_is_deterministic():
    assert jws.sign(b"a", KEY, "x+jws") == jws.sign(b"a", KEY, "x+jws")


@pytest.mark.parametrize(
    "header",
    [
        HEADER | {"alg": "none"}, HEADER | {"alg": "HS256"}, HEADER | {"alg": "Ed448"},
        HEADER | {"typ": "JWT"}, HEADER | {"typ": "X+JWS"}, HEADER | {"crit": ["exp"]},
        HEADER | {"jwk": {}}, HEADER | {"b64": False}, HEADER | {"x": 1},
        {"alg": "EdDSA", "typ": "x+jws"}, {"alg": "EdDSA", "kid": KEY.kid},
        HEADER | {"kid": 7}, HEADER | {"kid": ""}, [HEADER], b"{", b"",
        json.dumps(HEADER)[:-1].encode() + b',"typ":"x+jws"}', b"[" * 9000,
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_other_headers_are_refused(header):
    with pytest.raises(jws.InvalidJws):
        verify(token_with(header))


def test_the_newer_name_of_the_algorithm_is_read():
    """RFC 9864 § 2.2: `Ed25519` is what `EdDSA` meant with these keys."""
    assert verify(token_with(HEADER | {"alg": "Ed25519"})).payload == b"{}"


def test_the_key_must_be_published_for_this_use():
    with pytest.raises(UnknownKey):
        verify(jws.sign(b"{}", PROMISE, "x+jws"))
    with pytest.raises(UnknownKey):
        verify(jws.sign(b"{}", SigningKey.from_seed(b"\x09" * 32, "seal"), "x+jws"))


def test_a_signature_by_another_key_is_refused():
    with pytest.raises(InvalidSignature):
        verify(token_with(HEADER, key=PROMISE))


def respelled(token):
    """The same bytes with a trailing bit of the last sextet set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) | 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token.replace(".", "..", 1),
        lambda token: token + ".AA",
        lambda token: token.rpartition(".")[0],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace(".", ""),
        lambda token: "é" + token,
        lambda token: token.replace(".", ".!", 1),
        respelled,
        lambda _token: "",
        lambda _token: "..",
    ],
    ids=map(str, count()),
)
def test_respelled_tokens_are_refused(change):
    token = jws.sign(b"{}", KEY, "x+jws")
    assert change(token) != token
    with pytest.raises(InvalidSignature):
        verify(change(token))


@given(st.data())
def test_any_changed_character_is_refused(data):
    token = jws.sign(b'{"a":1}', KEY, "x+jws")
    at = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.sampled_from("ABCxyz019-_.").filter(lambda one: one != token[at]))
    with pytest.raises(InvalidSignature):
        verify(token[:at] + sign + token[at + 1 :])


def test_long_tokens_are_refused():
    with pytest.raises(jws.InvalidJws):
        verify(jws.sign(b" " * jws.LONGEST_TOKEN, KEY, "x+jws"))


@given(st.binary())
def test_base64url_round_trip(data):
    assert base64url.decode(base64url.encode(data)) == data


@pytest.mark.parametrize("text", ["A", "AB", "AAA=", "AA==", "A+AA", "A/AA", "AA AA", "é", "AA\n"])
def test_other_base64url_is_refused(text):
    with pytest.raises(base64url.NotBase64Url):
        base64url.decode(text)
