"""Clients, revocations and used assertions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.access.client_set import ClientRows
from consent_service.persistence.access.epoch import UnitClients
from consent_service.persistence.access.tables import (
    client,
    client_key,
    client_revocation,
    client_secret,
    used_assertion,
)
from consent_service.persistence.kernel.insert import insert_or_ignore
from consent_service.services.access.client import Client, ClientKey, ClientSecret, Standing


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
        self._insert(
            client,
            id=added.id,
            organisation_id=added.organisation,
            scopes=" ".join(sorted(added.scopes)),
            auth_method=added.auth_method,
            created_at=added.created_at,
        )

    def find(self, client_id: str) -> Client | None:
        return self._vouched.rows().client(client_id)

    def page(self, after: str | None, limit: int) -> Sequence[Client]:
        return self._vouched.rows().page(after or "", limit)

    def set_scopes(self, client_id: str, scopes: frozenset[str]) -> None:
        self._update(client_id, scopes=" ".join(sorted(scopes)))

    def set_suspended(self, client_id: str, since: datetime | None) -> None:
        self._update(client_id, suspended_at=since)

    def add_key(self, client_id: str, key: ClientKey) -> None:
        self._insert(
            client_key, client_id=client_id, kid=key.kid, jwk=dict(key.jwk), added_at=key.added_at
        )

    def remove_key(self, client_id: str, kid: str) -> None:
        self._delete(client_key, client_id=client_id, kid=kid)

    def add_secret(self, client_id: str, secret: ClientSecret) -> None:
        self._insert(
            client_secret,
            id=secret.id,
            client_id=client_id,
            sha256=secret.sha256,
            created_at=secret.created_at,
        )

    def remove_secret(self, client_id: str, secret: str) -> None:
        self._delete(client_secret, client_id=client_id, id=secret)

    def revoke(self, issuer: str, client_id: str, now: datetime) -> bool:
        if self.revoked_at(issuer, client_id) is not None:
            return False
        self._insert(client_revocation, issuer=issuer, client_id=client_id, revoked_at=now)
        return True

    def vouched(self, client_id: str) -> Client | None:
        return self._vouched.get().clients.get(client_id)

    def standing(self, issuer: str, client_id: str) -> Standing:
        return self._vouched.get().standing(issuer, client_id)

    def revoked_at(self, issuer: str, client_id: str) -> datetime | None:
        return self._vouched.rows().revoked_at(issuer, client_id)

    def use_assertion(self, digest: bytes, expires: datetime) -> bool:
        values = {"digest": digest, "expires_at": expires}
        statement = insert_or_ignore(self._connection, used_assertion).values(**values)
        first = statement.returning(used_assertion.c.digest)
        return self._connection.scalar(first) is not None

    # Each change is made to the verified rows too, over which the MAC is made.

    def _insert(self, table: sa.Table, **values: Any) -> None:
        self._begin().add(table, values)
        self._connection.execute(sa.insert(table).values(**values))

    def _update(self, client_id: str, **values: Any) -> None:
        self._begin().change(client, {"id": client_id}, values)
        self._connection.execute(sa.update(client).where(client.c.id == client_id).values(**values))

    def _delete(self, table: sa.Table, **key: Any) -> None:
        self._begin().remove(table, key)
        which = (table.c[name] == value for name, value in key.items())
        self._connection.execute(sa.delete(table).where(*which))

    def _begin(self) -> ClientRows:
        self.begin_change()
        self._changed = True
        return self._vouched.rows()


def forget_used_assertions(connection: Connection, now: datetime) -> int:
    """Delete what has expired, which nobody can use again anyway; how many."""
    old = sa.delete(used_assertion).where(used_assertion.c.expires_at < now)
    return connection.execute(old).rowcount
