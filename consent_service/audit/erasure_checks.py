"""Checking erasures: each list is the one its header names, and no other list counts.

Two streams over the same lists are compared: each erasure's own, and all of them in the
order of the tree. Equal sums of row hashes show that the second holds no stray line, so
that a deletion cannot be passed off as an erasure; memory stays constant.
"""

from collections.abc import Iterator
from hashlib import sha256

from consent_service.audit.entry import InvalidEntry, erased_list, parse_header
from consent_service.audit.finding import Finding
from consent_service.audit.log_reader import ErasedRow, LeafRow, LogReader
from consent_service.audit.tree_checks import Report

# How every erasure's header, being canonical, says so; within a text the quotes would be
# escaped. Spares parsing a million headers to find a few.
_ERASURE = b'"kind":"erasure"'


class ErasureWalk:
    """The erasures met so far; findings go to `report` as they turn up."""

    def __init__(self, reader: LogReader, report: Report) -> None:
        self._reader = reader
        self._report = report
        self._rows = iter(reader.erased())
        self._row = next(self._rows, None)
        self._sum = 0

    def meet(self, entry_id: str, header: bytes) -> None:
        """Compare the list of an erasure with what its header says; ignore other headers."""
        if _ERASURE not in header:
            return
        try:
            stated = parse_header(header).erased
            actual = erased_list(self._counted(entry_id))
        except InvalidEntry as wrong:
            self._report(Finding("erasure_mismatch", f"erasure {entry_id}", wrong.detail))
            return
        if stated != actual:
            detail = "the list is not the one the header names"
            self._report(Finding("erasure_mismatch", f"erasure {entry_id}", detail))

    def is_listed(self, row: LeafRow) -> bool:
        """Whether an erasure lists this leaf. Ask once for each leaf, in order."""
        listed = False
        while (erased := self._row) is not None and erased.position is not None:
            if erased.position > row.position:
                break
            if erased[:3] != (row.position, row.entry_id, row.leaf):
                place, detail = f"erasure {erased.erasure_id}", "lists an entry that is not there"
                self._report(Finding("erasure_mismatch", place, detail))
            listed = True
            self._advance(erased)
        return listed

    def finish(self) -> None:
        """Read the lines that are left, and compare the sums."""
        while (erased := self._row) is not None:
            if erased.position is not None:
                place, detail = f"erasure {erased.erasure_id}", "lists an entry beyond the tree"
                self._report(Finding("erasure_mismatch", place, detail))
            self._advance(erased)
        if self._sum != 0:
            detail = "a line that belongs to no erasure of the log, or a line too few"
            self._report(Finding("erasure_mismatch", "erasure lists", detail))

    def _advance(self, row: ErasedRow) -> None:
        self._sum -= _weight(row.erasure_id, row.entry_id, row.leaf)
        self._row = next(self._rows, None)

    def _counted(self, erasure_id: str) -> Iterator[tuple[str, bytes]]:
        for entry_id, leaf in self._reader.erased_by(erasure_id):
            self._sum += _weight(erasure_id, entry_id, leaf)
            yield entry_id, leaf


def _weight(erasure_id: str, entry_id: str, leaf: bytes) -> int:
    return int.from_bytes(sha256(f"{erasure_id} {entry_id} {leaf.hex()}".encode()).digest(), "big")
