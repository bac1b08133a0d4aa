"""Verifying a receipt offline, with published keys only.

The steps, numbered as in the code:

 1. The document is a receipt, and its terms are canonical terms.
 2. Each seal is by a published seal key that was valid at the statement's time.
 3. The statement is about these terms: same hash, same consent, a scope within them.
 4. The text shown and the person opened, where given, are the statement's.
 5. The log entry is this seal's: the header is of this log and this controller, it commits
    to the body, and the body says exactly what was sealed.
 6. The log promised to integrate that header.
 7. The entry is in the log, by a path to a signed checkpoint, or found in an export.
 8. A compromised seal or promise key counts only when a checkpoint timed before the
    compromise holds the entry; a compromised log key proves nothing.
 9. Otherwise nothing proves integration: `unproven`, or, when an export timed at or after
    the promise's `integrate_by` lacks the entry, the log broke its promise.

Whatever checkpoints there are, the receipt's own, those of its proofs, of an export and those that
others kept, are all verified and of one history; else the log lied. That an act was left out of a
receipt, nobody can tell from it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from consent_service.audit.checkpoint import Checkpoint, InvalidCheckpoint
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
from consent_service.audit.history import (
    KeptCheckpoint,
    KeptReport,
    compare_kept,
    shown_together,
    verified_checkpoints,
)
from consent_service.audit.leaf_tree import LeafTree
from consent_service.audit.log_export import LogExport, place_entries
from consent_service.audit.merkle import leaf_hash
from consent_service.audit.origins import Origins
from consent_service.audit.promise import Promise
from consent_service.audit.receipt_document import (
    InvalidReceipt,
    LogEvidence,
    Receipt,
    SealedAct,
)
from consent_service.signing.canonical import canonical_json
from consent_service.signing.keys import InvalidSignature, KeySet
from consent_service.signing.seal import SealedStatement, verify_seal
from consent_service.signing.statement import (
    Decision,
    InvalidStatement,
    Statement,
    person_commitment,
)
from consent_service.signing.terms import InvalidTerms, Terms

CLOCK_TOLERANCE = timedelta(minutes=5)

SEAL_TYPES: Mapping[Decision, str] = {
    "grant": "consent_granted",
    "decline": "consent_declined",
    "withdraw": "consent_withdrawn",
    "lift": "consent_lifted",
}
"""The type of the log entry of each sealed act."""


@dataclass(frozen=True)
class StatementReport:
    """One statement's verdict; `reason` is a stable code, `detail` a plain sentence."""

    number: int
    verdict: Verdict
    reason: str
    detail: str
    statement: Statement | None = None


