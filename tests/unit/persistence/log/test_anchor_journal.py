"""What must not be forgotten with the database stands in a file first, whole lines only."""

import fcntl
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent_service.errors import Misconfigured
from consent_service.persistence.log.anchor_journal import (
    SETTLED_AFTER,
    AnchorJournal,
    AnchorNotWritable,
    Epoch,
    Intent,
)
from tests.unit.persistence.log.synced import watch

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ERASURE = Intent("erasure-1", ("entry-1", "entry-2"), ("key-1",))


@pytest.fixture
def journal(tmp_path: Path) -> AnchorJournal:
    return AnchorJournal(tmp_path / "anchor.journal")


def never(_: str) -> bool:
    return False


def test_there_is_nothing_in_it_before_anything_was_written(journal: AnchorJournal) -> None:
    read = journal.read()
    assert (read.done, read.open, read.epochs) == ({}, {}, [])
    journal.begin([], None, NOW)
    journal.finish([], None)
    assert not journal.path.exists()


def test_an_erasure_is_open_until_it_is_done(journal: AnchorJournal) -> None:
    journal.begin([ERASURE], Epoch(7, "entry-3"), NOW)
    assert journal.read().open == {"erasure-1": ERASURE}
    assert journal.read().epochs == [Epoch(7, "entry-3")]
    journal.finish([ERASURE], None)
    assert journal.read().done == {"erasure-1": ERASURE}
    assert journal.read().open == {}
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_the_log_says_what_became_of_an_open_one(journal: AnchorJournal) -> None:
    happened = Intent("erasure-2", (), ())
    journal.begin([ERASURE, happened], None, NOW)
    journal.settle(lambda erasure: erasure == "erasure-2", NOW + 2 * SETTLED_AFTER)
    assert journal.read().done == {"erasure-2": happened}
    assert journal.read().open == {}


def test_what_may_still_be_under_way_stays_open(journal: AnchorJournal) -> None:
    journal.begin([ERASURE], None, NOW)
    journal.settle(never, NOW + SETTLED_AFTER - timedelta(seconds=1))
    assert journal.read().open == {"erasure-1": ERASURE}
    journal.settle(never, NOW + SETTLED_AFTER + timedelta(seconds=1))
    assert journal.read().open == {}


def test_one_that_is_done_after_all_is_done(journal: AnchorJournal) -> None:
    journal.begin([ERASURE], None, NOW)
    journal.settle(never, NOW + 2 * SETTLED_AFTER)
    journal.finish([ERASURE], None)
    assert journal.read().done == {"erasure-1": ERASURE}


def test_an_unfinished_last_line_is_passed_over_and_cut_off(
    journal: AnchorJournal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.begin([ERASURE], None, NOW)
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + b'{"done":"eras')
    assert journal.read().open == {"erasure-1": ERASURE}
    assert [(one.levelname, "never finished" in one.message) for one in caplog.records] == [
        ("WARNING", True)
    ]
    journal.finish([ERASURE], None)
    assert journal.path.read_bytes() == whole + b'{"done":"erasure-1"}\n'


@pytest.mark.parametrize(
    "line",
    [
        b"not JSON",
        b"[]",
        b'{"done":"nobody meant it"}',
        b'{"erasure":"a","entries":[],"keys":[],"at":"yesterday"}',
        b'{"epoch":"1","entry":null}',
        b"",
    ],
)
def test_a_line_that_says_nothing_we_know_is_refused(journal: AnchorJournal, line: bytes) -> None:
    journal.begin([ERASURE], None, NOW)
    journal.path.write_bytes(line + b"\n" + journal.path.read_bytes())
    with pytest.raises(Misconfigured, match="line 1 of the anchor's journal"):
        journal.read()


def test_its_lines_are_canonical(journal: AnchorJournal) -> None:
    journal.begin([ERASURE], Epoch(1, None), NOW)
    first, second = journal.path.read_text().splitlines()
    assert json.loads(first)["entries"] == ["entry-1", "entry-2"]
    assert second == '{"entry":null,"epoch":1}'


def test_what_cannot_be_written_is_not_done(tmp_path: Path) -> None:
    journal = AnchorJournal(tmp_path / "missing" / "anchor.journal")
    with pytest.raises(AnchorNotWritable):
        journal.begin([ERASURE], None, NOW)


def test_a_line_is_on_the_disk_before_anything_is_committed(
    journal: AnchorJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with the first one the file's name."""
    synced = watch(monkeypatch, journal.path.parent)
    journal.begin([ERASURE], None, NOW)
    (file, files), (folder, _) = synced
    assert (file, folder) == (journal.path.name, journal.path.parent.name)
    assert files[file] == journal.path.read_bytes() != b""
    journal.finish([ERASURE], None)
    assert synced[2] == (journal.path.name, {journal.path.name: journal.path.read_bytes()})


def test_a_line_that_is_written_in_parts_is_written_whole(
    journal: AnchorJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: really(descriptor, content[:7]))
    journal.begin([ERASURE], Epoch(7, None), NOW)
    assert journal.read().open == {"erasure-1": ERASURE}
    assert journal.read().epochs == [Epoch(7, None)]


def test_one_process_appends_at_a_time(journal: AnchorJournal) -> None:
    """Another's line that is not whole yet is not one that was never finished."""
    journal.begin([ERASURE], None, NOW)
    half = b'{"done":"eras'
    with journal.path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(half)
        other.flush()
        waiting = threading.Thread(target=journal.begin, args=([], Epoch(7, None), NOW))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        other.write(b'ure-1"}\n')
    waiting.join()
    assert journal.read().done == {"erasure-1": ERASURE}
    assert journal.read().epochs == [Epoch(7, None)]


def test_one_that_cannot_be_read_is_not_an_empty_one(journal: AnchorJournal) -> None:
    journal.path.mkdir()
    with pytest.raises(Misconfigured, match="cannot be read"):
        journal.read()
