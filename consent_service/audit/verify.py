"""Verifying a whole log in one pass whose memory does not grow with it.

For every leaf, in the order of the tree:

 1. The header is well-formed, of this log, and hashes to the leaf; the promise is signed,
    for that header, and was kept in time; an opened body is the one committed to.
 2. The body is there, or an erasure lists the entry, never both and never neither; its
    search columns say what it says.
 3. The tree grown from the leaves has the stored nodes, and the root of every head, every
    stored checkpoint and every checkpoint that others kept.

Then the entries still pending, the erasures' lists, and what else the caller compared.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import nullcontext
from datetime import datetime
from itertools import islice
from multiprocessing import get_context
from typing import NamedTuple

from consent_service.audit.entry_checks import EntryToCheck, check_entries, check_pending
from consent_service.audit.erasure_checks import ErasureWalk
from consent_service.audit.finding import NOTICES, Finding, VerifyReport
from consent_service.audit.log_reader import HeadRow, LeafRow, LogReader, StoredBody
from consent_service.audit.merkle import leaf_hash
from consent_service.audit.tree_checks import TreeWalk, root_marks
from consent_service.signing.keys import KeySet

CheckColumns = Callable[[LeafRow, bytes], str | None]
"""Compares an entry's search columns with its body; answers what is wrong, or None."""

MOST_FINDINGS = 20
"""So many say enough, and keep memory from growing with the damage."""

_CHUNK = 2_000


class _Checked(NamedTuple):
    """One chunk under way: what the entries' own checks find, then what the rest found."""

    entries: "Future[list[Finding]] | list[Finding]"
    rest: list[Finding]


def verify_log(
    reader: LogReader,
    keys: KeySet,
    origin: str,
    now: datetime,
    *,
    outside: Sequence[str] = (),
    check_columns: CheckColumns | None = None,
    extra_checks: Iterable[Finding] = (),
    workers: int = 1,
) -> VerifyReport:
    """Verify the log of an origin, and report what was verified and what is wrong.

    `now` is UTC. `outside` are checkpoints that others kept. `extra_checks` are findings
    made elsewhere, such as of facts against entries; they are read last. `workers` above 1
    spreads the signatures over that many processes. Stops after MOST_FINDINGS.
    """
    verification = _Verification(reader, keys, origin, now, outside, check_columns)
    # Not fork: the caller may hold database connections, which no child may inherit.
    pool = ProcessPoolExecutor(workers, get_context("spawn")) if workers > 1 else nullcontext()
    with pool as executor:
        for checked in verification.run(executor, ahead=2 * workers):
            verification.take(checked)
            if len(verification.findings) >= MOST_FINDINGS:
                return verification.report(is_complete=False)
    verification.finish()
    for finding in extra_checks:
        verification.take(_Checked([finding], []))
        if len(verification.findings) >= MOST_FINDINGS:
            return verification.report(is_complete=False)
    return verification.report(is_complete=True)


