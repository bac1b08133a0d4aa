"""Settings from the environment: complete, or a refusal that names the variable."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from consent_service.config import Settings, StaffRoleSettings
from consent_service.errors import Misconfigured

COMPLETE = {
    "CONSENT_BASE_URL": "https://consent.example/",
    "CONSENT_KEYS_FILE": "keys.json",
    "CONSENT_LOG_ORIGIN": "consent.example/log",
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
    assert settings.anchor_file == Path("keys.json.anchor")
    assert settings.trusted_proxies == 0


def test_on_this_machine_alone_the_logs_name_follows_from_the_address() -> None:
    environment = {k: v for k, v in COMPLETE.items() if k != "CONSENT_LOG_ORIGIN"}
    local = environment | {"CONSENT_BASE_URL": "http://localhost:8000"}
    assert Settings.from_environment(local).log_origin == "localhost:8000/log"
    with pytest.raises(Misconfigured, match="CONSENT_LOG_ORIGIN"):
        Settings.from_environment(environment)


@pytest.mark.parametrize(
    "changes",
    [
        {"CONSENT_DATABASE_URL": "postgresql+psycopg://consent_app@db/consent"},
        {"CONSENT_KEYS": "{}", "CONSENT_KEYS_FILE": ""},
    ],
    ids=["on PostgreSQL", "without a key file"],
)
def test_where_the_anchor_lies_is_said_where_nothing_tells_it(changes: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="CONSENT_LOG_ANCHOR_FILE"):
        Settings.from_environment(COMPLETE | changes)
    named = COMPLETE | changes | {"CONSENT_LOG_ANCHOR_FILE": "/var/lib/consent/anchor"}
    assert Settings.from_environment(named).anchor_file == Path("/var/lib/consent/anchor")


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_a_missing_variable_is_named(name: str, value: str | None) -> None:
    environment = {k: v for k, v in COMPLETE.items() if k != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(Misconfigured, match=name):
        Settings.from_environment(environment)


def test_who_needs_nothing_of_the_providers_is_asked_nothing_about_them() -> None:
    environment = {k: v for k, v in COMPLETE.items() if not k.startswith("CONSENT_OIDC_")}
    environment["CONSENT_STAFF_OIDC_ISSUER"] = "https://half.example"
    settings = Settings.from_environment(environment, signers=False, staff=False)
    assert (settings.signer_provider, settings.staff) == (None, None)
    with pytest.raises(Misconfigured, match="CONSENT_STAFF_ROLES"):
        Settings.from_environment(environment, signers=False)
    with pytest.raises(Misconfigured, match="CONSENT_OIDC_ISSUER"):
        Settings.from_environment(environment, staff=False)


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


@pytest.mark.parametrize("name", ["CONSENT_OIDC_MAX_AGE", "CONSENT_STAFF_OIDC_MAX_AGE"])
@pytest.mark.parametrize("text", ["-1", "soon", "1.5", "²", "9" * 5000])
def test_an_age_is_a_number(name: str, text: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        Settings.from_environment(COMPLETE | STAFF | {name: text})


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


def test_tokens_live_for_a_quarter_of_an_hour_unless_said() -> None:
    assert Settings.from_environment(COMPLETE).token_lifetime == timedelta(minutes=15)
    settings = Settings.from_environment(COMPLETE | {"CONSENT_TOKEN_MINUTES": "60"})
    assert settings.token_lifetime == timedelta(minutes=60)


@pytest.mark.parametrize("minutes", ["0", "61", "-5", "x", "1.5", ""])
def test_no_token_lives_for_more_than_an_hour(minutes: str) -> None:
    with pytest.raises(Misconfigured, match="CONSENT_TOKEN_MINUTES"):
        Settings.from_environment(COMPLETE | {"CONSENT_TOKEN_MINUTES": minutes})


def test_how_old_a_look_up_of_custody_may_be() -> None:
    assert Settings.from_environment(COMPLETE).oldest_lookup_days == 30
    settings = Settings.from_environment(COMPLETE | {"CONSENT_CUSTODY_LOOKUP_DAYS": "7"})
    assert settings.oldest_lookup_days == 7


@pytest.mark.parametrize("days", ["0", "366", "-5", "x", "1.5", ""])
def test_no_look_up_is_older_than_a_year(days: str) -> None:
    with pytest.raises(Misconfigured, match="CONSENT_CUSTODY_LOOKUP_DAYS"):
        Settings.from_environment(COMPLETE | {"CONSENT_CUSTODY_LOOKUP_DAYS": days})


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
    changes = {"CONSENT_DATABASE_URL": given, "CONSENT_LOG_ANCHOR_FILE": "log.anchor"}
    settings = Settings.from_environment(COMPLETE | changes)
    assert settings.database_url == meant


MEANINGS = {"roles": {"consent-dpo": {"role": "dpo", "organisation": "kommune-x"}}}
STAFF = {
    "CONSENT_STAFF_OIDC_ISSUER": "https://login.kommune-x.example",
    "CONSENT_STAFF_OIDC_CLIENT_ID": "staff-client",
    "CONSENT_STAFF_OIDC_CLIENT_SECRET": "staff-secret",
    "CONSENT_STAFF_ORGANISATION": "kommune-x",
    "CONSENT_STAFF_ROLES": json.dumps(MEANINGS),
}


def test_without_a_provider_for_staff_there_are_no_staff() -> None:
    assert Settings.from_environment(COMPLETE).staff is None


def test_staff_settings_and_their_defaults(tmp_path: Path) -> None:
    file = tmp_path / "roles.json"
    file.write_text(STAFF["CONSENT_STAFF_ROLES"])
    for roles in (STAFF["CONSENT_STAFF_ROLES"], str(file)):
        environment = COMPLETE | STAFF | {"CONSENT_STAFF_ROLES": roles}
        staff = Settings.from_environment(environment).staff
        assert staff is not None
        assert staff.roles == {"consent-dpo": StaffRoleSettings("dpo", "kommune-x")}
        assert (staff.role_claim, staff.org_claim, staff.organisations) == ("roles", None, {})
        assert (staff.idle, staff.absolute) == (timedelta(minutes=30), timedelta(hours=8))
        assert "staff-secret" not in repr(staff)


def test_a_key_stands_for_the_staff_secret() -> None:
    key = {
        "CONSENT_STAFF_OIDC_CLIENT_SECRET": "",
        "CONSENT_STAFF_OIDC_CLIENT_AUTHENTICATION": "private_key_jwt",
        "CONSENT_STAFF_OIDC_CLIENT_KEY_FILE": "staff.pem",
        "CONSENT_STAFF_OIDC_CLIENT_KEY_ID": "ours",
        "CONSENT_STAFF_OIDC_ASSERTION_AUDIENCE": "token_endpoint",
    }
    staff = Settings.from_environment(COMPLETE | STAFF | key).staff
    assert staff is not None
    assert (staff.client_secret, staff.client_authentication) == (None, "private_key_jwt")
    assert (staff.client_key_file, staff.client_key_id) == ("staff.pem", "ours")
    assert staff.assertion_audience == "token_endpoint"


@pytest.mark.parametrize(("text", "seconds"), [("", None), ("none", None), ("0", 0), ("900", 900)])
def test_how_old_a_login_of_staff_may_be(text: str, seconds: int | None) -> None:
    environment = COMPLETE | STAFF | {"CONSENT_STAFF_OIDC_MAX_AGE": text}
    staff = Settings.from_environment(environment).staff
    assert staff is not None
    assert staff.max_age_seconds == seconds


def test_no_secret_is_in_a_representation() -> None:
    secrets = {
        "CONSENT_OIDC_CLIENT_SECRET": "sesame-1",
        "CONSENT_STAFF_OIDC_CLIENT_SECRET": "sesame-2",
    }
    assert "sesame" not in repr(Settings.from_environment(COMPLETE | STAFF | secrets))


@pytest.mark.parametrize("name", [name for name in STAFF if not name.endswith("ISSUER")])
def test_a_missing_staff_variable_is_named(name: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        Settings.from_environment(COMPLETE | STAFF | {name: ""})


@pytest.mark.parametrize(
    "meanings",
    [
        [],
        {},
        {"roles": {}},
        {"roles": ["dpo"]},
        {"roles": {"a": "dpo"}},
        {"roles": {"a": {"role": "admin"}}},
        {"roles": {"a": {"role": "dpo", "organisation": 7}}},
        {"roles": {"a": {"role": "dpo", "organisation": "x", "more": 1}}},
        {"roles": {"a": {"organisation": "x"}}},
        {**MEANINGS, "organisations": {"1": None}},
        {**MEANINGS, "organisations": 7},
        {**MEANINGS, "more": {}},
        # Whose data-protection officer?
        {"roles": {"a": {"role": "dpo"}}},
        {"roles": {"a": {"role": "dpo"}}, "organisations": {"1": "x"}},
        "{",
        "no-such-file.json",
    ],
    ids=str,
)
def test_roles_that_mean_nothing_stop_the_start(meanings: Any) -> None:
    text = meanings if isinstance(meanings, str) else json.dumps(meanings)
    with pytest.raises(Misconfigured, match="CONSENT_STAFF_ROLES"):
        Settings.from_environment(COMPLETE | STAFF | {"CONSENT_STAFF_ROLES": text})


@pytest.mark.parametrize("name", ["CONSENT_STAFF_IDLE_MINUTES", "CONSENT_STAFF_SESSION_MINUTES"])
@pytest.mark.parametrize("minutes", ["0", "-1", "1441", "1.5", "long", "²"])
def test_sessions_of_staff_have_an_end(name: str, minutes: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        Settings.from_environment(COMPLETE | STAFF | {name: minutes})


def test_staff_are_another_client_than_signers() -> None:
    same = {
        "CONSENT_STAFF_OIDC_ISSUER": COMPLETE["CONSENT_OIDC_ISSUER"],
        "CONSENT_STAFF_OIDC_CLIENT_ID": COMPLETE["CONSENT_OIDC_CLIENT_ID"],
    }
    with pytest.raises(Misconfigured, match="CONSENT_STAFF_OIDC_CLIENT_ID"):
        Settings.from_environment(COMPLETE | STAFF | same)


@pytest.mark.parametrize(
    ("base_url", "extra", "hosts"),
    [
        ("https://Samtykke.Example", "", {"samtykke.example"}),
        ("https://samtykke.example:8443/", "10.0.0.9", {"samtykke.example", "10.0.0.9"}),
        (
            "https://a.example",
            "B.example, [FD00::1],::1",
            {"a.example", "b.example", "fd00::1", "::1"},
        ),
        ("http://localhost:8000", "", {"localhost", "127.0.0.1", "::1"}),
    ],
)
def test_hosts_that_a_request_may_name(base_url: str, extra: str, hosts: set[str]) -> None:
    changes = {"CONSENT_BASE_URL": base_url, "CONSENT_EXTRA_HOSTS": extra}
    assert Settings.from_environment(COMPLETE | changes).trusted_hosts == hosts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONSENT_EXTRA_HOSTS", "https://a.example"),
        ("CONSENT_EXTRA_HOSTS", "a.example:80"),
        ("CONSENT_EXTRA_HOSTS", "*"),
        ("CONSENT_EXTRA_HOSTS", "a b"),
        ("CONSENT_LOG_ADDRESSES", "perhaps"),
        ("CONSENT_LOG_ADDRESSES", ""),
    ],
)
def test_what_is_misspelt_is_named(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        Settings.from_environment(COMPLETE | {name: value})


def test_addresses_are_logged_only_where_somebody_says_so() -> None:
    assert not Settings.from_environment(COMPLETE).log_addresses
    assert Settings.from_environment(COMPLETE | {"CONSENT_LOG_ADDRESSES": "Yes"}).log_addresses


def test_keys_stand_in_a_file_or_in_the_environment_never_in_both() -> None:
    without = {k: v for k, v in COMPLETE.items() if k != "CONSENT_KEYS_FILE"}
    without["CONSENT_LOG_ANCHOR_FILE"] = "log.anchor"
    settings = Settings.from_environment(without | {"CONSENT_KEYS": '{"secret": "hunter2"}'})
    assert settings.keys_text == '{"secret": "hunter2"}'
    assert "hunter2" not in repr(settings)
    with pytest.raises(Misconfigured, match="CONSENT_KEYS_FILE"):
        Settings.from_environment(without)
    with pytest.raises(Misconfigured, match="set one of them"):
        Settings.from_environment(COMPLETE | {"CONSENT_KEYS": "{}"})
