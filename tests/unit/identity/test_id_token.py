"""The pure checks behind a signer's login: settings, algorithms, and times to the second."""

import json
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jws, jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Misconfigured
from consent_service.identity.addresses import is_loopback, is_safe_address
from consent_service.identity.client_authentication import ClientSecretBasic
from consent_service.identity.code_flow import LoginUnderWay
from consent_service.identity.id_token import check_claims, login_time, verified_claims
from consent_service.identity.openid_provider import LoginRefused
from consent_service.identity.registration import Registration
from consent_service.identity.signer_claims import SignerProvider, assurance_of, cpr_of

ISSUER = "https://broker.example"
STARTED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NOW = STARTED + timedelta(seconds=90)
UNDER_WAY = LoginUnderWay("https://broker.example/authorize", "state", "nonce", "v", STARTED)


OF_SIGNERS = ("cpr_claim", "loa_claim", "accepted_loas")


def settings(**changes):
    of_signers = {name: changes.pop(name) for name in OF_SIGNERS if name in changes}
    secret = ClientSecretBasic(changes.pop("client_secret", "made-up"))
    given = {"issuer": ISSUER, "client_id": "client", "authentication": secret}
    return SignerProvider(
        Registration(**{**given, **changes}), **{"cpr_claim": "dk.cpr", **of_signers}
    )


def at(seconds, since=NOW):
    return int((since + timedelta(seconds=seconds)).timestamp())


CLAIMS = {
    "iss": ISSUER,
    "sub": "a pseudonym",
    "aud": "client",
    "exp": at(300),
    "iat": at(0),
    "auth_time": at(-30),
    "nonce": "nonce",
    "acr": "urn:grn:authn:dk:mitid:substantial",
    "dk.cpr": "0101901234",
}


def logged_in_at(**changes):
    claims = CLAIMS | changes
    check_claims(claims, issuer=ISSUER, client_id="client", nonce="nonce", now=NOW)
    return login_time(claims, STARTED, NOW)


def test_who_logged_in():
    assert logged_in_at() == NOW - timedelta(seconds=30)
    assert assurance_of(CLAIMS, settings(), "substantial") == "substantial"
    assert cpr_of(CLAIMS, settings()) == CprNumber("0101901234")


@pytest.mark.parametrize(
    ("claim", "value", "code"),
    [
        ("exp", at(-59), None),
        ("exp", at(-60), "id_token_invalid"),
        ("iat", at(60), None),
        ("iat", at(61), "id_token_invalid"),
        ("nbf", at(60), None),
        ("nbf", at(61), "id_token_invalid"),
        ("exp", True, "id_token_invalid"),
        ("exp", "never", "id_token_invalid"),
        ("exp", float("inf"), "id_token_invalid"),
        ("exp", float("nan"), "id_token_invalid"),
        ("iat", float("nan"), "id_token_invalid"),
        ("auth_time", float("nan"), "not_fresh"),
        ("auth_time", at(-60, STARTED), None),
        ("auth_time", at(-61, STARTED), "not_fresh"),
        ("auth_time", at(60), None),
        ("auth_time", at(61), "not_fresh"),
        ("auth_time", 0, "not_fresh"),
        ("auth_time", True, "not_fresh"),
        ("auth_time", None, "not_fresh"),
        ("auth_time", 10**400, "not_fresh"),
        ("auth_time", float("inf"), "not_fresh"),
        ("auth_time", [at(0)], "not_fresh"),
    ],
)
def test_times_to_the_second(claim, value, code):
    if code is None:
        assert logged_in_at(**{claim: value}) <= NOW
        return
    with pytest.raises(LoginRefused) as caught:
        logged_in_at(**{claim: value})
    assert caught.value.code == code


@pytest.mark.parametrize("subject", [None, "", 7, ["s"], "s" * 256])
def test_a_subject_that_names_nobody(subject):
    with pytest.raises(LoginRefused) as caught:
        logged_in_at(sub=subject)
    assert caught.value.code == "id_token_invalid"


