"""What proves one log entry to an outsider: its parts, the log's promise, and a path into the tree.

Shared by receipts and exports, which carry the same evidence. Each check raises `Refused`, whose
answer is a verdict, a stable reason and a plain sentence.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal

from consent_service.audit.checkpoint import Checkpoint
from consent_service.audit.entry import Header, InvalidEntry, check_body, parse_header
from consent_service.audit.merkle import InvalidProof, leaf_hash, verify_inclusion
from consent_service.audit.origins import Origins
from consent_service.audit.promise import Promise, check_promise_for, verify_promise
from consent_service.audit.receipt_document import InclusionProof, LogEvidence
from consent_service.signing.keys import InvalidSignature, KeySet

Verdict = Literal["verified", "unproven", "unverifiable", "failed"]
Answer = tuple[Verdict, str, str]
"""A verdict, a stable reason and a plain sentence."""


class Refused(Exception):
    """One check's answer; caught where the verdict of the whole is made."""

    def __init__(self, verdict: Verdict, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.answer: Answer = (verdict, reason, detail)


def check_entry(log: LogEvidence, origins: Origins) -> Header:
    """The header, which is of this log and commits to the body. Raises Refused."""
    try:
        header = parse_header(log.header)
        check_body(header, log.salt, log.body)
    except InvalidEntry as wrong:
        raise Refused("failed", "entry_invalid", wrong.detail) from None
    if header.log not in origins.names:
        raise Refused("failed", "other_entry", "the entry is of another log")
    return header


def check_promise(log: LogEvidence, keys: KeySet) -> Promise:
    """The log's promise to integrate that header. Raises Refused."""
    try:
        promise = verify_promise(log.promise, keys)
        check_promise_for(promise, log.header)
    except InvalidSignature as wrong:
        raise Refused("failed", "promise_invalid", wrong.detail) from None
    return promise


def check_proof(
    log: LogEvidence,
    proof: InclusionProof,
    note: str | None,
    verified: Callable[[str], Checkpoint],
    origins: Origins,
) -> Checkpoint:
    """The checkpoint `note` of a tree that holds the entry at the path's end. Raises Refused.

    `verified` reads a note, or raises InvalidCheckpoint.
    """
    if note is None:
        raise Refused("failed", "proof_invalid", "a proof without a checkpoint")
    try:
        checkpoint = verified(note)
        verify_inclusion(
            leaf_hash(log.header), proof.index, checkpoint.size, proof.path, checkpoint.root
        )
    except (InvalidSignature, InvalidProof) as wrong:
        raise Refused("failed", "proof_invalid", wrong.detail) from None
    if not origins.can_stand(parse_header(log.header).log, proof.index, checkpoint):
        raise Refused("failed", "proof_invalid", "the entry stands where those of another log do")
    return checkpoint


def check_trust(compromises: Iterable[datetime | None], checkpoint: Checkpoint | None) -> None:
    """A compromised key counts only for what a checkpoint shows to be older. Raises Refused.

    `compromises` say since when the keys behind the evidence are compromised, None for those
    that are not. A compromised log key proves nothing.
    """
    if checkpoint is not None:
        check_log_key(checkpoint)
    for since in compromises:
        if since is not None and (checkpoint is None or checkpoint.time >= since):
            detail = "a key was compromised, and nothing shows this to be older"
            raise Refused("unverifiable", "key_compromised", detail)


def check_log_key(checkpoint: Checkpoint) -> None:
    """Raises Refused for a checkpoint under a compromised key."""
    if checkpoint.key.status == "compromised":
        raise Refused("unverifiable", "log_key_compromised", "the log's key was compromised")


def check_due(promise: Promise, now: datetime) -> None:
    """What is said of an entry without a proof. Always raises Refused."""
    if now < promise.integrate_by:
        raise Refused("unproven", "not_yet_due", "promised, and may still be integrated")
    raise Refused("unproven", "no_proof", "promised and due: ask the log for a proof")