class _Verification:
    """The pass over one log: where it stands, and what it found so far."""

    def __init__(
        self,
        reader: LogReader,
        keys: KeySet,
        origin: str,
        now: datetime,
        outside: Sequence[str],
        check_columns: CheckColumns | None,
    ) -> None:
        self._reader, self._keys, self._origin, self._now = reader, keys, origin, now
        self._check_columns = check_columns
        self._has_outside = bool(outside)
        self._rest: list[Finding] = []
        self._nodes = reader.nodes()
        self._heads = iter(reader.heads() or ())
        self._head: HeadRow | None = next(self._heads, None)
        marks = root_marks(reader, keys, origin, outside, self._note)
        self._erasures = ErasureWalk(reader, self._note)
        self._tree = TreeWalk(self._nodes, marks, self._note)
        self._looks_at_bodies = self._is_broken = False
        self._headers = self._bodies = self._erased = self._pending = 0
        self.findings: list[Finding] = []
        self.notices: list[Finding] = []

    def run(self, executor: Executor | None, ahead: int) -> Iterator[_Checked]:
        """Check chunk after chunk, answering in order; at most `ahead` are under way."""
        under_way: deque[_Checked] = deque()
        leaves = iter(self._reader.leaves())
        while rows := self._unbroken(list(islice(leaves, _CHUNK))):
            under_way.append(self._check_chunk(rows, executor))
            if executor is None or len(under_way) > ahead:
                yield under_way.popleft()
        yield from under_way

    def take(self, checked: _Checked) -> None:
        """Sort the findings of one chunk into lies and notices."""
        entries = checked.entries
        made = entries if isinstance(entries, list) else entries.result()
        for finding in (*made, *checked.rest):
            (self.notices if finding.kind in NOTICES else self.findings).append(finding)

    def finish(self) -> None:
        """Check what only the whole log can tell, and what is pending."""
        self._tree.finish()
        pending = iter(self._reader.pending())
        while rows := list(islice(pending, _CHUNK)):
            self._pending += len(rows)
            entries = []
            for entry_id, header, promise in rows:
                self._erasures.meet(entry_id, header)
                place, leaf = f"pending (entry {entry_id})", leaf_hash(header)
                entries.append(EntryToCheck(place, entry_id, leaf, header, promise, None))
            found = check_pending(entries, self._keys, self._origin, self._now)
            self.take(_Checked(found, self._drain()))
        self._erasures.finish()
        self.take(_Checked([], self._drain()))

    def report(self, is_complete: bool) -> VerifyReport:
        """Everything so far."""
        return VerifyReport(
            entries=self._tree.size,
            pending=self._pending,
            bodies_checked=self._bodies,
            erased=self._erased,
            findings=tuple(self.findings),
            notices=tuple(self.notices),
            checked=tuple(self._describe()),
            is_complete=is_complete,
        )

    def _describe(self) -> Iterator[str]:
        yield f"{self._tree.size} leaves and their roots"
        yield f"{self._headers} headers and promises"
        yield "nodes" if self._nodes is not None else "nodes not checked: not in the source"
        if self._looks_at_bodies:
            yield f"{self._bodies} bodies"
        else:
            yield "bodies not checked"
        yield f"{self._erased} erased entries and their lists"
        yield f"{self._pending} pending entries"
        if self._has_outside:
            yield "checkpoints kept outside"

    def _check_chunk(self, rows: Sequence[LeafRow], executor: Executor | None) -> _Checked:
        stored = self._reader.bodies(rows)
        self._looks_at_bodies |= stored is not None
        entries = [entry for row in rows if (entry := self._entry(row, stored)) is not None]
        self._headers += len(entries)
        self._tree.grow([row.leaf for row in rows])
        arguments = (entries, self._keys, self._origin)
        if executor is None:
            return _Checked(check_entries(*arguments), self._drain())
        return _Checked(executor.submit(check_entries, *arguments), self._drain())

    def _entry(self, row: LeafRow, stored: Mapping[str, StoredBody] | None) -> EntryToCheck | None:
        """What to check of one leaf's entry by itself; None where only its hash is held."""
        is_listed = self._erasures.is_listed(row)
        self._erased += is_listed
        place = _place(row)
        if row.header is None:
            if self._reader.is_whole:
                self._note(Finding("header_missing", f"header {place}", "no header for this leaf"))
            return None
        self._erasures.meet(row.entry_id, row.header)
        body = self._check_body_row(row, is_listed, stored)
        integrated_at = self._integrated_at(row.position)
        return EntryToCheck(
            place, row.entry_id, row.leaf, row.header, row.promise, integrated_at,
            body.body, body.salt,
        )  # fmt: skip

    def _check_body_row(
        self, row: LeafRow, is_listed: bool, stored: Mapping[str, StoredBody] | None
    ) -> StoredBody:
        """Whether the body is there exactly when it should be, with columns that match it."""
        nothing = StoredBody()
        if stored is None:
            return nothing
        place, body = f"body {_place(row)}", stored.get(row.entry_id)
        if body is None:
            if not is_listed:
                self._note(Finding("body_missing", place, "missing, and no erasure lists it"))
            return nothing
        if is_listed:
            self._note(Finding("body_not_erased", place, "present, though an erasure lists it"))
        if body.is_damaged:
            self._note(Finding("body_unreadable", place, "it cannot be decrypted"))
            return nothing
        if body.body is not None:
            self._bodies += 1
            wrong = None if self._check_columns is None else self._check_columns(row, body.body)
            if wrong is not None:
                self._note(Finding("columns_mismatch", place, wrong))
        return body

    def _integrated_at(self, position: int) -> datetime | None:
        """The time of the first head that covers a leaf; positions are asked in order."""
        while self._head is not None and self._head.size <= position:
            self._head = next(self._heads, None)
        return None if self._head is None else self._head.time

    def _unbroken(self, rows: list[LeafRow]) -> list[LeafRow]:
        """The rows up to a gap in the positions, after which no tree can be grown."""
        if self._is_broken:
            return []
        for offset, row in enumerate(rows):
            if row.position != self._tree.size + offset:
                place = f"leaf {self._tree.size + offset}"
                self._note(Finding("leaf_missing", place, "missing, or out of order"))
                self._is_broken = True
                return rows[:offset]
        return rows

    def _note(self, finding: Finding) -> None:
        self._rest.append(finding)

    def _drain(self) -> list[Finding]:
        """What was noted since the last time."""
        noted, self._rest = self._rest, []
        return noted


def _place(row: LeafRow) -> str:
    return f"{row.position} (entry {row.entry_id})"
