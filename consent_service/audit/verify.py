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
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from consent_service.audit.entry_checks import (
    CheckedEntries,
    EntryChecks,
    EntryToCheck,
    check_entries,
    check_pending,
)
from consent_service.audit.erasure_checks import ErasureWalk
from consent_service.audit.finding import NOTICES, Finding, VerifyReport
from consent_service.audit.log_reader import HeadRow, LeafRow, LogReader
from consent_service.audit.merkle import leaf_hash
from consent_service.audit.spread import Alone, Spread
from consent_service.audit.tree_checks import NO_CLAIMS, Claims, TreeWalk, root_marks

MOST_FINDINGS = 20
"""So many say enough, and keep memory from growing with the damage."""

_CHUNK = 1_000


def verify_log(
    reader: LogReader,
    checks: EntryChecks,
    now: datetime,
    *,
    claims: Claims = NO_CLAIMS,
    extra_checks: Iterable[Finding] = (),
    spread: Spread[EntryChecks] | None = None,
) -> VerifyReport:
    """Verify a whole log, and report what was verified and what is wrong.

    `now` is UTC. `claims` are checkpoints from outside the log. `extra_checks` are findings
    made elsewhere, such as of facts against entries; they are read last. `spread` checks the
    entries, in this process unless told otherwise. Stops after MOST_FINDINGS.
    """
    verification = _Verification(reader, checks, now, claims)
    for found in verification.run(spread or Alone(checks)):
        verification.take(found)
        if len(verification.findings) >= MOST_FINDINGS:
            return verification.report(is_complete=False)
    verification.finish()
    for finding in extra_checks:
        verification.take([finding])
        if len(verification.findings) >= MOST_FINDINGS:
            return verification.report(is_complete=False)
    return verification.report(is_complete=True)


class _Verification:
    """The pass over one log: where it stands, and what it found so far."""

    def __init__(
        self, reader: LogReader, checks: EntryChecks, now: datetime, claims: Claims
    ) -> None:
        self._reader, self._checks, self._now = reader, checks, now
        self._claims = claims
        self._rest: list[Finding] = []
        self._nodes = reader.nodes()
        self._heads = iter(reader.heads() or ())
        self._head: HeadRow | None = next(self._heads, None)
        marks = root_marks(reader, checks.keys, checks.origins, claims, self._note)
        self._erasures = ErasureWalk(reader, self._note)
        self._tree = TreeWalk(self._nodes, marks, self._note)
        self._looks_at_bodies = self._is_broken = False
        self._headers = self._bodies = self._erased = self._pending = 0
        self.findings: list[Finding] = []
        self.notices: list[Finding] = []

    def run(self, spread: Spread[EntryChecks]) -> Iterator[list[Finding]]:
        """Check chunk after chunk: what the entries' own checks found, then what the rest did."""
        rests: deque[list[Finding]] = deque()
        checked: CheckedEntries
        for checked in spread.map(check_entries, self._chunks(rests)):
            self._bodies += checked.bodies
            yield checked.findings + rests.popleft()

    def _chunks(self, rests: deque[list[Finding]]) -> Iterator[list[EntryToCheck]]:
        """The entries of each chunk, after everything else about it was looked at."""
        leaves = iter(self._reader.leaves())
        while rows := self._unbroken(list(islice(leaves, _CHUNK))):
            stored = self._reader.bodies(rows)
            self._looks_at_bodies |= stored is not None
            entries = [entry for row in rows if (entry := self._entry(row, stored)) is not None]
            self._headers += len(entries)
            self._tree.grow([row.leaf for row in rows])
            rests.append(self._drain())
            yield entries

    def take(self, found: Iterable[Finding]) -> None:
        """Sort findings into lies and notices."""
        for finding in found:
            (self.notices if finding.kind in NOTICES else self.findings).append(finding)

    def finish(self) -> None:
        """Check what only the whole log can tell, and what is pending."""
        self._tree.finish()
        pending = iter(self._reader.pending())
        while rows := list(islice(pending, _CHUNK)):
            self._pending += len(rows)
            entries, newest = [], self._checks.origins.newest
            for entry_id, header, promise in rows:
                self._erasures.meet(entry_id, header)
                place, leaf = f"pending (entry {entry_id})", leaf_hash(header)
                entries.append(EntryToCheck(place, entry_id, leaf, header, promise, newest, None))
            self.take(check_pending(self._checks, entries, self._now))
            self.take(self._drain())
        self._erasures.finish()
        self.take(self._drain())

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
        if self._claims.outside:
            yield "checkpoints kept outside"
        if self._claims.anchor is not None:
            yield "the anchor"

    def _entry(self, row: LeafRow, stored: Mapping[str, Any] | None) -> EntryToCheck | None:
        """What to check of one leaf's entry by itself; None where only its hash is held."""
        is_listed = self._erasures.is_listed(row)
        self._erased += is_listed
        place = _place(row)
        if row.header is None:
            if self._reader.is_whole:
                self._note(Finding("header_missing", f"header {place}", "no header for this leaf"))
            return None
        self._erasures.meet(row.entry_id, row.header)
        body = None if stored is None else stored.get(row.entry_id)
        if stored is not None and (body is None) != is_listed:
            self._note(_body_row_is_wrong(f"body {place}", is_listed))
        integrated_at = self._integrated_at(row.position)
        origin = self._checks.origins.of_leaf(row.position)
        return EntryToCheck(
            place, row.entry_id, row.leaf, row.header, row.promise, origin, integrated_at, body
        )

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


def _body_row_is_wrong(place: str, is_listed: bool) -> Finding:
    if is_listed:
        return Finding("body_not_erased", place, "present, though an erasure lists it")
    return Finding("body_missing", place, "missing, and no erasure lists it")


def _place(row: LeafRow) -> str:
    return f"{row.position} (entry {row.entry_id})"
