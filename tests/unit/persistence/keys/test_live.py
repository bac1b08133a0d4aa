"""A process reads its keys again when they change, and keeps what it has when it cannot."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from consent_service.errors import Misconfigured, Unreadable
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.document import KeyFile, KeyText
from consent_service.persistence.keys.live import (
    RELOAD_EVERY,
    LiveKeys,
    LiveSigner,
    LiveTokenKeys,
)
from consent_service.persistence.keys.sealing import Made

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Seconds:
    """A monotonic clock that stands still until it is moved."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def forward(self, delta: timedelta = RELOAD_EVERY) -> None:
        self.now += delta.total_seconds()


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    file = KeyFile(tmp_path / "keys.json")
    changes.create(file, NOW - timedelta(days=30))
    return file


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def live(file: KeyFile, seconds: Seconds) -> LiveKeys:
    return LiveKeys(file, seconds)


def test_a_changed_file_is_read_at_the_next_look(
    live: LiveKeys, file: KeyFile, seconds: Seconds
) -> None:
    before = live.current()
    changes.rotate_signing_key(file, "seal", NOW, lead=timedelta(0))
    assert live.current() is before
    seconds.forward()
    assert live.current() is not before
    moment = NOW + timedelta(seconds=5)
    assert LiveSigner(live, "seal").at(moment).kid != before.schedules["seal"].at(moment).kid


def test_an_unchanged_file_is_not_read_again(live: LiveKeys, seconds: Seconds) -> None:
    before = live.current()
    seconds.forward()
    assert live.current() is before


def test_a_change_can_be_asked_for_at_once(live: LiveKeys, file: KeyFile) -> None:
    before = live.current()
    changes.rotate_signing_key(file, "log", NOW)
    assert live.refresh() is not before


DAMAGES = {
    "empty": b"",
    "half written": b'{"key_encryption": ["',
    "another form": b"[]",
    "gone": None,
}


@pytest.mark.parametrize("content", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_an_alarm_and_changes_nothing(
    live: LiveKeys,
    file: KeyFile,
    seconds: Seconds,
    caplog: pytest.LogCaptureFixture,
    content: bytes | None,
) -> None:
    before, sound = live.current(), file.path.read_bytes()
    file.path.unlink()
    if content is not None:
        file.path.write_bytes(content)
        file.path.chmod(0o600)
    seconds.forward()
    assert live.current() is before
    alarms = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    assert len(alarms) == 1
    seconds.forward()
    assert live.current() is before
    assert len([r for r in caplog.records if r.levelno == logging.CRITICAL]) == 1
    seconds.forward(timedelta(minutes=1))
    live.current()
    assert len([r for r in caplog.records if r.levelno == logging.CRITICAL]) == 2
    file.path.write_bytes(sound)
    file.path.chmod(0o600)
    seconds.forward()
    assert {key.kid for key in live.current().published} == {key.kid for key in before.published}


def test_the_keys_of_another_deployment_are_refused(
    live: LiveKeys, file: KeyFile, seconds: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    before = live.current()
    other = file.path.with_name("other.json")
    changes.create(KeyFile(other), NOW)
    other.replace(file.path)
    seconds.forward()
    assert live.current() is before
    assert "lacks a key that was published" in caplog.text


def test_the_ring_follows(live: LiveKeys, file: KeyFile) -> None:
    name = str(uuid4())
    _, old = live.ring.new_data_key(name, Made("municipality-x", None, NOW))
    changes.add_key_encryption_key(file)
    live.refresh()
    assert live.ring.unwrap(name, old).id == name
    again = live.ring.rewrap(name, old)
    changes.destroy_old_key_encryption_keys(file)
    live.refresh()
    assert live.ring.unwrap(name, again).id == name
    with pytest.raises(Unreadable):
        live.ring.rewrap(name, old)


def test_keys_may_stand_in_the_environment(file: KeyFile) -> None:
    live = LiveKeys(KeyText(file.path.read_text()))
    assert live.refresh().index.secret.id == file.read().index.secret.id
    with pytest.raises(Misconfigured):
        LiveKeys(KeyText("{"))


def test_token_keys_end_when_they_say_and_when_they_are_compromised(
    live: LiveKeys, file: KeyFile
) -> None:
    now = NOW
    keys = LiveTokenKeys(
        live, lambda own: {k.kid: k.kid for k in own if k.status != "compromised"}, lambda: now
    )
    old = live.current().signing["token"].kid
    changes.rotate_signing_key(file, "token", NOW, lead=timedelta(0))
    live.refresh()
    new = live.current().schedules["token"].at(NOW + timedelta(minutes=1)).kid
    assert old in keys
    assert new in keys
    now = NOW + timedelta(days=2)
    assert old not in keys
    assert new in keys
    changes.mark_compromised(file, "token", new, NOW, now)
    live.refresh()
    assert new not in keys
