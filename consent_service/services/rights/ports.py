"""What the rights of people need from storage: erasing, and finding whose data it is."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.rights.forgetting import RetentionRule
from consent_service.services.log.model import ListedEntry
from consent_service.services.rights.erased import (
    ErasableEntry,
    ErasedRows,
    Forgotten,
    LostErasure,
    StillThere,
)
from consent_service.services.signatures.ports import SignaturesUnit


class Erasures(Protocol):
    """What a controller has about children, and how it goes (see `services.rights.erase`)."""

    def children(self, controller: str) -> Sequence[str]:
        """Every child the controller has a data key for, in the order they are locked in."""
        ...

    def hold(self, controller: str, child: str) -> bool:
        """Keep others from writing under the data key until the commit; whether there is one."""
        ...

    def entries(self, controller: str, child: str) -> Sequence[ErasableEntry]:
        """Every entry whose body is still there, by ascending id."""
        ...

    def still_there(self, erasures: Sequence[LostErasure]) -> Sequence[StillThere]:
        """What of these is there, by controller and child."""
        ...

    def list_erased(self, erasure: str, entries: Iterable[ListedEntry]) -> None:
        """Write an erasure's list."""
        ...

    def integrate(self) -> None:
        """Put everything that waits into the tree, the erasure too: only then may facts go."""
        ...

    def erase(self, erasure: str, controller: str, forgotten: Iterable[Forgotten]) -> ErasedRows:
        """Delete what the erasure lists, and whatever is about these children alone."""
        ...

    def rule(self, controller: str) -> RetentionRule | None: ...

    def set_rule(self, controller: str, rule: RetentionRule, now: datetime) -> bool:
        """Keep the rule. False, and nothing written, unless later than the one before."""
        ...


class Restoring(Protocol):
    """What a database that was put back from an older copy needs before it is used again."""

    def begin_name(self, before: str, name: str, predecessor: str) -> int:
        """What waits enters the tree under the name before; then the log has another.

        From which position on. `predecessor` is the last checkpoint that was signed before.
        """
        ...

    def end_sessions(self) -> None:
        """No signer is logged in any more, and no answer from before is given again."""
        ...


class Subjects(Protocol):
    """Who somebody is at one controller."""

    def around(self, controller: str, cpr: CprNumber) -> Sequence[tuple[str, str]]:
        """The children a person is or is known around, each with the person's id there."""
        ...


class RightsUnit(SignaturesUnit, Protocol):
    """A unit of work for a person's rights."""

    @property
    def erasures(self) -> Erasures: ...

    @property
    def restoring(self) -> Restoring: ...

    @property
    def subjects(self) -> Subjects: ...
