"""`consent-service check`: everything that is wrong is said in one run, a sentence each."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url

from consent_service.cli import cli
from consent_service.config import unknown_names
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.document import KeyFile
from tests.deployment import NOW, deploy
from tests.postgres_cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("hunter2", "tiger-secret", "pin-73105")


class Provider:
    """A discovery document and no keys, until it is told to lie."""

    def __init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_keys = self.path.endswith("/keys")
                body = json.dumps({"keys": []} if is_keys else outer.document).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    Thread(target=made.server.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def environment_of(url: str, folder: Path, provider: Provider) -> dict[str, str]:
    return {
        "CONSENT_DATABASE_URL": url,
        "CONSENT_KEYS_FILE": str(folder / "keys.json"),
        "CONSENT_LOG_ANCHOR_FILE": str(folder / "keys.json.anchor"),
        "CONSENT_BASE_URL": "http://127.0.0.1:8000",
        "CONSENT_LOG_ORIGIN": "consent.test/log",
        "CONSENT_OIDC_ISSUER": provider.issuer,
        "CONSENT_OIDC_CLIENT_ID": "us",
        "CONSENT_OIDC_CLIENT_SECRET": SECRETS[0],
        "CONSENT_OIDC_BROKER": "idura",
    }


def staffed(provider: Provider, **changed: str) -> dict[str, str]:
    roles = {"roles": {"dpo-x": {"role": "dpo", "organisation": "municipality-x"}}}
    return {
        "CONSENT_STAFF_OIDC_ISSUER": provider.issuer,
        "CONSENT_STAFF_OIDC_CLIENT_ID": "our-staff",
        "CONSENT_STAFF_OIDC_CLIENT_SECRET": SECRETS[1],
        "CONSENT_STAFF_ORGANISATION": "municipality-x",
        "CONSENT_STAFF_ROLES": json.dumps(roles),
        **changed,
    }


@pytest.fixture
def sound(furnished_sqlite_url: str, tmp_path: Path, provider: Provider) -> dict[str, str]:
    """What a service on SQLite runs with, nothing wrong with it."""
    deployment = deploy(furnished_sqlite_url, tmp_path)
    origin = deployment.settings.log_origin
    deployment.close()
    return environment_of(furnished_sqlite_url, tmp_path, provider) | {"CONSENT_LOG_ORIGIN": origin}


@pytest.fixture
def sound_on_both(furnished_url: str, tmp_path: Path, provider: Provider) -> dict[str, str]:
    deployment = deploy(furnished_url, tmp_path)
    origin = deployment.settings.log_origin
    deployment.close()
    return environment_of(furnished_url, tmp_path, provider) | {"CONSENT_LOG_ORIGIN": origin}


def run(environment: dict[str, str], *command: str) -> Result:
    names = {name: None for name in os.environ if name.startswith("CONSENT_")}
    result = CliRunner().invoke(cli, command or ("check",), env={**names, **environment})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    for secret in SECRETS:
        assert secret not in result.output
    return result


def faults(environment: dict[str, str]) -> list[str]:
    """What is said to be wrong; the command's code says so too."""
    result = run(environment)
    lines = result.output.splitlines()
    assert "Traceback" not in result.output
    found = [one.removeprefix("wrong: ") for one in lines if one.startswith("wrong: ")]
    assert len(found) == len(set(found))
    assert result.exit_code == (1 if found else 0), result.output
    assert ("All is well." in result.output) is not bool(found)
    return found


def test_all_is_well(sound: dict[str, str]) -> None:
    result = run(sound)
    assert result.exit_code == 0, result.output
    (line,) = result.output.splitlines()
    assert line.startswith("All is well. Looked at ")
    for looked_at in ("settings", "the keys", "the database", "anchor", "CONSENT_OIDC_ISSUER"):
        assert looked_at in line


def test_looking_changes_nothing(sound: dict[str, str]) -> None:
    folder = Path(sound["CONSENT_KEYS_FILE"]).parent
    anchor = folder / "keys.json.anchor"
    before = {file.name: file.read_bytes() for file in folder.glob("keys.json*")}
    assert anchor.name in before
    assert faults(sound) == []
    assert before == {file.name: file.read_bytes() for file in folder.glob("keys.json*")}


