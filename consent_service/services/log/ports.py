"""What reading the log needs from storage."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from consent_service.audit.receipt_document import InclusionProof
from consent_service.services.children.ports import ChildrenUnit
from consent_service.services.kernel.ports import LogWriter
from consent_service.services.log.model import EntryFilter, ListedEntry, LoggedEntry


class Log(LogWriter, Protocol):
    """The log's storage."""

    def get(self, entry: str, search: EntryFilter) -> LoggedEntry | None: ...

    def find(
        self, search: EntryFilter, *, after: str | None, limit: int
    ) -> Sequence[LoggedEntry]: ...

    def about_child(
        self,
        child: str,
        *,
        controller: str | None,
        types: Iterable[str] = (),
        consent: str | None = None,
    ) -> Sequence[LoggedEntry]:
        """Entries of these types, or under this consent, oldest first.

        `controller` None is every controller's: who of the family sees what, insight decides.
        """
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
        """The signed checkpoint of the newest head; None before the first entry."""
        ...

    def inclusion(self, entry: str) -> InclusionProof | None:
        """Where an entry stands; None before it is integrated."""
        ...

    def inclusion_of_leaf(self, leaf: bytes) -> InclusionProof | None: ...

    def consistency(self, old: int, new: int) -> list[bytes]: ...

    def leaves(self, first: int, until: int) -> Sequence[bytes]:
        """The leaf hashes at the positions [first, until), as far as there are any."""
        ...


class LogUnit(ChildrenUnit, Protocol):
    """A unit of work that reads the log."""

    @property
    def log(self) -> Log: ...

    @property
    def tree(self) -> Tree: ...
