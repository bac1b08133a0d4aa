"""Who may call, compared with what vouches for it, and with the entries about it, both ways.

 1. The MAC of `client_epoch` is of the clients, keys, secrets and revocations that are there.
 2. Each of them stands as the newest entry about its client says, and so does every client that an
    entry is about. The epoch is that of the newest entry of all.

So a client, key or secret that somebody put there is named, and a revocation that is gone; also
where the whole set is of an older state, for which the MAC was right once. Suspending everybody
vouches for whatever stands there: so of who is suspended the entry before that says how they stand,
until somebody confirms them; and who was revoked is so for ever, who is there was registered.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.entry import SALT_BYTES
from consent_service.audit.finding import Finding
from consent_service.errors import ClientsNotVouchedFor, Unreadable
from consent_service.persistence.access.client_set import FIRST_EPOCH, TABLES, ClientRows, ClientSet
from consent_service.persistence.access.tables import client_epoch
from consent_service.persistence.keys.sealing import Index, KeyRing
from consent_service.persistence.log.tables import log_body, log_leaf, log_pending
from consent_service.persistence.verification.column_checks import bodies_query, open_body
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import covered_whole
from consent_service.services.access.client import (
    CLIENT_EVENTS,
    CLIENT_REGISTERED,
    CLIENT_REVOKED,
    CLIENT_SUSPENDED,
    OURS,
    Client,
    state_digest,
)
from consent_service.signing.canonical import NotCanonical

_NONE_OF_OURS = (NotCanonical, TypeError, ValueError, AttributeError)
"""What reading a row raises that holds other kinds of values, which a database may let stand."""

_Subject = tuple[str, str]
"""An issuer, ours by its empty name, and a client of it."""


class _Said(NamedTuple):
    """What an entry says: in which order it stands, about whom, and how that one stood then."""

    order: tuple[int, str]
    type: str
    subject: _Subject | None
    state: str | None


class _History:
    """What the entries about one client say."""

    def __init__(self) -> None:
        self.newest: _Said | None = None
        self.before_suspended: _Said | None = None
        self.types: set[str] = set()

    def take(self, said: _Said) -> None:
        self.types.add(said.type)
        self.newest = max(said, self.newest or said)
        if said.type != CLIENT_SUSPENDED:
            self.before_suspended = max(said, self.before_suspended or said)


class ClientChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = frozenset[str]().union(*map(covered_whole, (*TABLES, client_epoch)))

    def findings(self) -> Iterator[Finding]:
        if self._checks.opened is None:
            return
        ring, index = self._checks.opened
        rows = ClientRows(
            {
                table.name: list(self._reading.rows(sa.select(table), "columns_mismatch", "client"))
                for table in TABLES
            }
        )
        yield from self._vouched(rows, index)
        try:
            found = rows.found(FIRST_EPOCH)
        except _NONE_OF_OURS:
            yield Finding("columns_mismatch", "clients", "a row holds what none of ours can")
        else:
            yield from self._entries(found, ring)

    def _vouched(self, rows: ClientRows, index: Index) -> Iterator[Finding]:
        query = sa.select(client_epoch)
        epochs = list(self._reading.rows(query, "columns_mismatch", "client_epoch"))
        if len(epochs) != 1:
            yield Finding("columns_mismatch", "client_epoch", "is not one row")
            return
        try:
            rows.verify(index, epochs[0].epoch, epochs[0].mac)
        except ClientsNotVouchedFor as refused:
            yield Finding("columns_mismatch", "client_epoch", refused.detail)

    def _entries(self, found: ClientSet, ring: KeyRing) -> Iterator[Finding]:
        said_of: dict[_Subject, _History] = defaultdict(_History)
        last = FIRST_EPOCH
        for said in self._said(ring):
            last = max(last, said.order[0])
            if said.subject is not None:
                said_of[said.subject].take(said)
        own = {(OURS, name) for name in found.clients}
        for subject in sorted(said_of.keys() | own | found.revoked.keys()):
            self._checked += 1
            wrong = _wrong(subject, found, said_of.get(subject, _History()))
            if wrong is not None:
                place = f"client {subject[1]}" + (f" of {subject[0]}" if subject[0] else "")
                yield Finding("columns_mismatch", place, wrong)
        query = sa.select(client_epoch.c.epoch)
        for row in self._reading.rows(query, "columns_mismatch", "client_epoch"):
            if row.epoch != last:
                detail = "another change of a client was the last, as the log has it"
                yield Finding("columns_mismatch", "client_epoch", detail)

    def _said(self, ring: KeyRing) -> Iterator[_Said]:
        query = (
            bodies_query()
            .outerjoin(log_leaf, log_leaf.c.entry_id == log_body.c.entry_id)
            .outerjoin(log_pending, log_pending.c.entry_id == log_body.c.entry_id)
            .where(
                log_body.c.type.in_(sorted(CLIENT_EVENTS)),
                sa.or_(log_leaf.c.entry_id.is_not(None), log_pending.c.entry_id.is_not(None)),
            )
        )
        for row in self._reading.rows(query, "columns_mismatch", "client"):
            said = _read(row, ring)
            if said is not None:
                yield said

    def checked(self) -> Iterator[str]:
        if self._opens:
            yield f"{self._checked} clients and their entries, both ways"


def _wrong(subject: _Subject, found: ClientSet, history: _History) -> str | None:
    registered = found.clients.get(subject[1]) if subject[0] == OURS else None
    revoked_at = found.revoked.get(subject)
    if history.newest is None:
        return "no entry says that it was registered or revoked"
    if registered is None and revoked_at is None:
        return "its entries are there, it is not"
    if CLIENT_REVOKED in history.types and revoked_at is None:
        return "an entry says that it was revoked, and it is not"
    if registered is not None and CLIENT_REGISTERED not in history.types:
        return "no entry says that it was registered"
    try:
        return _wrong_state(subject, registered, revoked_at, history)
    except _NONE_OF_OURS:
        return "holds what none of ours can"


def _wrong_state(
    subject: _Subject, registered: Client | None, revoked_at: datetime | None, history: _History
) -> str | None:
    newest, before = history.newest, history.before_suspended
    if newest is None or state_digest(*subject, registered, revoked_at) != newest.state:
        return "stands otherwise than its newest entry says"
    if registered is None or newest.type != CLIENT_SUSPENDED:
        return None
    # Where it was suspended already, its entry before that says so too.
    either = (registered, replace(registered, suspended_at=None))
    states = {state_digest(*subject, one, revoked_at) for one in either}
    if before is None or before.state not in states:
        return "was suspended otherwise than its entry before that says it stood"
    return None


def _read(row: Row[Any], ring: KeyRing) -> _Said | None:
    """What an entry says; None where it cannot be opened, which is said of it elsewhere."""
    try:
        body = json.loads(open_body(ring, row)[SALT_BYTES:])
        subject = None
        if "client_id" in body:
            subject = body.get("client_issuer", OURS), body["client_id"]
        order, state = (int(body["epoch"]), row.entry_id), body.get("state_sha256")
        return _Said(order, body["type"], subject, state)
    except (Unreadable, ValueError, KeyError, TypeError):
        return None
