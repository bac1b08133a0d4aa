"""The data keys of a unit of work: one for each (controller, child), one for each organisation."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from consent_service.errors import Misconfigured, Unavailable, Unreadable
from consent_service.persistence.kernel.insert import insert_or_ignore
from consent_service.persistence.keys.sealing import DataKey, KeyRing, Made, wrapped_by
from consent_service.persistence.keys.tables import data_key, key_state


class KeysOutOfDate(Unavailable):
    """This process lacks the key that the database needs by now."""

    def __init__(self) -> None:
        super().__init__("keys_out_of_date", "Try again in a moment.")


class DataKeys:
    """Finds data keys, and makes one where a controller has none for a child yet.

    `written_about` is the id of the newest key of a child that something was sealed with.
    """

    def __init__(
        self,
        connection: Connection,
        ring: KeyRing,
        new_id: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._ring = ring
        self._new_id = new_id
        self._clock = clock
        self._by_owner: dict[tuple[str, str | None], DataKey] = {}
        self.written_about: str | None = None

    def remember(
        self, organisation: str, child: str | None, key_id: str, wrapped: bytes
    ) -> DataKey:
        """Keep a key that another query brought along. Raises Unreadable.

        A key is of whom it was made for: a row that says otherwise was changed.
        """
        key = self._ring.unwrap(key_id, wrapped)
        if not key.is_of(organisation, child):
            raise Unreadable("a data key of another controller or child")
        self._by_owner[organisation, child] = key
        return key

    def find_or_make(self, organisation: str, child: str | None) -> DataKey:
        """The key to seal with: a controller's for a child, or with None the organisation's own."""
        key = (
            self._by_owner.get((organisation, child))
            or self._find(organisation, child)
            or self._make(organisation, child)
        )
        if child is not None:
            self.written_about = key.id
        return key

    def get(self, key_id: str) -> DataKey:
        """A key by its id. Raises Unreadable."""
        row = self._connection.execute(
            sa.select(data_key.c.wrapped).where(data_key.c.id == key_id)
        ).one_or_none()
        if row is None:
            raise Unreadable("the data key is gone")
        return self._ring.unwrap(key_id, row.wrapped)

    def _find(self, organisation: str, child: str | None) -> DataKey | None:
        row = self._connection.execute(
            sa.select(data_key.c.id, data_key.c.wrapped).where(
                data_key.c.organisation_id == organisation,
                data_key.c.child_id.is_(None) if child is None else data_key.c.child_id == child,
            )
        ).one_or_none()
        return None if row is None else self.remember(organisation, child, row.id, row.wrapped)

    def _make(self, organisation: str, child: str | None) -> DataKey:
        made = Made(organisation, child, self._clock())
        key, wrapped = self._ring.new_data_key(self._new_id(), made)
        row = {
            "id": key.id,
            "organisation_id": organisation,
            "child_id": child,
            "wrapped": wrapped,
            "created_at": made.at,
        }
        # Another process may make the same key at this moment: the first one stays. While the
        # key-encryption key is rotated nothing is wrapped by the old one any more: a rotation
        # waits for us, or we for it and then see what it says (FOR SHARE in the same statement).
        wraps = key_state.c.wrapping_key
        by_this_ring = sa.or_(wraps.is_(None), wraps == wrapped_by(wrapped))
        source = sa.select(
            *(sa.literal(value, data_key.c[name].type) for name, value in row.items())
        ).where(by_this_ring)
        self._connection.execute(
            insert_or_ignore(self._connection, data_key).from_select(
                list(row), source.with_for_update(read=True, of=key_state)
            )
        )
        found = self._find(organisation, child)
        if found is None:
            raise KeysOutOfDate
        return found


def check_keys_fit(engine: Engine, ring: KeyRing) -> None:
    """Refuse a key file that does not belong to the database. Raises Misconfigured."""
    newest = sa.select(data_key.c.id, data_key.c.wrapped).order_by(data_key.c.id.desc()).limit(1)
    with engine.connect() as connection:
        row = connection.execute(newest).one_or_none()
    if row is None:
        return
    try:
        ring.unwrap(row.id, row.wrapped)
    except Unreadable:
        raise Misconfigured(
            "the key file (CONSENT_KEYS_FILE) does not belong to this database"
        ) from None
