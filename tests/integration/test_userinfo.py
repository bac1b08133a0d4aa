"""What a provider tells beside the ID token: about the same person, or not at all."""

from datetime import UTC, datetime

import pytest

from consent_service.identity.client_authentication import ClientSecretBasic
from consent_service.identity.code_flow import CodeFlow, VerifiedLogin
from consent_service.identity.openid_provider import LoginRefused
from consent_service.identity.registration import Registration
from tests.integration.test_signer_login import DISCOVERY, canned, document

TELLING = document(userinfo_endpoint="{issuer}/me")
LOGIN = VerifiedLogin({"sub": "mette"}, "e30.e30.", "a token", {"keys": []})


def told(issuer, login=LOGIN):
    flow = CodeFlow(Registration(issuer, "us", ClientSecretBasic("made up")))
    return flow.userinfo(login, datetime.now(UTC))


def test_what_is_told_about_who_logged_in():
    claims = {"sub": "mette", "dk.cpr": "0101801112"}
    with canned({DISCOVERY: (200, {}, TELLING), "/me": (200, {}, claims)}) as issuer:
        assert told(issuer) == claims


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((200, {}, {"sub": "frederik", "dk.cpr": "0202791113"}), "userinfo_invalid"),
        ((200, {}, {"dk.cpr": "0202791113"}), "userinfo_invalid"),
        ((200, {}, {"sub": ["mette"]}), "userinfo_invalid"),
        ((200, {}, {"sub": "mettee"}), "userinfo_invalid"),
        ((200, {}, []), "provider_unreachable"),
        ((200, {}, b"e30.e30."), "provider_unreachable"),
        ((401, {}, {"sub": "mette"}), "provider_unreachable"),
        ((302, {"Location": "/elsewhere"}, {"sub": "mette"}), "provider_unreachable"),
    ],
)
def test_what_counts_for_nothing(answer, code):
    answers = {
        DISCOVERY: (200, {}, TELLING),
        "/me": answer,
        "/elsewhere": (200, {}, {"sub": "mette"}),
    }
    with canned(answers) as issuer, pytest.raises(LoginRefused) as caught:
        told(issuer)
    assert caught.value.code == code
    assert "0202791113" not in caught.value.detail


def test_nobody_to_ask_and_nothing_to_ask_with():
    with canned({DISCOVERY: (200, {}, document())}) as issuer:
        with pytest.raises(LoginRefused) as caught:
            told(issuer)
        assert caught.value.code == "userinfo_invalid"
    without = VerifiedLogin({"sub": "mette"}, "e30.e30.", None, {"keys": []})
    with canned({DISCOVERY: (200, {}, TELLING)}) as issuer:
        with pytest.raises(LoginRefused) as caught:
            told(issuer, without)
        assert caught.value.code == "userinfo_invalid"


def test_it_is_asked_over_tls_alone():
    plain = document(userinfo_endpoint="http://broker.example/me")
    with canned({DISCOVERY: (200, {}, plain)}) as issuer, pytest.raises(LoginRefused) as caught:
        told(issuer)
    assert caught.value.code == "provider_unreachable"
