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


def test_keys_stand_in_a_file_or_in_the_environment_never_in_both() -> None:
    without = {k: v for k, v in COMPLETE.items() if k != "CONSENT_KEYS_FILE"}
    settings = Settings.from_environment(without | {"CONSENT_KEYS": '{"secret": "hunter2"}'})
    assert settings.keys_text == '{"secret": "hunter2"}'
    assert "hunter2" not in repr(settings)
    with pytest.raises(Misconfigured, match="CONSENT_KEYS_FILE"):
        Settings.from_environment(without)
    with pytest.raises(Misconfigured, match="set one of them"):
        Settings.from_environment(COMPLETE | {"CONSENT_KEYS": "{}"})