def test_an_anchor_is_not_made_by_looking(
    sqlite_url: str, tmp_path: Path, provider: Provider
) -> None:
    changes.create(KeyFile(tmp_path / "keys.json"), NOW)
    environment = environment_of(sqlite_url, tmp_path, provider)
    assert faults(environment) == []
    assert not (tmp_path / "keys.json.anchor").exists()


# Each case: what is changed in a sound environment (None takes it away), and the words of every
# sentence that is then said.
CASES: dict[str, tuple[dict[str, str | None], list[str]]] = {
    "no address": ({"CONSENT_BASE_URL": None}, ["CONSENT_BASE_URL is not set"]),
    "a plain address": (
        {"CONSENT_BASE_URL": "http://consent.example"},
        ["CONSENT_BASE_URL must be an https address"],
    ),
    "no address at all": (
        {"CONSENT_BASE_URL": "https://[consent"},
        ["CONSENT_BASE_URL must be an https address"],
    ),
    "an address with a query": (
        {"CONSENT_BASE_URL": "https://consent.example/?a=b"},
        ["CONSENT_BASE_URL is an address without"],
    ),
    "no key file": ({"CONSENT_KEYS_FILE": None}, ["CONSENT_KEYS_FILE is not set"]),
    "a key file that is not there": (
        {"CONSENT_KEYS_FILE": "/nowhere/keys.json"},
        ["CONSENT_KEYS_FILE) is not there"],
    ),
    "a folder for a key file": (
        {"CONSENT_KEYS_FILE": "/"},
        ["CONSENT_KEYS_FILE) is open to everybody"],
    ),
    "keys in two places": (
        {"CONSENT_KEYS": '{"secret": "hunter2"}'},
        ["CONSENT_KEYS and CONSENT_KEYS_FILE: set one"],
    ),
    "keys that are no JSON": (
        {"CONSENT_KEYS_FILE": None, "CONSENT_KEYS": "hunter2"},
        ["the keys (CONSENT_KEYS) are not JSON"],
    ),
    "keys that are no keys": (
        {"CONSENT_KEYS_FILE": None, "CONSENT_KEYS": '{"secret": "hunter2"}'},
        ["the keys (CONSENT_KEYS) is damaged"],
    ),
    "half a hardware module": (
        {"CONSENT_PKCS11_TOKEN": "consent"},
        ["CONSENT_PKCS11_MODULE is not set", "CONSENT_PKCS11_PIN or CONSENT_PKCS11_PIN_FILE"],
    ),
    "a PIN twice": (
        {
            "CONSENT_PKCS11_MODULE": "/nowhere.so",
            "CONSENT_PKCS11_TOKEN": "consent",
            "CONSENT_PKCS11_PIN": "pin-73105",
            "CONSENT_PKCS11_PIN_FILE": "/nowhere/pin",
        },
        ["CONSENT_PKCS11_PIN and CONSENT_PKCS11_PIN_FILE: set one"],
    ),
    "another kind of database": (
        {"CONSENT_DATABASE_URL": "mysql://root:hunter2@db/consent"},
        ["CONSENT_DATABASE_URL begins with sqlite:/// or with postgresql+psycopg://"],
    ),
    "no address of a database": (
        {"CONSENT_DATABASE_URL": "postgresql+psycopg://a:hunter2@db:port/consent"},
        ["CONSENT_DATABASE_URL is no address of a database"],
    ),
    "a database that is away": (
        {"CONSENT_DATABASE_URL": "postgresql+psycopg://a:hunter2@127.0.0.1:9/consent"},
        ["CONSENT_DATABASE_URL): it cannot be reached"],
    ),
    "a host that there is not": (
        {"CONSENT_DATABASE_URL": "postgresql+psycopg://a:hunter2@db.invalid/consent"},
        ["CONSENT_DATABASE_URL): "],
    ),
    "a file that is not there": (
        {"CONSENT_DATABASE_URL": "sqlite:////nowhere/consent.db"},
        ["there is no file /nowhere/consent.db"],
    ),
    "a file that is no database": (
        {"CONSENT_DATABASE_URL": f"sqlite:///{ROOT / 'README.md'}"},
        ["CONSENT_DATABASE_URL): its file is no SQLite database"],
    ),
    "another name of the log": (
        {"CONSENT_LOG_ORIGIN": "another/log"},
        ["CONSENT_LOG_ORIGIN is 'another/log', and this log is"],
    ),
    "a name that no log can have": (
        {"CONSENT_LOG_ORIGIN": "another log"},
        ["CONSENT_LOG_ORIGIN holds no space and no +"],
    ),
    "an anchor that is not there": (
        {"CONSENT_LOG_ANCHOR_FILE": "/anchor.elsewhere"},
        ["(CONSENT_LOG_ANCHOR_FILE) is missing"],
    ),
    "an anchor that is none": (
        {"CONSENT_LOG_ANCHOR_FILE": str(ROOT / "README.md")},
        ["(CONSENT_LOG_ANCHOR_FILE) is no checkpoint by this deployment's keys"],
    ),
    "an unknown broker": (
        {"CONSENT_OIDC_BROKER": "nemid"},
        ["CONSENT_OIDC_BROKER is one of idura, signaturgruppen, signicat"],
    ),
    "no broker and no claim": (
        {"CONSENT_OIDC_BROKER": None},
        ["CONSENT_OIDC_CPR_CLAIM is not set"],
    ),
    "a plain issuer": (
        {"CONSENT_OIDC_ISSUER": "http://broker.example"},
        ["CONSENT_OIDC_ISSUER must be an https address"],
    ),
    "no client": ({"CONSENT_OIDC_CLIENT_ID": ""}, ["CONSENT_OIDC_CLIENT_ID is not set"]),
    "no secret": ({"CONSENT_OIDC_CLIENT_SECRET": ""}, ["CONSENT_OIDC_CLIENT_SECRET is not set"]),
    "an unknown way of proving ourselves": (
        {"CONSENT_OIDC_CLIENT_AUTHENTICATION": "password"},
        ["CONSENT_OIDC_CLIENT_AUTHENTICATION is one of"],
    ),
    "a client's key that is not there": (
        {
            "CONSENT_OIDC_CLIENT_AUTHENTICATION": "private_key_jwt",
            "CONSENT_OIDC_CLIENT_KEY_FILE": "/nowhere/client.pem",
        },
        ["CONSENT_OIDC_CLIENT_KEY_FILE cannot be read"],
    ),
    "a client's key that is none": (
        {
            "CONSENT_OIDC_CLIENT_AUTHENTICATION": "private_key_jwt",
            "CONSENT_OIDC_CLIENT_KEY_FILE": str(ROOT / "README.md"),
        },
        ["CONSENT_OIDC_CLIENT_KEY_FILE is no RSA or P-256 private key"],
    ),
    "texts that are none": (
        {
            "CONSENT_OIDC_CPR_FROM": "header",
            "CONSENT_OIDC_TEXT": "sms",
            "CONSENT_OIDC_SCOPES": "ssn",
            "CONSENT_OIDC_PARAMETERS": "x=1",
            "CONSENT_OIDC_LOA_VALUES": '{"3": "very"}',
            "CONSENT_OIDC_FORM_ORIGINS": "https://a.example; script-src *",
            "CONSENT_OIDC_MAX_AGE": "soon",
            "CONSENT_OIDC_ASSERTION_AUDIENCE": "everybody",
        },
        [
            "CONSENT_OIDC_MAX_AGE is a number",
            "CONSENT_OIDC_CPR_FROM is one of",
            "CONSENT_OIDC_TEXT is one of",
            "CONSENT_OIDC_SCOPES must contain openid",
            "CONSENT_OIDC_FORM_ORIGINS are origins",
            "CONSENT_OIDC_PARAMETERS is a JSON object",
            "CONSENT_OIDC_LOA_VALUES map to",
            "CONSENT_OIDC_ASSERTION_AUDIENCE is one of",
        ],
    ),
    "numbers that are none": (
        {
            "CONSENT_TRUSTED_PROXIES": "9",
            "CONSENT_TOKEN_MINUTES": "0",
            "CONSENT_CUSTODY_LOOKUP_DAYS": "a year",
            "CONSENT_EXTRA_HOSTS": "https://a.example",
            "CONSENT_LOG_ADDRESSES": "perhaps",
        },
        [
            "CONSENT_TRUSTED_PROXIES is a number from 0 to 5",
            "CONSENT_EXTRA_HOSTS is a list of host names",
            "CONSENT_LOG_ADDRESSES is yes or no",
            "CONSENT_TOKEN_MINUTES is a number of minutes",
            "CONSENT_CUSTODY_LOOKUP_DAYS is a number of days",
        ],
    ),
    "a file of issuers that is not there": (
        {"CONSENT_TOKEN_ISSUERS_FILE": "/nowhere/issuers.json"},
        ["CONSENT_TOKEN_ISSUERS_FILE: not a readable JSON file"],
    ),
    "misspelt names": (
        {"CONSENT_OIDC_BORKER": "idura", "CONSENT_TRUSTED_PROXYS": "1", "CONSENT_MOON": "full"},
        [
            "CONSENT_MOON is no setting",
            "CONSENT_OIDC_BORKER is no setting: is CONSENT_OIDC_BROKER meant?",
            "CONSENT_TRUSTED_PROXYS is no setting: is CONSENT_TRUSTED_PROXIES meant?",
        ],
    ),
    "wrong in every corner": (
        {
            "CONSENT_BASE_URL": None,
            "CONSENT_KEYS_FILE": "/nowhere/keys.json",
            "CONSENT_DATABASE_URL": "sqlite:////nowhere/consent.db",
            "CONSENT_LOG_ORIGIN": None,
            "CONSENT_OIDC_BROKER": "nemid",
            "CONSENT_OIDC_ISSUER": "http://127.0.0.1:9",
            "CONSENT_OIDC_CLIENT_SECRET": None,
            "CONSENT_TRUSTED_PROXIES": "-1",
            "CONSENT_LOG_ADDRESES": "yes",
        },
        [
            "CONSENT_BASE_URL is not set",
            "CONSENT_OIDC_CLIENT_SECRET is not set",
            "CONSENT_LOG_ORIGIN is not set",
            "CONSENT_TRUSTED_PROXIES is a number",
            "CONSENT_LOG_ADDRESES is no setting: is CONSENT_LOG_ADDRESSES meant?",
            "CONSENT_OIDC_BROKER is one of",
            "CONSENT_KEYS_FILE) is not there",
            "there is no file /nowhere/consent.db",
            "CONSENT_OIDC_ISSUER: The identity provider cannot be used: no answer.",
        ],
    ),
}


