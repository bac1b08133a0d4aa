"""What reading the log needs from storage."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from consent_service.audit.origins import OriginRow
from consent_service.audit.receipt_document import InclusionProof
from consent_service.services.children.ports import ChildrenUnit
from consent_service.services.kernel.ports import LogWriter
from consent_service.services.log.model import EntryFilter, ListedEntry, LoggedEntry


class Log(LogWriter, Protocol):
    """The log's storage."""

    def get(self, entry: str, search: EntryFilter) -> LoggedEntry | None: ...

    def find(self, search: EntryFilter, *, after: str | None, limit: int) -> Sequence[LoggedEntry]:
        """All that is asked for, oldest first, however much is passed by.

        For what has an index of its own: a child, an employee, the entry that it is about.
        """
        ...

    def page(
        self, search: EntryFilter, *, after: str | None, limit: int
    ) -> tuple[Sequence[LoggedEntry], str | None]:
        """What is asked for, oldest first, and the entry after which to go on; None: the end.

        It looks at a bounded number of entries: there can be few, or none, and more to come.
        """
        ...

    def under_consent(
        self,
        child: str,
        consent: str,
        controller: str,
        *,
        since: datetime,
        after: str | None,
        limit: int,
    ) -> tuple[Sequence[LoggedEntry], str | None]:
        """A page of the entries under a consent, and of its controller's custody changes since."""
        ...

    def newest_about(
        self, child: str, type_: str, *, before: str | None, limit: int
    ) -> tuple[Sequence[LoggedEntry], str | None]:
        """A page of the entries of one type about a child in every controller's log, newest first.

        Who of the family sees what, insight decides; `before` is an entry id that all found ones
        precede.
        """
        ...

    def last_custody_to_check(self, controller: str, child: str) -> LoggedEntry | None:
        """Where this controller was last asked to look a child's custody up again."""
        ...

    def custody_to_check(
        self, controller: str, *, after: str | None, limit: int
    ) -> Sequence[LoggedEntry]:
        """Where this controller was asked to look custody up again, oldest first."""
        ...

    def opened(self, entry: str, controller: str) -> LoggedEntry:
        """An entry that a record of this controller names. Raises NotFound."""
        ...

    def erased_by(self, erasure: str) -> Sequence[ListedEntry]:
        """An erasure's list, by ascending id."""
        ...


class Tree(Protocol):
    """Checkpoints and proofs: public, nothing about anybody."""

    def checkpoint(self) -> str | None:
        """The newest released checkpoint; None before the first."""
        ...

    def inclusion(self, entry: str) -> InclusionProof | None:
        """Where an entry stands; None before a released checkpoint holds it."""
        ...

    def inclusion_of_leaf(self, leaf: bytes) -> InclusionProof | None: ...

    def consistency(self, old: int, new: int) -> list[bytes]: ...

    def origins(self) -> Sequence[OriginRow]:
        """The names that the log had, in order; none before the first entry is in the tree."""
        ...

    def leaves(self, first: int, until: int) -> Sequence[bytes]:
        """The leaf hashes at the positions [first, until), as far as there are any."""
        ...


class LogUnit(ChildrenUnit, Protocol):
    """A unit of work that reads the log."""

    @property
    def log(self) -> Log: ...

    @property
    def tree(self) -> Tree: ...
