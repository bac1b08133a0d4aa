"""Who may sign, and what a controller knows of them, belong to the child they are filed under.

 1. Every signatory is somebody around the child of their consent, and every child is one itself.
 2. Every child and person is found, and by one hash alone.
 3. The controller of a consent keeps details of each of its signatories, and of the child.
 4. That is the hash of the number that each controller's details say; of a child that no controller
    keeps details of, of the number in an entry about it. A child of whom nothing was recorded yet,
    because the process died in between, is nobody's.

So a row whose hash was emptied or replaced is named: the next request would make another row for
the same number, under which nobody remembers a no.
"""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.entry import SALT_BYTES
from consent_service.audit.finding import Finding
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Unreadable
from consent_service.persistence.children.tables import child, person, person_details
from consent_service.persistence.consents.tables import consent, signatory
from consent_service.persistence.keys.index_slots import hash_is_wrong, slot_column
from consent_service.persistence.keys.sealing import SLOTS, Index, Place
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body
from consent_service.persistence.verification.checks import DatabaseChecks
from consent_service.persistence.verification.column_checks import open_body, open_value
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import MORE, covered, covered_whole


class PeopleChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = (
        covered(signatory, "consent_id", "person_id")
        | covered(child, "id", "cpr_hash", "cpr_hash_b")
        | covered_whole(person)
        | covered(person_details, "organisation_id", "person_id", "data_key_id", MORE)
    )

    def findings(self) -> Iterator[Finding]:
        yield from self._strangers()
        yield from self._unknown_to_their_controller()
        yield from self._not_around_themselves()
        for table in (child, person):
            yield from self._found_by_nothing(table)
            for slot in SLOTS:
                yield from self._found_twice(table, slot_column("cpr_hash", slot))
        if self._opens:
            yield from self._wrong_details()
            yield from self._without_details()

    def _strangers(self) -> Iterator[Finding]:
        strangers = (
            sa.select(signatory.c.id)
            .outerjoin(consent, consent.c.id == signatory.c.consent_id)
            .outerjoin(person, person.c.id == signatory.c.person_id)
            .where(
                sa.or_(
                    consent.c.id.is_(None),
                    person.c.id.is_(None),
                    consent.c.child_id != person.c.child_id,
                )
            )
        )
        for row in self._reading.rows(strangers, "fact_mismatch", "signatory"):
            detail = "nobody around the child of this consent"
            yield Finding("fact_mismatch", f"signatory {row.id}", detail)

    def _unknown_to_their_controller(self) -> Iterator[Finding]:
        """Nobody could tell any more whom a consent was about, or who was asked."""
        concerned = sa.union(
            sa.select(consent.c.controller_id, consent.c.child_id.label("person_id")),
            sa.select(consent.c.controller_id, signatory.c.person_id).join(
                signatory, signatory.c.consent_id == consent.c.id
            ),
        ).subquery()
        query = (
            sa.select(concerned)
            .outerjoin(
                person_details,
                sa.and_(
                    person_details.c.organisation_id == concerned.c.controller_id,
                    person_details.c.person_id == concerned.c.person_id,
                ),
            )
            .where(person_details.c.person_id.is_(None))
        )
        for row in self._reading.rows(query, "fact_mismatch", "person"):
            place = f"person {row.person_id} of {row.controller_id}"
            yield Finding("fact_mismatch", place, "what was known of them is not there")

    def _not_around_themselves(self) -> Iterator[Finding]:
        """A child that is no person around itself can be asked about, and never sign."""
        own = sa.and_(person.c.id == child.c.id, person.c.child_id == child.c.id)
        query = sa.select(child.c.id).outerjoin(person, own).where(person.c.id.is_(None))
        for row in self._reading.rows(query, "fact_mismatch", "child"):
            yield Finding(
                "fact_mismatch", f"child {row.id}", "its own row as a person is not there"
            )

    def _found_by_nothing(self, table: sa.Table) -> Iterator[Finding]:
        columns = (table.c[slot_column("cpr_hash", slot)] for slot in SLOTS)
        query = sa.select(table.c.id).where(*(column.is_(None) for column in columns))
        for row in self._reading.rows(query, "fact_mismatch", table.name):
            detail = "found by nothing: the next request makes another row"
            yield Finding("fact_mismatch", f"{table.name} {row.id}", detail)

    def _found_twice(self, table: sa.Table, column: str) -> Iterator[Finding]:
        """The database's own constraints refuse it, until their owner drops them."""
        other = table.alias("other")
        same = [table.c[column] == other.c[column], table.c.id != other.c.id]
        if table is person:
            same.append(table.c.child_id == other.c.child_id)
        query = sa.select(table.c.id).where(sa.exists().where(*same))
        for row in self._reading.rows(query, "fact_mismatch", table.name):
            detail = "another row is found by the same number"
            yield Finding("fact_mismatch", f"{table.name} {row.id}", detail)

    def _wrong_details(self) -> Iterator[Finding]:
        details = self._reading.rows(_details_query(), "fact_mismatch", "person")
        for row, wrong in self._spread.each(wrong_details, details):
            self._checked += 1
            if wrong is not None:
                place = f"person {row.person_id} of {row.organisation_id}"
                yield Finding("fact_mismatch", place, wrong)

    def _without_details(self) -> Iterator[Finding]:
        people = self._reading.rows(_unknown_query(), "fact_mismatch", "person")
        for row, wrong in self._spread.each(wrong_unknown, people):
            if wrong is not None:
                yield Finding("fact_mismatch", f"person {row.id}", wrong)

    def checked(self) -> Iterator[str]:
        if self._opens:
            yield f"what controllers know of {self._checked} people"


def wrong_details(checks: DatabaseChecks, row: Row[Any]) -> str | None:
    """What is wrong with what a controller knows of a person, or None."""
    if checks.opened is None:
        return None
    ring, index = checks.opened
    try:
        place = Place("person_details", "sealed", f"{row.organisation_id}/{row.person_id}")
        details = json.loads(open_value(ring, row.data_key_id, row, row.sealed, place))
        number = CprNumber(details["cpr"])
    except (Unreadable, ValueError, KeyError, TypeError):
        return "what is known of them cannot be opened"
    if row.child_id is None:
        return "nobody's: the person is not there"
    if (row.key_owner, row.key_child) != (row.organisation_id, row.child_id):
        return "kept under the key of another controller or child"
    return _wrong_hash(index, row, number)


def wrong_unknown(checks: DatabaseChecks, row: Row[Any]) -> str | None:
    """What is wrong with a person whom no controller keeps details of, or None."""
    if checks.opened is None:
        return None
    ring, index = checks.opened
    if row.id != row.child_id:
        return "nobody keeps the number that they are found by"
    if row.entry_id is None:
        return None
    try:
        body = json.loads(open_body(ring, row)[SALT_BYTES:])
        number = CprNumber(body["child"]["cpr"])
    except (Unreadable, ValueError, KeyError, TypeError):
        return "nobody keeps the number that they are found by"
    return _wrong_hash(index, row, number)


def _wrong_hash(index: Index, row: Row[Any], number: CprNumber) -> str | None:
    hashes = index.person(row.child_id, number)
    wrong = hash_is_wrong(index, row._mapping, "cpr_hash", hashes)
    return "found by the number of somebody else" if wrong else None


def _unknown_query() -> sa.Select[Any]:
    """People without details; of a child itself with the oldest entry about it."""
    about = (
        sa.select(log_body.c.entry_id)
        .join(data_key, data_key.c.id == log_body.c.data_key_id)
        .where(data_key.c.child_id == person.c.id)
        .order_by(log_body.c.entry_id)
        .limit(1)
        .correlate(person)
        .scalar_subquery()
    )
    return (
        sa.select(
            person,
            log_body.c.entry_id,
            log_body.c.data_key_id,
            log_body.c.sealed,
            data_key.c.wrapped,
        )
        .select_from(person)
        .outerjoin(person_details, person_details.c.person_id == person.c.id)
        .outerjoin(log_body, log_body.c.entry_id == about)
        .outerjoin(data_key, data_key.c.id == log_body.c.data_key_id)
        .where(person_details.c.person_id.is_(None))
    )


def _details_query() -> sa.Select[Any]:
    return (
        sa.select(
            person_details,
            person.c.child_id,
            person.c.cpr_hash,
            person.c.cpr_hash_b,
            data_key.c.organisation_id.label("key_owner"),
            data_key.c.child_id.label("key_child"),
            data_key.c.wrapped,
        )
        .select_from(person_details)
        .outerjoin(person, person.c.id == person_details.c.person_id)
        .outerjoin(data_key, data_key.c.id == person_details.c.data_key_id)
    )
