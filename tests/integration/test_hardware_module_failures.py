"""A hardware module that is wrong or away: one clear sentence, or 503, and never a yes."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pkcs11
import pytest
import sqlalchemy as sa

from consent_service.errors import Misconfigured, Unreadable
from consent_service.persistence.keys import changes, pkcs11_session
from consent_service.persistence.keys.document import KeyFile
from consent_service.persistence.keys.live import LiveKeys
from consent_service.persistence.keys.module import ModuleUnavailable, new_reference
from consent_service.persistence.keys.open_module import module_at
from consent_service.persistence.keys.sealing import KeyRing, Made, WrappingKey
from consent_service.persistence.log.tables import log_header, log_pending, log_rejected
from tests.deployment import NOW, Deployment, deploy
from tests.softhsm import PIN, SoftToken


@pytest.fixture(scope="module")
def made(soft_token: SoftToken, tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    """A key file with all keys in the token; no test destroys any."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    file = KeyFile(path, module_at(soft_token.settings))
    changes.create(file, NOW, changes.KINDS)
    return file


@pytest.fixture
def file(tmp_path: Path, made: KeyFile, soft_token: SoftToken) -> KeyFile:
    """A copy of it, read by a process that has not been in the token yet."""
    path = tmp_path / "keys.json"
    shutil.copy2(made.path, path)
    return KeyFile(path, module_at(soft_token.settings))


@pytest.fixture
def away(soft_token: SoftToken, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftToken]:
    """A token that may be taken away, and is back afterwards."""
    monkeypatch.setattr(pkcs11_session, "RETRY_EVERY_SECONDS", 0.0)
    yield soft_token
    if soft_token.is_away:
        soft_token.bring_back()
    soft_token.restart()


# -- at the start ---------------------------------------------------------------------------------

