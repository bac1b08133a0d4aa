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
        {"alg": "none"}, {"alg": "EdDSA "}, {"d": "secret"}, {"kty": 7}, {"consent_use": 7},
        {"nbf": 1.5}, {"nbf": True}, {"nbf": -1}, {"nbf": 10**15}, {"exp": None}, {"x": "AA"},
        {"x": "A" * 43 + "="}, {"kid": "other"}, {"status": 1}, {"status": "unsure"},
        {"x": "https://key.example"},
    ],
    ids=str,
)  # fmt: skip
def test_malformed_keys_of_ours_are_refused(changes):
    with pytest.raises(InvalidKey):
        KeySet.from_jwks({"keys": [published().to_jwk() | changes]})


@pytest.mark.parametrize("jwks", [{}, {"keys": {}}, {"keys": ["key"]}, [], None], ids=str)
def test_what_is_no_key_set_is_refused(jwks):
    with pytest.raises(InvalidKey):
        KeySet.from_jwks(jwks)


@pytest.mark.parametrize(
    "more",
    [
        {"x5c": ["MIIB"], "x5t#S256": "AA"}, {"key_ops": ["verify"]}, {"ext": True}, {"iss": None},
        {"alg": "Ed25519"},
    ],
    ids=str,
)  # fmt: skip
def test_members_that_nobody_here_knows_are_ignored(more):
    """RFC 7517 § 4; the other name of the algorithm is RFC 9864's."""
    keys = KeySet.from_jwks({"keys": [published().to_jwk() | more], "next": "https://x"})
    assert list(keys) == [published()]


ANOTHERS = {
    "ML-DSA (RFC 9964)": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "other"},
    "RSA": {"kty": "RSA", "n": "AA", "e": "AQAB", "kid": KEY.kid},
    "another curve": published(OTHER).to_jwk() | {"crv": "Ed448"},
    "for encryption": published(OTHER).to_jwk() | {"use": "enc"},
    "for a use to come": published(OTHER).to_jwk() | {"consent_use": "timestamp"},
    "not one of the service": {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
}


@pytest.mark.parametrize("another", ANOTHERS.values(), ids=ANOTHERS)
def test_keys_of_other_types_and_uses_are_ignored(another):
    """RFC 7517 § 5: one more key, whatever it is, must not make old receipts unverifiable."""
    jwks = {"keys": [another, published().to_jwk()]}
    assert list(KeySet.from_jwks(jwks)) == [published()]


def test_a_key_that_is_published_twice_is_refused():
    with pytest.raises(InvalidKey):
        KeySet.from_jwks({"keys": [published().to_jwk(), published().to_jwk()]})


# "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020), table 4: every encoding of a point
# whose order divides 8, those that RFC 8032 § 5.1.3 does not decode among them.
SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_a_point_of_small_order_is_no_key(encoded):
    public = bytes.fromhex(encoded)
    with pytest.raises(InvalidKey, match="small order"):
        PublishedKey(key_id(public), "seal", public, START)


def test_the_points_of_small_order_are_those_of_the_curve():
    """Doubled three times, each is the neutral element (RFC 8032 § 5.1.4); there are eight."""
    points = {point for encoded in SMALL_ORDER for point in points_of(bytes.fromhex(encoded))}
    assert len(points) == 8
    for point in points:
        for _ in range(3):
            point = doubled(point)  # noqa: PLW2901
        assert point == (0, 1)


P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def points_of(encoded):
    """The points an encoding may be read as: its y, and the x of its sign where there is one."""
    number = int.from_bytes(encoded, "little")
    y = (number & ~(1 << 255)) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square
    return {(one, y) for one in (x, -x % P) if not x or one & 1 == number >> 255}


def doubled(point):
    x, y = point
    product = D * x * x * y * y
    return (
        2 * x * y * pow(1 + product, -1, P) % P,
        (y * y + x * x) * pow(1 - product, -1, P) % P,
    )


def test_an_encoding_beyond_the_field_is_no_key():
    """RFC 8032 § 5.1.3, step 1: y is below p."""
    for y in range(P, 2**255):
        public = y.to_bytes(32, "little")
        with pytest.raises(InvalidKey):
            PublishedKey(key_id(public), "seal", public, START)


@pytest.mark.parametrize("name", ["x", "kid", "nbf", "status", "alg"])
def test_missing_members_of_a_key_of_ours_are_refused(name):
    jwk = published().to_jwk()
    del jwk[name]
    with pytest.raises(InvalidKey):
        KeySet.from_jwks({"keys": [jwk]})


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
