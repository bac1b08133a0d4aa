"""The facts that decisions read, compared with the entries that vouch for them, both ways.

 1. Every fact's entry is there, in the tree or waiting. Its opened body carries the SHA-256 of the
    fact's record, or, for a signer's act, of the sealed statement, which says what the fact says.
    An act on paper is the one that was recorded (`paper_checks`).
 2. Every entry that vouches for a fact has its fact, every statement its entry.

So a deleted withdrawal, an inserted grant and a changed date are each found and named.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.entry import SALT_BYTES, Header, InvalidEntry, parse_header
from consent_service.audit.finding import Finding
from consent_service.audit.receipt import SEAL_TYPES
from consent_service.domain.kernel.records import FactRecord
from consent_service.errors import Unreadable
from consent_service.persistence.children.tables import child, fact, person_details
from consent_service.persistence.consents.tables import consent, signatory
from consent_service.persistence.keys.sealing import KeyRing
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import (
    log_body,
    log_head,
    log_header,
    log_leaf,
    log_pending,
)
from consent_service.persistence.signatures.tables import statement
from consent_service.persistence.verification.act_checks import sealed_act_columns, wrong_in_act
from consent_service.persistence.verification.checks import DatabaseChecks
from consent_service.persistence.verification.column_checks import open_body
from consent_service.persistence.verification.paper_checks import PaperChecks
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import GONE, covered, covered_whole
from consent_service.signing.canonical import NotCanonical, canonical_json, parse_canonical
from consent_service.signing.keys import KeySet

ENTRY_TYPES: Mapping[str, str] = {
    "request": "consent_requested",
    "custody_change": "custody_changed",
    **{str(decision): type_ for decision, type_ in SEAL_TYPES.items()},
    "link_issued": "first_link_issued",
    "exemption_recorded": "exemption_recorded",
    "exemption_confirmed": "exemption_confirmed",
    "exemption_revoked": "exemption_revoked",
    "cancellation": "consent_cancelled",
    "paper_recorded": "paper_recorded",
    "paper_rejected": "paper_rejected",
    "reconfirmation_recorded": "reconfirmation_recorded",
    "reconfirmation_confirmed": "reconfirmation_confirmed",
}
"""The type of the entry that vouches for each kind of fact."""


class FactChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = (
        covered_whole(fact) | covered_whole(statement) | covered(child, "id", "version", GONE)
    )

    def findings(self) -> Iterator[Finding]:
        yield from self._facts_without_entry()
        yield from self._entries_without_fact()
        yield from self._statements_without_fact()

    def checked(self) -> Iterator[str]:
        if not self._opens:
            yield f"{self._checked} facts have entries; what these say is not checked"
        else:
            yield f"{self._checked} facts and their entries, both ways"

    def _facts_without_entry(self) -> Iterator[Finding]:
        before: tuple[str, datetime] | None = None
        opened = self._checks.opened
        papers = PaperChecks(opened[0] if opened else None, self._checks.keys)
        facts = self._reading.rows(_facts_query(), "fact_mismatch", "fact")
        for row, wrong_alone in self._spread.each(wrong_fact, facts):
            self._checked += 1
            place = f"fact {row.child_id}/{row.seq} (entry {row.entry_id})"
            wrong_paper = papers.wrong(row)
            wrong = wrong_alone or wrong_paper
            if wrong is None and before is not None:
                same_child = before[0] == row.child_id
                wrong = (
                    "not later than the act before it"
                    if same_child and row.at <= before[1]
                    else None
                )
            if wrong is not None:
                yield Finding("fact_mismatch", place, wrong)
            elif self._opens and row.kind in SEAL_TYPES:
                yield from self._compromised(row, place)
            before = (row.child_id, row.at)

    def _compromised(self, row: Row[Any], place: str) -> Iterator[Finding]:
        """A thief of a seal key can date a statement at will, but not the tree above it."""
        limits = [k.compromised_at for k in self._checks.keys.of_use("seal") if k.compromised_at]
        if not limits:
            return
        covering = sa.select(log_head.c.time).where(log_head.c.size > (row.position or 0))
        query = covering.order_by(log_head.c.size).limit(1)
        heads = () if row.position is None else self._reading.rows(query, "head_invalid", "head")
        integrated = next((head.time for head in heads), None)
        if integrated is None or integrated >= min(limits):
            detail = "not provably older than the compromise of a seal key"
            yield Finding("key_compromised", place, detail)

    def _entries_without_fact(self) -> Iterator[Finding]:
        query = (
            sa.select(log_body.c.entry_id, log_leaf.c.index.label("position"))
            .select_from(log_body)
            .outerjoin(fact, fact.c.entry_id == log_body.c.entry_id)
            .outerjoin(log_leaf, log_leaf.c.entry_id == log_body.c.entry_id)
            .where(log_body.c.type.in_(ENTRY_TYPES.values()), fact.c.entry_id.is_(None))
            .order_by(log_body.c.entry_id)
        )
        for row in self._reading.rows(query, "fact_mismatch", "entry"):
            where = "pending" if row.position is None else row.position
            place = f"body {where} (entry {row.entry_id})"
            yield Finding("fact_mismatch", place, "the fact it vouches for is not there")

    def _statements_without_fact(self) -> Iterator[Finding]:
        query = (
            sa.select(statement.c.sha256, statement.c.entry_id)
            .outerjoin(
                fact,
                sa.and_(fact.c.entry_id == statement.c.entry_id, fact.c.kind.in_(SEAL_TYPES)),
            )
            .where(fact.c.entry_id.is_(None))
        )
        for row in self._reading.rows(query, "fact_mismatch", "statement"):
            place = f"statement {row.sha256} (entry {row.entry_id})"
            yield Finding("fact_mismatch", place, "the act it seals is not among the facts")


def wrong_fact(checks: DatabaseChecks, row: Row[Any]) -> str | None:
    """What is wrong with one fact by itself, or None."""
    try:
        wrong = _wrong_row(row, parse_header(row.header) if row.header else None)
        payload = parse_canonical(row.payload.encode())
    except InvalidEntry:
        return "the header of its entry cannot be read"
    except NotCanonical:
        return "its payload is not in canonical form"
    if wrong is not None or checks.opened is None:
        return wrong
    return _wrong_body(row, payload, checks.opened[0], checks.keys)


def _wrong_body(row: Row[Any], payload: Any, ring: KeyRing, keys: KeySet) -> str | None:
    try:
        body = json.loads(open_body(ring, row)[SALT_BYTES:])
        if body["type"] != ENTRY_TYPES[row.kind]:
            return "its entry vouches for something else"
        if row.kind in SEAL_TYPES:
            return wrong_in_act(row, payload, body, ring, keys)
        return None if body["fact"] == _digest(row, payload) else "not what its entry vouches for"
    except (Unreadable, KeyError, ValueError, TypeError):
        return "the body of its entry cannot be read"


def _wrong_row(row: Row[Any], header: Header | None) -> str | None:
    """What is wrong with a fact's place among the others, without opening anything."""
    if header is None:
        return "the entry it names is not there"
    if row.position is None and row.pending is None:
        return "the entry it names is neither in the tree nor waiting"
    if row.seq > (row.version or 0):
        return "its number is beyond the child's acts"
    if (header.controller, header.time) != (row.controller_id, row.at):
        return "its entry is of another controller or time"
    filed, named = (row.filed_child, row.filed_controller), (row.child_id, row.controller_id)
    if row.consent_id is not None and filed != named:
        return "its consent is not there, or of another child or controller"
    return None


