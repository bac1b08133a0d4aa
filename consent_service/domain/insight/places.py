"""Where a place name would tell an address: whom a protected family reads of by name (R11)."""

from collections.abc import Iterable
from dataclasses import dataclass

from consent_service.domain.kernel.facts import CustodyChange, History, Request


@dataclass(frozen=True)
class NamedPlaces:
    """Which organisations a person reads by name; all the others only by their kind.

    `asked` are the parties of each consent that the person was asked for, which they have read
    already; None: nobody is protected, and every organisation is named.
    """

    asked: tuple[frozenset[str], ...] | None

    def are_named(self, organisations: Iterable[str]) -> bool:
        """Whether these are named where they stand together: as parties of one such consent."""
        together = frozenset(organisations)
        return self.asked is None or any(together <= parties for parties in self.asked)


def people_around(history: History) -> frozenset[str]:
    """The child and everybody whom anybody has called its holder, former ones too."""
    facts = [fact for fact in history.facts if isinstance(fact, Request | CustodyChange)]
    holders = {holder.person for fact in facts for holder in fact.holders}
    return frozenset(holders | {request.child for request in history.requests})


def controllers_of(history: History) -> frozenset[str]:
    """Every organisation that has filed somebody around the child."""
    return frozenset(
        fact.controller for fact in history.facts if isinstance(fact, Request | CustodyChange)
    )