@pytest.mark.parametrize(("changed", "said"), CASES.values(), ids=CASES)
def test_whatever_is_wrong_is_said_in_one_run(
    sound: dict[str, str], changed: dict[str, str | None], said: list[str]
) -> None:
    environment = {k: v for k, v in {**sound, **changed}.items() if v is not None}
    found = faults(environment)
    assert len(found) == len(said), found
    for sentence, words in zip(found, said, strict=True):
        assert words in sentence


STAFF_CASES: dict[str, tuple[dict[str, str | None], list[str]]] = {
    "nothing but the issuer": (
        {
            "CONSENT_STAFF_OIDC_CLIENT_ID": None,
            "CONSENT_STAFF_OIDC_CLIENT_SECRET": None,
            "CONSENT_STAFF_ORGANISATION": None,
            "CONSENT_STAFF_ROLES": None,
        },
        [
            "CONSENT_STAFF_ROLES is not set",
            "CONSENT_STAFF_OIDC_CLIENT_ID is not set",
            "CONSENT_STAFF_OIDC_CLIENT_SECRET is not set",
            "CONSENT_STAFF_ORGANISATION is not set",
        ],
    ),
    "roles that are none": (
        {"CONSENT_STAFF_ROLES": "{"},
        ["CONSENT_STAFF_ROLES is not the JSON"],
    ),
    "a dpo of nobody": (
        {"CONSENT_STAFF_ROLES": '{"roles": {"d": {"role": "dpo"}}}'},
        ["CONSENT_STAFF_ROLES has a dpo without an organisation"],
    ),
    "sessions without an end": (
        {"CONSENT_STAFF_IDLE_MINUTES": "0", "CONSENT_STAFF_SESSION_MINUTES": "9999"},
        ["CONSENT_STAFF_IDLE_MINUTES is", "CONSENT_STAFF_SESSION_MINUTES is"],
    ),
    "the signers' client": (
        {"CONSENT_STAFF_OIDC_CLIENT_ID": "us"},
        ["CONSENT_STAFF_OIDC_CLIENT_ID must not be the signers' client"],
    ),
    "a plain issuer, and a key that is not there": (
        {
            "CONSENT_STAFF_OIDC_ISSUER": "http://staff.example",
            "CONSENT_STAFF_OIDC_CLIENT_AUTHENTICATION": "private_key_jwt",
            "CONSENT_STAFF_OIDC_CLIENT_KEY_FILE": "/nowhere/staff.pem",
        },
        [
            "CONSENT_STAFF_OIDC_ISSUER must be an https address",
            "CONSENT_STAFF_OIDC_CLIENT_KEY_FILE cannot be read",
        ],
    ),
}


