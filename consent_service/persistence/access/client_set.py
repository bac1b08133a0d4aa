"""All clients, their keys and secrets, and all revocations, as the one set that is vouched for.

A row that somebody slips in is authority to whoever reads it, and so is a revocation that is gone.
So the set has one MAC (`client_epoch.mac`), under a key that is never in the database and bound to
the number of the last change: rows of an older state do not pass for the newest.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from consent_service.errors import ClientsNotVouchedFor
from consent_service.persistence.access.tables import (
    client,
    client_key,
    client_revocation,
    client_secret,
)
from consent_service.persistence.kernel.row_text import row_text
from consent_service.persistence.keys.sealing import Index
from consent_service.services.access.client import OURS, Client, ClientKey, ClientSecret, Standing
from consent_service.signing.canonical import NotCanonical

TABLES = (client, client_key, client_secret, client_revocation)

FIRST_EPOCH = 1
"""The number that the migration writes."""


@dataclass(frozen=True)
class ClientSet:
    """What the four tables held at one moment, under the number of the last change."""

    epoch: int
    clients: Mapping[str, Client]
    revoked: Mapping[tuple[str, str], datetime]

    def standing(self, issuer: str, client_id: str) -> Standing:
        """What is known of a client of an issuer."""
        if (issuer, client_id) in self.revoked:
            return Standing(revoked=True)
        found = self.clients.get(client_id) if issuer == OURS else None
        if found is None:
            return Standing(revoked=False)
        return Standing(False, found.organisation, found.scopes, found.suspended_at is not None)


_Row = Mapping[str, Any]


class ClientRows:
    """The rows of the four tables, as they were read and as a unit of work changes them."""

    def __init__(self, rows: Mapping[str, Sequence[Row[Any]]]) -> None:
        """The rows by the name of their table."""
        self._of: dict[str, list[_Row]] = {
            name: [row._asdict() for row in some] for name, some in rows.items()
        }

    @classmethod
    def read(cls, connection: Connection) -> Self:
        """What stands there. Raises ClientsNotVouchedFor for a row that no row of ours can be."""
        try:
            return cls({one.name: connection.execute(sa.select(one)).all() for one in TABLES})
        except (ValueError, TypeError):
            raise ClientsNotVouchedFor("a row of the clients cannot be read") from None

    def verify(self, index: Index, epoch: int, mac: bytes | None) -> None:
        """Raises ClientsNotVouchedFor unless this service left these rows under this number.

        Before any change there is no MAC: the migration has no key. That is the same as a MAC of
        no rows under the first number, which anybody could have kept from then.
        """
        if mac is None:
            if epoch != FIRST_EPOCH or any(self._of.values()):
                raise ClientsNotVouchedFor("client_epoch has no MAC")
        elif not hmac.compare_digest(mac, self.mac(index, epoch)):
            raise ClientsNotVouchedFor("client_epoch.mac is not of these clients and this number")

    def mac(self, index: Index, epoch: int) -> bytes:
        """What vouches for these rows. Raises ClientsNotVouchedFor for what cannot be written."""
        digest = hashlib.sha256()
        try:
            for table in TABLES:
                columns = table.columns.keys()
                written = sorted(row_text(row, columns) for row in self._of[table.name])
                for text in (table.name, str(len(written)), *written):
                    digest.update(f"{text}\n".encode())
        except NotCanonical:
            raise ClientsNotVouchedFor("a row of the clients holds what none of ours can") from None
        return index.clients(epoch, digest.digest())

    def found(self, epoch: int) -> ClientSet:
        """The set as it is asked about."""
        revoked = {
            (row["issuer"], row["client_id"]): row["revoked_at"]
            for row in self._of[client_revocation.name]
        }
        keys, secrets = self._by_client(client_key), self._by_client(client_secret)
        clients = {
            row["id"]: client_of(
                row, keys[row["id"]], secrets[row["id"]], revoked.get((OURS, row["id"]))
            )
            for row in self._of[client.name]
        }
        return ClientSet(epoch, clients, revoked)

    def client(self, client_id: str) -> Client | None:
        """One client, as its rows stand."""
        for row in self._of[client.name]:
            if row["id"] == client_id:
                keys, secrets = (
                    [one for one in self._of[table.name] if one["client_id"] == client_id]
                    for table in (client_key, client_secret)
                )
                return client_of(row, keys, secrets, self.revoked_at(OURS, client_id))
        return None

    def page(self, after: str, limit: int) -> Sequence[Client]:
        """So many clients at most whose ids come after this one, in their order."""
        ids = sorted(row["id"] for row in self._of[client.name] if row["id"] > after)
        found = map(self.client, ids[:limit])
        return [one for one in found if one is not None]

    def revoked_at(self, issuer: str, client_id: str) -> datetime | None:
        """Since when a client of an issuer is refused for ever."""
        key = {"issuer": issuer, "client_id": client_id}
        for row in self._of[client_revocation.name]:
            if key.items() <= row.items():
                found: datetime = row["revoked_at"]
                return found
        return None

    def _by_client(self, table: sa.Table) -> Mapping[str, Sequence[_Row]]:
        found = defaultdict(list)
        for row in self._of[table.name]:
            found[row["client_id"]].append(row)
        return found

    # -- as a unit of work changes them --------------------------------------------------------

    def add(self, table: sa.Table, values: _Row) -> None:
        """A row more; a column that is not named is NULL."""
        self._of[table.name].append({**dict.fromkeys(table.columns.keys()), **values})

    def change(self, table: sa.Table, key: _Row, values: _Row) -> None:
        """Other values in the rows that have these."""
        self._of[table.name] = [
            {**row, **values} if key.items() <= row.items() else row for row in self._of[table.name]
        ]

    def remove(self, table: sa.Table, key: _Row) -> None:
        """Without the rows that have these values."""
        self._of[table.name] = [
            row for row in self._of[table.name] if not key.items() <= row.items()
        ]


def client_of(
    row: _Row,
    keys: Sequence[_Row],
    secrets: Sequence[_Row],
    revoked_at: datetime | None,
) -> Client:
    """A client of its rows."""
    return Client(
        row["id"],
        row["organisation_id"],
        frozenset(row["scopes"].split()),
        row["auth_method"],
        row["created_at"],
        [
            ClientKey(key["kid"], key["jwk"], key["added_at"])
            for key in sorted(keys, key=lambda key: (key["added_at"], key["kid"]))
        ],
        [
            ClientSecret(one["id"], one["sha256"], one["created_at"])
            for one in sorted(secrets, key=lambda one: one["id"])
        ],
        revoked_at,
        row["suspended_at"],
    )
