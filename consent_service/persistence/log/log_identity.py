"""What the log signs with and is known by, and the promise it made for each of its entries."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from consent_service.audit.checkpoint import is_dated_apart, sign_checkpoint
from consent_service.audit.entry import Entry
from consent_service.audit.merkle import leaf_hash
from consent_service.audit.promise import (
    InvalidPromise,
    check_promise_for,
    make_promise,
    verify_promise,
)
from consent_service.persistence.log.tree_rows import Head, Pending
from consent_service.signing.keys import KeySet, SigningKey
from consent_service.signing.schedule import NoKey, Schedule


@dataclass(frozen=True)
class LogIdentity:
    """What the log signs with and is known by, at the moment."""

    origin: str
    keys: Schedule
    cosigners: Schedule
    promise_keys: Schedule
    published: KeySet

    def check_promised(self, entry: Pending) -> None:
        """Raise InvalidSignature unless we promised this entry, in this log.

        Ed25519 is deterministic: making the promise again and comparing costs half of verifying
        it. A promise by a key whose private half is gone, or not in this process, is verified.
        """
        ours = Entry(self.origin, entry.id, entry.time, entry.header, entry.leaf, b"", b"")
        if entry.leaf != leaf_hash(entry.header):
            raise InvalidPromise("the leaf is not the header's")
        with suppress(NoKey):
            key = self.promise_keys.at(entry.time)
            if key.is_in_process and compare_digest(make_promise(ours, key), entry.promise):
                return
        promise = verify_promise(entry.promise, self.published)
        check_promise_for(promise, entry.header)
        if (promise.log, promise.entry) != (self.origin, entry.id):
            raise InvalidPromise("the promise is of another log, or for another entry")

    def sign(self, head: Head) -> tuple[str, datetime]:
        """The checkpoint of a head, and the time it is dated: the same head, the same bytes.

        By the keys of the head's time, or as of the first moment of the next ones. The latter
        where one was destroyed before anybody signed: at that moment too the head was the newest.
        """
        key, cosigner, time = self._signers(head.time)
        note = sign_checkpoint(self.origin, head.size, head.root, time, key, cosigner)
        return note, time.replace(microsecond=0)

    def _signers(self, time: datetime) -> tuple[SigningKey, SigningKey | None, datetime]:
        """The log's key, what dates beside it where there is such a key by then, and the time."""
        key, later = self.keys.at_or_after(time)
        if not is_dated_apart(self.published, later):
            return key, None, later
        cosigner, latest = self.cosigners.at_or_after(later)
        # Where the second begins later than the first, the first must be that time's too.
        return (key, cosigner, later) if latest == later else self._signers(latest)
