"""The key file: made once, closed to others, rotated without losing what verifies old seals."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent_service.errors import Misconfigured
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.document import KeyFile

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    file = KeyFile(tmp_path / "keys.json")
    changes.create(file, NOW)
    return file


def test_a_new_file_holds_a_key_of_every_kind(file: KeyFile) -> None:
    keys = file.read()
    assert set(keys.signing) == {"seal", "promise", "log", "cosignature", "token"}
    assert {key.use for key in keys.published} == {"seal", "promise", "log", "cosignature"}
    assert keys.index.keys["a"].id != keys.index.secret.id
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_never_overwritten(file: KeyFile) -> None:
    before = file.path.read_bytes()
    with pytest.raises(Misconfigured):
        changes.create(file, NOW)
    assert file.path.read_bytes() == before


def test_a_file_open_to_everybody_is_refused(file: KeyFile) -> None:
    file.path.chmod(0o644)
    with pytest.raises(Misconfigured, match="open to everybody"):
        file.read()


@pytest.mark.parametrize("damage", ["", "0", "zz", "AB", 7, None])
def test_a_reference_to_a_module_has_one_form(file: KeyFile, damage: object) -> None:
    content = json.loads(file.path.read_text())
    file.path.write_text(json.dumps(content | {"secret": {"pkcs11": damage}}))
    with pytest.raises(Misconfigured, match="damaged"):
        file.read()
    file.path.write_text(json.dumps(content | {"secret": {"pkcs11": "ab", "more": 1}}))
    with pytest.raises(Misconfigured, match="damaged"):
        file.read()


def test_a_reference_needs_a_module(file: KeyFile) -> None:
    content = json.loads(file.path.read_text())
    file.path.write_text(json.dumps(content | {"secret": {"pkcs11": "ab"}}))
    with pytest.raises(Misconfigured, match="CONSENT_PKCS11_MODULE is not set"):
        file.read()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"signing": 1}'])
def test_a_damaged_file_is_refused(file: KeyFile, content: str) -> None:
    file.path.write_text(content)
    with pytest.raises(Misconfigured):
        file.read()
