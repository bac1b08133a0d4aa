"""Verifying an exported log offline, with published keys only: JSON Lines (`export_lines`).

The steps for the line of each entry, numbered as in the code:

 1. The line is an entry with its evidence; entries come in ascending order, each once.
 2. The header is of this log, commits to the body, and says what is shown beside it.
 3. The log promised to integrate that header.
 4. The entry is in the log, by a path to a signed checkpoint; or it is not proven yet.
 5. Where a key is compromised, a checkpoint shows the entry to be older.
 6. An erasure comes with the list of what it erased, and its header is about that list.

And over all lines: every checkpoint is of one history. Where the leaf hashes of the whole tree
follow, they lead to its checkpoint, and the tree had the root of each checkpoint, of those that
others kept too, when it had its size. A kept one that could be compared with nothing is said to be.

An export is one organisation's, of what it asked for: that a line is missing, nobody can tell from
it. It streams: what is kept is one root for each size of the tree that a checkpoint names.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from consent_service.audit.checkpoint import Checkpoint, InvalidCheckpoint
from consent_service.audit.entry import Header, InvalidEntry, erased_list
from consent_service.audit.evidence import (
    Answer,
    Refused,
    Verdict,
    check_due,
    check_entry,
    check_log_key,
    check_promise,
    check_proof,
    check_trust,
)
from consent_service.audit.export_lines import (
    CheckpointLine,
    EntryLine,
    InvalidExport,
    LeavesLine,
    read_line,
)
from consent_service.audit.history import (
    History,
    KeptCheckpoint,
    KeptReport,
    LogForked,
    compare_kept,
    other_roots,
)
from consent_service.audit.leaf_tree import LeafTree
from consent_service.audit.merkle import InvalidProof
from consent_service.audit.origins import Origins
from consent_service.audit.receipt_document import InvalidReceipt, LogEvidence, read_evidence
from consent_service.signing.canonical import NotCanonical, instant_text, parse_canonical
from consent_service.signing.keys import KeySet
from consent_service.signing.members import Members

_CHECKPOINTS_REMEMBERED = 64


@dataclass(frozen=True)
class LineReport:
    """One line's verdict; `reason` is a stable code, `detail` a plain sentence, `entry` its id."""

    number: int
    verdict: Verdict
    reason: str
    detail: str
    entry: str | None = None


