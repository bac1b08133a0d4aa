"""Settings from the environment: complete, or a refusal that names the variable."""

from pathlib import Path

import pytest

from consent_service.config import Settings
from consent_service.errors import Misconfigured

COMPLETE = {
    "CONSENT_BASE_URL": "https://consent.example/",
    "CONSENT_KEYS_FILE": "keys.json",
    "CONSENT_OIDC_ISSUER": "https://broker.example",
    "CONSENT_OIDC_CLIENT_ID": "client",
    "CONSENT_OIDC_CLIENT_SECRET": "secret",
    "CONSENT_OIDC_CPR_CLAIM": "dk.cpr",
}


def test_what_is_left_out_follows_from_the_base_url() -> None:
    settings = Settings.from_environment(COMPLETE)
    assert settings.base_url == settings.token_issuer == "https://consent.example"
    assert settings.log_origin == "consent.example/log"
    assert settings.database_url == f"sqlite:///{Path.cwd() / 'consent.db'}"
    assert settings.trusted_proxies == 0


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_a_missing_variable_is_named(name: str, value: str | None) -> None:
    environment = {k: v for k, v in COMPLETE.items() if k != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(Misconfigured, match=name):
        Settings.from_environment(environment)


@pytest.mark.parametrize(
    "base_url",
    ["http://consent.example", "consent.example", "ftp://consent.example", "https://"],
)
def test_links_go_over_tls(base_url: str) -> None:
    with pytest.raises(Misconfigured, match="CONSENT_BASE_URL"):
        Settings.from_environment(COMPLETE | {"CONSENT_BASE_URL": base_url})


@pytest.mark.parametrize(
    "base_url", ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:1"]
)
def test_this_machine_needs_no_tls(base_url: str) -> None:
    settings = Settings.from_environment(COMPLETE | {"CONSENT_BASE_URL": base_url})
    assert not settings.is_https


def test_the_brokers_own_claims_may_go_unsaid() -> None:
    environment = {k: v for k, v in COMPLETE.items() if k != "CONSENT_OIDC_CPR_CLAIM"}
    settings = Settings.from_environment(environment | {"CONSENT_OIDC_BROKER": "idura"})
    assert settings.signer_provider is not None
    assert settings.signer_provider.broker == settings.signer_provider.name == "idura"
    assert settings.signer_provider.cpr_claim is None
    assert settings.signer_provider.max_age_seconds == 0


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("900", 900), ("none", None)])
def test_the_age_of_a_login_that_is_asked_for(text: str, seconds: int | None) -> None:
    settings = Settings.from_environment(COMPLETE | {"CONSENT_OIDC_MAX_AGE": text})
    assert settings.signer_provider is not None
    assert settings.signer_provider.max_age_seconds == seconds


@pytest.mark.parametrize("text", ["-1", "soon", "1.5", "²"])
def test_an_age_is_a_number(text: str) -> None:
    with pytest.raises(Misconfigured, match="CONSENT_OIDC_MAX_AGE"):
        Settings.from_environment(COMPLETE | {"CONSENT_OIDC_MAX_AGE": text})


def test_a_key_stands_for_the_secret() -> None:
    environment = {k: v for k, v in COMPLETE.items() if k != "CONSENT_OIDC_CLIENT_SECRET"}
    environment["CONSENT_OIDC_CLIENT_AUTHENTICATION"] = "private_key_jwt"
    settings = Settings.from_environment(environment)
    assert settings.signer_provider is not None
    assert settings.signer_provider.client_secret is None


@pytest.mark.parametrize("count", ["-1", "many", "6", "1.0", "²"])
def test_trusted_proxies_are_counted(count: str) -> None:
    with pytest.raises(Misconfigured, match="CONSENT_TRUSTED_PROXIES"):
        Settings.from_environment(COMPLETE | {"CONSENT_TRUSTED_PROXIES": count})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("sqlite:///data/x.db", f"sqlite:///{Path.cwd() / 'data/x.db'}"),
        ("sqlite:////data/x.db", "sqlite:////data/x.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql+psycopg://db/consent", "postgresql+psycopg://db/consent"),
    ],
)
def test_a_relative_file_is_the_same_for_every_command(given: str, meant: str) -> None:
    settings = Settings.from_environment(COMPLETE | {"CONSENT_DATABASE_URL": given})
    assert settings.database_url == meant
