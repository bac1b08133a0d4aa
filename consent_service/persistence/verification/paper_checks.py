"""An act on paper, compared with the recording it confirms: same person, day, scope and document.

A paper that nobody recorded, that was rejected, or another one than was recorded, can only have
been written past the service.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Row

from consent_service.audit.entry import SALT_BYTES
from consent_service.errors import ConsentServiceError
from consent_service.persistence.keys.sealing import KeyRing
from consent_service.persistence.verification.act_checks import sealed_statement
from consent_service.persistence.verification.column_checks import open_body
from consent_service.signing.canonical import NotCanonical, parse_canonical
from consent_service.signing.keys import KeySet

_REFUSALS = frozenset({"decline", "withdraw"})


@dataclass
class _Paper:
    """What was recorded, and the SHA-256 of its document where the body could be opened."""

    row: Row[Any]
    stated: Mapping[str, Any]
    document: str | None
    is_confirmed: bool = False
    is_rejected: bool = False


class PaperChecks:
    """The papers of one child at a time: facts come in the order of children and acts.

    Without a ring what is encrypted is not compared.
    """

    def __init__(self, ring: KeyRing | None, keys: KeySet) -> None:
        self._ring = ring
        self._keys = keys
        self._child = ""
        self._papers: dict[str, _Paper] = {}

    def wrong(self, row: Row[Any]) -> str | None:
        """What is wrong with the next fact as far as papers go, or None."""
        if row.child_id != self._child:
            self._child, self._papers = row.child_id, {}
        if '"paper"' not in row.payload:
            return None
        try:
            payload = parse_canonical(row.payload.encode())
            paper = payload.get("paper") if isinstance(payload, dict) else None
            return None if paper is None else self._wrong_paper(row, payload, str(paper))
        except (NotCanonical, KeyError):
            return "its payload cannot be read"

    def _wrong_paper(self, row: Row[Any], payload: Mapping[str, Any], paper: str) -> str | None:
        if row.kind == "paper_recorded":
            self._papers[paper] = _Paper(row, payload, self._recorded_document(row))
            return None
        if paper not in self._papers:
            return "it is about a paper that nobody recorded"
        found = self._papers[paper]
        if found.is_confirmed:
            return "it is about a paper that was confirmed before"
        if found.is_rejected:
            return "it is about a paper that was rejected"
        if row.kind == "paper_rejected":
            found.is_rejected = True
            return None if found.row.consent_id == row.consent_id else "of another consent"
        found.is_confirmed = True
        return self._wrong_act(row, payload, found)

    def _wrong_act(self, row: Row[Any], payload: Mapping[str, Any], found: _Paper) -> str | None:
        recorded, stated = found.row, found.stated
        # What was recorded as a decline may be a withdrawal by then.
        same = (
            (recorded.consent_id, recorded.person_id) == (row.consent_id, row.person_id)
            and (stated["signed_at"], stated["kept"]) == (payload["given_at"], payload["kept"])
            and (stated["decision"] == row.kind or {stated["decision"], row.kind} <= _REFUSALS)
        )
        if not same:
            return "it says something else than the paper that was recorded"
        sealed = self._sealed_document(row)
        if sealed is not None and sealed != found.document:
            return "its statement names another document than was recorded"
        return None

    def _recorded_document(self, row: Row[Any]) -> str | None:
        """As the body of the recording's entry has it; what cannot be opened is said elsewhere."""
        if self._ring is None:
            return None
        try:
            body = json.loads(open_body(self._ring, row)[SALT_BYTES:])
            return str(body["document"]["sha256"])
        except (ConsentServiceError, ValueError, KeyError, TypeError):
            return None

    def _sealed_document(self, row: Row[Any]) -> str | None:
        """As the sealed statement of the act has it; what cannot be opened is said elsewhere."""
        if self._ring is None or row.sha256 is None:
            return None
        try:
            said = sealed_statement(row, self._ring, self._keys).statement
        except (ConsentServiceError, ValueError):
            return None
        return said.identity.paper.sha256 if said.identity.paper else None