WRONG = {
    "another library": ({"library": "/nowhere/libnothing.so"}, "CONSENT_PKCS11_MODULE"),
    "not a library": ({"library": __file__}, "CONSENT_PKCS11_MODULE"),
    "no such token": ({"token": "nowhere"}, "CONSENT_PKCS11_TOKEN"),
    "a token without the keys": ({"token": "untouched"}, "CONSENT_PKCS11_TOKEN.* lacks key"),
    "no module at all": (None, "CONSENT_PKCS11_MODULE is not set"),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_by_its_variable(
    file: KeyFile, soft_token: SoftToken, wrong: dict[str, str] | None, said: str
) -> None:
    settings = None if wrong is None else replace(soft_token.settings, **wrong)
    with pytest.raises(Misconfigured, match=said) as refusal:
        KeyFile(file.path, module_at(settings)).read()
    assert PIN not in str(refusal.value)


def test_a_wrong_pin_is_tried_once(file: KeyFile, soft_token: SoftToken, sqlite_url: str) -> None:
    """By the command that the service is started with."""
    pin_file = file.path.with_name("pin")
    pin_file.write_text("wrong\n")
    pin_file.chmod(0o600)
    environment = {
        **{name: value for name, value in os.environ.items() if name == "PATH"},
        **soft_token.environment,
        "CONSENT_PKCS11_PIN": "",
        "CONSENT_PKCS11_PIN_FILE": str(pin_file),
        "CONSENT_DATABASE_URL": sqlite_url,
        "CONSENT_KEYS_FILE": str(file.path),
        "CONSENT_BASE_URL": "http://localhost:8000",
        "CONSENT_OIDC_ISSUER": "http://127.0.0.1:9",
        "CONSENT_OIDC_CLIENT_ID": "consent-test",
        "CONSENT_OIDC_CLIENT_SECRET": "made up",
        "CONSENT_OIDC_CPR_CLAIM": "dk.cpr",
    }
    served = subprocess.run(
        [sys.executable, "-m", "consent_service.cli", "serve", "--bind", "127.0.0.1:1"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert served.returncode == 1
    assert served.stderr == "consent-service: CONSENT_PKCS11_PIN: the token refuses it\n"
    assert served.stdout == ""


def test_a_refused_pin_is_not_tried_again(
    soft_token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where a process is logged in, nobody looks at another PIN.
    soft_token.restart()
    settings = replace(soft_token.settings, token=soft_token.untouched, pin="wrong")
    module = module_at(settings)
    for _ in range(2):
        with pytest.raises(Misconfigured, match="CONSENT_PKCS11_PIN"):
            module.cipher(new_reference())
        monkeypatch.setattr(pkcs11, "lib", None)


@dataclass
class ChangedPin:
    """A library whose token has another PIN by now."""

    tries: int = 0

    def get_token(self, token_label: str) -> "ChangedPin":
        return self

    def open(self, user_pin: str) -> None:
        self.tries += 1
        raise pkcs11.PinIncorrect

    def reinitialize(self) -> None:
        """Nothing changes."""


def test_a_pin_that_was_changed_is_tried_once(
    away: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, reference, library = module_at(away.settings), new_reference(), ChangedPin()
    module.make_hash_key(reference)
    key = module.hash_key(reference)
    away.restart()
    monkeypatch.setattr(pkcs11, "lib", lambda _: library)
    for _ in range(2):
        with pytest.raises(ModuleUnavailable):
            key.digest(b"x")
    assert library.tries == 1
    monkeypatch.undo()


def test_a_key_that_could_be_taken_out_is_not_used(soft_token: SoftToken) -> None:
    reference = new_reference()
    soft_token.session().generate_key(
        pkcs11.KeyType.AES,
        256,
        id=bytes.fromhex(reference),
        store=True,
        template={pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: True},
    )
    module = module_at(soft_token.settings)
    with pytest.raises(Misconfigured, match=f"{reference} .* not safe"):
        module.cipher(reference)
    soft_token.session().generate_key(
        pkcs11.KeyType.AES, 256, id=bytes.fromhex(reference), store=True
    )
    with pytest.raises(Misconfigured, match="two keys"):
        module_at(soft_token.settings).cipher(reference)


def test_another_key_than_the_published_one_is_not_used(file: KeyFile) -> None:
    text = file.path.read_text()
    seal, log = (file.content()["signing"][place]["seed"]["pkcs11"] for place in (0, 2))
    file.path.write_text(text.replace(seal, log))
    with pytest.raises(Misconfigured, match="is another key"):
        file.read()


MADE = Made("municipality-x", None, NOW)

# -- what is sealed -------------------------------------------------------------------------------


def test_a_wrapped_key_opens_only_as_it_was_wrapped(soft_token: SoftToken) -> None:
    module, reference = module_at(soft_token.settings), new_reference()
    module.make_cipher(reference)
    ring = KeyRing([WrappingKey.elsewhere(bytes.fromhex(reference), module.cipher(reference))])
    key_id = str(uuid4())
    _, wrapped = ring.new_data_key(key_id, MADE)
    assert ring.unwrap(key_id, wrapped).id == key_id
    with pytest.raises(Unreadable):
        ring.rewrap(str(uuid4()), wrapped)
    for position in (0, 20, 40, len(wrapped) - 1):
        changed = bytearray(wrapped)
        changed[position] ^= 1
        with pytest.raises(Unreadable):
            ring.rewrap(key_id, bytes(changed))
    with pytest.raises(Unreadable):
        ring.rewrap(key_id, wrapped[:35])


# -- while it runs --------------------------------------------------------------------------------


@pytest.fixture
def service(database_url: str, file: KeyFile, away: SoftToken) -> Iterator[Deployment]:
    service = deploy(database_url, file.path.parent, key_module=away.settings).furnish()
    yield service
    service.close()


def entries(service: Deployment, table: sa.Table) -> int:
    with service.parts.units.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def test_a_lost_session_is_opened_again(file: KeyFile, soft_token: SoftToken) -> None:
    keys = file.read()
    before = keys.index.token("x")
    ring, key_id = KeyRing(keys.key_encryption), str(uuid4())
    _, wrapped = ring.new_data_key(key_id, MADE)
    soft_token.restart()
    # Not taken for damage either.
    ring.rewrap(key_id, wrapped)
    soft_token.restart()
    assert keys.index.token("x") == before


def test_while_the_token_is_away_nothing_is_permitted_and_nothing_lost(
    service: Deployment, away: SoftToken, caplog: pytest.LogCaptureFixture
) -> None:
    asked = service.in_force()
    assert service.disclose().status_code == 201
    before = entries(service, log_header)
    away.take_away()
    refused = service.disclose()
    assert (refused.status_code, refused.json["code"]) == (503, "key_module_unavailable")
    assert refused.headers["Retry-After"]
    token = asked["signatories"][0]["signing_url"].rsplit("/", 1)[-1]
    assert service.client().get(f"/sign/{token}").status_code == 503
    # What was promised before is integrated without the module; only the new head is not signed.
    with pytest.raises(ModuleUnavailable):
        service.parts.grow()
    assert entries(service, log_pending) == 0
    assert entries(service, log_rejected) == 0
    assert entries(service, log_header) == before
    alarms = {r.getMessage() for r in caplog.records if r.levelno == logging.CRITICAL}
    assert alarms == {"hardware module: CONSENT_PKCS11_TOKEN: no token has this label"}
    away.bring_back()
    assert service.disclose().status_code == 201
    service.parts.grow()


def test_keys_are_not_read_again_while_the_token_is_away(
    file: KeyFile, away: SoftToken, caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveKeys(file)
    before = live.current()
    changes.rotate_signing_key(file, "log", NOW)
    away.take_away()
    assert live.refresh() is before
    assert "the changed keys are not used" in caplog.text
    away.bring_back()
    assert live.refresh() is not before


def test_threads_take_turns(file: KeyFile, soft_token: SoftToken) -> None:
    """Whatever session they are in: the library believes that it is entered by one thread."""
    several = [KeyFile(file.path, module_at(soft_token.settings)).read() for _ in range(4)]
    (published,) = several[0].published.of_use("promise")

    def sign(turn: int) -> None:
        keys, data = several[turn % 4], str(turn).encode()
        published.verify(keys.signing["promise"].sign(data), data)
        assert keys.index.token(data.decode()) == several[0].index.token(data.decode())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(sign, range(80)))


FORKS = """
import os, sys
from pathlib import Path
import pkcs11
from consent_service.module_settings import ModuleSettings
from consent_service.persistence.keys.document import KeyFile
from consent_service.persistence.keys.open_module import module_at

file = KeyFile(Path(sys.argv[1]), module_at(ModuleSettings.from_environment(os.environ)))
key = file.read().signing["seal"]
library = pkcs11.lib(os.environ["CONSENT_PKCS11_MODULE"])
beside = library.get_token(token_label=os.environ["CONSENT_PKCS11_TOKEN"]).open()
child = os.fork()
key.sign(b"x")
if child:
    assert os.waitpid(child, 0)[1] == 0
    key.sign(b"x")
    beside.generate_random(8)
else:
    try:
        beside.generate_random(8)
    except pkcs11.SessionHandleInvalid:
        os._exit(0)
    os._exit(9)
"""


def test_a_forked_process_enters_the_module_anew(file: KeyFile, soft_token: SoftToken) -> None:
    forked = subprocess.run(
        [sys.executable, "-c", FORKS, str(file.path)],
        env={**os.environ, **soft_token.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (forked.returncode, forked.stderr) == (0, "")
