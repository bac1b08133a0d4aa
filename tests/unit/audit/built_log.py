"""A whole small log held in lists, that tests read, tamper with and verify."""

import dataclasses
from datetime import UTC, datetime, timedelta

from consent_service.audit.checkpoint import sign_checkpoint
from consent_service.audit.entry import compose_entry, erased_list
from consent_service.audit.log_reader import (
    CheckpointRow,
    ErasedRow,
    HeadRow,
    LeafRow,
    NodeRow,
    PendingRow,
    StoredBody,
)
from consent_service.audit.merkle import Frontier
from consent_service.audit.promise import make_promise
from consent_service.signing.keys import KeySet, PublishedKey, SigningKey

ORIGIN = "log.example.dk/samtykke"
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
LOG_KEY = SigningKey.from_seed(b"\x01" * 32, "log")
PROMISE_KEY = SigningKey.from_seed(b"\x02" * 32, "promise")
SEAL_KEY = SigningKey.from_seed(b"\x03" * 32, "seal")
COSIGNER = SigningKey.from_seed(b"\x04" * 32, "cosignature")


def published(key, **changes):
    return PublishedKey(key.kid, key.use, key.public, START, **changes)


def keys(**compromised):
    """The published keys; `log=instant` says that the log key was compromised then."""
    return KeySet(
        published(key, status="compromised", compromised_at=compromised[key.use])
        if key.use in compromised
        else published(key)
        for key in (LOG_KEY, COSIGNER, PROMISE_KEY, SEAL_KEY)
    )


def signed(size, root, time, key=LOG_KEY):
    """A checkpoint as the log signs and dates it."""
    return sign_checkpoint(ORIGIN, size, root, time, key, COSIGNER)


def entry_id(number):
    return f"entry-{number:06d}"


def composed(number, time=None, **changes):
    arguments = {
        "log": ORIGIN,
        "entry_id": entry_id(number),
        "time": time or START + timedelta(minutes=number),
        "kind": "event",
        "controller": "org-1",
        "body": {"type": "looked", "number": number},
        "salt": number.to_bytes(32, "big"),
    }
    return compose_entry(**arguments | changes)


class BuiltLog:
    """A `LogReader` over lists. Entries come in batches; each batch makes a head."""

    def __init__(self, is_whole=True, holds_nodes=True, holds_bodies=True):
        self.is_whole = is_whole
        self.holds_nodes, self.holds_bodies = holds_nodes, holds_bodies
        self.entries, self.leaf_rows, self.node_rows, self.head_rows = [], [], [], []
        self.checkpoint_rows, self.pending_rows, self.erased_rows = [], [], []
        self.body_rows = {}
        self.frontier = Frontier()

    def integrate(self, entries, time=None, checkpoint=True):
        for entry in entries:
            self.body_rows[entry.id] = StoredBody(entry.body, entry.salt)
            promise = make_promise(entry, PROMISE_KEY)
            row = LeafRow(len(self.leaf_rows), entry.id, entry.leaf, entry.header, promise)
            self.leaf_rows.append(row)
            self.entries.append(entry)
        self.frontier, nodes = self.frontier.append([entry.leaf for entry in entries])
        self.node_rows += [NodeRow(level, index, hashed) for (level, index), hashed in nodes]
        time = time or max(entry.time for entry in entries) + timedelta(seconds=1)
        before = self.head_rows[-1].size if self.head_rows else 0
        head = HeadRow(self.frontier.size, before, self.frontier.root(), time)
        self.head_rows.append(head)
        if checkpoint:
            note = signed(head.size, head.root, time)
            before = self.checkpoint_rows[-1].size if self.checkpoint_rows else 0
            self.checkpoint_rows.append(CheckpointRow(head.size, before, note))
        return self

    def wait(self, entry):
        """Leave an entry pending."""
        self.pending_rows.append(
            PendingRow(entry.id, entry.header, make_promise(entry, PROMISE_KEY))
        )
        return self

    def erase(self, positions, number):
        """Erase the bodies at these positions by an erasure entry; answers that entry."""
        rows = [self.leaf_rows[position] for position in positions]
        listed = erased_list(sorted((row.entry_id, row.leaf) for row in rows))
        entry = composed(number, kind="erasure", erased=listed, body={"rule": "retention"})
        for row in rows:
            del self.body_rows[row.entry_id]
            self.erased_rows.append(ErasedRow(row.position, row.entry_id, row.leaf, entry.id))
        self.erased_rows.sort()
        return entry

    def change(self, rows, position, **changes):
        rows[position] = rows[position]._replace(**changes)

    def damage_body(self, position, **changes):
        name = self.leaf_rows[position].entry_id
        self.body_rows[name] = dataclasses.replace(self.body_rows[name], **changes)

    def leaves(self):
        return iter(self.leaf_rows)

    def nodes(self):
        return iter(self.node_rows) if self.holds_nodes else None

    def heads(self):
        return iter(self.head_rows)

    def checkpoints(self):
        return iter(self.checkpoint_rows)

    def pending(self):
        return iter(self.pending_rows)

    def erased(self):
        return iter(self.erased_rows)

    def erased_by(self, erasure_id):
        return iter(
            sorted((r.entry_id, r.leaf) for r in self.erased_rows if r.erasure_id == erasure_id)
        )

    def bodies(self, rows):
        return self.body_rows if self.holds_bodies else None


def built(batches=(3, 1, 4, 8, 5)):
    """A log of 21 entries in five batches, unless told otherwise."""
    log, number = BuiltLog(), 0
    for count in batches:
        log.integrate([composed(number + more) for more in range(count)])
        number += count
    return log
