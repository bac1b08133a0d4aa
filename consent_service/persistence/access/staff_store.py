"""Logins and sessions of staff. Secrets and subjects are keyed hashes, names are sealed.

After a change of the index key no hash fits any more: everybody logs in again.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from consent_service.domain.access.staff import SessionTimes, StaffRole, Standing
from consent_service.persistence.access.tables import staff_login, staff_session
from consent_service.persistence.keys.data_keys import DataKeys
from consent_service.persistence.keys.sealing import Index, Place
from consent_service.services.access.staff import (
    LOGIN_LASTS,
    ProviderLogout,
    StaffMember,
    StaffSession,
    TakenLogin,
)


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
        state_hash, browser_hash = self._index.token(state), self._index.token(browser)
        self._connection.execute(
            sa.insert(staff_login).values(
                state_hash=state_hash,
                browser_hash=browser_hash,
                data_key_id=key.id,
                created_at=now,
                sealed=key.seal(content, _login_place(state_hash, browser_hash, now)),
            )
        )

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
            .returning(staff_login.c.data_key_id, staff_login.c.sealed, staff_login.c.created_at)
        ).one_or_none()
        if taken is not None:
            place = _login_place(state_hash, browser_hash, taken.created_at)
            return TakenLogin("taken", self._keys.get(taken.data_key_id).open(taken.sealed, place))
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
        token_hash, member = self._index.token(token), session.member
        sid = session.provider_session
        content = json.dumps(
            {"issuer": member.issuer, "subject": member.subject, "name": member.name}
        )
        self._connection.execute(
            sa.insert(staff_session).values(
                token_hash=token_hash,
                subject_hash=self._index.staff(member.issuer, member.subject),
                provider_session_hash=self._provider_hash(member.issuer, sid) if sid else None,
                organisation_id=session.standing.organisation,
                roles=" ".join(sorted(session.standing.roles)),
                data_key_id=key.id,
                created_at=session.times.created_at,
                last_seen_at=session.times.last_seen_at,
                previous_login_at=session.previous_login_at,
                sealed=key.seal(content.encode(), _session_place(token_hash)),
            )
        )

    def find(self, token: str) -> StaffSession | None:
        where = staff_session.c.token_hash == self._index.token(token)
        row = self._connection.execute(sa.select(staff_session).where(where)).one_or_none()
        return None if row is None else self._open(row)

    def touch(self, token: str, now: datetime) -> None:
        self._connection.execute(
            sa.update(staff_session)
            .where(
                staff_session.c.token_hash == self._index.token(token),
                staff_session.c.last_seen_at < now,
            )
            .values(last_seen_at=now)
        )

    def end(self, token: str, now: datetime) -> None:
        self._end(now, staff_session.c.token_hash == self._index.token(token))

    def end_of_subject(self, issuer: str, subject: str, now: datetime) -> Sequence[str]:
        ended = self._end(now, staff_session.c.subject_hash == self._index.staff(issuer, subject))
        return sorted({row.organisation_id for row in ended})

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
        ended = self._end(now, staff_session.c.created_at <= named.made_at, *which)
        return [self._open(row) for row in ended]

    def end_all(self, now: datetime) -> Sequence[str]:
        return sorted({row.organisation_id for row in self._end(now)})

    def last_login(self, issuer: str, subject: str) -> datetime | None:
        query = (
            sa.select(staff_session.c.created_at)
            .where(staff_session.c.subject_hash == self._index.staff(issuer, subject))
            .order_by(staff_session.c.created_at.desc())
            .limit(1)
        )
        found: datetime | None = self._connection.scalar(query)
        return found

    def _end(self, now: datetime, *which: sa.ColumnElement[bool]) -> Sequence[Row[Any]]:
        return self._connection.execute(
            sa.update(staff_session)
            .where(staff_session.c.ended_at.is_(None), *which)
            .values(ended_at=now)
            .returning(*staff_session.columns)
        ).all()

    def _open(self, row: Row[Any]) -> StaffSession:
        place = _session_place(row.token_hash)
        content = json.loads(self._keys.get(row.data_key_id).open(row.sealed, place))
        return StaffSession(
            member=StaffMember(**content),
            standing=Standing(row.organisation_id, frozenset(map(StaffRole, row.roles.split()))),
            times=SessionTimes(row.created_at, row.last_seen_at, row.ended_at),
            previous_login_at=row.previous_login_at,
        )

    def _provider_hash(self, issuer: str, session: str) -> bytes:
        return self._index.staff(f"{issuer} sid", session)


def forget_old_staff_logins(
    connection: Connection, logins_before: datetime, sessions_before: datetime
) -> None:
    """Delete logins and sessions begun before these instants."""
    for table, before in ((staff_login, logins_before), (staff_session, sessions_before)):
        connection.execute(sa.delete(table).where(table.c.created_at < before))


def _login_place(state_hash: bytes, browser_hash: bytes, created_at: datetime) -> Place:
    """Sealed for its browser and time as well: a row with another opens nowhere."""
    row = f"{state_hash.hex()}/{browser_hash.hex()}/{created_at.isoformat()}"
    return Place("staff_login", "sealed", row)


def _session_place(token_hash: bytes) -> Place:
    return Place("staff_session", "sealed", token_hash.hex())