def _digest(row: Row[Any], payload: Any) -> str:
    record = FactRecord(
        row.child_id, row.seq, row.at, row.kind, row.controller_id, row.consent_id, row.person_id,
        payload,
    )  # fmt: skip
    return hashlib.sha256(canonical_json(record.as_json())).hexdigest()


def _facts_query() -> sa.Select[Any]:
    own_details = sa.and_(
        person_details.c.organisation_id == fact.c.controller_id,
        person_details.c.person_id == fact.c.person_id,
    )
    return (
        sa.select(
            fact,
            child.c.version,
            log_header.c.header,
            log_leaf.c.index.label("position"),
            log_pending.c.entry_id.label("pending"),
            log_body.c.data_key_id,
            log_body.c.sealed,
            data_key.c.wrapped,
            consent.c.child_id.label("filed_child"),
            consent.c.controller_id.label("filed_controller"),
            consent.c.terms_sha256,
            person_details.c.sealed.label("person_sealed"),
            *sealed_act_columns(),
        )
        .select_from(fact)
        .outerjoin(child, child.c.id == fact.c.child_id)
        .outerjoin(log_header, log_header.c.entry_id == fact.c.entry_id)
        .outerjoin(log_leaf, log_leaf.c.entry_id == fact.c.entry_id)
        .outerjoin(log_pending, log_pending.c.entry_id == fact.c.entry_id)
        .outerjoin(log_body, log_body.c.entry_id == fact.c.entry_id)
        .outerjoin(data_key, data_key.c.id == log_body.c.data_key_id)
        .outerjoin(consent, consent.c.id == fact.c.consent_id)
        .outerjoin(person_details, own_details)
        .outerjoin(statement, statement.c.entry_id == fact.c.entry_id)
        .outerjoin(signatory, signatory.c.id == statement.c.signatory_id)
        .order_by(fact.c.child_id, fact.c.seq)
    )
