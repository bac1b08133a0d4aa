"""Under which name a log's entries and checkpoints stand: one, until a restore gives it another.

A range begins at a position in the tree and ends where the next begins. A checkpoint is of the log
that its newest leaf is of. What was signed under a name and then lost is not in the tree: of it the
last checkpoint is kept, as the predecessor of the name that follows.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from consent_service.audit.checkpoint import (
    Checkpoint,
    InvalidCheckpoint,
    parse_checkpoint,
    verify_checkpoint,
)
from consent_service.audit.finding import Finding
from consent_service.signing.keys import KeySet


class OriginRow(NamedTuple):
    """A name from a position on; `predecessor` is the last checkpoint known of the one before."""

    first_index: int
    origin: str
    predecessor: str | None = None


@dataclass(frozen=True)
class Origins:
    """The names of one log, in order; never empty, the first from position 0 on."""

    rows: tuple[OriginRow, ...]

    @classmethod
    def of(cls, rows: Sequence[OriginRow], configured: str) -> "Origins":
        """Those of a log's rows, or the configured name alone where the log has not begun."""
        return cls(tuple(rows) or (OriginRow(0, configured),))

    @classmethod
    def named(cls, origin: str) -> "Origins":
        """A log that has had this name alone."""
        return cls((OriginRow(0, origin),))

    @property
    def names(self) -> frozenset[str]:
        """Every name that the log had, those too under which nothing is in the tree any more."""
        lost = (_name_of(row.predecessor) for row in self.rows if row.predecessor is not None)
        return frozenset({*(row.origin for row in self.rows), *filter(None, lost)})

    @property
    def newest(self) -> str:
        """The name that entries and checkpoints are given now."""
        return self.rows[-1].origin

    def predecessors(self) -> Iterator[tuple[OriginRow, str, str | None]]:
        """Each that says what came before it, that checkpoint, and the name before in this tree."""
        for before, row in zip((None, *self.rows), self.rows, strict=False):
            if row.predecessor is not None:
                yield row, row.predecessor, None if before is None else before.origin

    def of_leaf(self, position: int) -> str:
        """The log that the entry at a position is of."""
        begins = [row.first_index for row in self.rows]
        return self.rows[max(0, bisect_right(begins, position) - 1)].origin

    def of_tree(self, size: int) -> str:
        """The log that a checkpoint of this size is of."""
        return self.of_leaf(max(0, size - 1))

    def verify(self, note: str, keys: KeySet) -> Checkpoint:
        """The checkpoint in a note, under whichever of these names. Raises InvalidCheckpoint."""
        name = parse_checkpoint(note).origin
        if name not in self.names:
            raise InvalidCheckpoint("the checkpoint is of another log")
        return verify_checkpoint(note, name, keys)

    def branch(self, checkpoint: Checkpoint) -> str:
        """Empty for a checkpoint of this tree; the name of what a restore lost for one of that."""
        first = self._first_of(checkpoint.origin)
        beyond = first is not None and any(
            first < row.first_index < checkpoint.size for row in self.rows
        )
        is_lost = first is None or beyond
        return checkpoint.origin if is_lost else ""

    def can_stand(self, name: str, position: int, checkpoint: Checkpoint) -> bool:
        """Whether an entry of this name can stand there in the tree of a checkpoint."""
        first = self._first_of(name)
        if name == checkpoint.origin:
            return position >= (first or 0)
        if name not in self.names:
            return False
        # What was lost has no place here that could be compared.
        return self.branch(checkpoint) != "" or self.of_leaf(position) == name

    def _first_of(self, name: str) -> int | None:
        return next((row.first_index for row in self.rows if row.origin == name), None)


def _name_of(note: str) -> str | None:
    try:
        return parse_checkpoint(note).origin
    except InvalidCheckpoint:
        return None


def wrong_origins(rows: Sequence[OriginRow], configured: str, size: int) -> Iterator[Finding]:
    """What is wrong with the names kept for a log of so many entries, which is configured as one.

    A predecessor is compared with the tree where all checkpoints are.
    """
    if size > 0 and not rows:
        yield Finding("origin_mismatch", "names of the log", "missing")
    for number, row in enumerate(rows):
        is_first = number == 0
        if row.first_index > size or is_first != (row.first_index == 0):
            detail = "it does not begin where a name can"
        elif is_first != (row.predecessor is None):
            detail = "the first name alone follows no other"
        elif row.origin in {before.origin for before in rows[:number]}:
            # A restore that never was: every entry under it has that name already.
            detail = "the log was called that before"
        else:
            continue
        yield Finding("origin_mismatch", f"name from {row.first_index} on", detail)
    if rows and rows[-1].origin != configured:
        yield Finding("origin_mismatch", "names of the log", "the newest is not the configured one")
