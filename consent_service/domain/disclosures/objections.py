"""Denials that stand: what a signer refused, under any request, until the same signer clears it.

A decline, a withdrawal or a leaving-out stands for the child, the purpose (and those that overlap
it), and the parties and categories it was asked for (R5a, R5g). For each thing that would pass,
every no stands that its signer has not cleared since, by a grant or a lift, by the child's act
sequence; nobody else's word clears it, and it outlives the request it was made under.

Whose word it is decides how far a clearing goes (R5b). What a signer's own login proves clears
across controllers; what an organisation attests, on paper, clears only what was denied under that
organisation's own requests, before the day of the paper.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from consent_service.domain.consents.paper import is_newer, is_signature
from consent_service.domain.consents.signers import (
    child_may_have_a_say,
    exemptions,
    holders_at,
    holders_may_have_a_say,
)
from consent_service.domain.consents.state import Reason, ReasonCode, role_of
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CancellationReason,
    ExemptionReason,
    History,
    Request,
    Role,
)


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


@dataclass(frozen=True)
class Denial:
    """A signer's no to one thing that would pass, and the request it was said under."""

    act: Act
    request: Request


@dataclass(frozen=True)
class Objection:
    """A denial that stands and counts, and the reason that those are told who may know of it."""

    denial: Denial
    reason: Reason


def standing_objections(
    history: History, transfer: Transfer, instant: datetime, deciding: Request | None = None
) -> tuple[Objection, ...]:
    """Whose denials stand against a transfer; empty when nobody's does.

    A denial counts while its signer has a say by the rule of the consent that decides (without
    one, of the request it was said under), and is a present holder (an excused one too) or a
    child of that age. A holder is present when the municipality asked then, the one whose consent
    decides, the sender or the recipient still knows them as such, and the child as old as any of
    these says: what is doubtful stops.
    """
    known = history.recorded_by(instant)
    return tuple(
        Objection(denial, _reason(known, denial, transfer, category))
        for category in sorted(transfer.categories)
        for denial in standing_denials(known, transfer, category)
        if _counts(known, denial, transfer, deciding, instant)
    )


def standing_denials(history: History, transfer: Transfer, category: str) -> tuple[Denial, ...]:
    """Every denial of this one thing that its signer has not cleared since, oldest first.

    All of them, not the latest alone: whether its signer still counts is asked of each, and one
    more no, said to a municipality that soon forgets them, must not loosen an earlier one.
    """
    requests = {r.consent: r for r in history.requests}
    overlapping = history.overlapping(transfer.purpose)
    way = (transfer.sender, transfer.recipient)
    standing: list[Denial] = []
    for act in _acts(history):
        request = requests.get(act.consent)
        if (
            request is None
            or request.purpose not in overlapping
            or not request.asked.covers(*way, category)
        ):
            continue
        word = Denial(act, request)
        covers = act.kept is not None and act.kept.covers(*way, category)
        if not covers and act.kind is not ActKind.LIFT:
            standing.append(word)
            continue
        cleared = [one for one in standing if _clears(word, one, transfer.purpose)]
        if cleared and is_signature(history, act) and not _is_undone(history, act):
            standing = [one for one in standing if one not in cleared]
    return tuple(standing)


def _clears(word: Denial, denial: Denial, purpose: str) -> bool:
    """Whether a grant or lift of the same thing clears an earlier denial of it (R5a, R5b, R5g)."""
    if word.act.person != denial.act.person or not is_newer(word.act, denial.act):
        return False
    if word.request.purpose not in (purpose, denial.request.purpose):
        return False
    return not word.act.is_attested or word.request.controller == denial.request.controller


def _is_undone(history: History, act: Act) -> bool:
    """Whether a cancellation ended what a grant cleared (R5b).

    What was attested ends with its consent; what a login proves only where the consent was a
    mistake. A lift is no grant of that consent: it stays.
    """
    if act.kind is not ActKind.GRANT:
        return False
    reasons = [
        fact.reason
        for fact in history.facts
        if isinstance(fact, Cancellation) and fact.consent == act.consent
    ]
    mistakes = (None, CancellationReason.MISTAKE)
    return any(act.is_attested or reason in mistakes for reason in reasons)


