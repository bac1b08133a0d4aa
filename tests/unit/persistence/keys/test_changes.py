"""Changes of the key file: what is published, what signs when, and what is destroyed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consent_service.errors import Misconfigured, NotFound
from consent_service.persistence.keys import changes, document
from consent_service.signing.jws import sign, verify
from consent_service.signing.schedule import NoKey

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
BEGINS = LATER.replace(microsecond=0) + timedelta(seconds=1) + changes.LEAD
SECOND = timedelta(seconds=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    document.create(path, NOW)
    return path


def seeds(path: Path, use: str) -> list[bool]:
    """Whether each key of a use has its private half, in the order of their making."""
    kept: list[dict[str, Any]] = json.loads(path.read_text())["signing"]
    return [bool(one["seed"]) for one in kept if one["jwk"]["consent_use"] == use]


@pytest.mark.parametrize("use", document.USES)
def test_the_old_key_signs_until_the_new_one_begins(path: Path, use: Any) -> None:
    old = document.load(path).schedules[use].at(NOW)
    changes.rotate_signing_key(path, use, LATER)
    schedule = document.load(path).schedules[use]
    assert schedule.at(LATER).kid == old.kid
    assert schedule.at(BEGINS - SECOND / 1000).kid == old.kid
    new = schedule.at(BEGINS)
    assert new.kid != old.kid
    assert seeds(path, use) == [True, True]


def test_both_are_published_and_the_old_one_has_an_end(path: Path) -> None:
    changes.rotate_signing_key(path, "seal", LATER)
    old, new = document.load(path).published.of_use("seal")
    assert (old.status, old.not_after) == ("retired", BEGINS + changes.OVERLAP)
    assert (new.status, new.not_before, new.not_after) == ("active", BEGINS, None)


def test_what_the_old_key_signed_verifies_for_ever(path: Path) -> None:
    signed = sign(b"{}", document.load(path).signing["seal"], "t")
    for turn in range(3):
        changes.rotate_signing_key(path, "seal", LATER + turn * timedelta(days=30))
    assert verify(signed, document.load(path).published, "t", "seal").payload == b"{}"


def test_private_halves_are_destroyed_when_their_time_is_over(path: Path) -> None:
    changes.rotate_signing_key(path, "log", LATER)
    over = BEGINS + changes.OVERLAP
    assert changes.prune(path, over - SECOND) == 0
    assert changes.prune(path, over) == 1
    assert seeds(path, "log") == [False, True]
    assert changes.prune(path, over) == 0


def test_a_later_rotation_of_another_use_destroys_as_well(path: Path) -> None:
    changes.rotate_signing_key(path, "log", LATER)
    changes.rotate_signing_key(path, "seal", LATER + timedelta(days=2))
    assert seeds(path, "log") == [False, True]


def test_no_second_rotation_before_the_first_began(path: Path) -> None:
    changes.rotate_signing_key(path, "seal", LATER)
    before = path.read_bytes()
    with pytest.raises(Misconfigured):
        changes.rotate_signing_key(path, "seal", LATER - SECOND)
    assert path.read_bytes() == before


def test_what_was_left_unsigned_is_signed_as_of_the_next_key(path: Path) -> None:
    changes.rotate_signing_key(path, "log", LATER)
    changes.prune(path, BEGINS + changes.OVERLAP)
    schedule = document.load(path).schedules["log"]
    with pytest.raises(NoKey):
        schedule.at(LATER)
    assert schedule.at_or_after(LATER) == (schedule.at(BEGINS), BEGINS)
    assert schedule.at_or_after(BEGINS + SECOND) == (schedule.at(BEGINS), BEGINS + SECOND)


def test_a_compromised_key_signs_no_more_and_another_does_at_once(path: Path) -> None:
    old = document.load(path).signing["seal"]
    changes.mark_compromised(path, "seal", old.kid, NOW + timedelta(days=3), LATER)
    keys = document.load(path)
    assert seeds(path, "seal") == [False, True]
    assert keys.schedules["seal"].at(LATER).kid != old.kid
    published = keys.published.find(old.kid, "seal")
    assert published.status == "compromised"
    assert published.compromised_at == (NOW + timedelta(days=3)).replace(microsecond=0)


def test_a_compromise_has_a_known_key_and_a_time_in_the_past(path: Path) -> None:
    kid = document.load(path).signing["seal"].kid
    with pytest.raises(NotFound):
        changes.mark_compromised(path, "log", kid, NOW, LATER)
    with pytest.raises(Misconfigured):
        changes.mark_compromised(path, "seal", kid, LATER + SECOND, LATER)


def test_one_change_at_a_time(path: Path) -> None:
    with changes.changing(path), pytest.raises(Misconfigured), changes.changing(path):
        pass
    with changes.changing(path):
        pass


def test_the_file_stays_closed_to_others(path: Path) -> None:
    path.chmod(0o640)
    changes.rotate_signing_key(path, "seal", LATER)
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_first_form_of_the_file_keeps_its_key_for_secrets(path: Path) -> None:
    content = json.loads(path.read_text())
    content["index"] = content["index"]["a"]
    del content["secret"]
    path.write_text(json.dumps(content))
    before = document.load(path).index
    assert before.secret == before.keys["a"]
    changes.add_index_key(path, "b")
    changes.destroy_index_key(path, "a")
    after = document.load(path).index
    assert after.secret == before.secret
    assert set(after.keys) == {"b"}
    assert after.keys["b"] not in before.keys.values()
