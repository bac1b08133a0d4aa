"""Whether checkpoints can all be of one history: one root for each size, and no shrinking.

Two checkpoints that contradict each other, both signed by the log's key, are the proof that the log
lied to somebody; who keeps one and who shows the other does not matter.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from consent_service.audit.checkpoint import Checkpoint, InvalidCheckpoint
from consent_service.audit.leaf_tree import LeafTree
from consent_service.audit.merkle import EMPTY_ROOT
from consent_service.audit.origins import Origins
from consent_service.errors import ConsentServiceError
from consent_service.signing.keys import KeySet

Compared = Literal["compared", "not compared", "failed"]


class LogForked(ConsentServiceError):
    """Two checkpoints of the log contradict each other."""

    code = "log_forked"


@dataclass(frozen=True)
class KeptCheckpoint:
    """A verified checkpoint that somebody kept; `name` is what they call it."""

    name: str
    checkpoint: Checkpoint


@dataclass(frozen=True)
class KeptReport:
    """What came of a kept checkpoint; `reason` is a stable code, `detail` a plain sentence."""

    name: str
    verdict: Compared
    reason: str
    detail: str


class _Line:
    """The checkpoints of one growing tree: for each size the root, and the times it was signed."""

    def __init__(self) -> None:
        self._roots: dict[int, bytes] = {0: EMPTY_ROOT}
        self._times: dict[int, tuple[datetime, datetime]] = {}
        self._sizes: list[int] = []

    @property
    def sizes(self) -> Sequence[int]:
        """Every size that a checkpoint names, ascending."""
        return self._sizes

    def has(self, size: int) -> bool:
        """Whether the root of that size is known."""
        return size in self._roots

    def root(self, size: int) -> bytes:
        return self._roots[size]

    def add(self, checkpoint: Checkpoint) -> None:
        """Take one more in. Raises LogForked, and then leaves it out."""
        self.check(checkpoint)
        size, time = checkpoint.size, checkpoint.time
        self._roots[size] = checkpoint.root
        if size not in self._times:
            insort(self._sizes, size)
        first, last = self._times.get(size, (time, time))
        self._times[size] = (min(first, time), max(last, time))

    def check(self, checkpoint: Checkpoint) -> None:
        """Raise LogForked where a checkpoint contradicts one of these."""
        size, time = checkpoint.size, checkpoint.time
        if self._roots.get(size, checkpoint.root) != checkpoint.root:
            raise LogForked("another checkpoint of this size has another root")
        smaller, larger = bisect_left(self._sizes, size), bisect_right(self._sizes, size)
        if smaller > 0 and time < self._times[self._sizes[smaller - 1]][1]:
            raise LogForked("a smaller checkpoint is dated later: the log only grows")
        if larger < len(self._sizes) and self._times[self._sizes[larger]][0] < time:
            raise LogForked("a larger checkpoint is dated earlier: the log only grows")


class History:
    """The checkpoints met so far, of the log's tree and of whatever a restore lost of it.

    What a compromised key signed proves nothing in either direction, and is not taken in.
    """

    def __init__(self, origins: Origins, checkpoints: Iterable[Checkpoint] = ()) -> None:
        """Raises LogForked."""
        self._origins = origins
        self._tree = _Line()
        self._lost: dict[str, _Line] = {}
        for checkpoint in checkpoints:
            self.add(checkpoint)

    @property
    def sizes(self) -> Sequence[int]:
        """Every size that a checkpoint of the tree names, ascending."""
        return self._tree.sizes

    def has(self, size: int) -> bool:
        """Whether the root of the tree of that size is known."""
        return self._tree.has(size)

    def root(self, size: int) -> bytes:
        return self._tree.root(size)

    def is_lost(self, checkpoint: Checkpoint) -> bool:
        """Whether it is of what a restore lost, so that the tree says nothing of it."""
        return self._origins.branch(checkpoint) != ""

    def add(self, checkpoint: Checkpoint) -> None:
        """Take one more in. Raises LogForked, and then leaves it out."""
        if checkpoint.key.status != "compromised":
            self._line(checkpoint).add(checkpoint)

    def check(self, checkpoint: Checkpoint) -> None:
        """Raise LogForked where a checkpoint contradicts one of these."""
        if checkpoint.key.status != "compromised":
            self._line(checkpoint).check(checkpoint)

    def _line(self, checkpoint: Checkpoint) -> _Line:
        lost = self._origins.branch(checkpoint)
        return self._lost.setdefault(lost, _Line()) if lost else self._tree


def verified_checkpoints(
    notes: Iterable[str | None], keys: KeySet, origins: Origins
) -> list[Checkpoint]:
    """Those of these notes that verify; the others are refused by whatever rests on them."""
    held: list[Checkpoint] = []
    for note in dict.fromkeys(notes):
        with suppress(InvalidCheckpoint):
            held.append(origins.verify(note or "", keys))
    return held


def shown_together(
    checkpoints: Iterable[Checkpoint], tree: LeafTree | None, origins: Origins
) -> tuple[History, bool]:
    """What these say together, and whether they contradict each other or the tree.

    `tree` leads to a checkpoint that counts, and had their sizes among its stops.
    """
    shown, is_forked = History(origins), False
    for checkpoint in checkpoints:
        try:
            shown.add(checkpoint)
        except LogForked:
            is_forked = True
    return shown, is_forked or (tree is not None and bool(other_roots(shown, tree)))


def other_roots(shown: History, tree: LeafTree) -> list[int]:
    """The sizes at which the tree had another root than a checkpoint says."""
    return [
        size for size in shown.sizes if tree.roots.get(size, shown.root(size)) != shown.root(size)
    ]


def compare_kept(
    kept: Iterable[KeptCheckpoint], shown: History, tree: LeafTree | None, origins: Origins
) -> list[KeptReport]:
    """What each kept checkpoint is beside what is shown, beside a whole tree, and the others.

    `tree` leads to a checkpoint that counts, and had the sizes of the kept ones among its stops.
    """
    others, reports = History(origins), []
    for one in kept:
        try:
            verdict = _compare(one.checkpoint, shown, tree, origins)
            others.add(one.checkpoint)
        except LogForked as forked:
            verdict = ("failed", "log_forked", forked.detail)
        reports.append(KeptReport(one.name, *verdict))
    return reports


def _compare(
    kept: Checkpoint, shown: History, tree: LeafTree | None, origins: Origins
) -> tuple[Compared, str, str]:
    """Raises LogForked."""
    if kept.key.status == "compromised":
        return "not compared", "log_key_compromised", "the log's key was compromised"
    shown.check(kept)
    if shown.is_lost(kept):
        detail = "the log was put back to an older copy, and this is of what was lost"
        return "not compared", "lost_in_restore", detail
    if tree is not None:
        History(origins, [tree.checkpoint]).check(kept)
        if tree.roots.get(kept.size, kept.root) != kept.root:
            raise LogForked("the log had another root when it had this size")
    if shown.has(kept.size) or (tree is not None and kept.size in tree.roots):
        return "compared", "same_history", "the log had this root when it had this size"
    if tree is None:
        detail = "nothing here reaches it: an export with leaf hashes (leaves=true) would"
        return "not compared", "no_leaves", detail
    return (
        "not compared",
        "beyond_tree",
        f"the export's tree has only {tree.checkpoint.size} leaves",
    )
