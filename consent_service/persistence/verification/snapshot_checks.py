"""What every group of checks over one snapshot is made of."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from consent_service.audit.finding import Finding
from consent_service.audit.spread import Spread
from consent_service.persistence.verification.checks import DatabaseChecks
from consent_service.persistence.verification.snapshot import Reading


class SnapshotChecks(ABC):
    """A group of checks over one snapshot, row by row wherever `spread` has them run.

    `COVERS` are the columns that it compares (`vouchers.covered`).
    """

    COVERS: ClassVar[frozenset[str]]

    def __init__(
        self, reading: Reading, checks: DatabaseChecks, spread: Spread[DatabaseChecks]
    ) -> None:
        self._reading = reading
        self._checks = checks
        self._opens = checks.opened is not None
        self._spread = spread
        self._checked = 0

    @abstractmethod
    def findings(self) -> Iterator[Finding]:
        """Everything that is wrong, streamed."""

    @abstractmethod
    def checked(self) -> Iterator[str]:
        """What was checked, in words, after `findings` was read."""
