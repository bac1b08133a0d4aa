"""Every consent is the one its request fact says, under the terms and template it names."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.finding import Finding
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Unreadable
from consent_service.persistence.catalogue.tables import template_version
from consent_service.persistence.children.tables import child, fact, person_details
from consent_service.persistence.consents.tables import consent, consent_party
from consent_service.persistence.keys.index_slots import hash_is_wrong
from consent_service.persistence.keys.sealing import Index, KeyRing, Place
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.verification.checks import DatabaseChecks
from consent_service.persistence.verification.column_checks import open_value
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import GONE, MORE, covered, covered_whole
from consent_service.signing.terms import InvalidTerms, Terms


class ConsentChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = (
        covered(consent, "id", "controller_id", "child_id", "data_key_id", "created_at")
        | covered(consent, "template_id", "template_version", "terms_sha256", "terms_sealed")
        | covered(consent, GONE, MORE)
        | covered_whole(consent_party)
        | covered(child, "cpr_hash", "cpr_hash_b")
    )

    def findings(self) -> Iterator[Finding]:
        consents = self._reading.rows(_consents_query(), "fact_mismatch", "consent")
        for row, wrong in self._spread.each(wrong_consent, consents):
            self._checked += 1
            if wrong is not None:
                yield Finding("fact_mismatch", f"consent {row.id}", wrong)

    def checked(self) -> Iterator[str]:
        said = "" if self._opens else "; the terms themselves are not opened"
        yield f"{self._checked} consents and their terms{said}"


def wrong_consent(checks: DatabaseChecks, row: Row[Any]) -> str | None:
    """What is wrong with one consent, or None."""
    if row.payload is None:
        return "the fact of its request is not there"
    try:
        payload = json.loads(row.payload)
        if payload["terms_sha256"] != row.terms_sha256:
            return "asked under other terms"
        if sorted((row.parties or "").split()) != payload["parties"]:
            return "filed for other parties than were asked about"
    except (ValueError, KeyError, TypeError):
        return "the fact of its request cannot be read"
    if row.requested_at != row.created_at:
        return "filed at another time than it was asked"
    return None if checks.opened is None else _wrong_terms(row, payload, *checks.opened)


def _wrong_terms(row: Row[Any], payload: dict[str, Any], ring: KeyRing, index: Index) -> str | None:
    try:
        place = Place("consent", "terms_sealed", row.id)
        content = open_value(ring, row.data_key_id, row, row.terms_sealed, place)
        terms = Terms.from_bytes(content)
    except Unreadable:
        return "its terms cannot be decrypted"
    except InvalidTerms:
        return "its terms cannot be read"
    if hashlib.sha256(content).hexdigest() != row.terms_sha256:
        return "its terms have another hash"
    return _wrong_member(row, terms, payload) or _wrong_child(row, terms, ring, index)


def _wrong_member(row: Row[Any], terms: Terms, payload: dict[str, Any]) -> str | None:
    template = (terms.template.id, terms.template.version, terms.template.sha256)
    expected: dict[str, tuple[Any, Any]] = {
        "consent": (terms.consent, row.id),
        "controller": (terms.controller.id, row.controller_id),
        "template": (template, (row.template_id, row.template_version, row.template_sha256)),
        "parties": ([party.id for party in terms.parties], payload.get("parties")),
        "categories": (list(terms.categories), payload.get("categories")),
        "purpose": (terms.purpose, payload.get("purpose")),
        "signer rule": (terms.signer_rule, payload.get("signer_rule")),
    }
    for name, (stated, filed) in expected.items():
        if stated != filed:
            return f"its terms name another {name}"
    return None


def _wrong_child(row: Row[Any], terms: Terms, ring: KeyRing, index: Index) -> str | None:
    if (wrong := _wrong_birth_date(row, terms, ring)) is not None:
        return wrong
    hashes = index.child(CprNumber(terms.child.cpr))
    if hash_is_wrong(index, row._mapping, "cpr_hash", hashes):
        return "its terms name another child"
    return None


def _wrong_birth_date(row: Row[Any], terms: Terms, ring: KeyRing) -> str | None:
    """The date that ages are counted from is the one that the signers were shown."""
    place = Place("person_details", "sealed", f"{row.controller_id}/{row.child_id}")
    try:
        opened = open_value(ring, row.data_key_id, row, row.child_sealed, place)
        known = json.loads(opened)["birth_date"]
    except (Unreadable, ValueError, KeyError, TypeError):
        return "what is known of its child cannot be opened"
    if known != terms.child.birth_date.isoformat():
        return "its terms name another birth date than is known"
    return None


def _consents_query() -> sa.Select[Any]:
    parties = (
        sa.select(sa.func.aggregate_strings(consent_party.c.organisation_id, " "))
        .where(consent_party.c.consent_id == consent.c.id)
        .scalar_subquery()
    )
    return (
        sa.select(
            consent,
            parties.label("parties"),
            fact.c.payload,
            fact.c.at.label("requested_at"),
            data_key.c.wrapped,
            child.c.cpr_hash,
            child.c.cpr_hash_b,
            template_version.c.sha256.label("template_sha256"),
            person_details.c.sealed.label("child_sealed"),
        )
        .select_from(consent)
        .outerjoin(fact, sa.and_(fact.c.consent_id == consent.c.id, fact.c.kind == "request"))
        .outerjoin(data_key, data_key.c.id == consent.c.data_key_id)
        .outerjoin(child, child.c.id == consent.c.child_id)
        .outerjoin(
            person_details,
            sa.and_(
                person_details.c.organisation_id == consent.c.controller_id,
                person_details.c.person_id == consent.c.child_id,
            ),
        )
        .outerjoin(
            template_version,
            sa.and_(
                template_version.c.organisation_id == consent.c.controller_id,
                template_version.c.id == consent.c.template_id,
                template_version.c.version == consent.c.template_version,
            ),
        )
        .order_by(consent.c.id)
    )
