"""The anchor is the old checkpoint or the new one, whenever the power goes."""

import os
from pathlib import Path

import pytest

from consent_service.persistence.log.anchor import Anchor
from consent_service.persistence.log.anchor_journal import AnchorNotWritable
from tests.unit.persistence.log.synced import watch


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    anchor = Anchor(tmp_path / "anchor")
    assert anchor.hold()
    return anchor


def test_it_is_on_the_disk_before_it_has_its_name_and_then_the_name_is(
    anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor.write("the old one\n")
    synced = watch(monkeypatch, anchor.path.parent)
    anchor.write("the new one\n")
    (file, before), (folder, after) = synced
    assert (file, folder) == ("anchor.new", anchor.path.parent.name)
    assert before["anchor"] == b"the old one\n"
    assert before["anchor.new"] == after["anchor"] == b"the new one\n"


def test_what_a_crash_left_beside_it_does_not_get_into_it(anchor: Anchor) -> None:
    anchor.path.with_name("anchor.new").write_text("a longer one that nobody finished\n" * 9)
    anchor.write("short\n")
    assert anchor.read() == "short\n"


def test_it_is_written_by_the_holder_of_the_lock_alone(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path / "anchor")
    with pytest.raises(RuntimeError):
        anchor.write("mine\n")
    assert anchor.read() is None
    assert anchor.hold()
    anchor.release()
    with pytest.raises(RuntimeError):
        anchor.write("mine\n")


def test_what_cannot_be_written_is_said_so_and_the_old_one_stays(anchor: Anchor) -> None:
    anchor.write("the old one\n")
    anchor.path.with_name("anchor.new").mkdir()
    with pytest.raises(AnchorNotWritable):
        anchor.write("the new one\n")
    assert anchor.read() == "the old one\n"


def test_asking_in_vain_for_the_lock_leaves_nothing_open(anchor: Anchor) -> None:
    """A process that does not sign asks a few times a second, for months."""
    other = Anchor(anchor.path)
    before = next_descriptor()
    assert [other.hold() for _ in range(9)] == [False] * 9
    assert next_descriptor() == before


def next_descriptor() -> int:
    """The lowest number that is free (POSIX)."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor
