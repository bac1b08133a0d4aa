"""Checking entries one by one: header, leaf hash, promise and body commitment.

By far the most of a verification's time is spent here, on the promises' signatures, so
these are plain functions over values that can be sent to other processes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from consent_service.audit.entry import Header, InvalidEntry, check_body, parse_header
from consent_service.audit.finding import Finding
from consent_service.audit.merkle import leaf_hash
from consent_service.audit.promise import is_promise_for, verify_promise
from consent_service.signing.keys import InvalidSignature, KeySet


@dataclass(frozen=True)
class EntryToCheck:
    """One entry with its place in words.

    `integrated_at` is the time of the first head that covers it, None while pending or
    unknown; `body` and `salt` are None unless opened.
    """

    place: str
    entry_id: str
    leaf: bytes
    header: bytes
    promise: str | None
    integrated_at: datetime | None
    body: bytes | None = field(default=None, repr=False)
    salt: bytes | None = field(default=None, repr=False)


def check_entries(entries: Sequence[EntryToCheck], keys: KeySet, origin: str) -> list[Finding]:
    """Everything wrong with these entries, in their order."""
    return [one for entry in entries for one in _check_entry(entry, keys, origin)]


def _check_entry(entry: EntryToCheck, keys: KeySet, origin: str) -> Iterator[Finding]:
    try:
        header = parse_header(entry.header)
    except InvalidEntry as wrong:
        yield Finding("header_invalid", f"header {entry.place}", wrong.detail)
        return
    leaf = leaf_hash(entry.header)
    if leaf != entry.leaf:
        yield Finding("leaf_mismatch", f"header {entry.place}", "the leaf is of another header")
    if (header.log, header.id) != (origin, entry.entry_id):
        yield Finding("header_invalid", f"header {entry.place}", "of another log or entry")
    yield from _check_promise(entry, leaf, header, keys)
    if entry.body is not None and entry.salt is not None:
        try:
            check_body(header, entry.salt, entry.body)
        except InvalidEntry as wrong:
            yield Finding("body_mismatch", f"body {entry.place}", wrong.detail)


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
    entries: Sequence[EntryToCheck], keys: KeySet, origin: str, now: datetime
) -> list[Finding]:
    """Everything wrong with entries that wait: as above, or promised for a time now past (UTC)."""
    findings = check_entries(entries, keys, origin)
    for entry in entries:
        try:
            is_due = verify_promise(entry.promise or "", keys).integrate_by <= now
        except InvalidSignature:
            continue  # already among the findings
        if is_due:
            detail = "not integrated by the promised time"
            findings.append(Finding("promise_broken", f"promise {entry.place}", detail))
    return findings
