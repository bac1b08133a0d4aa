"""Growing the tree again beside the stored one, and comparing every node and every root.

Memory is the frontier: one hash for each bit of the size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from typing import NamedTuple

from consent_service.audit.checkpoint import (
    Checkpoint,
    InvalidCheckpoint,
    parse_checkpoint,
    verify_checkpoint,
)
from consent_service.audit.finding import Finding
from consent_service.audit.log_reader import CheckpointRow, HeadRow, LogReader, NodeRow
from consent_service.audit.merkle import Frontier
from consent_service.audit.origins import Origins
from consent_service.signing.keys import KeySet

Report = Callable[[Finding], None]


class RootMark(NamedTuple):
    """A root that the tree must have at a size; `name` says whose claim it is."""

    size: int
    root: bytes
    name: str

    @property
    def place(self) -> str:
        return f"{self.name} {self.size}"


class TreeWalk:
    """The tree grown so far; findings go to `report` as they turn up."""

    def __init__(
        self, nodes: Iterable[NodeRow] | None, marks: Iterator[RootMark], report: Report
    ) -> None:
        self._nodes = None if nodes is None else iter(nodes)
        self._marks = marks
        self._mark = next(marks, None)
        self._report = report
        self._frontier = Frontier()
        self._last_marked = 0

    @property
    def size(self) -> int:
        return self._frontier.size

    def grow(self, leaves: Sequence[bytes]) -> None:
        """Append leaf hashes, comparing each node and each root on the way."""
        taken = 0
        while self._mark is not None and self._mark.size <= self.size + len(leaves) - taken:
            until = taken + max(0, self._mark.size - self.size)
            self._append(leaves[taken:until])
            taken = until
            self._compare(self._mark)
        self._append(leaves[taken:])

    def finish(self) -> None:
        """Compare what is left: claims beyond the tree, and leaves beyond every claim."""
        self.grow([])
        while self._mark is not None:
            detail = f"the log holds only {self.size} entries"
            self._report(Finding("log_cut", self._mark.place, detail))
            self._mark = next(self._marks, None)
        if self._last_marked != self.size:
            place, detail = f"leaf {self._last_marked}", "no head or checkpoint covers it"
            self._report(Finding("head_invalid", place, detail))
        if self._nodes is not None and (extra := next(self._nodes, None)) is not None:
            self._report(Finding("node_mismatch", _place(extra), "a node beyond the tree"))

    def _append(self, leaves: Sequence[bytes]) -> None:
        if not leaves:
            return
        self._frontier, completed = self._frontier.append(leaves)
        if self._nodes is None:
            return
        for (level, position), expected in completed:
            stored = next(self._nodes, None)
            if stored != (level, position, expected):
                place = _place(NodeRow(level, position, expected))
                same = stored is not None and stored[:2] == (level, position)
                detail = "another hash" if same else "missing, or another in its place"
                self._report(Finding("node_mismatch", place, detail))
                if not same:
                    # From here on the two streams are out of step: one finding says it.
                    self._nodes = None
                    return

    def _compare(self, mark: RootMark) -> None:
        if mark.size < self.size or mark.root != self._frontier.root():
            detail = "another root than that of the leaves"
            self._report(Finding("root_mismatch", mark.place, detail))
        self._last_marked = mark.size
        self._mark = next(self._marks, None)


class Claims(NamedTuple):
    """What is known outside the log: checkpoints that others kept, and the log's own anchor.

    `destroyed` are the data keys that erasures took, as the anchor's journal has them.
    """

    outside: Sequence[str] = ()
    anchor: str | None = None
    destroyed: frozenset[str] = frozenset()


NO_CLAIMS = Claims()


def root_marks(
    reader: LogReader, keys: KeySet, origins: Origins, claims: Claims, report: Report
) -> Iterator[RootMark]:
    """Every claim about a root, by ascending size; broken ones go to `report` instead.

    The claims are the heads, the stored checkpoints, the last ones of the names that the log had
    before, and those from outside.
    """
    given = [(note, "outside checkpoint") for note in claims.outside]
    if claims.anchor is not None:
        given.append((claims.anchor, "anchor"))
    kept = []
    for note, name in given:
        try:
            kept.append(_mark(_verified(note, keys, origins), name))
        except InvalidCheckpoint as wrong:
            report(Finding("checkpoint_invalid", name, wrong.detail))
    kept += _predecessor_marks(keys, origins, report)
    anchored = max((mark.size for mark in kept if mark.name == "anchor"), default=0)
    return merge(
        _head_marks(reader.heads() or (), report),
        _checkpoint_marks(reader.checkpoints(), keys, origins, anchored, report),
        sorted(kept),
        key=lambda mark: mark.size,
    )


def _predecessor_marks(keys: KeySet, origins: Origins, report: Report) -> Iterator[RootMark]:
    """The last checkpoint of each name before, as far as the tree still has what it was of."""
    for row, note, before in origins.predecessors():
        try:
            name = parse_checkpoint(note).origin
            found = verify_checkpoint(note, name, keys)
        except InvalidCheckpoint as wrong:
            report(Finding("checkpoint_invalid", "predecessor", wrong.detail))
            continue
        if name == before and found.size <= row.first_index:
            yield _mark(found, "predecessor")


def _verified(note: str, keys: KeySet, origins: Origins) -> Checkpoint:
    """Under the name that the log had when it was of that size. Raises InvalidCheckpoint."""
    return verify_checkpoint(note, origins.of_tree(parse_checkpoint(note).size), keys)


def _head_marks(heads: Iterable[HeadRow], report: Report) -> Iterator[RootMark]:
    previous: HeadRow | None = None
    for head in heads:
        mark = RootMark(head.size, head.root, "head")
        if previous is not None and (head.size <= previous.size or head.time < previous.time):
            report(Finding("head_invalid", mark.place, "not later than the head before it"))
            continue
        if head.previous != (previous.size if previous else 0):
            report(Finding("head_invalid", mark.place, "the head before it is missing"))
        previous = head
        yield mark


def _checkpoint_marks(
    rows: Iterable[CheckpointRow],
    keys: KeySet,
    origins: Origins,
    anchored: int,
    report: Report,
) -> Iterator[RootMark]:
    previous: Checkpoint | None = None
    stored = 0
    for row in rows:
        place = f"checkpoint {row.size}"
        if row.previous != stored:
            report(Finding("checkpoint_invalid", place, "the one before it is missing"))
        stored = row.size
        try:
            checkpoint = _verified(row.note, keys, origins)
        except InvalidCheckpoint as wrong:
            report(Finding("checkpoint_invalid", place, wrong.detail))
            continue
        if checkpoint.key.status == "compromised":
            report(Finding("key_compromised", place, "signed by a compromised log key"))
        if checkpoint.size != row.size:
            report(Finding("checkpoint_invalid", place, "stored under another size"))
        elif previous is not None and (
            checkpoint.size < previous.size or checkpoint.time < previous.time
        ):
            report(Finding("checkpoint_invalid", place, "not later than the one before it"))
        else:
            previous = checkpoint
            yield _mark(checkpoint, "checkpoint")
    if stored < anchored:
        place, detail = f"checkpoint {anchored}", "only the anchor has it, until it is put back"
        report(Finding("checkpoint_missing", place, detail))


def _mark(checkpoint: Checkpoint, name: str) -> RootMark:
    return RootMark(checkpoint.size, checkpoint.root, name)


def _place(node: NodeRow) -> str:
    return f"node level {node.level} index {node.position}"
