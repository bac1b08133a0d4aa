"""The brokers' dialects: what a request says in each, and how settings change a preset."""

import json
from base64 import b64decode

import pytest
from joserfc.jwk import ECKey, RSAKey

from consent_service.config import SignerProviderSettings
from consent_service.errors import Misconfigured
from consent_service.identity.broker_settings import signer_provider
from consent_service.identity.broker_text import with_text
from consent_service.identity.brokers import BROKERS
from consent_service.identity.client_authentication import (
    ClientKey,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
)
from consent_service.identity.openid_provider import LoginRefused

KEY = RSAKey.generate_key(2048)
TEXT = "Kommune X: Du trækker dit samtykke tilbage. (0123456789abcdef)"


def settings(**changes):
    given = {"issuer": "https://broker.example/op", "client_id": "us", "client_secret": "made up"}
    return SignerProviderSettings(**{**given, **changes})


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "client.pem"
    path.write_bytes(KEY.as_pem(private=True))
    return str(path)


@pytest.mark.parametrize(
    ("broker", "claim", "source", "scopes"),
    [
        ("idura", "cprNumberIdentifier", "id_token", ("openid", "ssn")),
        ("signaturgruppen", "dk.cpr", "userinfo", ("openid", "mitid", "ssn")),
        ("signicat", "nin", "userinfo", ("openid", "nin")),
    ],
)
def test_presets(broker, claim, source, scopes):
    provider = signer_provider(settings(broker=broker))
    assert (provider.cpr_claim, provider.cpr_from) == (claim, source)
    assert provider.registration.scopes == scopes
    assert provider.registration.authentication == ClientSecretBasic("made up")
    assert provider.registration.max_age_seconds == 0
    assert set(provider.accepted_loas.values()) == {"substantial", "high"}


def test_every_preset_asks_for_a_level_and_can_show_a_text():
    for broker in BROKERS.values():
        asked = {**broker.parameters, "acr_values": broker.acr_values or ""}
        assert sum(value.count("{level}") for value in asked.values()) == 1
        assert broker.text != "none"
        assert "low" not in broker.accepted_loas.values()


def test_what_a_deployment_says_wins():
    provider = signer_provider(
        settings(
            broker="idura",
            cpr_claim="cpr",
            cpr_from="userinfo",
            loa_claim="loa",
            loa_values='{"3": "substantial"}',
            scopes="openid profile",
            acr_values="urn:own:{level}",
            parameters='{"tenant": "x"}',
            max_age_seconds=None,
            text="none",
            client_authentication="client_secret_post",
            form_origins="https://a.example https://b.example",
        )
    )
    assert (provider.cpr_claim, provider.cpr_from, provider.loa_claim) == ("cpr", "userinfo", "loa")
    assert provider.accepted_loas == {"3": "substantial"}
    assert provider.text == "none"
    assert provider.form_origins == ("https://a.example", "https://b.example")
    registration = provider.registration
    assert registration.scopes == ("openid", "profile")
    assert registration.extra_parameters == {"tenant": "x", "acr_values": "urn:own:{level}"}
    assert registration.max_age_seconds is None
    assert registration.authentication == ClientSecretPost("made up")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "CONSENT_OIDC_CPR_CLAIM"),
        ({"broker": "nemid"}, "CONSENT_OIDC_BROKER"),
        ({"broker": "idura", "cpr_from": "header"}, "CONSENT_OIDC_CPR_FROM"),
        ({"broker": "idura", "text": "sms"}, "CONSENT_OIDC_TEXT"),
        ({"broker": "idura", "client_authentication": "none"}, "CLIENT_AUTHENTICATION"),
        ({"broker": "idura", "client_secret": None}, "CONSENT_OIDC_CLIENT_SECRET"),
        ({"broker": "idura", "client_authentication": "private_key_jwt"}, "CLIENT_KEY_FILE"),
        ({"broker": "idura", "client_key_file": "/nowhere"}, "CLIENT_KEY_FILE"),
        ({"broker": "idura", "parameters": "x=1"}, "CONSENT_OIDC_PARAMETERS"),
        ({"broker": "idura", "parameters": '{"x": 1}'}, "CONSENT_OIDC_PARAMETERS"),
        (
            {"broker": "idura", "parameters": '{"prompt": "none"}'},
            "CONSENT_OIDC_PARAMETERS may not set prompt",
        ),
        ({"broker": "idura", "loa_values": '["high"]'}, "CONSENT_OIDC_LOA_VALUES"),
        ({"broker": "idura", "loa_values": '{"x": "very"}'}, "CONSENT_OIDC_LOA_VALUES"),
        ({"broker": "idura", "scopes": "ssn"}, "CONSENT_OIDC_SCOPES"),
        ({"broker": "idura", "issuer": "http://broker.example"}, "CONSENT_OIDC_ISSUER"),
    ],
)
def test_settings_that_stop_the_start(changes, named):
    with pytest.raises(Misconfigured, match=named):
        signer_provider(settings(**changes))