@pytest.mark.parametrize(
    ("value", "minimum", "loa"),
    [
        ("urn:grn:authn:dk:mitid:substantial", "substantial", "substantial"),
        ("urn:grn:authn:dk:mitid:high", "substantial", "high"),
        ("urn:grn:authn:dk:mitid:high", "high", "high"),
        ("urn:grn:authn:dk:mitid:substantial", "high", None),
        ("urn:grn:authn:dk:mitid:low", "substantial", None),
        ("https://data.gov.dk/concept/core/nsis/Substantial", "substantial", "substantial"),
        ("https://data.gov.dk/concept/core/nsis/High", "substantial", "high"),
        ("https://data.gov.dk/concept/core/nsis/Low", "substantial", None),
        ("URN:GRN:AUTHN:DK:MITID:HIGH", "substantial", None),
        ("substantial", "substantial", None),
        ("", "substantial", None),
        (None, "substantial", None),
        ({"high": 1}, "substantial", None),
    ],
)
def test_levels_of_assurance(value, minimum, loa):
    if loa is not None:
        assert assurance_of({"acr": value}, settings(), minimum) == loa
        return
    with pytest.raises(LoginRefused) as caught:
        assurance_of({"acr": value}, settings(), minimum)
    assert caught.value.code == "assurance_too_low"


def test_a_low_level_is_too_low_even_where_it_has_a_name():
    with pytest.raises(LoginRefused) as caught:
        assurance_of({"acr": "weak"}, settings(accepted_loas={"weak": "low"}), "substantial")
    assert caught.value.code == "assurance_too_low"


@pytest.mark.parametrize("written", ["0101901234", "010190-1234", "010190 1234"])
def test_cpr_numbers_in_every_way_of_writing(written):
    assert cpr_of({"dk.cpr": written}, settings()) == CprNumber("0101901234")


@pytest.mark.parametrize("value", [None, "", "6101901", "9999999999", 1010901234, ["0101901234"]])
def test_what_is_no_cpr_number(value):
    with pytest.raises(LoginRefused) as caught:
        cpr_of({"dk.cpr": value}, settings())
    assert caught.value.code == "no_cpr"


# -- signatures -----------------------------------------------------------------------------

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
KEYS = {
    "RS256": RSA,
    "PS256": RSA,
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
ELSE = {
    "RS384": RSA,
    "RS512": RSA,
    "PS512": RSA,
    "ES384": ECKey.generate_key("P-384", {"kid": "p384"}),
    "Ed25519": KEYS["EdDSA"],
}
PUBLISHED = KeySet([RSA, KEYS["ES256"], KEYS["EdDSA"], ELSE["ES384"]])


def signed(alg, key):
    with warnings.catch_warnings(action="ignore"):
        return jwt.encode({"alg": alg, "kid": key.kid}, {"sub": "x"}, key, [alg])


@pytest.mark.parametrize("alg", KEYS)
def test_algorithms_of_ours(alg):
    assert verified_claims(signed(alg, KEYS[alg]), PUBLISHED) == {"sub": "x"}


@pytest.mark.parametrize("alg", ELSE)
def test_other_algorithms_are_refused(alg):
    with pytest.raises(LoginRefused) as caught:
        verified_claims(signed(alg, ELSE[alg]), PUBLISHED)
    assert caught.value.code == "id_token_invalid"


def test_a_key_keeps_to_its_algorithm():
    """A key published for PS256 says nothing under RS256 (RFC 8725 § 3.1)."""
    only_pss = RSAKey.import_key(RSA.as_dict(private=True) | {"alg": "PS256"})
    public = KeySet([RSAKey.import_key(only_pss.as_dict(private=False))])
    assert verified_claims(signed("PS256", only_pss), public) == {"sub": "x"}
    with pytest.raises((LoginRefused, InvalidKeyIdError)):
        verified_claims(signed("RS256", RSA), public)


def test_a_key_for_encryption_does_not_sign():
    public = RSAKey.import_key(RSA.as_dict(private=False) | {"use": "enc"})
    with pytest.raises((LoginRefused, InvalidKeyIdError)):
        verified_claims(signed("RS256", RSA), KeySet([public]))


def test_warnings_of_the_library_are_silenced_for_us_alone():
    assert JWSRegistry.algorithms["EdDSA"].security_warning


def test_an_unknown_key_is_told_apart_so_that_newer_ones_can_be_tried():
    with pytest.raises(InvalidKeyIdError):
        verified_claims(signed("RS256", RSA), KeySet([KEYS["ES256"]]))


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "\ud800"},
        {"sub": "x", "name": ["\udfff"]},
        {"sub": "x", "\ud800": 1},
        {"sub": "x\0"},
    ],
    ids=ascii,
)
def test_what_no_text_can_be_is_refused_though_it_is_signed(claims):
    token = jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, json.dumps(claims), RSA)
    with pytest.raises(LoginRefused) as caught:
        verified_claims(token, PUBLISHED)
    assert caught.value.code == "id_token_invalid"


