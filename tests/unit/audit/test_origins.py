"""The names of a log: which of them a checkpoint, and an entry's place, are of."""

import hashlib
from datetime import UTC, datetime

import pytest

from consent_service.audit.checkpoint import Checkpoint, InvalidCheckpoint, sign_checkpoint
from consent_service.audit.history import History, KeptCheckpoint, LogForked, compare_kept
from consent_service.audit.origins import OriginRow, Origins
from consent_service.signing.keys import KeySet
from tests.unit.audit.built_log import LOG_KEY, published

FIRST, SECOND, LOST = "log.example/1", "log.example/2", "log.example/lost"


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = KeySet([published(LOG_KEY)])


def note_of(name: str, size: int, root: bytes) -> str:
    return sign_checkpoint(name, size, hashlib.sha256(root).digest(), NOW, LOG_KEY)


def origins() -> Origins:
    """Restored once at 10 entries; what `LOST` was in between went with a second restore at 20."""
    return Origins(
        (
            OriginRow(0, FIRST),
            OriginRow(10, SECOND, note_of(LOST, 30, b"lost")),
        )
    )


def checkpoint(name: str, size: int, root: bytes = b"tree") -> Checkpoint:
    return origins().verify(note_of(name, size, root), KEYS)


@pytest.mark.parametrize(
    ("name", "size", "branch"),
    [
        (FIRST, 1, ""),
        (FIRST, 10, ""),
        (FIRST, 11, FIRST),
        (SECOND, 11, ""),
        (SECOND, 100, ""),
        (LOST, 5, LOST),
    ],
)
def test_a_checkpoint_is_of_the_tree_or_of_what_was_lost(name: str, size: int, branch: str) -> None:
    assert origins().branch(checkpoint(name, size)) == branch


@pytest.mark.parametrize(
    ("name", "position", "tree", "size", "can"),
    [
        (FIRST, 3, FIRST, 10, True),
        (FIRST, 3, SECOND, 20, True),
        (FIRST, 10, SECOND, 20, False),
        (SECOND, 10, SECOND, 20, True),
        (SECOND, 9, SECOND, 20, False),
        (SECOND, 3, FIRST, 10, False),
        (FIRST, 12, FIRST, 15, True),
        (LOST, 12, LOST, 15, True),
        ("log.example/other", 3, SECOND, 20, False),
    ],
)
def test_where_an_entry_can_stand(
    name: str, position: int, tree: str, size: int, can: bool
) -> None:
    assert origins().can_stand(name, position, checkpoint(tree, size)) is can


def test_a_name_that_the_log_never_had_is_another_log() -> None:
    with pytest.raises(InvalidCheckpoint, match="another log"):
        origins().verify(note_of("log.example/other", 3, b"tree"), KEYS)


def test_what_was_lost_contradicts_only_itself() -> None:
    history = History(origins(), [checkpoint(SECOND, 15, b"tree")])
    history.add(checkpoint(FIRST, 15, b"lost"))
    history.add(checkpoint(FIRST, 15, b"lost"))
    with pytest.raises(LogForked):
        history.add(checkpoint(FIRST, 15, b"lost twice"))
    with pytest.raises(LogForked):
        history.add(checkpoint(SECOND, 15, b"forked"))
    assert history.sizes == [15]


def test_before_the_restore_both_names_are_of_one_tree() -> None:
    history = History(origins(), [checkpoint(FIRST, 10, b"tree")])
    with pytest.raises(LogForked):
        history.add(checkpoint(FIRST, 10, b"forked"))


def test_a_kept_checkpoint_of_what_was_lost_is_not_compared() -> None:
    shown = History(origins(), [checkpoint(SECOND, 15)])
    kept = KeptCheckpoint("mine", checkpoint(FIRST, 15, b"lost"))
    (report,) = compare_kept([kept], shown, None, origins())
    assert (report.verdict, report.reason) == ("not compared", "lost_in_restore")


def test_a_predecessor_that_cannot_be_read_names_nothing() -> None:
    rows = origins().rows
    broken = Origins((rows[0], replace_predecessor(rows[1], "no note")))
    assert broken.names == {FIRST, SECOND}


def replace_predecessor(row: OriginRow, note: str) -> OriginRow:
    return row._replace(predecessor=note)