@pytest.mark.parametrize(("changed", "said"), STAFF_CASES.values(), ids=STAFF_CASES)
def test_the_staffs_settings_too(
    sound: dict[str, str],
    provider: Provider,
    changed: dict[str, str | None],
    said: list[str],
) -> None:
    given = {**sound, **staffed(provider), **changed}
    found = faults({k: v for k, v in given.items() if v is not None})
    assert len(found) == len(said), found
    for sentence, words in zip(found, said, strict=True):
        assert words in sentence


def test_an_organisation_that_is_registered_later_is_nothing_wrong(
    sound: dict[str, str], provider: Provider
) -> None:
    assert faults({**sound, **staffed(provider)}) == []
    result = run({**sound, **staffed(provider, CONSENT_STAFF_ORGANISATION="kommune-q")})
    assert result.exit_code == 0
    assert "note: CONSENT_STAFF_…: the organisation kommune-q is not registered" in result.output


def test_staff_settings_without_an_issuer_are_noted(sound: dict[str, str]) -> None:
    result = run({**sound, "CONSENT_STAFF_ORGANISATION": "municipality-x"})
    assert result.exit_code == 0
    assert "note: CONSENT_STAFF_OIDC_ISSUER is not set" in result.output


def test_a_provider_that_is_another(sound: dict[str, str]) -> None:
    lying = Provider()
    lying.document["issuer"] = "https://another.example"
    Thread(target=lying.server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        found = faults({**sound, "CONSENT_OIDC_ISSUER": lying.issuer})
    finally:
        lying.server.shutdown()
        lying.server.server_close()
    assert len(found) == 1
    assert found[0].startswith("CONSENT_OIDC_ISSUER: ")
    assert "another issuer" in found[0]


def test_names_that_others_put_there_are_let_be(sound: dict[str, str]) -> None:
    beside = ("CONSENT_SERVICE_PORT_8000_TCP_ADDR", "CONSENT_WEB_SERVICE_HOST", "CONSENT_PORT")
    assert faults({**sound, **dict.fromkeys(beside, "10.0.0.1")}) == []


# -- the keys file -------------------------------------------------------------------------


def _open(path: Path) -> None:
    path.chmod(0o644)


def _cut(path: Path) -> None:
    path.write_text(path.read_text()[:-40])


def _incomplete(path: Path) -> None:
    content = json.loads(path.read_text())
    del content["signing"]
    path.write_text(json.dumps(content))


def _of_another(path: Path) -> None:
    path.unlink()
    changes.create(KeyFile(path), NOW)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_open, "the key file (CONSENT_KEYS_FILE) is open to everybody: chmod 600"),
        (_cut, "the key file (CONSENT_KEYS_FILE) is damaged"),
        (_incomplete, "the key file (CONSENT_KEYS_FILE) is damaged"),
        (_of_another, "the key file (CONSENT_KEYS_FILE) does not belong to this database"),
    ],
    ids=["open", "cut", "incomplete", "another database's"],
)
def test_a_wrong_key_file(
    sound_on_both: dict[str, str], damage: Callable[[Path], None], said: str
) -> None:
    damage(Path(sound_on_both["CONSENT_KEYS_FILE"]))
    found = [one for one in faults(sound_on_both) if "role owns" not in one]
    assert found == [said]


# -- the database ---------------------------------------------------------------------------


def test_a_database_that_waits(blank_database_url: str, tmp_path: Path, provider: Provider) -> None:
    changes.create(KeyFile(tmp_path / "keys.json"), NOW)
    environment = environment_of(blank_database_url, tmp_path, provider)
    if blank_database_url.startswith("sqlite"):
        sqlite3.connect(make_url(blank_database_url).database or "").close()
        Path(make_url(blank_database_url).database or "").touch()
    assert faults(environment) == [
        "the database (CONSENT_DATABASE_URL): it waits for `consent-service migrate`"
    ]


def test_a_database_of_another_version(sound_on_both: dict[str, str]) -> None:
    engine = sa.create_engine(sound_on_both["CONSENT_DATABASE_URL"])
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'ffff'")
    engine.dispose()
    assert faults(sound_on_both) == [
        "the database (CONSENT_DATABASE_URL): it was made by another version of the service"
    ]


def test_a_database_that_takes_no_writes_on_sqlite(sound: dict[str, str]) -> None:
    with no_write_to(sound["CONSENT_DATABASE_URL"]) as said:
        assert faults(sound) == [said]


@contextmanager
def no_write_to(url: str) -> Iterator[str]:
    """SQLite: whatever is opened from now on only reads."""
    from sqlalchemy.engine import Engine

    def only_read(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA query_only = ON")

    sa.event.listen(Engine, "connect", only_read)
    try:
        yield "the database (CONSENT_DATABASE_URL): it takes no writes: it is read-only"
    finally:
        sa.event.remove(Engine, "connect", only_read)


@pytest.fixture
def small_role(
    postgres_cluster: Cluster, furnished_postgres_url: str, tmp_path: Path, provider: Provider
) -> Iterator[tuple[dict[str, str], sa.Engine]]:
    """A service on PostgreSQL under a role that only has rights on rows, and its owner's engine."""
    deployment = deploy(furnished_postgres_url, tmp_path)
    origin = deployment.settings.log_origin
    deployment.close()
    owner = sa.create_engine(furnished_postgres_url)
    with owner.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS small")
        connection.exec_driver_sql("CREATE ROLE small LOGIN PASSWORD 'hunter2'")
        connection.exec_driver_sql("GRANT USAGE ON SCHEMA public TO small")
        for rights in ("SELECT, INSERT, UPDATE, DELETE ON ALL TABLES", "USAGE ON ALL SEQUENCES"):
            connection.exec_driver_sql(f"GRANT {rights} IN SCHEMA public TO small")
    url = make_url(furnished_postgres_url).set(username="small", password="hunter2")
    environment = environment_of(url.render_as_string(hide_password=False), tmp_path, provider) | {
        "CONSENT_LOG_ORIGIN": origin
    }
    yield environment, owner
    with owner.begin() as connection:
        connection.exec_driver_sql("DROP OWNED BY small")
        connection.exec_driver_sql("DROP ROLE small")
    owner.dispose()


def test_a_role_that_only_has_rights_on_rows(
    small_role: tuple[dict[str, str], sa.Engine],
) -> None:
    environment, owner = small_role
    kept = "SELECT count(*), max(created_at) FROM kept_answer"
    with owner.connect() as connection:
        before = connection.exec_driver_sql(kept).one()
    assert faults(environment) == []
    with owner.connect() as connection:
        assert connection.exec_driver_sql(kept).one() == before


def test_a_role_without_rights(small_role: tuple[dict[str, str], sa.Engine]) -> None:
    environment, owner = small_role
    with owner.begin() as connection:
        connection.exec_driver_sql("REVOKE INSERT ON kept_answer FROM small")
    (found,) = faults(environment)
    assert "its role may not read and write the tables" in found
    with owner.begin() as connection:
        connection.exec_driver_sql("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM small")
    (found,) = faults(environment)
    assert "its role may not read and write the tables" in found


def test_a_server_that_only_reads(small_role: tuple[dict[str, str], sa.Engine]) -> None:
    environment, owner = small_role
    with owner.begin() as connection:
        connection.exec_driver_sql("ALTER ROLE small SET default_transaction_read_only = on")
    assert faults(environment) == [
        "the database (CONSENT_DATABASE_URL): it takes no writes: it is read-only"
    ]


def test_the_owners_role(furnished_postgres_url: str, tmp_path: Path, provider: Provider) -> None:
    deployment = deploy(furnished_postgres_url, tmp_path)
    origin = deployment.settings.log_origin
    deployment.close()
    environment = environment_of(furnished_postgres_url, tmp_path, provider)
    (found,) = faults(environment | {"CONSENT_LOG_ORIGIN": origin})
    assert "its role owns the tables" in found


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"username": "nobody_here"}, "it refuses the role or its password"),
        ({"database": "nothing_here"}, "its server has no database of that name"),
    ],
)
def test_a_server_that_refuses(
    fresh_postgres_url: str,
    tmp_path: Path,
    provider: Provider,
    changed: dict[str, str],
    said: str,
) -> None:
    changes.create(KeyFile(tmp_path / "keys.json"), NOW)
    url = make_url(fresh_postgres_url).set(**changed).render_as_string(hide_password=False)
    assert faults(environment_of(url, tmp_path, provider)) == [
        f"the database (CONSENT_DATABASE_URL): {said}"
    ]


