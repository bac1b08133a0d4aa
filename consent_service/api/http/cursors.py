"""The cursors of one caller's list: sealed, for a page may end at what the caller may not know of.

One that was made for another organisation, or for another list, is none here.
"""

from dataclasses import dataclass

from consent_service.errors import InvalidInput
from consent_service.persistence.keys.positions import open_position, seal_position
from consent_service.persistence.keys.sealing import Index


@dataclass(frozen=True)
class Cursors:
    """Makes and reads the cursors of one organisation's list; `path` is its route as declared."""

    index: Index
    organisation: str
    path: str

    def seal(self, last: str | None) -> str | None:
        """The cursor after what came last; None where nothing follows."""
        return None if last is None else seal_position(self._key(), last)

    def open(self, cursor: str | None) -> str | None:
        """What came last on the page before. Raises InvalidInput for what is no cursor here."""
        if cursor is None:
            return None
        last = open_position(self._key(), cursor)
        if last is None:
            raise InvalidInput.field("/cursor", "Not a cursor from an earlier page.")
        return last

    def _key(self) -> bytes:
        return self.index.cursor(self.organisation, self.path)
