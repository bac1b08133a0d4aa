"""The anchor: the newest checkpoint in a file outside the database, and the lock of who signs.

Somebody who can change the database cannot change this file: what contradicts it is not signed, and
nothing is decided on it (`guard`, docs/decisions/0035). It is replaced as a whole, so that a crash
leaves the old checkpoint or the new one, by the holder of the lock alone. Beside it stands the
`anchor_journal`, and the word
that a process leaves which found a contradiction.
"""

import fcntl
import os
from pathlib import Path

from consent_service.errors import Misconfigured
from consent_service.persistence.kernel.files import replace_file
from consent_service.persistence.log.anchor_journal import AnchorJournal, AnchorNotWritable

Word = tuple[int, int]
"""By what one word that a process left is told from the next: the file's number and time."""


class AnchorUnreadable(Misconfigured):
    """The anchor is there and cannot be read: no process starts on what it cannot compare."""


class Anchor:
    """The file of the newest checkpoint, its lock and its journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = AnchorJournal(path.with_name(f"{path.name}.journal"))
        self._held: tuple[int, int] | None = None

    def read(self) -> str | None:
        """The checkpoint as it was written; None: there is no file. Raises AnchorUnreadable."""
        try:
            return self.path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            raise AnchorUnreadable(
                f"the log's anchor {self.path} (CONSENT_LOG_ANCHOR_FILE) cannot be read"
            ) from None

    @property
    def is_held(self) -> bool:
        """Whether this process holds the lock; a child of the one that does is another process."""
        return self._held is not None and self._held[1] == os.getpid()

    def hold(self) -> bool:
        """Take the lock, until `release` or the end of the process; False: another process has it.

        Raises AnchorNotWritable.
        """
        if self.is_held:
            return True
        try:
            descriptor = os.open(
                self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600
            )
        except OSError:
            raise AnchorNotWritable from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._held = (descriptor, os.getpid())
        return True

    def release(self) -> None:
        """Let the lock go, where this process has it."""
        if self.is_held and self._held is not None:
            os.close(self._held[0])
        self._held = None

    def write(self, note: str) -> None:
        """Put a checkpoint in place of the old one, durably. Raises AnchorNotWritable.

        By the holder of the lock alone.
        """
        if not self.is_held:
            raise RuntimeError("the anchor is written by the holder of its lock")
        try:
            replace_file(self.path, note.encode())
        except OSError:
            raise AnchorNotWritable from None

    def leave_word(self, reason: str) -> Word | None:
        """Tell every other process that this log is contradicted; None where it cannot be told."""
        word = self.path.with_name(f"{self.path.name}.contradicted")
        try:
            replace_file(word, f"{reason}\n".encode())
        except OSError:
            return None
        return self.word()

    def word(self) -> Word | None:
        """Which word was left last; None where none ever was, or it cannot be looked for."""
        try:
            status = self.path.with_name(f"{self.path.name}.contradicted").stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns
