"""The sessions of browsers that followed a link. Only hashes of their secrets are kept."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.consents.link_store import find_link
from consent_service.persistence.keys.data_keys import DataKeys
from consent_service.persistence.keys.sealing import Index, Place
from consent_service.persistence.signatures.tables import signing_session
from consent_service.services.consents.model import Link
from consent_service.services.signatures.model import SigningSession


class SessionStore:
    """Signing sessions (`services.signatures.ports.SigningSessions`)."""

    def __init__(self, connection: Connection, keys: DataKeys, index: Index) -> None:
        self._connection = connection
        self._keys = keys
        self._index = index

    def begin(self, secret: str, opened: Link, controller: str, child: str, now: datetime) -> None:
        key = self._keys.find_or_make(controller, child)
        self._connection.execute(
            sa.insert(signing_session).values(
                id_hash=self._index.token(secret),
                link_hash=opened.token_hash,
                data_key_id=key.id,
                created_at=now,
            )
        )

    def find(self, secret: str) -> SigningSession | None:
        id_hash = self._index.token(secret)
        query = sa.select(signing_session).where(signing_session.c.id_hash == id_hash)
        row = self._connection.execute(query.with_for_update()).one_or_none()
        if row is None:
            return None
        opened = find_link(self._connection, row.link_hash)
        if opened is None or opened.replaced_at is not None:
            return None
        content = None
        if row.sealed is not None:
            content = self._keys.get(row.data_key_id).open(row.sealed, _session_place(id_hash))
        return SigningSession(opened, row.created_at, content)

    def save(self, secret: str, content: bytes | None) -> None:
        id_hash = self._index.token(secret)
        where = signing_session.c.id_hash == id_hash
        key_id = self._connection.scalar(sa.select(signing_session.c.data_key_id).where(where))
        if key_id is None:
            return
        sealed = None
        if content is not None:
            sealed = self._keys.get(key_id).seal(content, _session_place(id_hash))
        self._connection.execute(sa.update(signing_session).where(where).values(sealed=sealed))

    def end(self, secret: str) -> None:
        self._connection.execute(
            sa.delete(signing_session).where(signing_session.c.id_hash == self._index.token(secret))
        )


def forget_old_sessions(connection: Connection, before: datetime) -> int:
    """Delete sessions begun before an instant; how many."""
    old = sa.delete(signing_session).where(signing_session.c.created_at < before)
    return connection.execute(old).rowcount


def _session_place(id_hash: bytes) -> Place:
    return Place("signing_session", "sealed", id_hash.hex())
