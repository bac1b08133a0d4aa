"""The sessions of browsers that followed a link. Only hashes of their secrets are kept."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from consent_service.errors import Unreadable
from consent_service.persistence.consents.link_store import find_link
from consent_service.persistence.kernel.row_text import row_text
from consent_service.persistence.keys.data_keys import DataKeys
from consent_service.persistence.keys.sealing import Index, Place
from consent_service.persistence.signatures.tables import signing_session
from consent_service.services.consents.model import Link
from consent_service.services.signatures.model import SigningSession

NOTHING_YET = b""
"""What a session holds before anybody logs in."""

log = logging.getLogger(__name__)


class SessionStore:
    """Signing sessions (`services.signatures.ports.SigningSessions`)."""

    def __init__(self, connection: Connection, keys: DataKeys, index: Index) -> None:
        self._connection = connection
        self._keys = keys
        self._index = index

    def begin(self, secret: str, opened: Link, controller: str, child: str, now: datetime) -> None:
        key = self._keys.find_or_make(controller, child)
        row = {
            "id_hash": self._index.token(secret),
            "link_hash": opened.token_hash,
            "data_key_id": key.id,
            "created_at": now,
        }
        sealed = key.seal(NOTHING_YET, _session_place(row))
        self._connection.execute(sa.insert(signing_session).values(**row, sealed=sealed))

    def find(self, secret: str) -> SigningSession | None:
        id_hash = self._index.token(secret)
        query = sa.select(signing_session).where(signing_session.c.id_hash == id_hash)
        row = self._connection.execute(query.with_for_update()).one_or_none()
        if row is None:
            return None
        content = self._content(row)
        opened = find_link(self._connection, row.link_hash)
        if content is None or opened is None or opened.replaced_at is not None:
            return None
        return SigningSession(opened, row.created_at, content or None)

    def save(self, secret: str, content: bytes) -> None:
        where = signing_session.c.id_hash == self._index.token(secret)
        row = self._connection.execute(sa.select(signing_session).where(where)).one_or_none()
        if row is None or self._content(row) is None:
            return
        sealed = self._keys.get(row.data_key_id).seal(content, _session_place(row._asdict()))
        self._connection.execute(sa.update(signing_session).where(where).values(sealed=sealed))

    def _content(self, row: Row[Any]) -> bytes | None:
        """What is kept, opened; None where the row says what was not sealed with it."""
        try:
            key = self._keys.get(row.data_key_id)
            return key.open(row.sealed, _session_place(row._asdict()))
        except Unreadable as refused:
            log.critical("a session of a family is none any more: %s", refused.detail)
            return None

    def end(self, secret: str) -> None:
        self._connection.execute(
            sa.delete(signing_session).where(signing_session.c.id_hash == self._index.token(secret))
        )


def forget_old_sessions(connection: Connection, before: datetime) -> int:
    """Delete sessions begun before an instant; how many."""
    old = sa.delete(signing_session).where(signing_session.c.created_at < before)
    return connection.execute(old).rowcount


def _session_place(row: Mapping[str, Any]) -> Place:
    """A session holds for its own link and beginning alone."""
    said = [column.name for column in signing_session.columns if column.name != "sealed"]
    return Place("signing_session", "sealed", row["id_hash"].hex(), row_text(row, said))
