"""Changes of the key file: what is published, what signs when, and what is destroyed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consent_service.errors import Misconfigured, NotFound
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.document import USES, KeyFile
from consent_service.persistence.keys.writing import changing
from consent_service.signing.jws import sign, verify
from consent_service.signing.schedule import NoKey

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
BEGINS = LATER.replace(microsecond=0) + timedelta(seconds=1) + changes.LEAD
SECOND = timedelta(seconds=1)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    file = KeyFile(tmp_path / "keys.json")
    changes.create(file, NOW)
    return file


def seeds(file: KeyFile, use: str) -> list[bool]:
    """Whether each key of a use has its private half, in the order of their making."""
    kept: list[dict[str, Any]] = json.loads(file.path.read_text())["signing"]
    return [bool(one["seed"]) for one in kept if one["jwk"]["consent_use"] == use]


@pytest.mark.parametrize("use", USES)
def test_the_old_key_signs_until_the_new_one_begins(file: KeyFile, use: Any) -> None:
    old = file.read().schedules[use].at(NOW)
    changes.rotate_signing_key(file, use, LATER)
    schedule = file.read().schedules[use]
    assert schedule.at(LATER).kid == old.kid
    assert schedule.at(BEGINS - SECOND / 1000).kid == old.kid
    new = schedule.at(BEGINS)
    assert new.kid != old.kid
    assert seeds(file, use) == [True, True]


def test_a_document_from_before_the_cosignature_key_is_read_and_gets_one(file: KeyFile) -> None:
    content = json.loads(file.path.read_text())
    kept = [one for one in content["signing"] if one["jwk"]["consent_use"] != "cosignature"]
    file.path.write_text(json.dumps(content | {"signing": kept}))
    assert "cosignature" not in file.read().signing
    changes.rotate_signing_key(file, "cosignature", LATER)
    (made,) = file.read().published.of_use("cosignature")
    assert (made.not_before, made.status) == (BEGINS, "active")
    assert file.read().schedules["cosignature"].at(BEGINS).kid == made.kid


def test_both_are_published_and_the_old_one_has_an_end(file: KeyFile) -> None:
    changes.rotate_signing_key(file, "seal", LATER)
    old, new = file.read().published.of_use("seal")
    assert (old.status, old.not_after) == ("retired", BEGINS + changes.OVERLAP)
    assert (new.status, new.not_before, new.not_after) == ("active", BEGINS, None)


def test_what_the_old_key_signed_verifies_for_ever(file: KeyFile) -> None:
    signed = sign(b"{}", file.read().signing["seal"], "t")
    for turn in range(3):
        changes.rotate_signing_key(file, "seal", LATER + turn * timedelta(days=30))
    assert verify(signed, file.read().published, "t", "seal").payload == b"{}"


def test_private_halves_are_destroyed_when_their_time_is_over(file: KeyFile) -> None:
    changes.rotate_signing_key(file, "log", LATER)
    over = BEGINS + changes.OVERLAP
    assert changes.prune(file, over - SECOND) == 0
    assert changes.prune(file, over) == 1
    assert seeds(file, "log") == [False, True]
    assert changes.prune(file, over) == 0


def test_a_later_rotation_of_another_use_destroys_as_well(file: KeyFile) -> None:
    changes.rotate_signing_key(file, "log", LATER)
    changes.rotate_signing_key(file, "seal", LATER + timedelta(days=2))
    assert seeds(file, "log") == [False, True]


def test_no_second_rotation_before_the_first_began(file: KeyFile) -> None:
    changes.rotate_signing_key(file, "seal", LATER)
    before = file.path.read_bytes()
    with pytest.raises(Misconfigured):
        changes.rotate_signing_key(file, "seal", LATER - SECOND)
    assert file.path.read_bytes() == before


def test_what_was_left_unsigned_is_signed_as_of_the_next_key(file: KeyFile) -> None:
    changes.rotate_signing_key(file, "log", LATER)
    changes.prune(file, BEGINS + changes.OVERLAP)
    schedule = file.read().schedules["log"]
    with pytest.raises(NoKey):
        schedule.at(LATER)
    assert schedule.at_or_after(LATER) == (schedule.at(BEGINS), BEGINS)
    assert schedule.at_or_after(BEGINS + SECOND) == (schedule.at(BEGINS), BEGINS + SECOND)


def test_a_compromised_key_signs_no_more_and_another_does_at_once(file: KeyFile) -> None:
    old = file.read().signing["seal"]
    changes.mark_compromised(file, "seal", old.kid, NOW + timedelta(days=3), LATER)
    keys = file.read()
    assert seeds(file, "seal") == [False, True]
    assert keys.schedules["seal"].at(LATER).kid != old.kid
    published = keys.published.find(old.kid, "seal")
    assert published.status == "compromised"
    assert published.compromised_at == (NOW + timedelta(days=3)).replace(microsecond=0)


def test_a_compromise_has_a_known_key_and_a_time_in_the_past(file: KeyFile) -> None:
    kid = file.read().signing["seal"].kid
    with pytest.raises(NotFound):
        changes.mark_compromised(file, "log", kid, NOW, LATER)
    with pytest.raises(Misconfigured):
        changes.mark_compromised(file, "seal", kid, LATER + SECOND, LATER)


def test_one_change_at_a_time(file: KeyFile) -> None:
    with changing(file.path), pytest.raises(Misconfigured), changing(file.path):
        pass
    with changing(file.path):
        pass


def test_the_file_stays_closed_to_others(file: KeyFile) -> None:
    file.path.chmod(0o640)
    changes.rotate_signing_key(file, "seal", LATER)
    assert file.path.stat().st_mode & 0o777 == 0o640


def test_the_first_form_of_the_file_keeps_its_key_for_secrets(file: KeyFile) -> None:
    content = json.loads(file.path.read_text())
    content["index"] = content["index"]["a"]
    del content["secret"]
    file.path.write_text(json.dumps(content))
    before = file.read().index
    assert before.secret == before.keys["a"]
    changes.add_index_key(file, "b")
    changes.destroy_index_key(file, "a")
    after = file.read().index
    assert after.secret == before.secret
    assert set(after.keys) == {"b"}
    assert after.keys["b"] not in before.keys.values()