# -- what a start does ----------------------------------------------------------------------


def served(environment: dict[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "consent_service.cli", *(command or ("serve", "--bind", "x:y"))],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_start_says_all_that_is_wrong_and_does_not_ask_the_provider(
    sound: dict[str, str],
) -> None:
    wrong = {
        "CONSENT_KEYS_FILE": "/nowhere/keys.json",
        "CONSENT_OIDC_BROKER": "nemid",
        "CONSENT_OIDC_ISSUER": "http://127.0.0.1:9",
        "CONSENT_TRUSTED_PROXYS": "1",
    }
    ran = served({**sound, **wrong})
    assert ran.returncode == 1
    assert [line.split(" ", 1)[0] for line in ran.stderr.splitlines()] == ["consent-service:"] * 3
    for words in ("CONSENT_KEYS_FILE", "CONSENT_OIDC_BROKER", "CONSENT_TRUSTED_PROXIES meant?"):
        assert words in ran.stderr


def test_a_command_without_its_database_says_so(sound: dict[str, str]) -> None:
    away = "postgresql+psycopg://a:hunter2@127.0.0.1:9/consent"
    anchor = {"CONSENT_LOG_ANCHOR_FILE": sound["CONSENT_KEYS_FILE"] + ".anchor"}
    for command in (["migrate"], ["clients", "list"], ["worker"]):
        ran = served({**sound, **anchor, "CONSENT_DATABASE_URL": away}, *command)
        assert (ran.returncode, ran.stdout) == (1, "")
        said = "consent-service: the database (CONSENT_DATABASE_URL): it cannot be reached\n"
        assert ran.stderr.endswith(said)
        assert "Traceback" not in ran.stderr


def test_which_file_stands_in_for_a_database_is_said(sound: dict[str, str], tmp_path: Path) -> None:
    environment = {k: v for k, v in sound.items() if k != "CONSENT_DATABASE_URL"}
    (tmp_path / "elsewhere").mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "consent_service.cli", "migrate"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        cwd=tmp_path / "elsewhere",
        check=False,
    )
    file = tmp_path / "elsewhere" / "consent.db"
    said = f"consent-service: CONSENT_DATABASE_URL is not set: the database is the file {file}\n"
    assert (ran.returncode, ran.stderr) == (0, said)
    assert file.exists()
    shutil.rmtree(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "document", ["docs/guides/operating.md", "docs/security.md", "compose.yaml"]
)
def test_every_name_that_a_document_has_is_one(document: str) -> None:
    named = re.findall(r"\bCONSENT_[A-Z0-9_]*[A-Z0-9]\b", (ROOT / document).read_text("utf-8"))
    assert named
    assert unknown_names(dict.fromkeys(named, "x")) == []