def own_denials(history: History, request: Request, person: str) -> frozenset[Denial]:
    """A signer's own noes that stand within what a request asks, whichever they were said under.

    Whoever is no holder any more can have said one: then it counts for nothing, and stands.
    """
    return frozenset(
        denial
        for one, other in combinations(sorted(request.asked.parties), 2)
        for category in sorted(request.asked.categories)
        for denial in standing_denials(
            history, Transfer(one, other, request.purpose, frozenset({category})), category
        )
        if denial.act.person == person
    )


def stands_whole(history: History, refusal: Act) -> bool:
    """Whether its signer has cleared nothing since of what a decline or a withdrawal was about.

    While that is so, saying it once more would change nothing.
    """
    refused = history.request(refusal.consent)
    overlapping = history.overlapping(refused.purpose)
    for act in _acts(history):
        if act.person != refusal.person or act.seq <= refusal.seq:
            continue
        request = history.request(act.consent)
        cleared = request.asked if act.kind is ActKind.LIFT else act.kept
        if (
            cleared is not None
            and request.purpose in overlapping
            and not (cleared & refused.asked).is_empty
        ):
            return False
    return True


def requests_stopped_by_declining(
    history: History, request: Request, instant: datetime
) -> tuple[Request, ...]:
    """Other requests that overlap, for the same purpose: refusing this one stops them too (R5).

    Whatever their age or state, and whoever asked: a refusal stands against all of them.
    """
    known = history.recorded_by(instant)
    overlapping = known.overlapping(request.purpose)
    return tuple(
        other
        for other in known.requests
        if other.consent != request.consent
        and other.purpose in overlapping
        and not (other.asked & request.asked).is_empty
    )


def _acts(history: History) -> Iterable[Act]:
    return (fact for fact in history.facts if isinstance(fact, Act))


def _counts(
    history: History,
    denial: Denial,
    transfer: Transfer,
    deciding: Request | None,
    instant: datetime,
) -> bool:
    rule = deciding or denial.request
    asking = {denial.request.controller, rule.controller, transfer.sender, transfer.recipient}
    if denial.act.person == denial.request.child:
        return child_may_have_a_say(history, rule, asking, instant)
    if not holders_may_have_a_say(history, rule, asking, instant):
        return False
    is_present = any(
        holder.person == denial.act.person
        for organisation in asking
        for holder in holders_at(history, organisation, instant)
    )
    return is_present and not (deciding and _is_set_aside(history, denial, deciding, instant))


def _is_set_aside(history: History, denial: Denial, deciding: Request, instant: datetime) -> bool:
    """Whether an exemption answers for an earlier no of the one it excuses (R5b).

    Only one by a court's decision or for a holder who died, under the consent that decides, and
    only for what was denied under requests of the same controller.
    """
    if denial.request.controller != deciding.controller:
        return False
    return any(
        exemption.person == denial.act.person
        and exemption.reason in (ExemptionReason.COURT_DECISION, ExemptionReason.DECEASED)
        and exemption.counts_at(instant)
        and denial.act.at < exemption.recorded_at
        for exemption in exemptions(history, deciding.consent)
    )


def _reason(history: History, denial: Denial, transfer: Transfer, category: str) -> Reason:
    act = denial.act
    role: Role = role_of(history, denial.request, act)
    if act.kind is ActKind.DECLINE:
        return Reason(ReasonCode.DECLINED, role, act.person)
    if act.kind is ActKind.WITHDRAW or act.kept is None:
        return Reason(ReasonCode.WITHDRAWN, role, act.person)
    for party in (transfer.sender, transfer.recipient):
        if party not in act.kept.parties:
            return Reason(ReasonCode.PARTY_NOT_COVERED, role, act.person, party=party)
    return Reason(ReasonCode.CATEGORY_NOT_COVERED, role, act.person, category=category)
