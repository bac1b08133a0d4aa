"""What the use cases need to know of children from storage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import History
from consent_service.domain.kernel.records import FactRecord
from consent_service.errors import Unreadable
from consent_service.services.children.model import PersonDetails
from consent_service.services.kernel.model import ChildRef
from consent_service.services.kernel.ports import Unit


@dataclass(frozen=True)
class Snapshot:
    """All facts about a child as of one version of its row, and the overlaps of purposes by then.

    `facts` None: they cannot be read. `filed_by` are the organisations that have anything filed
    about it.
    """

    child: str
    version: int
    facts: History | None
    filed_by: frozenset[str] = frozenset()

    @property
    def history(self) -> History:
        """The facts. Raises Unreadable: nothing may be done on what cannot be read."""
        if self.facts is None:
            raise Unreadable("the facts about a child cannot be read")
        return self.facts


class Children(Protocol):
    """The children of the deployment and the people around each."""

    @property
    def restores(self) -> Sequence[datetime]:
        """When the database was put back from an older copy, by ascending instant."""
        ...

    def find(self, cpr: CprNumber) -> ChildRef | None: ...

    def find_or_add(self, cpr: CprNumber) -> ChildRef: ...

    def is_filed(self, organisation: str, cpr: CprNumber) -> bool:
        """Whether the organisation has anything filed about the child.

        It takes as long whether or not others have.
        """
        ...

    def filed_at(self, organisation: str, nth: int) -> datetime | None:
        """When it first filed the nth newest of its children; None where there are fewer."""
        ...

    def begin_act(self, child: str) -> int:
        """Take the child's row until the commit; the act's sequence number (R8)."""
        ...

    def append_fact(self, record: FactRecord, entry: str) -> None:
        """Add the fact of an act, which this entry vouches for."""
        ...

    def snapshot(self, child: str) -> Snapshot: ...

    def snapshot_by_cpr(self, cpr: CprNumber) -> Snapshot | None:
        """What a decision is made on: without the facts that none depends on, but the newest."""
        ...

    def find_person(self, child: str, cpr: CprNumber) -> str | None:
        """The id of a person around one child."""
        ...

    def find_or_add_person(self, child: str, cpr: CprNumber) -> str: ...

    def save_details(
        self, controller: str, child: str, person: str, d: PersonDetails, entry: str
    ) -> None:
        """Keep what this entry vouches for, in the place of what was known before."""
        ...

    def details(self, controller: str, persons: Iterable[str]) -> Mapping[str, PersonDetails]:
        """What a controller knows of these people; `[]` raises Unreadable for one it does not."""
        ...

    def child_number(self, controller: str, child: str) -> CprNumber | None:
        """The number under which a controller filed a child, if it did."""
        ...


class ChildrenUnit(Unit, Protocol):
    """A unit of work about children."""

    @property
    def children(self) -> Children: ...