@dataclass
class ExportReport:
    """How many entries there are of each verdict, filled while the lines are read.

    `tree` is what was found of the leaf hashes, None where there are none; `sizes` counts the
    sizes that the entries' checkpoints name. Kept checkpoints are reported at the end.
    """

    verdicts: Counter[Verdict]
    tree: Answer | None = None
    sizes: int = 0
    kept: list[KeptReport] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when all is verified and compared, 1 when something failed, else 3."""
        said = {one.verdict for one in self.kept} | set(+self.verdicts)
        said |= {self.tree[0]} if self.tree is not None else set()
        if "failed" in said:
            return 1
        return 0 if self.verdicts and said <= {"verified", "compared"} else 3


class ExportChecks:
    """One pass over an export's lines; `report` is complete when `judged` was read to its end."""

    def __init__(
        self,
        keys: KeySet,
        origins: Origins,
        now: datetime,
        kept: Sequence[KeptCheckpoint] = (),
    ) -> None:
        """`now` is UTC; `kept` are checkpoints that others kept."""
        self._keys, self._origins, self._now, self._kept = keys, origins, now, kept
        self._checkpoint = lru_cache(_CHECKPOINTS_REMEMBERED)(self._verified_checkpoint)
        self._shown = History(origins)
        self._tree: LeafTree | None = None
        self._is_tree_broken = False
        self._previous = ""
        self.report = ExportReport(Counter())

    def judged(self, lines: Iterable[bytes]) -> Iterator[LineReport]:
        """The verdict on each entry, and on what is wrong elsewhere, in the order of the lines."""
        for number, line in enumerate(lines, 1):
            entry, answer = self._judge(line)
            if answer is not None:
                self.report.verdicts[answer[0]] += 1
                yield LineReport(number, *answer, entry)
        self._finish()

    def _judge(self, line: bytes) -> tuple[str | None, Answer | None]:
        entry: str | None = None
        try:
            match read_line(line):
                case EntryLine(members):
                    entry = members.text("id")
                    self._check_line(members)
                    return entry, ("verified", "verified", "unchanged, and in the log")
                case CheckpointLine(note):
                    self._begin_tree(note)
                case LeavesLine(first, leaves):
                    self._grow_tree(first, leaves)
        except InvalidExport as wrong:
            return entry, ("failed", "line_invalid", wrong.detail)
        except Refused as refused:
            return entry, refused.answer
        return None, None

    def _check_line(self, members: Members) -> None:
        evidence = self._read(members)  # step 1
        header = self._check_shown(members, evidence)  # step 2
        promise = check_promise(evidence, self._keys)  # step 3
        checkpoint = self._find_checkpoint(evidence)  # step 4
        check_trust([promise.key.compromised_at], checkpoint)  # step 5
        _check_erased(members, header)  # step 6
        if checkpoint is None:
            check_due(promise, self._now)

    def _read(self, members: Members) -> LogEvidence:
        entry, evidence = members.text("id"), members.raw("evidence")
        if not isinstance(evidence, dict) or evidence.get("id") != entry:
            raise InvalidExport("the evidence is another entry's")
        if entry <= self._previous or self._tree is not None:
            raise InvalidExport("entries come first, in ascending order of id, each once")
        self._previous = entry
        # An entry that waits has a proof of null here, and none in a receipt.
        named = {name: member for name, member in evidence.items() if name != "id"}
        if named.get("proof", ...) is None:
            del named["proof"]
        try:
            return read_evidence(named)
        except InvalidReceipt as wrong:
            raise InvalidExport(wrong.detail) from None

    def _check_shown(self, members: Members, evidence: LogEvidence) -> Header:
        header = check_entry(evidence, self._origins)
        shown = (members.raw("id"), members.raw("time"), members.raw("controller"))
        if shown != (header.id, instant_text(header.time), header.controller):
            raise Refused("failed", "other_entry", "the line shows another entry than its header")
        try:
            proven = parse_canonical(evidence.body)
        except NotCanonical as wrong:
            raise Refused("failed", "entry_invalid", wrong.detail) from None
        if members.raw("body") != proven:
            raise Refused("failed", "other_body", "the line shows another body than is proven")
        return header

    def _find_checkpoint(self, evidence: LogEvidence) -> Checkpoint | None:
        proof = evidence.proof
        if proof is None:
            return None
        checkpoint = check_proof(evidence, proof, proof.checkpoint, self._checkpoint, self._origins)
        self._show(checkpoint)
        return checkpoint

    def _show(self, checkpoint: Checkpoint) -> None:
        """Take in a checkpoint of the export. Raises Refused where it contradicts another."""
        try:
            self._shown.add(checkpoint)
            for one in self._kept:
                History(self._origins, [one.checkpoint]).check(checkpoint)
        except LogForked as forked:
            raise Refused("failed", "log_forked", forked.detail) from None

    def _verified_checkpoint(self, note: str) -> Checkpoint:
        return self._origins.verify(note, self._keys)

    # -- the tree of all leaf hashes --------------------------------------------------------------

    def _begin_tree(self, note: str) -> None:
        if self._tree is not None:
            raise InvalidExport("an export has one checkpoint over its leaves")
        try:
            checkpoint = self._checkpoint(note)
        except InvalidCheckpoint as wrong:
            raise InvalidExport(wrong.detail) from None
        kept = (one.checkpoint.size for one in self._kept)
        self._tree = LeafTree(checkpoint, (*self._shown.sizes, *kept))
        self._show(checkpoint)

    def _grow_tree(self, first: int, leaves: Sequence[bytes]) -> None:
        if self._is_tree_broken:
            return  # the first line that did not fit has said so
        if self._tree is None or first != self._tree.size:
            self._is_tree_broken = True
            raise InvalidExport("leaf hashes come after their checkpoint, in order")
        try:
            self._tree.grow(leaves)
        except InvalidProof as wrong:
            self._is_tree_broken = True
            raise InvalidExport(wrong.detail) from None

    def _finish(self) -> None:
        """Compare what all lines together say."""
        self.report.sizes = len(self._shown.sizes)
        whole: LeafTree | None = None
        if self._tree is not None:
            try:
                self._check_whole(self._tree)
                whole = self._tree
                self._check_roots(whole)
                self.report.tree = ("verified", "verified", "the leaf hashes are the log's")
            except Refused as refused:
                self.report.tree = refused.answer
        self.report.kept = compare_kept(self._kept, self._shown, whole, self._origins)

    def _check_whole(self, tree: LeafTree) -> None:
        if tree.size < tree.checkpoint.size:
            detail = "the leaf hashes end early: pages of the export are missing"
            raise Refused("unproven", "leaves_incomplete", detail)
        try:
            tree.check_whole()
        except InvalidProof as wrong:
            raise Refused("failed", "leaves_invalid", wrong.detail) from None
        check_log_key(tree.checkpoint)

    def _check_roots(self, tree: LeafTree) -> None:
        if wrong := other_roots(self._shown, tree):
            detail = f"the log had another root when it had {wrong[0]} entries"
            raise Refused("failed", "log_forked", detail)


def _check_erased(members: Members, header: Header) -> None:
    if header.kind != "erasure":
        if "erased" in members:
            raise InvalidExport("a list of what was erased, by what is no erasure")
        return
    if "erased" not in members:
        raise Refused("failed", "erased_missing", "the list of what was erased is not there")
    try:
        listed = erased_list(_erased_line(one) for one in members.items("erased"))
    except InvalidEntry as wrong:
        raise Refused("failed", "erased_invalid", wrong.detail) from None
    if listed != header.erased:
        raise Refused("failed", "erased_mismatch", "the header is about another list")


def _erased_line(value: Any) -> tuple[str, bytes]:
    match value:
        case [str(entry), str(leaf)]:
            try:
                return entry, bytes.fromhex(leaf)
            except ValueError:
                pass
    raise InvalidExport("erased is not an array of entry ids and leaf hashes")
