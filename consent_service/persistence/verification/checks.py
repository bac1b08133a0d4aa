"""What a process checks a database's rows with: published keys, and those that open."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from consent_service.audit.entry import SALT_BYTES, Header
from consent_service.audit.entry_checks import CheckedBody, EntryChecks, check_stored_body
from consent_service.audit.finding import Finding
from consent_service.audit.log_reader import StoredBody
from consent_service.audit.origins import Origins
from consent_service.errors import Unreadable
from consent_service.persistence.keys.document import KeySource
from consent_service.persistence.keys.index_slots import CheckedIndex, IndexState
from consent_service.persistence.keys.sealing import Hashes, Index, KeyRing
from consent_service.persistence.verification.column_checks import open_body, wrong_column
from consent_service.signing.own_keys import own_keys

_HASHES_REMEMBERED = 10_000


@dataclass(frozen=True)
class DatabaseChecks(EntryChecks):
    """The checks of one database; `opened` are the keys, None where nobody has them.

    `destroyed` are the data keys that erasures took, as is known from outside the database.
    """

    opened: tuple[KeyRing, Index] | None = field(default=None, repr=False)
    destroyed: frozenset[str] = frozenset()

    def check_body(self, place: str, header: Header | None, kept: Any) -> CheckedBody:
        """Open the body in a row of `bodies_query`; check it, and the entry's search columns."""
        if self.opened is None:
            return CheckedBody(False)
        ring, index = self.opened
        try:
            opened = open_body(ring, kept)
        except Unreadable:
            return check_stored_body(place, header, StoredBody(is_damaged=True))
        body = opened[SALT_BYTES:]
        found = check_stored_body(place, header, StoredBody(body, opened[:SALT_BYTES]))
        wrong = None if header is None else wrong_column(kept, header, body, ring, index)
        if wrong is None:
            return found
        return CheckedBody(True, (*found.findings, Finding("columns_mismatch", place, wrong)))


@dataclass(frozen=True, repr=False)
class RememberedIndex(CheckedIndex):
    """Remembers the last hashes: an employee and a child are met again and again."""

    def _hashes(self, purpose: bytes, *parts: str) -> Hashes:
        return self._remembered(purpose, *parts)

    @cached_property
    def _remembered(self) -> Callable[..., Hashes]:
        return lru_cache(_HASHES_REMEMBERED)(super()._hashes)


@dataclass(frozen=True)
class OwnProcess:
    """Makes the checks of a process of its own, which reads the keys by itself.

    `index_state` is None where nothing is opened.
    """

    source: KeySource
    origins: Origins
    index_state: IndexState | None

    def __call__(self) -> DatabaseChecks:
        keys = self.source.read()
        published = own_keys(keys.published, keys.schedules.values())
        if self.index_state is None:
            return DatabaseChecks(published, self.origins)
        index = RememberedIndex.of_database(keys.index, self.index_state)
        return DatabaseChecks(published, self.origins, (KeyRing(keys.key_encryption), index))