@dataclass(frozen=True)
class ReceiptReport:
    """The verdicts in the order of the receipt.

    `checkpoint` is the verdict on the receipt's own, None where it has none; `kept` what came
    of those that others kept.
    """

    terms: Terms
    statements: tuple[StatementReport, ...]
    checkpoint: Answer | None = None
    kept: tuple[KeptReport, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when all is verified and compared, 1 when something failed, else 3."""
        said = {one.verdict for one in self.statements} | {one.verdict for one in self.kept}
        said |= {self.checkpoint[0]} if self.checkpoint is not None else set()
        if "failed" in said:
            return 1
        return 0 if said <= {"verified", "compared"} else 3


@dataclass(frozen=True)
class _Against:
    """What every statement of one receipt is checked against."""

    receipt: Receipt
    terms: Terms
    keys: KeySet
    origins: Origins
    now: datetime
    placed: LeafTree | None
    is_forked: bool

    def checkpoint(self, note: str) -> Checkpoint:
        """A note as a checkpoint of this log. Raises InvalidCheckpoint."""
        return self.origins.verify(note, self.keys)


def seal_body(statement: Statement) -> dict[str, str]:
    """The body of a seal's log entry: all that the log says of it, and nothing of a person."""
    return {
        "type": SEAL_TYPES[statement.decision],
        "consent": statement.consent,
        "signatory": statement.signatory,
        "statement_sha256": statement.sha256_hex,
    }


def verify_receipt(
    document: Mapping[str, Any] | bytes,
    keys: KeySet,
    origins: Origins,
    now: datetime,
    export: LogExport | None = None,
    kept: Sequence[KeptCheckpoint] = (),
) -> ReceiptReport:
    """Judge every statement of a receipt, by the steps of this module's docstring.

    `keys` holds published seal, promise, log and cosignature keys; `origins` name the log; `now`
    is UTC; `kept` are checkpoints that others kept. Raises InvalidReceipt when the document is no
    receipt, and for an export that is none or contradicts itself InvalidExport, InvalidProof
    or InvalidCheckpoint.
    """
    # Step 1
    receipt = Receipt.from_json(document)
    try:
        terms = Terms.from_bytes(receipt.terms)
    except InvalidTerms as wrong:
        raise InvalidReceipt(f"terms: {wrong.detail}") from None
    others = () if export is None else export.others
    notes = (receipt.checkpoint, *_notes_of_proofs(receipt), *others)
    held = verified_checkpoints(notes, keys, origins)
    placed: LeafTree | None = None
    if export is not None:
        sizes = {one.size for one in held} | {one.checkpoint.size for one in kept}
        leaves = {leaf_hash(act.log.header) for act in receipt.statements}
        placed = place_entries(export, keys, origins, leaves=leaves, sizes=sizes)
        held.append(placed.checkpoint)
    tree = placed if placed is not None and placed.is_trusted else None
    shown, is_forked = shown_together(held, tree, origins)
    compared = tuple(compare_kept(kept, shown, tree, origins))
    is_forked |= any(one.verdict == "failed" for one in compared)
    against = _Against(receipt, terms, keys, origins, now, placed, is_forked)
    return ReceiptReport(
        terms,
        tuple(_judge(number, act, against) for number, act in enumerate(receipt.statements, 1)),
        _judge_checkpoint(against),
        compared,
    )


def _judge(number: int, act: SealedAct, against: _Against) -> StatementReport:
    sealed: SealedStatement | None = None
    try:
        sealed = _check_seal(act.seal, against)  # step 2
        _check_terms(sealed.statement, against)  # step 3
        _check_text_and_person(act, sealed.statement)  # step 4
        _check_entry(act.log, sealed, against)  # step 5
        promise = check_promise(act.log, against.keys)  # step 6
        checkpoint = _find_inclusion(act.log, against)  # step 7
        check_trust(_compromises(sealed, promise), checkpoint)  # step 8
        _check_proven(promise, checkpoint, against)  # step 9
    except Refused as refused:
        known = None if sealed is None else sealed.statement
        return StatementReport(number, *refused.answer, known)
    detail = "sealed, unchanged, and in the log"
    return StatementReport(number, "verified", "verified", detail, sealed.statement)


def _check_seal(seal: str, against: _Against) -> SealedStatement:
    try:
        sealed = verify_seal(seal, against.keys)
    except InvalidSignature as wrong:
        raise Refused("failed", "seal_invalid", wrong.detail) from None
    if sealed.statement.time > against.now + CLOCK_TOLERANCE:
        raise Refused("failed", "in_the_future", "the statement is dated after now")
    return sealed


def _check_terms(statement: Statement, against: _Against) -> None:
    terms, scope = against.terms, statement.scope
    if statement.terms_sha256 != hashlib.sha256(against.receipt.terms).hexdigest():
        raise Refused("failed", "other_terms", "the statement is about other terms")
    if statement.consent != terms.consent:
        raise Refused("failed", "other_terms", "the statement is about another consent")
    if scope is not None and not (
        {party.id for party in terms.parties}.issuperset(scope.parties)
        and set(terms.categories).issuperset(scope.categories)
    ):
        raise Refused("failed", "scope_beyond_terms", "the scope exceeds the terms")


def _check_text_and_person(act: SealedAct, statement: Statement) -> None:
    if act.shown is not None:
        shown = (act.shown.language, hashlib.sha256(_utf8(act.shown.text)).hexdigest())
        if shown != (statement.language, statement.text_sha256):
            raise Refused("failed", "other_text", "the text is not the one that was shown")
    if act.opening is not None:
        try:
            commitment = person_commitment(act.opening.salt, act.opening.cpr)
        except InvalidStatement as wrong:
            raise Refused("failed", "other_person", wrong.detail) from None
        if commitment != statement.person_commitment:
            raise Refused("failed", "other_person", "the statement is another person's")


def _check_entry(log: LogEvidence, sealed: SealedStatement, against: _Against) -> None:
    header = check_entry(log, against.origins)
    if (header.controller, header.kind) != (against.terms.controller.id, "event"):
        raise Refused("failed", "other_entry", "the entry is of another controller")
    if log.body != canonical_json(seal_body(sealed.statement)):
        raise Refused("failed", "other_entry", "the entry is not this seal's")


def _find_inclusion(log: LogEvidence, against: _Against) -> Checkpoint | None:
    """The checkpoint of a tree that holds the entry; the receipt's own before an export's."""
    if against.is_forked:
        raise Refused("failed", "log_forked", "checkpoints of the log contradict each other")
    if log.proof is not None:
        note = log.proof.checkpoint or against.receipt.checkpoint
        return check_proof(log, log.proof, note, against.checkpoint, against.origins)
    placed = against.placed
    is_placed = placed is not None and leaf_hash(log.header) in placed.positions
    return placed.checkpoint if placed is not None and is_placed else None


def _compromises(sealed: SealedStatement, promise: Promise) -> tuple[datetime | None, ...]:
    return sealed.needs_log_time_before, promise.key.compromised_at


def _check_proven(promise: Promise, checkpoint: Checkpoint | None, against: _Against) -> None:
    if checkpoint is not None:
        return
    placed = against.placed
    if placed is not None and placed.checkpoint.time >= promise.integrate_by:
        check_log_key(placed.checkpoint)
        raise Refused("failed", "promise_broken", "the log did not integrate what it promised")
    check_due(promise, against.now)


def _judge_checkpoint(against: _Against) -> Answer | None:
    """The verdict on the receipt's own checkpoint, which an outsider may keep as theirs."""
    if against.receipt.checkpoint is None:
        return None
    try:
        check_log_key(against.checkpoint(against.receipt.checkpoint))
    except InvalidCheckpoint as wrong:
        return "failed", "checkpoint_invalid", wrong.detail
    except Refused as refused:
        return refused.answer
    if against.is_forked:
        return "failed", "log_forked", "checkpoints of the log contradict each other"
    return "verified", "verified", "signed and dated by the log"


def _notes_of_proofs(receipt: Receipt) -> Iterator[str | None]:
    return (act.log.proof.checkpoint for act in receipt.statements if act.log.proof is not None)


def _utf8(text: str) -> bytes:
    """The bytes that are hashed; a lone surrogate, which JSON can smuggle in, fits no hash."""
    return text.encode("utf-8", "surrogatepass")
