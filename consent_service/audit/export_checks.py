"""Verifying an exported log offline, with published keys only: JSON Lines, one entry each.

The steps for each line, numbered as in the code:

 1. The line is an entry with its evidence; entries come in ascending order, each once.
 2. The header is of this log, commits to the body, and says what is shown beside it.
 3. The log promised to integrate that header.
 4. The entry is in the log, by a path to a signed checkpoint; or it is not proven yet.
 5. Where a key is compromised, a checkpoint shows the entry to be older.
 6. An erasure comes with the list of what it erased, and its header is about that list.

And over all lines, and the checkpoints that others kept: one size has one root.

An export is one organisation's, of what it asked for: that a line is missing, nobody can tell from
it. It streams: what is kept is one root for each size of the tree that a checkpoint names.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from consent_service.audit.checkpoint import Checkpoint, verify_checkpoint
from consent_service.audit.entry import Header, InvalidEntry, erased_list
from consent_service.audit.evidence import (
    Refused,
    Verdict,
    check_due,
    check_entry,
    check_promise,
    check_proof,
    check_trust,
)
from consent_service.audit.receipt_document import InvalidReceipt, LogEvidence, read_evidence
from consent_service.errors import ConsentServiceError
from consent_service.signing.canonical import NotCanonical, instant_text, parse_canonical
from consent_service.signing.keys import KeySet
from consent_service.signing.members import Members

_MEMBERS = ("id", "time", "controller", "body", "evidence")
_CHECKPOINTS_REMEMBERED = 64


class InvalidExport(ConsentServiceError):
    """The line is not one of an export, or what it is checked against contradicts itself."""

    code = "invalid_export"


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
    """How many lines there are of each verdict, filled while the lines are read."""

    verdicts: Counter[Verdict]

    @property
    def exit_code(self) -> int:
        """0 when all are verified, 1 when one failed, 3 when one is not proven or none is there."""
        if self.verdicts["failed"]:
            return 1
        return 0 if set(+self.verdicts) == {"verified"} else 3


class ExportChecks:
    """One pass over an export's lines; `report` is complete when `judged` was read to its end."""

    def __init__(
        self, keys: KeySet, origin: str, now: datetime, outside: Sequence[str] = ()
    ) -> None:
        """`now` is UTC; `outside` are checkpoints that others kept.

        Raises InvalidCheckpoint for one of those that is none of this log, and InvalidExport
        when they contradict each other.
        """
        self._keys, self._origin, self._now = keys, origin, now
        self._checkpoint = lru_cache(_CHECKPOINTS_REMEMBERED)(self._verified_checkpoint)
        self._roots: dict[int, bytes] = {}
        self._previous = ""
        self.report = ExportReport(Counter())
        for note in outside:
            if not self._is_of_one_log(self._checkpoint(note)):
                raise InvalidExport("the checkpoints given are of two logs of one name")

    def judged(self, lines: Iterable[bytes]) -> Iterator[LineReport]:
        """Every line's verdict, in the order of the lines."""
        for number, line in enumerate(lines, 1):
            entry, answer = self._judge(line)
            self.report.verdicts[answer[0]] += 1
            yield LineReport(number, *answer, entry)

    def _judge(self, line: bytes) -> tuple[str | None, tuple[Verdict, str, str]]:
        entry: str | None = None
        try:
            members, evidence = self._read(line)  # step 1
            entry = members.text("id")
            header = self._check_shown(members, evidence)  # step 2
            promise = check_promise(evidence, self._keys)  # step 3
            checkpoint = self._find_checkpoint(evidence)  # step 4
            check_trust([promise.key.compromised_at], checkpoint)  # step 5
            _check_erased(members, header)  # step 6
            if checkpoint is None:
                check_due(promise, self._now)
        except InvalidExport as wrong:
            return entry, ("failed", "line_invalid", wrong.detail)
        except Refused as refused:
            return entry, refused.answer
        return entry, ("verified", "verified", "unchanged, and in the log")

    def _read(self, line: bytes) -> tuple[Members, LogEvidence]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise InvalidExport("not JSON") from None
        members = Members(value, _MEMBERS, ("erased",), refusal=InvalidExport)
        entry, evidence = members.text("id"), members.raw("evidence")
        if not isinstance(evidence, dict) or evidence.get("id") != entry:
            raise InvalidExport("the evidence is another entry's")
        if entry <= self._previous:
            raise InvalidExport("entries come in ascending order of id, each once")
        self._previous = entry
        # An entry that waits has a proof of null here, and none in a receipt.
        named = {name: member for name, member in evidence.items() if name != "id"}
        if named.get("proof", ...) is None:
            del named["proof"]
        try:
            return members, read_evidence(named)
        except InvalidReceipt as wrong:
            raise InvalidExport(wrong.detail) from None

    def _check_shown(self, members: Members, evidence: LogEvidence) -> Header:
        header = check_entry(evidence, self._origin)
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
        checkpoint = check_proof(evidence, proof, proof.checkpoint, self._checkpoint)
        if not self._is_of_one_log(checkpoint):
            raise Refused("failed", "log_forked", "another checkpoint has another root")
        return checkpoint

    def _verified_checkpoint(self, note: str) -> Checkpoint:
        return verify_checkpoint(note, self._origin, self._keys)

    def _is_of_one_log(self, checkpoint: Checkpoint) -> bool:
        return self._roots.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root


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