def test_a_token_without_a_key_name_needs_the_only_key():
    nameless = jwt.encode({"alg": "RS256"}, {"sub": "x"}, RSA)
    assert verified_claims(nameless, KeySet([RSA])) == {"sub": "x"}
    with pytest.raises(InvalidKeyIdError):
        verified_claims(nameless, PUBLISHED)


def test_certificates_in_the_header_are_neither_needed_nor_in_the_way():
    header = {"alg": "RS256", "kid": "rsa", "x5c": ["A" * 3000], "vendor": "x"}
    registry = JWSRegistry(strict_check_header=False)
    registry.max_header_length = 8192
    assert verified_claims(jwt.encode(header, {"sub": "x"}, RSA, registry=registry), PUBLISHED) == {
        "sub": "x"
    }


# -- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"issuer": "http://broker.example"}, "issuer"),
        ({"issuer": "http://10.0.0.1:8001"}, "issuer"),
        ({"issuer": "http://localhost.example"}, "issuer"),
        ({"issuer": "http://127.0.0.1@broker.example"}, "issuer"),
        ({"issuer": "broker.example"}, "issuer"),
        ({"issuer": "https://"}, "issuer"),
        ({"issuer": "https://["}, "issuer"),
        ({"issuer": "https://broker.example?x=1"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"client_id": ""}, "client_id"),
        ({"client_secret": ""}, "secret"),
        ({"max_age_seconds": -1}, "max_age"),
        ({"cpr_claim": ""}, "cpr_claim"),
        ({"loa_claim": ""}, "loa_claim"),
        ({"scopes": ("profile",)}, "scopes"),
        ({"accepted_loas": {"x": "very high"}}, "accepted_loas"),
        ({"extra_parameters": {"prompt": "none"}}, "prompt"),
        ({"extra_parameters": {"max_age": "3600"}}, "max_age"),
        ({"extra_parameters": {"nonce": "x", "acr_values": "x"}}, "nonce"),
    ],
)
def test_settings_that_stop_the_start(changes, named):
    with pytest.raises(Misconfigured) as caught:
        settings(**changes)
    assert named in caught.value.detail


@pytest.mark.parametrize(
    "issuer",
    [
        "https://broker.example",
        "https://broker.example/a/b",
        "http://127.0.0.1:8001",
        "http://localhost:8001",
        "http://[::1]:8001",
    ],
)
def test_issuers_that_are_safe(issuer):
    assert settings(issuer=issuer).registration.issuer == issuer


def test_only_this_machine_is_loopback():
    assert is_loopback("http://127.0.0.1:1/x")
    assert not is_loopback("https://broker.example/127.0.0.1")
    assert not is_loopback("https://[")
    assert not is_safe_address("ftp://127.0.0.1")


def test_secrets_stay_out_of_sight():
    assert "made-up" not in repr(settings())
    assert repr(UNDER_WAY) == f"LoginUnderWay(started_at={STARTED!r})"
