"""Who may sign, and what a controller knows of them, belong to the child they are filed under."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.finding import Finding
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Unreadable
from consent_service.persistence.children.tables import person, person_details
from consent_service.persistence.consents.tables import consent, signatory
from consent_service.persistence.keys.index_slots import hash_is_wrong, is_erased
from consent_service.persistence.keys.sealing import Place
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.verification.checks import DatabaseChecks
from consent_service.persistence.verification.column_checks import open_value
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks


class PeopleChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    def findings(self) -> Iterator[Finding]:
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
        if not self._opens:
            return
        details = self._reading.rows(_details_query(), "fact_mismatch", "person")
        for row, wrong in self._spread.each(wrong_details, details):
            self._checked += 1
            if wrong is not None:
                place = f"person {row.person_id} of {row.organisation_id}"
                yield Finding("fact_mismatch", place, wrong)

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
    if (row.key_owner, row.key_child) != (row.organisation_id, row.child_id):
        return "kept under the key of another controller or child"
    hashes = index.person(row.child_id, number)
    if not is_erased(row._mapping, "cpr_hash") and hash_is_wrong(
        index, row._mapping, "cpr_hash", hashes
    ):
        return "found by the number of somebody else"
    return None


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
