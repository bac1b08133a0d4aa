"""Sealed statements with their evidence."""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from consent_service.persistence.keys.data_keys import DataKeys
from consent_service.persistence.keys.sealing import Place
from consent_service.persistence.signatures.tables import statement
from consent_service.services.signatures.model import FiledStatement
from consent_service.signing.canonical import canonical_json


class StatementStore:
    """Sealed statements (`services.signatures.ports.Statements`)."""

    def __init__(self, connection: Connection, keys: DataKeys) -> None:
        self._connection = connection
        self._keys = keys

    def add(self, child: str, controller: str, filed: FiledStatement) -> None:
        key = self._keys.find_or_make(controller, child)
        self._connection.execute(
            sa.insert(statement).values(
                sha256=filed.sha256,
                consent_id=filed.consent,
                signatory_id=filed.signatory,
                entry_id=filed.entry,
                data_key_id=key.id,
                seal_sealed=key.seal(filed.seal.encode(), _statement_place("seal", filed.sha256)),
                evidence_sealed=key.seal(
                    canonical_json(dict(filed.evidence)),
                    _statement_place("evidence", filed.sha256),
                ),
            )
        )

    def of_consent(self, consent_id: str) -> Sequence[FiledStatement]:
        query = (
            sa.select(statement)
            .where(statement.c.consent_id == consent_id)
            .order_by(statement.c.entry_id)
        )
        return [self._statement(row) for row in self._connection.execute(query).all()]

    def _statement(self, row: Row[Any]) -> FiledStatement:
        key = self._keys.get(row.data_key_id)
        evidence = key.open(row.evidence_sealed, _statement_place("evidence", row.sha256))
        return FiledStatement(
            sha256=row.sha256,
            consent=row.consent_id,
            signatory=row.signatory_id,
            entry=row.entry_id,
            seal=key.open(row.seal_sealed, _statement_place("seal", row.sha256)).decode(),
            evidence=json.loads(evidence),
        )


def _statement_place(part: str, sha256: str) -> Place:
    return Place("statement", f"{part}_sealed", sha256)
