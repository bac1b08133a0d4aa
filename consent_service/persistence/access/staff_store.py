"""Logins and sessions of staff. Secrets and subjects are keyed hashes, names are sealed.

What is sealed holds for the rest of its row alone: a session that somebody moved to another
organisation or role, or lengthened, is none.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from consent_service.domain.access.staff import SessionTimes, StaffRole, Standing
from consent_service.errors import Unreadable
from consent_service.persistence.access.tables import staff_login, staff_session
from consent_service.persistence.kernel.row_text import row_text
from consent_service.persistence.keys.data_keys import DataKeys
from consent_service.persistence.keys.sealing import Index, Place
from consent_service.services.access.staff import (
    LOGIN_LASTS,
    ProviderLogout,
    StaffMember,
    StaffSession,
    TakenLogin,
)

log = logging.getLogger(__name__)


class StaffStore:
    """Logins under way and sessions (`services.access.ports.StaffSessions`)."""

    def __init__(self, connection: Connection, keys: DataKeys, index: Index) -> None:
        self._connection = connection
        self._keys = keys
        self._index = index

    # -- logins under way ---------------------------------------------------------------------

    def remember_login(
        self, home: str, browser: str, state: str, content: bytes, now: datetime
    ) -> None:
        key = self._keys.find_or_make(home, None)
        row = {
            "state_hash": self._index.token(state),
            "browser_hash": self._index.token(browser),
            "data_key_id": key.id,
            "created_at": now,
        }
        sealed = key.seal(content, _login_place(row))
        self._connection.execute(sa.insert(staff_login).values(**row, sealed=sealed))

    def take_login(self, browser: str, state: str, now: datetime) -> TakenLogin:
        state_hash, browser_hash = self._index.token(state), self._index.token(browser)
        # One statement, so that of two answers at the same moment one finds it used.
        taken = self._connection.execute(
            sa.update(staff_login)
            .where(
                staff_login.c.state_hash == state_hash,
                staff_login.c.browser_hash == browser_hash,
                staff_login.c.used_at.is_(None),
                staff_login.c.created_at > now - LOGIN_LASTS,
            )
            .values(used_at=now)
            .returning(*staff_login.columns)
        ).one_or_none()
        if taken is not None:
            key, place = self._keys.get(taken.data_key_id), _login_place(taken._asdict())
            return TakenLogin("taken", key.open(taken.sealed, place))
        query = sa.select(staff_login.c.browser_hash, staff_login.c.used_at)
        known = self._connection.execute(
            query.where(staff_login.c.state_hash == state_hash)
        ).one_or_none()
        if known is None:
            return TakenLogin("unknown")
        # A browser that got its session gave up what it began the login with.
        is_spent = known.used_at is not None or known.browser_hash == browser_hash
        return TakenLogin("spent" if is_spent else "other_browser")

    # -- sessions -----------------------------------------------------------------------------

    def begin(self, token: str, session: StaffSession) -> None:
        key = self._keys.find_or_make(session.standing.organisation, None)
        member, sid = session.member, session.provider_session
        content = json.dumps(
            {"issuer": member.issuer, "subject": member.subject, "name": member.name}
        )
        row = {
            "token_hash": self._index.token(token),
            "subject_hash": self._index.staff(member.issuer, member.subject),
            "provider_session_hash": self._provider_hash(member.issuer, sid) if sid else None,
            "organisation_id": session.standing.organisation,
            "roles": " ".join(sorted(session.standing.roles)),
            "data_key_id": key.id,
            "created_at": session.times.created_at,
            "last_seen_at": session.times.last_seen_at,
            "previous_login_at": session.previous_login_at,
            "ended_at": None,
        }
        sealed = key.seal(content.encode(), _session_place(row))
        self._connection.execute(sa.insert(staff_session).values(**row, sealed=sealed))

    def find(self, token: str) -> StaffSession | None:
        where = staff_session.c.token_hash == self._index.token(token)
        row = self._connection.execute(sa.select(staff_session).where(where)).one_or_none()
        return None if row is None else self._session(row)

    def touch(self, token: str, now: datetime) -> None:
        which = (
            staff_session.c.token_hash == self._index.token(token),
            staff_session.c.last_seen_at < now,
        )
        self._change("last_seen_at", now, *which)

    def end(self, token: str, now: datetime) -> None:
        self._end(now, staff_session.c.token_hash == self._index.token(token))

    def end_of_subject(self, issuer: str, subject: str, now: datetime) -> Sequence[str]:
        ended = self._end(now, staff_session.c.subject_hash == self._index.staff(issuer, subject))
        return sorted({session.standing.organisation for session in ended})

    def end_of_provider(self, named: ProviderLogout, now: datetime) -> Sequence[StaffSession]:
        subject, session = staff_session.c.subject_hash, staff_session.c.provider_session_hash
        which = []
        if named.subject is not None:
            which.append(subject == self._index.staff(named.issuer, named.subject))
        if named.session is not None:
            same = session == self._provider_hash(named.issuer, named.session)
            # A session whose login came without a sid ends with any other of the same person.
            which.append(same if named.subject is None else sa.or_(same, session.is_(None)))
        if not which:
            return []
        return self._end(now, staff_session.c.created_at <= named.made_at, *which)

    def end_all(self, now: datetime) -> Sequence[str]:
        return sorted({session.standing.organisation for session in self._end(now)})

    def last_login(self, issuer: str, subject: str) -> datetime | None:
        query = (
            sa.select(staff_session)
            .where(staff_session.c.subject_hash == self._index.staff(issuer, subject))
            .order_by(staff_session.c.created_at.desc())
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        last = None if row is None else self._session(row)
        return None if last is None else last.times.created_at

    def _end(self, now: datetime, *which: sa.ColumnElement[bool]) -> Sequence[StaffSession]:
        return self._change("ended_at", now, staff_session.c.ended_at.is_(None), *which)

    def _change(
        self, column: str, now: datetime, *which: sa.ColumnElement[bool]
    ) -> Sequence[StaffSession]:
        """Write an instant into these sessions, and seal each for what its row then says."""
        query = sa.select(staff_session).where(*which).order_by(staff_session.c.token_hash)
        changed = []
        for row in self._connection.execute(query.with_for_update()).all():
            if (content := self._content(row)) is None:
                continue
            written = row._asdict() | {column: now}
            sealed = self._keys.get(row.data_key_id).seal(content, _session_place(written))
            self._connection.execute(
                sa.update(staff_session)
                .where(staff_session.c.token_hash == row.token_hash)
                .values({column: now, "sealed": sealed})
            )
            changed.append(_session_of(row, content))
        return changed

    def _session(self, row: Row[Any]) -> StaffSession | None:
        content = self._content(row)
        return None if content is None else _session_of(row, content)

    def _content(self, row: Row[Any]) -> bytes | None:
        """Who somebody is, opened; None where the row says what was not sealed with it."""
        try:
            key = self._keys.get(row.data_key_id)
            return key.open(row.sealed, _session_place(row._asdict()))
        except Unreadable as refused:
            log.critical("a session of staff is none any more: %s", refused.detail)
            return None

    def _provider_hash(self, issuer: str, session: str) -> bytes:
        return self._index.staff(f"{issuer} sid", session)


def forget_old_staff_logins(
    connection: Connection, logins_before: datetime, sessions_before: datetime
) -> None:
    """Delete logins and sessions begun before these instants."""
    for table, before in ((staff_login, logins_before), (staff_session, sessions_before)):
        connection.execute(sa.delete(table).where(table.c.created_at < before))


def _session_of(row: Row[Any], content: bytes) -> StaffSession:
    return StaffSession(
        member=StaffMember(**json.loads(content)),
        standing=Standing(row.organisation_id, frozenset(map(StaffRole, row.roles.split()))),
        times=SessionTimes(row.created_at, row.last_seen_at, row.ended_at),
        previous_login_at=row.previous_login_at,
    )


def _login_place(row: Mapping[str, Any]) -> Place:
    bound = row_text(row, ("browser_hash", "data_key_id", "created_at"))
    return Place("staff_login", "sealed", row["state_hash"].hex(), bound)


def _session_place(row: Mapping[str, Any]) -> Place:
    """A session holds for all that its row says: for whom, as what, and when."""
    said = [column.name for column in staff_session.columns if column.name != "sealed"]
    return Place("staff_session", "sealed", row["token_hash"].hex(), row_text(row, said))
