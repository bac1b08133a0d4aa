"""The key file: made once, closed to others, rotated without losing what verifies old seals."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent_service.errors import Misconfigured
from consent_service.persistence import keystore
from consent_service.signing.jws import sign, verify

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    keystore.create(path, NOW)
    return path


def test_a_new_file_holds_a_key_of_every_kind(path: Path) -> None:
    keys = keystore.load(path)
    assert set(keys.signing) == {"seal", "promise", "log", "token"}
    assert {key.use for key in keys.published} == {"seal", "promise", "log"}
    assert len(keys.key_encryption[0]) == len(keys.index) == 32
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(Misconfigured):
        keystore.create(path, NOW)
    assert path.read_bytes() == before


def test_a_file_open_to_everybody_is_refused(path: Path) -> None:
    path.chmod(0o644)
    with pytest.raises(Misconfigured, match="open to everybody"):
        keystore.load(path)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"signing": 1}'])
def test_a_damaged_file_is_refused(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(Misconfigured):
        keystore.load(path)


def test_rotation_destroys_the_private_half_and_keeps_the_public(path: Path) -> None:
    old = keystore.load(path)
    sealed = sign(b"{}", old.signing["seal"], "t")
    keystore.rotate(path, "seal", NOW + timedelta(days=30))
    new = keystore.load(path)
    assert new.signing["seal"].kid != old.signing["seal"].kid
    assert new.signing["log"].kid == old.signing["log"].kid
    retired = new.published.find(old.signing["seal"].kid, "seal")
    assert (retired.status, retired.is_valid_at(NOW + timedelta(days=32))) == ("retired", False)
    assert verify(sealed, new.published, "t", "seal").payload == b"{}"
    seeds = [k["seed"] for k in json.loads(path.read_text())["signing"] if k["seed"]]
    assert len(seeds) == 4


def test_a_process_that_still_runs_may_sign_for_one_more_day(path: Path) -> None:
    moment = NOW + timedelta(days=30)
    keystore.rotate(path, "seal", moment)
    old, new = keystore.load(path).published.of_use("seal")
    assert old.is_valid_at(moment + timedelta(hours=24))
    assert not old.is_valid_at(moment + timedelta(hours=25))
    assert new.is_valid_at(moment + timedelta(seconds=1))
