"""The anchor's journal: what must not be forgotten when the database is put back, a line each.

Any process appends, under a short lock of the file's own, and before the commit that it speaks of:
an erasure that is meant and each new epoch of the clients, and `done` once it is committed. So an
intent without `done` says that somebody was stopped in between, and the log says whether it
happened; what is `done` needs nobody's word, whatever became of the log's rows since. Lines are
canonical JSON; a last line without its end was never finished, and so was never followed by a
commit: it is passed over with a warning, and cut off by whoever appends next.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from consent_service.errors import Misconfigured, Unavailable
from consent_service.persistence.kernel.files import sync_folder
from consent_service.signing.canonical import (
    NotCanonical,
    canonical_json,
    instant_text,
    parse_instant,
)
from consent_service.signing.strict_json import NotJson, parse_json

SETTLED_AFTER = timedelta(minutes=1)
"""So long after an intent no commit of it can still be under way."""

log = logging.getLogger(__name__)


class AnchorNotWritable(Unavailable):
    """The anchor or its journal cannot be written: what has to stand there first is not done."""

    def __init__(self) -> None:
        super().__init__("anchor_not_writable", "The log's anchor cannot be written now.")


@dataclass(frozen=True)
class Intent:
    """An erasure: its entry's id, the entries that it lists, and the data keys that it destroys."""

    erasure: str
    entries: Sequence[str]
    keys: Sequence[str]


@dataclass(frozen=True)
class Epoch:
    """An epoch of the clients, and an entry that its unit of work wrote; None: it wrote none."""

    number: int
    entry: str | None


@dataclass(frozen=True)
class Journalled:
    """What a journal says: erasures that are done, those nobody has said it of, and the epochs.

    `since` is when each open erasure was meant, in UTC; `reached` are the epochs that are done.
    """

    done: Mapping[str, Intent]
    open: Mapping[str, Intent]
    since: Mapping[str, datetime]
    epochs: Sequence[Epoch]
    reached: frozenset[int]

    @property
    def largest_epoch(self) -> int:
        """The largest number that a change of the clients ever had, or was about to have."""
        return max((one.number for one in self.epochs), default=0)


class AnchorJournal:
    """One deployment's journal. Appending raises AnchorNotWritable, reading Misconfigured."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, intents: Iterable[Intent], epoch: Epoch | None, at: datetime) -> None:
        """What is about to be committed; `at` is UTC."""
        lines: list[dict[str, Any]] = [
            {
                "erasure": one.erasure,
                "entries": list(one.entries),
                "keys": list(one.keys),
                "at": instant_text(at),
            }
            for one in intents
        ]
        if epoch is not None:
            lines.append({"epoch": epoch.number, "entry": epoch.entry})
        self._append(lines)

    def finish(self, intents: Iterable[Intent], epoch: int | None) -> None:
        """These were committed."""
        lines: list[dict[str, Any]] = [{"done": one.erasure} for one in intents]
        if epoch is not None:
            lines.append({"done": epoch})
        self._append(lines)

    def settle(self, happened: Callable[[str], bool], now: datetime) -> None:
        """Say of each open erasure whether it happened; `happened` asks the log for its entry.

        One that is newer than SETTLED_AFTER stays open: its commit may be under way. Of an epoch
        only that it happened is said.
        """
        journalled = self.read()
        lines: list[dict[str, Any]] = [
            {"done": one.number}
            for one in journalled.epochs
            if one.number not in journalled.reached and one.entry and happened(one.entry)
        ]
        for erasure in journalled.open:
            if happened(erasure):
                lines.append({"done": erasure})
            elif now - journalled.since[erasure] > SETTLED_AFTER:
                lines.append({"undone": erasure})
        self._append(lines)

    def read(self) -> Journalled:
        """All of it; an empty one where there is no file."""
        intents: dict[str, Intent] = {}
        since: dict[str, datetime] = {}
        done: dict[str, Intent] = {}
        undone: set[str] = set()
        epochs: list[Epoch] = []
        reached: set[int] = set()
        for number, line in enumerate(self._lines(), 1):
            try:
                match parse_json(line):
                    case {"erasure": str(id_), "entries": [*entries], "keys": [*keys], "at": at}:
                        intents[id_] = Intent(id_, tuple(entries), tuple(keys))
                        since[id_] = parse_instant(at)
                    case {"done": str(id_)}:
                        done[id_] = intents[id_]
                    case {"done": int(epoch)}:
                        reached.add(epoch)
                    case {"undone": str(id_)}:
                        undone.add(id_)
                    case {"epoch": int(epoch), "entry": str() | None as entry}:
                        epochs.append(Epoch(epoch, entry))
                    case _:
                        raise KeyError
            except (NotJson, NotCanonical, KeyError, TypeError):
                raise Misconfigured(
                    f"line {number} of the anchor's journal {self.path} cannot be read"
                ) from None
        open_ = {id_: one for id_, one in intents.items() if id_ not in done and id_ not in undone}
        return Journalled(done, open_, since, epochs, frozenset(reached))

    def _lines(self) -> list[bytes]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError:
            raise Misconfigured(f"the anchor's journal {self.path} cannot be read") from None
        *lines, torn = content.split(b"\n")
        if torn:
            log.warning("the last line of the anchor's journal was never finished: passed over")
        return lines

    def _append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        if not lines:
            return
        written = b"".join(canonical_json(line) + b"\n" for line in lines)
        try:
            with self._locked() as descriptor:
                _cut_torn_line(descriptor)
                while written:
                    written = written[os.write(descriptor, written) :]
                os.fsync(descriptor)
        except OSError:
            raise AnchorNotWritable from None

    @contextmanager
    def _locked(self) -> Iterator[int]:
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
            if is_new:
                sync_folder(self.path.parent)
        finally:
            os.close(descriptor)


def _cut_torn_line(descriptor: int) -> None:
    """What a process that was killed left unfinished."""
    size = os.fstat(descriptor).st_size
    kept = size
    while kept and os.pread(descriptor, 1, kept - 1) != b"\n":
        kept -= 1
    if kept < size:
        os.ftruncate(descriptor, kept)
