"""Where a place name would tell an address: whom a protected family reads of by name (R11)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from consent_service.domain.consents.signers import signers_with_a_say
from consent_service.domain.consents.state import state_at
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


def parties_asked_about(
    history: History, person: str, instant: datetime
) -> tuple[frozenset[str], ...]:
    """The parties of each consent that a person was asked for by then.

    That is whoever had a say when it was asked for, or has at its end, or has answered. The child
    is filed as a signer from the beginning, but is asked from 15.
    """
    known = history.recorded_by(instant)
    return tuple(
        request.asked.parties
        for request in known.requests
        if _was_asked(known, request, person, instant)
    )


def _was_asked(history: History, request: Request, person: str, instant: datetime) -> bool:
    if any(act.person == person for act in history.acts(request.consent)):
        return True
    end = state_at(history, request.consent, instant).final_at or instant
    return any(
        person in signers_with_a_say(history.recorded_by(moment), request, moment)
        for moment in (request.at, end)
    )


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
