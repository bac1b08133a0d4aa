"""A whole unit of work: what every room of the services needs from storage, together.

A use case asks for the unit of its own room, so its type says what it can touch.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from consent_service.services.access.ports import AccessUnit
from consent_service.services.rights.ports import RightsUnit


class UnitOfWork(AccessUnit, RightsUnit, Protocol):
    """One piece of work: it is committed whole, or leaves nothing behind."""


class Units(Protocol):
    """Begins units of work."""

    def writing(self) -> AbstractContextManager[UnitOfWork]:
        """A transaction: nothing is kept unless it commits."""
        ...

    def stepwise(self) -> AbstractContextManager[UnitOfWork]:
        """Each statement stands alone where the database can (PostgreSQL): few round trips."""
        ...

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        """One consistent view."""
        ...
