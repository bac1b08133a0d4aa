"""Keys: their names, their lives, and the JWKS they are published in."""

from datetime import UTC, datetime, timedelta

import pytest

from consent_service.signing import base64url
from consent_service.signing.keys import (
    InvalidKey,
    InvalidSignature,
    KeySet,
    PublishedKey,
    SigningKey,
    UnknownKey,
    key_id,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = SigningKey.from_seed(b"\x01" * 32, "seal")
OTHER = SigningKey.from_seed(b"\x02" * 32, "promise")


def published(key=KEY, **changes):
    return PublishedKey(**{"kid": key.kid, "use": key.use, "public": key.public,
                           "not_before": START, **changes})  # fmt: skip


def test_thumbprint_of_rfc_8037_appendix_a_3():
    public = base64url.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert key_id(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_signature_of_rfc_8032_test_2():
    seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    key = SigningKey.from_seed(bytes.fromhex(seed), "seal")
    assert key.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_signature_verifies_and_another_does_not():
    key = published()
    key.verify(KEY.sign(b"data"), b"data")
    for signature in (KEY.sign(b"date"), OTHER.sign(b"data"), b"", b"\0" * 64):
        with pytest.raises(InvalidSignature):
            key.verify(signature, b"data")


def test_private_key_is_not_shown():
    assert "private" not in repr(KEY)


@pytest.mark.parametrize(
    ("moment", "valid"),
    [(-1, False), (0, True), (86_399, True), (86_400, False), (90_000, False)],
)
def test_life_is_half_open(moment, valid):
    key = published(not_after=START + timedelta(days=1))
    assert key.is_valid_at(START + timedelta(seconds=moment)) is valid


def test_life_without_end():
    assert published().is_valid_at(datetime(2999, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "changes",
    [
        {"kid": OTHER.kid},
        {"public": b"\x01" * 31},
        {"use": "everything"},
        {"status": "unsure"},
        {"not_before": START.replace(tzinfo=None)},
        {"not_before": START + timedelta(microseconds=1)},
        {"status": "retired"},
        {"status": "compromised"},
        {"compromised_at": START},
    ],
    ids=str,
)
def test_contradicting_keys_are_refused(changes):
    with pytest.raises(InvalidKey):
        published(**changes)


def lives():
    end = START + timedelta(days=365)
    return [
        published(),
        published(OTHER, not_after=end, status="retired"),
        published(SigningKey.from_seed(b"\x03" * 32, "log"), status="compromised",
                  compromised_at=end, not_after=end),
    ]  # fmt: skip


def test_jwks_round_trip():
    keys = KeySet(lives())
    assert list(KeySet.from_jwks(keys.as_jwks())) == lives()
    assert len(keys) == 3


def test_jwk_members():
    assert lives()[2].to_jwk() == {
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "consent_use": "log",
        "kid": lives()[2].kid, "x": base64url.encode(lives()[2].public),
        "nbf": 1767225600, "exp": 1798761600, "status": "compromised",
        "compromised_at": 1798761600,
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "EC"}, {"crv": "Ed448"}, {"alg": "none"}, {"use": "enc"}, {"d": "secret"},
        {"nbf": 1.5}, {"nbf": True}, {"nbf": -1}, {"nbf": 10**15}, {"exp": None}, {"x": "AA"},
        {"x": "A" * 43 + "="}, {"kid": "other"}, {"consent_use": "root"}, {"status": 1},
    ],
    ids=str,
)  # fmt: skip
def test_other_jwks_are_refused(changes):
    with pytest.raises(InvalidKey):
        KeySet.from_jwks({"keys": [published().to_jwk() | changes]})


@pytest.mark.parametrize("name", ["kty", "x", "kid", "nbf", "status", "consent_use", "alg"])
def test_missing_members_are_refused(name):
    jwk = published().to_jwk()
    del jwk[name]
    with pytest.raises(InvalidKey):
        PublishedKey.from_jwk(jwk)


def test_finding_needs_the_use():
    keys = KeySet([published()])
    assert keys.find(KEY.kid, "seal") == published()
    for kid, use in ((KEY.kid, "promise"), (OTHER.kid, "seal")):
        with pytest.raises(UnknownKey):
            keys.find(kid, use)


def test_one_key_has_one_use():
    with pytest.raises(InvalidKey):
        KeySet([published(), published(use="promise")])


def test_keys_of_one_use():
    assert KeySet(lives()).of_use("log") == (lives()[2],)
