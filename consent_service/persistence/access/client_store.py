"""Clients, revocations and used assertions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from consent_service.persistence.access.client_set import client_of
from consent_service.persistence.access.epoch import UnitClients
from consent_service.persistence.access.tables import (
    client,
    client_key,
    client_revocation,
    client_secret,
    used_assertion,
)
from consent_service.persistence.kernel.insert import insert_or_ignore
from consent_service.services.access.client import OURS, Client, ClientKey, ClientSecret, Standing


class ClientStore:
    """Clients (`services.access.ports.Clients`)."""

    def __init__(self, connection: Connection, vouched: UnitClients) -> None:
        self._connection = connection
        self._vouched = vouched
        self._changed = False

    def begin_change(self) -> int:
        return self._vouched.lock()

    def begin_change_of_all(self, above: int) -> int:
        self._changed = True
        return self._vouched.lock_whatever_stands(above)

    def vouch_for_changes(self) -> int | None:
        """Just before the commit: raise the epoch and vouch for what stands then.

        The new epoch; None where no client was changed. In the same transaction as the change, so
        that whoever reads the new epoch sees the change too.
        """
        if not self._changed:
            return None
        self._changed = False
        return self._vouched.vouch()

    def add(self, added: Client) -> None:
        self._change(
            sa.insert(client).values(
                id=added.id,
                organisation_id=added.organisation,
                scopes=" ".join(sorted(added.scopes)),
                auth_method=added.auth_method,
                created_at=added.created_at,
            )
        )

    def find(self, client_id: str) -> Client | None:
        found = self._read(client.c.id == client_id, 1)
        return found[0] if found else None

    def page(self, after: str | None, limit: int) -> Sequence[Client]:
        return self._read(client.c.id > (after or ""), limit)

    def set_scopes(self, client_id: str, scopes: frozenset[str]) -> None:
        written = " ".join(sorted(scopes))
        self._change(sa.update(client).where(client.c.id == client_id).values(scopes=written))

    def set_suspended(self, client_id: str, since: datetime | None) -> None:
        values = {"suspended_at": since}
        self._change(sa.update(client).where(client.c.id == client_id).values(**values))

    def add_key(self, client_id: str, key: ClientKey) -> None:
        self._change(
            sa.insert(client_key).values(
                client_id=client_id, kid=key.kid, jwk=dict(key.jwk), added_at=key.added_at
            )
        )

    def remove_key(self, client_id: str, kid: str) -> None:
        of_client = client_key.c.client_id == client_id
        self._change(sa.delete(client_key).where(of_client, client_key.c.kid == kid))

    def add_secret(self, client_id: str, secret: ClientSecret) -> None:
        self._change(
            sa.insert(client_secret).values(
                id=secret.id,
                client_id=client_id,
                sha256=secret.sha256,
                created_at=secret.created_at,
            )
        )

    def remove_secret(self, client_id: str, secret: str) -> None:
        of_client = client_secret.c.client_id == client_id
        self._change(sa.delete(client_secret).where(of_client, client_secret.c.id == secret))

    def revoke(self, issuer: str, client_id: str, now: datetime) -> bool:
        if self.revoked_at(issuer, client_id) is not None:
            return False
        self._change(
            sa.insert(client_revocation).values(issuer=issuer, client_id=client_id, revoked_at=now)
        )
        return True

    def vouched(self, client_id: str) -> Client | None:
        return self._vouched.get().clients.get(client_id)

    def standing(self, issuer: str, client_id: str) -> Standing:
        return self._vouched.get().standing(issuer, client_id)

    def revoked_at(self, issuer: str, client_id: str) -> datetime | None:
        query = sa.select(client_revocation.c.revoked_at).where(
            client_revocation.c.issuer == issuer, client_revocation.c.client_id == client_id
        )
        found: datetime | None = self._connection.scalar(query)
        return found

    def use_assertion(self, digest: bytes, expires: datetime) -> bool:
        values = {"digest": digest, "expires_at": expires}
        statement = insert_or_ignore(self._connection, used_assertion).values(**values)
        first = statement.returning(used_assertion.c.digest)
        return self._connection.scalar(first) is not None

    def _change(self, statement: sa.Executable) -> None:
        self.begin_change()
        self._changed = True
        self._connection.execute(statement)

    def _read(self, which: sa.ColumnElement[bool], limit: int) -> list[Client]:
        own = sa.and_(
            client_revocation.c.client_id == client.c.id, client_revocation.c.issuer == OURS
        )
        query = (
            sa.select(client, client_revocation.c.revoked_at)
            .select_from(client.outerjoin(client_revocation, own))
            .where(which)
            .order_by(client.c.id)
            .limit(limit)
        )
        rows = self._connection.execute(query).all()
        ids = [row.id for row in rows]
        keys, secrets = self._keys(ids), self._secrets(ids)
        return [client_of(row, keys[row.id], secrets[row.id], row.revoked_at) for row in rows]

    def _keys(self, ids: list[str]) -> dict[str, list[Row[Any]]]:
        found: dict[str, list[Row[Any]]] = {client_id: [] for client_id in ids}
        query = (
            sa.select(client_key)
            .where(client_key.c.client_id.in_(ids))
            .order_by(client_key.c.added_at, client_key.c.kid)
        )
        for row in self._connection.execute(query):
            found[row.client_id].append(row)
        return found

    def _secrets(self, ids: list[str]) -> dict[str, list[Row[Any]]]:
        found: dict[str, list[Row[Any]]] = {client_id: [] for client_id in ids}
        query = (
            sa.select(client_secret)
            .where(client_secret.c.client_id.in_(ids))
            .order_by(client_secret.c.id)
        )
        for row in self._connection.execute(query):
            found[row.client_id].append(row)
        return found


def forget_used_assertions(connection: Connection, now: datetime) -> int:
    """Delete what has expired, which nobody can use again anyway; how many."""
    old = sa.delete(used_assertion).where(used_assertion.c.expires_at < now)
    return connection.execute(old).rowcount
