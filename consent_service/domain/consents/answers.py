"""How the signers of a consent have answered it, and what that leaves to be exchanged (R2, R5).

Whoever must sign decides whether it is complete. A present holder who is excused can still only
make it narrower: what they left out is denied all the same, so it is not in the effective scope
and nobody is covered by it. Where the child of 15 signs alone a parent has no say, and what they
answered before counts for nothing any more (R5d).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from consent_service.domain.consents.paper import latest_answers
from consent_service.domain.consents.signers import required_signers, signers_with_a_say
from consent_service.domain.kernel.facts import ActKind, History, Request, Role, Scope


@dataclass(frozen=True)
class Answers:
    """Who of those required granted what, refused, or is missing; and what others left.

    `beside` is what present holders who need not sign keep; `is_refused_beside` when one of them
    said no: then nothing can pass, whatever the others granted.
    """

    granted: Mapping[str, Scope]
    declined: Mapping[str, Role]
    missing: Mapping[str, Role]
    asked: Scope
    beside: tuple[Scope, ...] = ()
    is_refused_beside: bool = False

    @property
    def required(self) -> frozenset[str]:
        """Everybody who must sign."""
        return frozenset((*self.granted, *self.declined, *self.missing))

    @property
    def complete(self) -> bool:
        """Whether everybody required has granted."""
        return bool(self.granted) and not self.declined and not self.missing

    @property
    def scope(self) -> Scope:
        """The intersection of the grants: parties × categories (R5)."""
        return reduce(Scope.__and__, (*self.granted.values(), *self.beside), self.asked)

    @property
    def newly_covered(self) -> frozenset[str]:
        """The parties between which something can pass by these answers."""
        return frozenset() if self.is_refused_beside else self.scope.parties


def answers_at(history: History, request: Request, now: datetime) -> Answers:
    """The answers to a request at an instant, by each signer's latest word."""
    latest = latest_answers(history, request.consent)
    granted: dict[str, Scope] = {}
    declined: dict[str, Role] = {}
    missing: dict[str, Role] = {}
    required = required_signers(history, request, now)
    for person, role in required.items():
        act = latest.get(person)
        if act is None:
            missing[person] = role
        elif act.kind is ActKind.GRANT and act.kept is not None:
            granted[person] = act.kept
        else:
            declined[person] = role
    others = [
        act
        for person, act in latest.items()
        if person not in required and person in signers_with_a_say(history, request, now)
    ]
    return Answers(
        granted,
        declined,
        missing,
        request.asked,
        beside=tuple(act.kept for act in others if act.kept is not None),
        is_refused_beside=any(act.kept is None for act in others),
    )
