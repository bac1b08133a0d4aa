"""A signer's act as a fact, compared with the statement that was sealed about it.

The body of such an entry carries the statement's SHA-256 and no hash of the fact, so every member
of the fact is compared with what the statement says, and the person with its commitment.
"""

import hashlib
import hmac
import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.errors import ConsentServiceError
from consent_service.persistence.consents.tables import signatory
from consent_service.persistence.keys.sealing import KeyRing, Place
from consent_service.persistence.signatures.tables import statement
from consent_service.persistence.verification.column_checks import open_value
from consent_service.signing.keys import KeySet
from consent_service.signing.seal import SealedStatement, verify_seal
from consent_service.signing.statement import Scope, Statement, person_commitment


def sealed_act_columns() -> tuple[sa.ColumnElement[Any], ...]:
    """What `wrong_in_act` needs of a statement and its signatory."""
    return (
        statement.c.sha256,
        statement.c.consent_id.label("statement_consent"),
        statement.c.signatory_id,
        statement.c.data_key_id.label("statement_key"),
        statement.c.seal_sealed,
        statement.c.evidence_sealed,
        signatory.c.consent_id.label("signatory_consent"),
        signatory.c.person_id.label("signatory_person"),
    )


def sealed_statement(row: Row[Any], ring: KeyRing, keys: KeySet) -> SealedStatement:
    """The statement of an act, opened. Raises Unreadable, ValueError, or as `verify_seal` does."""
    seal = open_value(ring, row.data_key_id, row, row.seal_sealed, _place(row, "seal_sealed"))
    return verify_seal(seal.decode(), keys)


def wrong_in_act(
    row: Row[Any], payload: Any, body: dict[str, Any], ring: KeyRing, keys: KeySet
) -> str | None:
    """What is wrong with a grant, a decline or a withdrawal, or None."""
    if row.sha256 is None:
        return "its sealed statement is not there"
    if row.statement_key != row.data_key_id:
        return "its statement is filed under another key than its entry"
    try:
        sealed = sealed_statement(row, ring, keys)
    except (ConsentServiceError, ValueError):
        return "the seal of its statement does not hold"
    named = (body["statement_sha256"], body["consent"], body["signatory"])
    if named != (row.sha256, row.consent_id, row.signatory_id):
        return "its entry names another statement, consent or signatory"
    if hashlib.sha256(sealed.payload).hexdigest() != row.sha256:
        return "its statement is filed under another hash"
    wrong = _wrong_member(row, payload, sealed.statement)
    return wrong or _wrong_person(row, sealed.statement, ring)


def _wrong_member(row: Row[Any], payload: Any, said: Statement) -> str | None:
    expected = {
        "kind": (said.decision, row.kind),
        "consent": (said.consent, row.consent_id),
        "time": (said.time, row.at),
        "terms": (said.terms_sha256, row.terms_sha256),
        "signatory": (said.signatory, row.signatory_id),
        "statement's consent": (said.consent, row.statement_consent),
        "signatory's consent": (said.consent, row.signatory_consent),
        "signatory's person": (row.signatory_person, row.person_id),
        "payload": (_payload(said), payload),
    }
    for name, (stated, filed) in expected.items():
        if stated != filed:
            return f"another {name} than its sealed statement says"
    return None


def _payload(said: Statement) -> dict[str, Any]:
    """What the fact says beside its columns.

    Nothing else vouches for when it was given (when it was recorded, or on paper the day that the
    statement names) and on whose word: who did not log in is named by the organisation.
    """
    paper = said.identity.paper
    given_at = said.time if paper is None else said.identity.time
    return {
        "given_at": given_at.isoformat(timespec="microseconds"),
        "kept": _kept(said.scope),
        **({} if paper is None else {"paper": paper.id}),
        **({} if said.identity.id_token_sha256 else {"attested_by": said.identity.issuer}),
    }


def _wrong_person(row: Row[Any], said: Statement, ring: KeyRing) -> str | None:
    """The person of the fact is the one committed to, by the number filed for them."""
    evidence_place = _place(row, "evidence_sealed")
    person_place = Place("person_details", "sealed", f"{row.controller_id}/{row.person_id}")
    try:
        evidence = open_value(ring, row.data_key_id, row, row.evidence_sealed, evidence_place)
        details = open_value(ring, row.data_key_id, row, row.person_sealed, person_place)
        salt = bytes.fromhex(json.loads(evidence)["opening"]["salt"])
        committed = person_commitment(salt, json.loads(details)["cpr"])
    except (ConsentServiceError, ValueError, KeyError, TypeError):
        return "the evidence of who it was cannot be opened"
    if not hmac.compare_digest(committed, said.person_commitment):
        return "of another person than its sealed statement commits to"
    return None


def _kept(scope: Scope | None) -> dict[str, list[str]] | None:
    if scope is None:
        return None
    return {"categories": list(scope.categories), "parties": list(scope.parties)}


def _place(row: Row[Any], column: str) -> Place:
    return Place("statement", column, row.sha256)
