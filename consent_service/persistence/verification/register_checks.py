"""The operator's register, compared with the entries that vouch for it, both ways (R5g).

 1. Every purpose, overlap and category stands in its entry, which is in the tree or waiting, and
    counts from that entry's time.
 2. Whatever an entry registers is there, and every template names what is registered.

So an overlap that somebody deleted, whereupon a no would stop less than it did, is found and named.
"""

import json
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.entry import SALT_BYTES, InvalidEntry, parse_header
from consent_service.audit.finding import Finding
from consent_service.errors import Unreadable
from consent_service.persistence.catalogue.tables import (
    category,
    purpose,
    purpose_overlap,
    template_version,
)
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body, log_header, log_leaf, log_pending
from consent_service.persistence.verification.column_checks import open_body
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import covered_whole
from consent_service.services.catalogue.model import (
    CATEGORIES_REGISTERED,
    OVERLAP_REGISTERED,
    PURPOSE_REGISTERED,
)


class _Entry(NamedTuple):
    """An entry that registers: what is wrong with it, or its time and what it registers.

    `registers` is None where nobody has the keys.
    """

    row: Row[Any]
    wrong: str | None
    registers: frozenset[str] | None


class RegisterChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = frozenset[str]().union(
        *(covered_whole(table) for table in (purpose, purpose_overlap, category))
    )

    def findings(self) -> Iterator[Finding]:
        entries = {entry.row.entry_id: entry for entry in self._entries()}
        found: dict[str, set[str]] = {}
        for place, row in self._rows():
            self._checked += 1
            found.setdefault(row.entry_id, set()).add(place)
            wrong = _wrong_row(place, row, entries.get(row.entry_id))
            if wrong is not None:
                yield Finding("fact_mismatch", place, wrong)
        for entry_id, entry in entries.items():
            there = found.get(entry_id, set())
            if not there or (entry.registers and not entry.registers <= there):
                where = "pending" if entry.row.position is None else entry.row.position
                detail = "what it registers is not there"
                yield Finding("fact_mismatch", f"body {where} (entry {entry_id})", detail)
        yield from self._templates(frozenset().union(*found.values()))

    def checked(self) -> Iterator[str]:
        said = "both ways" if self._opens else "which are not opened"
        yield f"{self._checked} purposes, overlaps and categories and their entries, {said}"

    def _rows(self) -> Iterator[tuple[str, Row[Any]]]:
        """The register row by row, each with its place among findings."""
        for table, kind in ((purpose, "purpose"), (category, "category")):
            query = sa.select(table.c.id, table.c.registered_at.label("since"), table.c.entry_id)
            for row in self._reading.rows(query, "fact_mismatch", kind):
                yield f"{kind} {row.id}", row
        query = sa.select(purpose_overlap)
        for row in self._reading.rows(query, "fact_mismatch", "overlap"):
            yield _overlap(row.one_id, row.other_id), row

    def _entries(self) -> Iterator[_Entry]:
        for row in self._reading.rows(_entries_query(), "fact_mismatch", "entry"):
            wrong, registers = None, None
            if row.position is None and row.pending is None:
                wrong = "the entry it names is neither in the tree nor waiting"
            if self._checks.opened is not None:
                try:
                    body = json.loads(open_body(self._checks.opened[0], row)[SALT_BYTES:])
                    registers = _registered_by(body)
                except (Unreadable, KeyError, ValueError, TypeError):
                    wrong = "the body of its entry cannot be read"
            yield _Entry(row, wrong, registers)

    def _templates(self, registered: frozenset[str]) -> Iterator[Finding]:
        query = sa.select(template_version)
        for row in self._reading.rows(query, "fact_mismatch", "template"):
            place = f"template {row.organisation_id}/{row.id}/{row.version}"
            try:
                content = json.loads(row.content)
                named = {f"category {one}" for one in content["categories"]}
                named.add(f"purpose {content['purpose']}")
            except (ValueError, KeyError, TypeError):
                yield Finding("fact_mismatch", place, "its content cannot be read")
                continue
            if not named <= registered:
                yield Finding("fact_mismatch", place, "names what is not registered")


def _wrong_row(place: str, row: Row[Any], entry: _Entry | None) -> str | None:
    """What is wrong with one row, or None."""
    if entry is None:
        return "the entry it names is not there"
    if entry.wrong is not None:
        return entry.wrong
    try:
        time = parse_header(entry.row.header).time
    except InvalidEntry:
        return "the header of its entry cannot be read"
    if time != row.since:
        return "counts from another time than its entry's"
    if entry.registers is not None and place not in entry.registers:
        return "not what its entry registers"
    return None


def _registered_by(body: dict[str, Any]) -> frozenset[str]:
    """The places of all that an entry registers. Raises KeyError for another entry's body."""
    if body["type"] == PURPOSE_REGISTERED:
        one = body["purpose"]
        return frozenset([f"purpose {one}", *(_overlap(one, o) for o in body["overlaps"])])
    if body["type"] == OVERLAP_REGISTERED:
        return frozenset([_overlap(*body["purposes"])])
    return frozenset(f"category {one}" for one in body["categories"])


def _overlap(one: str, other: str) -> str:
    return "overlap " + " and ".join(sorted((one, other)))


def _entries_query() -> sa.Select[Any]:
    types = (PURPOSE_REGISTERED, OVERLAP_REGISTERED, CATEGORIES_REGISTERED)
    return (
        sa.select(
            log_body.c.entry_id,
            log_body.c.data_key_id,
            log_body.c.sealed,
            data_key.c.wrapped,
            log_header.c.header,
            log_leaf.c.index.label("position"),
            log_pending.c.entry_id.label("pending"),
        )
        .select_from(log_body)
        .join(log_header, log_header.c.entry_id == log_body.c.entry_id)
        .outerjoin(data_key, data_key.c.id == log_body.c.data_key_id)
        .outerjoin(log_leaf, log_leaf.c.entry_id == log_body.c.entry_id)
        .outerjoin(log_pending, log_pending.c.entry_id == log_body.c.entry_id)
        .where(log_body.c.type.in_(types))
        .order_by(log_body.c.entry_id)
    )
