"""The key file: made once, closed to others, rotated without losing what verifies old seals."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent_service.errors import Misconfigured
from consent_service.persistence.keys import document

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    document.create(path, NOW)
    return path


def test_a_new_file_holds_a_key_of_every_kind(path: Path) -> None:
    keys = document.load(path)
    assert set(keys.signing) == {"seal", "promise", "log", "token"}
    assert {key.use for key in keys.published} == {"seal", "promise", "log"}
    assert keys.index.keys["a"].id != keys.index.secret.id
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(Misconfigured):
        document.create(path, NOW)
    assert path.read_bytes() == before


def test_a_file_open_to_everybody_is_refused(path: Path) -> None:
    path.chmod(0o644)
    with pytest.raises(Misconfigured, match="open to everybody"):
        document.load(path)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"signing": 1}'])
def test_a_damaged_file_is_refused(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(Misconfigured):
        document.load(path)
