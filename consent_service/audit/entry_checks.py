"""Checking entries one by one: header, leaf hash, promise, and the body with its commitment.

By far the most of a verification's time is spent here, so these are plain functions over values
that can be sent to other processes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from consent_service.audit.entry import Header, InvalidEntry, check_body, parse_header
from consent_service.audit.finding import Finding
from consent_service.audit.log_reader import StoredBody
from consent_service.audit.merkle import leaf_hash
from consent_service.audit.origins import Origins
from consent_service.audit.promise import is_promise_for, verify_promise
from consent_service.signing.keys import InvalidSignature, KeySet


class EntryToCheck(NamedTuple):
    """One entry with its place in words.

    `log` is the origin of its place in the tree; `integrated_at` is the time of the first head
    that covers it, None while pending or unknown; `body` is what the reader
    holds of it, None where it holds nothing.
    """

    place: str
    entry_id: str
    leaf: bytes
    header: bytes
    promise: str | None
    log: str
    integrated_at: datetime | None
    body: Any = None


@dataclass(frozen=True)
class EntryChecks:
    """What entries are checked with: the published keys, and the names of their log."""

    keys: KeySet
    origins: Origins

    def check_body(self, place: str, header: Header | None, kept: Any) -> "CheckedBody":
        """What is wrong with a body as the reader holds it; `header` None: it is not readable."""
        return check_stored_body(place, header, kept)


class CheckedBody(NamedTuple):
    """Whether a body was opened, and what is wrong with it."""

    is_opened: bool
    findings: Sequence[Finding] = ()


class CheckedEntries(NamedTuple):
    """How many bodies were opened, and everything wrong with the entries, in their order."""

    bodies: int
    findings: list[Finding]


def check_entries(checks: EntryChecks, entries: Sequence[EntryToCheck]) -> CheckedEntries:
    """Check entries one after the other."""
    bodies, findings = 0, []
    for entry in entries:
        header: Header | None = None
        try:
            header = parse_header(entry.header)
        except InvalidEntry as wrong:
            findings.append(Finding("header_invalid", f"header {entry.place}", wrong.detail))
        else:
            findings += _check_entry(entry, header, checks)
        if entry.body is not None:
            body = checks.check_body(f"body {entry.place}", header, entry.body)
            bodies += body.is_opened
            findings += body.findings
    return CheckedEntries(bodies, findings)


def check_stored_body(place: str, header: Header | None, kept: StoredBody) -> CheckedBody:
    """Whether a body is the one that its header commits to."""
    if kept.is_damaged:
        return CheckedBody(False, [Finding("body_unreadable", place, "it cannot be decrypted")])
    if kept.body is None or kept.salt is None:
        return CheckedBody(False)
    try:
        if header is not None:
            check_body(header, kept.salt, kept.body)
    except InvalidEntry as wrong:
        return CheckedBody(True, [Finding("body_mismatch", place, wrong.detail)])
    return CheckedBody(True)


def _check_entry(entry: EntryToCheck, header: Header, checks: EntryChecks) -> Iterator[Finding]:
    leaf = leaf_hash(entry.header)
    if leaf != entry.leaf:
        yield Finding("leaf_mismatch", f"header {entry.place}", "the leaf is of another header")
    if (header.log, header.id) != (entry.log, entry.entry_id):
        yield Finding("header_invalid", f"header {entry.place}", "of another log or entry")
    if entry.integrated_at is not None and entry.integrated_at < header.time:
        yield Finding("head_invalid", f"head over {entry.place}", "older than the entry")
    yield from _check_promise(entry, leaf, header, checks.keys)


def _check_promise(
    entry: EntryToCheck, leaf: bytes, header: Header, keys: KeySet
) -> Iterator[Finding]:
    place = f"promise {entry.place}"
    if entry.promise is None:
        yield Finding("promise_missing", place, "an entry without a promise")
        return
    try:
        promise = verify_promise(entry.promise, keys)
    except InvalidSignature as wrong:
        yield Finding("promise_invalid", place, wrong.detail)
        return
    if not is_promise_for(promise, leaf, header):
        yield Finding("promise_invalid", place, "the promise is for another header")
    integrated_at, limit = entry.integrated_at, promise.key.compromised_at
    if limit is not None and (integrated_at is None or integrated_at >= limit):
        yield Finding("key_compromised", place, "not provably older than the key's compromise")
    if integrated_at is not None and integrated_at > promise.integrate_by:
        yield Finding("integrated_late", place, "integrated after the promised time")


def check_pending(
    checks: EntryChecks, entries: Sequence[EntryToCheck], now: datetime
) -> list[Finding]:
    """Everything wrong with entries that wait: as above, or promised for a time now past (UTC)."""
    findings = check_entries(checks, entries).findings
    for entry in entries:
        try:
            is_due = verify_promise(entry.promise or "", checks.keys).integrate_by <= now
        except InvalidSignature:
            continue  # already among the findings
        if is_due:
            detail = "not integrated by the promised time"
            findings.append(Finding("promise_broken", f"promise {entry.place}", detail))
    return findings
