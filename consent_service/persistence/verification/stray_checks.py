"""Rows of the log that the tree does not reach: strays, and what waits outside it.

Every header is in the tree, or waits, or was rejected, and is only one of these. What waits is
sound already: its body is the one committed to, its leaf hash that of its header.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

import sqlalchemy as sa

from consent_service.audit.checkpoint import Checkpoint, InvalidCheckpoint, verify_checkpoint
from consent_service.audit.entry import InvalidEntry, parse_header
from consent_service.audit.finding import Finding
from consent_service.audit.merkle import leaf_hash
from consent_service.audit.promise import check_promise_for, verify_promise
from consent_service.persistence.log.tables import (
    log_body,
    log_checkpoint,
    log_head,
    log_header,
    log_leaf,
    log_pending,
    log_rejected,
    log_sequencer,
)
from consent_service.persistence.verification.column_checks import (
    bodies_query,
)
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import MORE, covered, covered_whole
from consent_service.signing.keys import InvalidSignature


class StrayChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = (
        covered(log_header, "time", "leaf", MORE)
        | covered(log_body, MORE)
        | covered_whole(log_pending)
        | covered_whole(log_rejected)
        | covered(log_head, "time")
        | covered_whole(log_sequencer)
    )

    def findings(self) -> Iterator[Finding]:
        yield from self._places_of_headers()
        yield from self._orphans()
        yield from self._waiting_twice()
        yield from self._stored_leaves()
        yield from self._pending_bodies()
        yield from self._rejections()
        yield from self._times_of_heads()
        yield from self._turn()
        yield from self._times_of_headers()

    def checked(self) -> Iterator[str]:
        yield "every header in one place: the tree, waiting, or rejected"
        yield f"{self._checked} rejected entries"

    def _places_of_headers(self) -> Iterator[Finding]:
        leaf, pending, rejected = (
            log_leaf.c.entry_id,
            log_pending.c.entry_id,
            log_rejected.c.entry_id,
        )
        places = sum(
            (sa.case((column.is_not(None), 1), else_=0) for column in (leaf, pending, rejected)),
            start=sa.literal(0),
        )
        query = (
            sa.select(log_header.c.entry_id, places.label("places"))
            .select_from(log_header)
            .outerjoin(log_leaf, leaf == log_header.c.entry_id)
            .outerjoin(log_pending, pending == log_header.c.entry_id)
            .outerjoin(log_rejected, rejected == log_header.c.entry_id)
            .where(places != 1)
        )
        for row in self._reading.rows(query, "leaf_missing", "header"):
            none = "neither in the tree, nor waiting, nor rejected"
            detail = "in more than one of tree, waiting and rejected" if row.places else none
            yield Finding("leaf_missing", f"header (entry {row.entry_id})", detail)

    def _orphans(self) -> Iterator[Finding]:
        for table, place in ((log_body, "body"), (log_pending, "pending")):
            query = (
                sa.select(table.c.entry_id)
                .outerjoin(log_header, log_header.c.entry_id == table.c.entry_id)
                .where(log_header.c.entry_id.is_(None))
            )
            for row in self._reading.rows(query, "header_missing", place):
                yield Finding("header_missing", f"{place} (entry {row.entry_id})", "has no header")

    def _waiting_twice(self) -> Iterator[Finding]:
        """The queue has no key, so that nothing refuses it."""
        entry = log_pending.c.entry_id
        query = sa.select(entry).group_by(entry).having(sa.func.count() > 1)
        for row in self._reading.rows(query, "leaf_missing", "pending"):
            yield Finding("leaf_missing", f"pending (entry {row.entry_id})", "waits twice")

    def _stored_leaves(self) -> Iterator[Finding]:
        """The leaf hash kept beside a header, from which the tree is grown."""
        query = (
            sa.select(log_leaf.c.index.label("position"), log_leaf.c.entry_id)
            .join(log_header, log_header.c.entry_id == log_leaf.c.entry_id)
            .where(log_header.c.leaf != log_leaf.c.leaf)
        )
        for row in self._reading.rows(query, "leaf_mismatch", "header"):
            place = f"header {row.position} (entry {row.entry_id})"
            yield Finding("leaf_mismatch", place, "kept with another leaf hash than the tree's")
        waiting = sa.select(log_header).join(
            log_pending, log_pending.c.entry_id == log_header.c.entry_id
        )
        for row in self._reading.rows(waiting, "leaf_mismatch", "pending"):
            if leaf_hash(row.header) != row.leaf:
                place = f"pending (entry {row.entry_id})"
                yield Finding("leaf_mismatch", place, "kept with another header's leaf hash")

    def _pending_bodies(self) -> Iterator[Finding]:
        if not self._opens:
            return
        missing = (
            sa.select(log_pending.c.entry_id)
            .outerjoin(log_body, log_body.c.entry_id == log_pending.c.entry_id)
            .where(log_body.c.entry_id.is_(None))
        )
        for row in self._reading.rows(missing, "body_missing", "pending"):
            place = f"body pending (entry {row.entry_id})"
            yield Finding("body_missing", place, "missing, and no erasure lists it")
        waiting = bodies_query().join(log_pending, log_pending.c.entry_id == log_body.c.entry_id)
        for row in self._reading.rows(waiting, "body_unreadable", "pending"):
            place = f"body pending (entry {row.entry_id})"
            try:
                header = parse_header(row.header)
            except InvalidEntry as wrong:
                yield Finding("body_mismatch", place, wrong.detail)
            else:
                yield from self._checks.check_body(place, header, row).findings

    def _rejections(self) -> Iterator[Finding]:
        """A rejection means that somebody forged an entry, or hides one that is sound."""
        query = sa.select(log_header.c.entry_id, log_header.c.header, log_header.c.promise).join(
            log_rejected, log_rejected.c.entry_id == log_header.c.entry_id
        )
        for row in self._reading.rows(query, "promise_invalid", "rejected"):
            self._checked += 1
            place = f"rejected (entry {row.entry_id})"
            try:
                check_promise_for(verify_promise(row.promise, self._checks.keys), row.header)
            except InvalidSignature as wrong:
                yield Finding("promise_invalid", place, wrong.detail)
            else:
                detail = "kept out of the tree, though its promise holds"
                yield Finding("promise_broken", place, detail)

    def _times_of_headers(self) -> Iterator[Finding]:
        """Kept beside the bytes that say it; with a body, `column_checks` compares it."""
        query = (
            sa.select(
                log_header.c.entry_id,
                log_header.c.time,
                log_header.c.header,
                log_pending.c.time.label("pending_since"),
            )
            .outerjoin(log_body, log_body.c.entry_id == log_header.c.entry_id)
            .outerjoin(log_pending, log_pending.c.entry_id == log_header.c.entry_id)
            .where(sa.or_(log_body.c.entry_id.is_(None), log_pending.c.entry_id.is_not(None)))
        )
        for row in self._reading.rows(query, "columns_mismatch", "header"):
            try:
                time = parse_header(row.header).time
            except InvalidEntry:
                continue  # said of the header already
            if row.time != time or row.pending_since not in (None, time):
                detail = "kept with another time than its header's"
                yield Finding("columns_mismatch", f"header (entry {row.entry_id})", detail)

    def _times_of_heads(self) -> Iterator[Finding]:
        """A checkpoint dates its head, to the second; or, by later keys, their beginning."""
        query = (
            sa.select(log_checkpoint.c.size, log_checkpoint.c.note, log_head.c.time)
            .select_from(log_checkpoint)
            .outerjoin(log_head, log_head.c.size == log_checkpoint.c.size)
            .order_by(log_checkpoint.c.size)
        )
        for row in self._reading.rows(query, "head_invalid", "head"):
            origin = self._checks.origins.of_tree(row.size)
            try:
                checkpoint = verify_checkpoint(row.note, origin, self._checks.keys)
            except InvalidCheckpoint:
                continue  # said of the checkpoint already
            if row.time is None or not _dates(checkpoint, row.time.replace(microsecond=0)):
                detail = "its checkpoint dates it otherwise"
                yield Finding("head_invalid", f"head {row.size}", detail)

    def _turn(self) -> Iterator[Finding]:
        rows = self._reading.rows(sa.select(log_sequencer.c.id), "head_invalid", "log_sequencer")
        if len(list(rows)) != 1:
            detail = "its row is missing: nobody gets the turn to integrate"
            yield Finding("head_invalid", "log_sequencer", detail)


def _dates(checkpoint: Checkpoint, head: datetime) -> bool:
    begins = checkpoint.keys_begin
    return checkpoint.time == head or (checkpoint.time == begins and begins > head)
