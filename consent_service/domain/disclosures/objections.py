"""Denials that stand: what a signer refused, under any request, until the same signer grants it.

A decline, a withdrawal or a leaving-out stands for the child, the purpose, and the parties and
categories it was asked for (R5). For each signer and each thing that would pass, every no since
their latest grant of it stands, by the child's act sequence; nobody else's grant clears it, and
it outlives the request it was made under.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from consent_service.domain.consents.paper import is_signature
from consent_service.domain.consents.signers import child_has_a_say, present_holders
from consent_service.domain.consents.state import Reason, ReasonCode, role_of
from consent_service.domain.kernel.facts import Act, ActKind, History, Request, Role


@dataclass(frozen=True)
class Transfer:
    """What would pass: categories, from one party to another, for a purpose."""

    sender: str
    recipient: str
    purpose: str
    categories: frozenset[str]

    @property
    def is_between_two(self) -> bool:
        """Whether anything would pass at all: something, from one party to another."""
        return self.sender != self.recipient and bool(self.categories)


def standing_objections(
    history: History, transfer: Transfer, instant: datetime, deciding: Request | None = None
) -> tuple[Reason, ...]:
    """Whose denial stands against a transfer, as reasons; empty when nobody's does.

    A denial counts while its signer is a present holder (an excused one too) or a child whose
    own signature is required. A holder is present when either the municipality asked then or
    the one whose consent decides now still knows them as such: what is doubtful stops.
    """
    known = history.recorded_by(instant)
    requests = {r.consent: r for r in known.requests if r.purpose == transfer.purpose}
    found: dict[Reason, None] = {}
    for category in sorted(transfer.categories):
        for denials in _denials(known, requests, transfer, category).values():
            counting = [
                act
                for act in denials
                if _counts(known, act, requests[act.consent], deciding, instant)
            ]
            if counting:
                act = counting[-1]
                found.setdefault(_reason(known, act, requests[act.consent], transfer, category))
    return tuple(found)


def latest_denials(history: History, transfer: Transfer) -> tuple[Act, ...]:
    """The acts by which signers say no to a transfer since they last granted it, whoever counts."""
    requests = {r.consent: r for r in history.requests if r.purpose == transfer.purpose}
    return tuple(
        act
        for category in sorted(transfer.categories)
        for denials in _denials(history, requests, transfer, category).values()
        for act in denials
    )


def stands_whole(history: History, refusal: Act) -> bool:
    """Whether nothing that a decline or a withdrawal was about has its signer granted since.

    While that is so, saying it once more would change nothing.
    """
    request = history.request(refusal.consent)
    requests = {r.consent: r for r in history.requests if r.purpose == request.purpose}
    return not any(
        act.person == refusal.person
        and act.seq > refusal.seq
        and act.consent in requests
        and act.kept is not None
        and not (act.kept & request.asked).is_empty
        for act in _acts(history)
    )


def requests_stopped_by_declining(
    history: History, request: Request, instant: datetime
) -> tuple[Request, ...]:
    """Other requests that overlap, for the same purpose: refusing this one stops them too (R5).

    Whatever their age or state, and whoever asked: a refusal stands against all of them.
    """
    return tuple(
        other
        for other in history.recorded_by(instant).requests
        if other.consent != request.consent
        and other.purpose == request.purpose
        and not (other.asked & request.asked).is_empty
    )


def _denials(
    history: History, requests: Mapping[str, Request], transfer: Transfer, category: str
) -> Mapping[str, list[Act]]:
    """Each signer's denials of this one thing since they last granted it, oldest first.

    All of them, not the latest alone: whether its signer still counts is asked of each, and one
    more no, said to a municipality that soon forgets them, must not loosen an earlier one.
    """
    standing: dict[str, list[Act]] = {}
    way = (transfer.sender, transfer.recipient)
    for act in _acts(history):
        request = requests.get(act.consent)
        if request is None or not request.asked.covers(*way, category):
            continue
        covers = act.kept is not None and act.kept.covers(*way, category)
        # A paper that was overtaken clears nothing; what it leaves out is refused all the same.
        if not covers:
            standing.setdefault(act.person, []).append(act)
        elif is_signature(history, act):
            standing.pop(act.person, None)
    return standing


def _acts(history: History) -> Iterable[Act]:
    return (fact for fact in history.facts if isinstance(fact, Act))


def _counts(
    history: History, act: Act, request: Request, deciding: Request | None, instant: datetime
) -> bool:
    if act.person == request.child:
        return child_has_a_say(request, instant)
    asking = (request,) if deciding is None else (request, deciding)
    return any(act.person in present_holders(history, r, instant) for r in asking)


def _reason(
    history: History, act: Act, request: Request, transfer: Transfer, category: str
) -> Reason:
    role: Role = role_of(history, request, act)
    if act.kind is ActKind.DECLINE:
        return Reason(ReasonCode.DECLINED, role, act.person)
    if act.kind is ActKind.WITHDRAW or act.kept is None:
        return Reason(ReasonCode.WITHDRAWN, role, act.person)
    for party in (transfer.sender, transfer.recipient):
        if party not in act.kept.parties:
            return Reason(ReasonCode.PARTY_NOT_COVERED, role, act.person, party=party)
    return Reason(ReasonCode.CATEGORY_NOT_COVERED, role, act.person, category=category)