def test_a_key_authenticates_and_its_audience_is_chosen(key_file):
    changes = {"client_authentication": "private_key_jwt", "client_key_file": key_file}
    provider = signer_provider(settings(broker="idura", client_secret=None, **changes))
    assert isinstance(provider.registration.authentication, PrivateKeyJwt)
    assert provider.registration.authentication.audience == "issuer"
    provider = signer_provider(
        settings(broker="idura", assertion_audience="token_endpoint", **changes)
    )
    assert provider.registration.authentication.audience == "token_endpoint"
    with pytest.raises(Misconfigured, match="CONSENT_OIDC_ASSERTION_AUDIENCE"):
        signer_provider(settings(broker="idura", assertion_audience="anybody", **changes))


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----",
        KEY.as_pem(private=False),
        ECKey.generate_key("P-384").as_pem(private=True),
    ],
)
def test_keys_that_cannot_sign(pem):
    with pytest.raises(Misconfigured):
        ClientKey.from_pem(pem)


def test_secrets_stay_out_of_sight(key_file):
    provider = signer_provider(settings(broker="idura", client_key_file=key_file))
    assert "made up" not in repr(provider)
    assert "RSAKey" not in repr(provider.registration.request_key)


# -- texts to approve -----------------------------------------------------------------------


def test_idura_takes_the_text_as_a_login_hint():
    sent = with_text({"acr_values": "x"}, "login_hint", TEXT)
    action, message = sent["login_hint"].split(" ")
    assert action == "action:approve"
    assert b64decode(message.removeprefix("message:")).decode() == TEXT
    assert sent["acr_values"] == "x"


def test_signaturgruppen_takes_it_among_its_parameters():
    sent = with_text(BROKERS["signaturgruppen"].parameters, "idp_params", TEXT)
    mitid = json.loads(sent["idp_params"])["mitid"]
    assert b64decode(mitid["reference_text"]).decode() == TEXT
    assert mitid["loa_value"] == "{level}"
    assert mitid["action_text"] == "APPROVE"
    assert sent["idp_values"] == "mitid"


def test_signicat_takes_it_among_the_acr_values():
    sent = with_text({"acr_values": "idp:mitid loa:high"}, "acr_values", TEXT)
    *before, text = sent["acr_values"].split(" ")
    assert before == ["idp:mitid", "loa:high"]
    assert b64decode(text.removeprefix("mitid_reference_text:")).decode() == TEXT


@pytest.mark.parametrize(
    ("style", "text"), [("none", TEXT), ("login_hint", ""), ("idp_params", "x" * 131)]
)
def test_a_text_that_cannot_be_shown_is_no_login(style, text):
    with pytest.raises(LoginRefused) as caught:
        with_text({}, style, text)
    assert caught.value.code == "text_not_supported"
