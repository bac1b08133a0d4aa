"""What the log verifier reads: a port that a database or an export implements.

Everything is streamed in the order stated; the verifier keeps nothing of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol


class LeafRow(NamedTuple):
    """One leaf. Header and promise are None where a tenant's export holds only the hash."""

    position: int
    entry_id: str
    leaf: bytes
    header: bytes | None
    promise: str | None


class NodeRow(NamedTuple):
    """One stored perfect subtree of level ≥ 1."""

    level: int
    position: int
    hash: bytes


class HeadRow(NamedTuple):
    """One committed head: the size before, the tree's own and its root, when committed (UTC)."""

    size: int
    previous: int
    root: bytes
    time: datetime


class CheckpointRow(NamedTuple):
    """One signed checkpoint, with the size it is stored under, and that of the one before."""

    size: int
    previous: int
    note: str


class PendingRow(NamedTuple):
    """One entry not yet integrated."""

    entry_id: str
    header: bytes
    promise: str


class ErasedRow(NamedTuple):
    """One line of an erasure's list; `position` is the erased entry's, None while pending."""

    position: int | None
    entry_id: str
    leaf: bytes
    erasure_id: str


@dataclass(frozen=True)
class StoredBody:
    """A body that is there: opened, or sealed for want of a key, or damaged.

    `body` and `salt` are None unless it was opened.
    """

    body: bytes | None = field(default=None, repr=False)
    salt: bytes | None = field(default=None, repr=False)
    is_damaged: bool = False


class LogReader(Protocol):
    """A log at rest, read in one consistent snapshot."""

    @property
    def is_whole(self) -> bool:
        """Whether every entry's header and promise must be there (not so in an export)."""

    def leaves(self) -> Iterable[LeafRow]:
        """Every leaf in the order of the tree."""

    def nodes(self) -> Iterable[NodeRow] | None:
        """Every node in completion order, (position + 1) << level then level; None: not held."""

    def heads(self) -> Iterable[HeadRow] | None:
        """Every head by ascending size; None where the source holds none. Read twice."""

    def checkpoints(self) -> Iterable[CheckpointRow]:
        """Every checkpoint by ascending size."""

    def pending(self) -> Iterable[PendingRow]:
        """Every entry that waits for integration, in any order."""

    def erased(self) -> Iterable[ErasedRow]:
        """Every line of every erasure's list by ascending position, those without one last."""

    def erased_by(self, erasure_id: str) -> Iterable[tuple[str, bytes]]:
        """One erasure's list: (entry id, leaf hash) by ascending id."""

    def bodies(self, rows: Sequence[LeafRow]) -> Mapping[str, Any] | None:
        """The bodies these entries still have, by entry id; None: bodies are not looked at.

        Each as `EntryChecks.check_body` takes it, such as a `StoredBody`.
        """
