"""Entries of the log: appended in as few statements as the database allows, found, opened.

On PostgreSQL an entry is one statement, guarded by the child's version under `FOR SHARE` and, where
the unit took it from memory, by the epoch of the clients: either every row of it is written or none
is. On SQLite the transaction holds the only write lock already, so the same rows are written one
after the other.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from consent_service.audit.entry import SALT_BYTES, Entry
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import NotFound
from consent_service.persistence.access.epoch import UnitClients
from consent_service.persistence.children.tables import child
from consent_service.persistence.idempotency.answer_store import answer_row
from consent_service.persistence.idempotency.tables import kept_answer
from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.insert import insert_or_ignore
from consent_service.persistence.keys.data_keys import DataKeys
from consent_service.persistence.keys.index_slots import (
    IndexSlots,
    found_by,
    hash_values,
)
from consent_service.persistence.keys.sealing import Index, Place
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.append_statement import PENDING, STATEMENTS
from consent_service.persistence.log.tables import (
    log_body,
    log_erased,
    log_header,
    log_pending,
)
from consent_service.persistence.log.tenancy import (
    controls_entry,
    is_under_key_of,
    may_read_entry,
    ways_to_child,
    ways_to_read,
)
from consent_service.persistence.log.walking import Way, walk
from consent_service.services.kernel.model import Search
from consent_service.services.kernel.ports import Answer, Guard
from consent_service.services.log.model import (
    CUSTODY_CHANGED,
    CUSTODY_TO_CHECK,
    EntryFilter,
    ListedEntry,
    LoggedEntry,
)

# Said to the database in so many words: an index is for these alone.
_ASKS_FOR_CUSTODY = log_body.c.type == sa.literal_column(f"'{CUSTODY_TO_CHECK}'")


class LogStore:
    """The log's storage (`services.log.ports.Log`). `appended`: this unit's entries."""

    def __init__(
        self,
        connection: Connection,
        keys: DataKeys,
        index: Index,
        slots: IndexSlots,
        clients: UnitClients,
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._index = index
        self._slots = slots
        self._clients = clients
        self.appended: list[str] = []

    def append(
        self,
        entry: Entry,
        promise: str,
        search: Search,
        child_id: str | None,
        guard: Guard | None = None,
        answer: Answer | None = None,
    ) -> bool:
        key = self._keys.find_or_make(search.controller, child_id)
        sealed = key.seal(entry.salt + entry.body, _body_place(entry.id))
        header = {
            "entry_id": entry.id,
            "time": entry.time,
            "header": entry.header,
            "leaf": entry.leaf,
            "promise": promise,
        }
        body = {
            "entry_id": entry.id,
            "data_key_id": key.id,
            "sealed": sealed,
            "time": entry.time,
            **self._columns(search),
        }
        if self._connection.dialect.name == "postgresql":
            written = self._append_at_once(header, body, guard, answer, entry.time)
        else:
            written = self._append_in_turn(header, body, guard, answer, entry.time)
        if written:
            self.appended.append(entry.id)
        return written

    def _append_at_once(
        self,
        header: dict[str, Any],
        body: dict[str, Any],
        guard: Guard | None,
        answer: Answer | None,
        now: datetime,
    ) -> bool:
        values = header | body
        if guard is not None:
            values |= {"guard_child": guard.child, "guard_version": guard.version}
        if answer is not None:
            kept = answer_row(answer, now, body["data_key_id"])
            values |= {f"answer_{k}": v for k, v in kept.items()}
        if self._clients.assumed is not None:
            values["epoch"] = self._clients.assumed
        which = (self._clients.assumed is not None, guard is not None, answer is not None)
        if STATEMENTS[which].run(self._connection, values):
            return True
        # Not the caller's business which of them failed, if it was the epoch.
        self._clients.verify()
        return False

    def _append_in_turn(
        self,
        header: dict[str, Any],
        body: dict[str, Any],
        guard: Guard | None,
        answer: Answer | None,
        now: datetime,
    ) -> bool:
        if guard is not None:
            version = self._connection.scalar(
                sa.select(child.c.version).where(child.c.id == guard.child)
            )
            if version != guard.version:
                return False
        if answer is not None:
            kept = answer_row(answer, now, body["data_key_id"])
            keep = insert_or_ignore(self._connection, kept_answer).values(**kept)
            if self._connection.execute(keep).rowcount == 0:
                return False
        self._connection.execute(sa.insert(log_header).values(**header))
        self._connection.execute(sa.insert(log_body).values(**body))
        pending = {name: header[name] for name in PENDING}
        self._connection.execute(sa.insert(log_pending).values(**pending))
        return True

    def _columns(self, search: Search) -> dict[str, Any]:
        return {
            "controller_id": search.controller,
            "organisation_id": search.organisation,
            "recipient_id": search.recipient,
            "type": search.type,
            "outcome": search.outcome,
            "consent_id": search.consent,
            "about_id": search.about,
            **hash_values(
                "employee_hash",
                self._index.employee(search.organisation, search.employee)
                if search.employee
                else None,
            ),
        }

    # -- reading ------------------------------------------------------------------------------

    def get(self, entry_id: str, search: EntryFilter) -> LoggedEntry | None:
        query = _entries().where(log_body.c.entry_id == entry_id, *self._conditions(search))
        row = self._connection.execute(query).one_or_none()
        return None if row is None else self._open(row)

    def find(self, search: EntryFilter, *, after: str | None, limit: int) -> Sequence[LoggedEntry]:
        conditions = self._conditions(search)
        if after is not None:
            conditions.append(log_body.c.entry_id > after)
        query = _entries().where(*conditions).order_by(log_body.c.entry_id).limit(limit)
        rows = self._connection.execute(query).all()
        if search.child is not None or search.employee is not None:
            # A page is short where our keys do not reach every row.
            self._slots.check_nothing_found()
        return [self._open(row) for row in rows]

    def page(
        self, search: EntryFilter, *, after: str | None, limit: int
    ) -> tuple[Sequence[LoggedEntry], str | None]:
        if search.child is not None or search.employee is not None or search.about is not None:
            # What is about one of these has an index of its own, and is found there at once.
            entries = self.find(search, after=after, limit=limit + 1)
            return entries[:limit], entries[limit - 1].id if len(entries) > limit else None
        ways = ways_to_read(search.viewer, as_party=search.as_party)
        return self._walked(ways, _fits(search), after=after, before=search.before, limit=limit)

    def under_consent(
        self,
        child_id: str,
        consent: str,
        controller: str,
        *,
        since: datetime,
        after: str | None,
        limit: int,
    ) -> tuple[Sequence[LoggedEntry], str | None]:
        custody = sa.and_(log_body.c.type == CUSTODY_CHANGED, log_body.c.time >= since)
        fits = sa.or_(log_body.c.consent_id == consent, custody)
        ways = ways_to_child(self._connection, child_id, is_under_key_of(controller))
        return self._walked(ways, [fits], after=after, limit=limit)

    def newest_about(
        self, child_id: str, type_: str, *, before: str | None, limit: int
    ) -> tuple[Sequence[LoggedEntry], str | None]:
        ways = ways_to_child(self._connection, child_id)
        fits = log_body.c.type == type_
        return self._walked(ways, [fits], before=before, limit=limit, newest_first=True)

    def _walked(
        self,
        ways: Sequence[Way],
        fits: Sequence[sa.ColumnElement[bool]],
        *,
        limit: int,
        after: str | None = None,
        before: str | None = None,
        newest_first: bool = False,
    ) -> tuple[Sequence[LoggedEntry], str | None]:
        found = walk(
            self._connection,
            ways,
            fits,
            limit=limit,
            after=after,
            before=before,
            newest_first=newest_first,
        )
        query = _entries().where(log_body.c.entry_id.in_(found.entries))
        rows = {row.entry_id: row for row in self._connection.execute(query)}
        return [self._open(rows[one]) for one in found.entries if one in rows], found.last

    def last_custody_to_check(self, controller: str, child_id: str) -> LoggedEntry | None:
        query = (
            _entries()
            .where(controls_entry(controller), _ASKS_FOR_CUSTODY, data_key.c.child_id == child_id)
            .order_by(log_body.c.entry_id.desc())
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else self._open(row)

    def custody_to_check(
        self, controller: str, *, after: str | None, limit: int
    ) -> Sequence[LoggedEntry]:
        query = (
            _entries()
            .where(controls_entry(controller), _ASKS_FOR_CUSTODY)
            .order_by(log_body.c.entry_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(log_body.c.entry_id > after)
        return [self._open(row) for row in self._connection.execute(query).all()]

    def opened(self, entry_id: str, controller: str) -> LoggedEntry:
        found = self._controlled(entry_id, controller)
        if found is None:
            raise NotFound("There is no such entry.")
        return found

    def body_of(self, entry_id: str, controller: str) -> Mapping[str, Any] | None:
        """What an entry in a controller's log says; None for no such entry. Raises Unreadable."""
        found = self._controlled(entry_id, controller)
        return None if found is None else found.body

    def _controlled(self, entry_id: str, controller: str) -> LoggedEntry | None:
        query = _entries().where(log_body.c.entry_id == entry_id, controls_entry(controller))
        row = self._connection.execute(query).one_or_none()
        return None if row is None else self._open(row)

    def erased_by(self, erasure: str) -> Sequence[ListedEntry]:
        query = sa.select(log_erased.c.entry_id, log_erased.c.leaf).where(
            log_erased.c.erasure_id == erasure
        )
        return sorted((row.entry_id, row.leaf) for row in self._connection.execute(query))

    def _open(self, row: Row[Any]) -> LoggedEntry:
        key = self._keys.remember(row.owner, row.child_id, row.data_key_id, row.wrapped)
        opened = key.open(row.sealed, _body_place(row.entry_id))
        body = opened[SALT_BYTES:]
        return LoggedEntry(
            id=row.entry_id,
            time=row.time,
            controller=row.controller_id,
            child=row.child_id,
            header=row.header,
            promise=row.promise,
            body=json.loads(body),
            body_bytes=body,
            salt=opened[:SALT_BYTES],
        )

    def _conditions(self, search: EntryFilter) -> list[sa.ColumnElement[bool]]:
        conditions = [may_read_entry(search.viewer, as_party=search.as_party), *_fits(search)]
        if search.before is not None:
            conditions.append(log_body.c.entry_id < search.before)
        if search.employee is not None:
            actor = search.organisation or search.viewer
            employee = self._index.employee(actor, search.employee)
            conditions.append(found_by(log_body, "employee_hash", employee))
        if search.child is not None:
            conditions.append(self._is_about(search.child))
        return conditions

    def _is_about(self, cpr: CprNumber) -> sa.ColumnElement[bool]:
        """By the keys of the child: each controller that has anything about it has one."""
        keys = self._connection.scalars(
            sa.select(data_key.c.id)
            .join(child, child.c.id == data_key.c.child_id)
            .where(found_by(child, "cpr_hash", self._index.child(cpr)))
        )
        return log_body.c.data_key_id.in_(keys.all())


def _fits(search: EntryFilter) -> list[sa.ColumnElement[bool]]:
    """What is asked for of the entries that the viewer may read."""
    equal = {
        log_body.c.type: search.type,
        log_body.c.organisation_id: search.organisation,
        log_body.c.outcome: search.outcome,
        log_body.c.about_id: search.about,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    if search.since is not None:
        conditions.append(log_body.c.time >= sa.literal(search.since, Instant))
    if search.until is not None:
        conditions.append(log_body.c.time < sa.literal(search.until, Instant))
    return conditions


def _entries() -> sa.Select[Any]:
    return (
        sa.select(
            log_body.c.entry_id,
            log_body.c.time,
            log_body.c.controller_id,
            log_body.c.data_key_id,
            log_body.c.sealed,
            log_header.c.header,
            log_header.c.promise,
            data_key.c.organisation_id.label("owner"),
            data_key.c.child_id,
            data_key.c.wrapped,
        )
        .join(log_header, log_header.c.entry_id == log_body.c.entry_id)
        .join(data_key, data_key.c.id == log_body.c.data_key_id)
    )


def _body_place(entry_id: str) -> Place:
    return Place("log_body", "sealed", entry_id)
