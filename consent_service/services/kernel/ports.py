"""What every use case needs from storage. `persistence` provides it; nothing here knows how."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from consent_service.audit.entry import Entry
from consent_service.services.kernel.model import Search


class Clock(Protocol):
    """The application process's clock."""

    def __call__(self) -> datetime:
        """Now, aware, in UTC."""
        ...


@dataclass(frozen=True)
class Guard:
    """The entry is appended only while the child's row still has this version (R8)."""

    child: str
    version: int


@dataclass(frozen=True)
class Answer:
    """An answer to keep for the same Idempotency-Key."""

    key_hash: bytes
    body_hash: bytes
    status: int
    sealed: bytes


class LogWriter(Protocol):
    """Where entries go. One is about one child at most; `child` None means none."""

    def append(
        self,
        entry: Entry,
        promise: str,
        search: Search,
        child: str | None,
        guard: Guard | None = None,
        answer: Answer | None = None,
    ) -> bool:
        """Write an entry. False, and nothing written, when the guard or the answer's key fails."""
        ...


class Answers(Protocol):
    """Answers kept for repeated requests."""

    def claim(self, key_hash: bytes) -> bool:
        """Whether no other request with this key is under way."""
        ...

    def find(self, key_hash: bytes) -> Answer | None: ...

    def keep(self, answer: Answer) -> None: ...

    def count_replay(self, key_hash: bytes) -> int:
        """Count one more replay of a kept answer: how many there were by now, this one included."""
        ...


class Unit(Protocol):
    """One piece of work: it is committed whole, or leaves nothing behind.

    Each room's own unit adds what that room needs.
    """

    @property
    def log(self) -> LogWriter: ...

    @property
    def answers(self) -> Answers: ...

    def commit(self) -> None: ...
