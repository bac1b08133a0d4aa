"""Signing links and the sessions they open. Only hashes of their secrets are kept."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.keys.data_keys import DataKeys
from consent_service.persistence.keys.sealing import Index, Place
from consent_service.persistence.tables import link, signatory, signing_session
from consent_service.services.model import Link, SigningSession


class LinkStore:
    """Links and signing sessions (`services.ports.Links`)."""

    def __init__(self, connection: Connection, keys: DataKeys, index: Index) -> None:
        self._connection = connection
        self._keys = keys
        self._index = index

    def replace(self, signatory_id: str, token: str, now: datetime) -> None:
        self._connection.execute(
            sa.update(link)
            .where(link.c.signatory_id == signatory_id, link.c.replaced_at.is_(None))
            .values(replaced_at=now)
        )
        self._connection.execute(
            sa.insert(link).values(
                token_hash=self._index.token(token), signatory_id=signatory_id, created_at=now
            )
        )

    def find(self, token: str) -> Link | None:
        return self._find(self._index.token(token))

    def _find(self, token_hash: bytes) -> Link | None:
        query = sa.select(link).where(link.c.token_hash == token_hash)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        return Link(
            row.token_hash, row.signatory_id, row.created_at, row.opened_at, row.replaced_at
        )

    def mark_opened(self, found: Link, now: datetime) -> None:
        self._connection.execute(
            sa.update(link)
            .where(link.c.token_hash == found.token_hash, link.c.opened_at.is_(None))
            .values(opened_at=now)
        )

    def opened(self, consent_id: str) -> frozenset[str]:
        query = (
            sa.select(link.c.signatory_id)
            .join(signatory, signatory.c.id == link.c.signatory_id)
            .where(signatory.c.consent_id == consent_id, link.c.opened_at.is_not(None))
        )
        return frozenset(self._connection.scalars(query))

    # -- sessions -----------------------------------------------------------------------------

    def begin_session(
        self, secret: str, opened: Link, controller: str, child: str, now: datetime
    ) -> None:
        key = self._keys.find_or_make(controller, child)
        self._connection.execute(
            sa.insert(signing_session).values(
                id_hash=self._index.token(secret),
                link_hash=opened.token_hash,
                data_key_id=key.id,
                created_at=now,
            )
        )

    def session(self, secret: str) -> SigningSession | None:
        id_hash = self._index.token(secret)
        query = sa.select(signing_session).where(signing_session.c.id_hash == id_hash)
        row = self._connection.execute(query.with_for_update()).one_or_none()
        if row is None:
            return None
        opened = self._find(row.link_hash)
        if opened is None or opened.replaced_at is not None:
            return None
        content = None
        if row.sealed is not None:
            content = self._keys.get(row.data_key_id).open(row.sealed, _session_place(id_hash))
        return SigningSession(opened, row.created_at, content)

    def save_session(self, secret: str, content: bytes | None) -> None:
        id_hash = self._index.token(secret)
        where = signing_session.c.id_hash == id_hash
        key_id = self._connection.scalar(sa.select(signing_session.c.data_key_id).where(where))
        if key_id is None:
            return
        sealed = None
        if content is not None:
            sealed = self._keys.get(key_id).seal(content, _session_place(id_hash))
        self._connection.execute(sa.update(signing_session).where(where).values(sealed=sealed))

    def end_session(self, secret: str) -> None:
        self._connection.execute(
            sa.delete(signing_session).where(signing_session.c.id_hash == self._index.token(secret))
        )


def forget_old_sessions(connection: Connection, before: datetime) -> int:
    """Delete sessions begun before an instant; how many."""
    old = sa.delete(signing_session).where(signing_session.c.created_at < before)
    return connection.execute(old).rowcount


def _session_place(id_hash: bytes) -> Place:
    return Place("signing_session", "sealed", id_hash.hex())
