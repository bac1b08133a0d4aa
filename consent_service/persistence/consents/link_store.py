"""Signing links. Only hashes of their tokens are kept."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.consents.tables import consent, link, signatory
from consent_service.persistence.consents.tenancy import is_controller
from consent_service.persistence.keys.sealing import Index
from consent_service.services.consents.model import Link


class LinkStore:
    """Signing links (`services.consents.ports.Links`)."""

    def __init__(self, connection: Connection, index: Index) -> None:
        self._connection = connection
        self._index = index

    def name_of(self, token: str) -> str:
        return self._index.token(token).hex()

    def replace(self, signatory_id: str, token: str, now: datetime, entry: str) -> None:
        self._connection.execute(
            sa.update(link)
            .where(link.c.signatory_id == signatory_id, link.c.replaced_at.is_(None))
            .values(replaced_at=now)
        )
        self._connection.execute(
            sa.insert(link).values(
                token_hash=self._index.token(token),
                signatory_id=signatory_id,
                created_at=now,
                entry_id=entry,
            )
        )

    def find(self, token: str) -> Link | None:
        return find_link(self._connection, self._index.token(token))

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

    def made_at(self, controller: str, child_id: str, nth: int) -> datetime | None:
        query = (
            sa.select(link.c.created_at)
            .join(signatory, signatory.c.id == link.c.signatory_id)
            .join(consent, consent.c.id == signatory.c.consent_id)
            .where(consent.c.child_id == child_id, is_controller(controller))
            .order_by(link.c.created_at.desc())
            .offset(nth - 1)
            .limit(1)
        )
        return self._connection.scalar(query)


def find_link(connection: Connection, token_hash: bytes) -> Link | None:
    """A link by the hash of its token."""
    query = sa.select(link).where(link.c.token_hash == token_hash)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Link(row.token_hash, row.signatory_id, row.created_at, row.opened_at, row.replaced_at)
