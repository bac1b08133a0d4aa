"""What is recorded about a child: one immutable fact for each act, in the order of the acts.

A fact's `seq` is the child's act sequence number (R8) and `at` the instant it was recorded, in
UTC. State is never stored: it is derived from these facts and an instant. Persons are named by
opaque ids that are the same for one human being under all of a child's consents; the child's
own person id is the child's id.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property

from consent_service.domain.kernel.validity import Validity
from consent_service.errors import Unreadable


class Role(StrEnum):
    """In what capacity somebody signs."""

    CUSTODY_HOLDER = "custody_holder"
    GUARDIAN = "guardian"
    CHILD = "child"


class SignerRule(StrEnum):
    """Who must sign (R1)."""

    ALL_HOLDERS_AND_CHILD_15 = "all_holders_and_child_15"
    CHILD_15_ALONE = "child_15_alone"


class ActKind(StrEnum):
    """What a signer did. A lift takes their own no back and grants nothing (R5c)."""

    GRANT = "grant"
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    LIFT = "lift"


class CancellationReason(StrEnum):
    """Why a controller took a request back."""

    MISTAKE = "mistake"
    CASE_CLOSED = "case_closed"
    OTHER = "other"


class ExemptionReason(StrEnum):
    """Why a holder is excused from signing (R1)."""

    DECEASED = "deceased"
    UNKNOWN_WHEREABOUTS = "unknown_whereabouts"
    COURT_DECISION = "court_decision"
    OTHER = "other"


@dataclass(frozen=True)
class Scope:
    """Between whom, and what: every direction between the parties, each of the categories."""

    parties: frozenset[str]
    categories: frozenset[str]

    def covers(self, sender: str, recipient: str, category: str) -> bool:
        """Whether one category may pass from one party to another."""
        return {sender, recipient} <= self.parties and category in self.categories

    def __and__(self, other: "Scope") -> "Scope":
        return Scope(self.parties & other.parties, self.categories & other.categories)

    def __le__(self, other: "Scope") -> bool:
        return self.parties <= other.parties and self.categories <= other.categories

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be exchanged: under two parties, or no category."""
        return len(self.parties) < 2 or not self.categories


@dataclass(frozen=True)
class Holder:
    """One custody holder or guardian, as a municipality found it in the register."""

    person: str
    role: Role


@dataclass(frozen=True)
class Request:
    """A consent was asked for, by its controller, with the custody facts it had looked up."""

    seq: int
    at: datetime
    consent: str
    controller: str
    child: str
    birth_date: date
    holders: tuple[Holder, ...]
    purpose: str
    asked: Scope
    signer_rule: SignerRule
    validity: Validity
    granular: bool
    lapses_at: datetime
    renews: str | None
    terms_sha256: str
    as_of: date | None = None
    """The Danish date on which the controller had looked custody up; None: it was not kept."""

    newcomer_days: int = 14
    """How many whole days whoever becomes required later has to answer (R9)."""


@dataclass(frozen=True)
class CustodyChange:
    """A municipality recorded who holds custody, from a date on (R10).

    `corrects` is the id of an earlier change that was wrong: from here on that one no longer
    holds. `as_of` is the Danish date of the look-up, None where it was not kept.
    """

    seq: int
    at: datetime
    controller: str
    holders: tuple[Holder, ...]
    effective_from: datetime
    id: str
    corrects: str | None = None
    as_of: date | None = None


@dataclass(frozen=True)
class Act:
    """A signer granted, declined, withdrew or lifted a no; `kept` is the scope a grant keeps.

    `given_at` is when it was given: `at`, or 00:00 of the day a paper was signed. `paper` is then
    the id under which the paper was recorded. `attested_by` is the organisation on whose word the
    act rests; None: the signer's own login proves it (R5b).
    """

    seq: int
    at: datetime
    consent: str
    person: str
    kind: ActKind
    kept: Scope | None
    given_at: datetime
    paper: str | None = None
    attested_by: str | None = None

    @property
    def is_on_paper(self) -> bool:
        """Whether it was signed before it was recorded."""
        return self.paper is not None or self.given_at < self.at

    @property
    def is_attested(self) -> bool:
        """Whether it rests on an organisation's word, and not on the signer's own login."""
        return self.attested_by is not None or self.is_on_paper

    def denies(self, asked: Scope) -> bool:
        """Whether it says no to any of what was asked: a decline, a withdrawal, a leaving-out."""
        if self.kind is ActKind.LIFT:
            return False
        return self.kept is None or not asked <= self.kept


@dataclass(frozen=True)
class LinkIssued:
    """Somebody who became required later got their first link to sign: their window runs (R9)."""

    seq: int
    at: datetime
    consent: str
    person: str


@dataclass(frozen=True)
class PaperRecorded:
    """One employee recorded what somebody signed on paper; it does not count yet.

    It counts once another employee confirms it, as an `Act` that names it. `signed_at` is 00:00
    of the day it was signed; a grant, and only a grant, keeps a scope.
    """

    seq: int
    at: datetime
    paper: str
    consent: str
    person: str
    kind: ActKind
    kept: Scope | None
    signed_at: datetime


@dataclass(frozen=True)
class PaperRejected:
    """A paper that nobody has confirmed was recorded by mistake: it never counts."""

    seq: int
    at: datetime
    paper: str
    consent: str


@dataclass(frozen=True)
class ExemptionRecorded:
    """One employee recorded why a holder is excused; it does not count yet (R1)."""

    seq: int
    at: datetime
    exemption: str
    consent: str
    person: str
    ends_at: datetime | None
    reason: ExemptionReason | None = None


@dataclass(frozen=True)
class ExemptionConfirmed:
    """Another employee confirmed an exemption: it counts from here."""

    seq: int
    at: datetime
    exemption: str
    consent: str


@dataclass(frozen=True)
class ExemptionRevoked:
    """An exemption no longer counts."""

    seq: int
    at: datetime
    exemption: str
    consent: str


@dataclass(frozen=True)
class Cancellation:
    """The controller took the request back, for the future only. No reason kept: a mistake."""

    seq: int
    at: datetime
    consent: str
    reason: CancellationReason | None = None


@dataclass(frozen=True)
class ReconfirmationRecorded:
    """After a restore an employee of the controller recorded that its records of a child agree.

    Said on any one of its consents, it speaks for all the controller's records of the child. It
    does not count yet.
    """

    seq: int
    at: datetime
    reconfirmation: str
    consent: str


@dataclass(frozen=True)
class ReconfirmationConfirmed:
    """Another employee confirmed that: it counts from here."""

    seq: int
    at: datetime
    reconfirmation: str
    consent: str


Fact = (
    Request
    | CustodyChange
    | Act
    | LinkIssued
    | PaperRecorded
    | PaperRejected
    | ExemptionRecorded
    | ExemptionConfirmed
    | ExemptionRevoked
    | Cancellation
    | ReconfirmationRecorded
    | ReconfirmationConfirmed
)


@dataclass(frozen=True)
class Overlap:
    """Two purposes of the operator's register overlap, in both directions, since then (R5g)."""

    one: str
    other: str
    since: datetime


@dataclass(frozen=True)
class CustodyCourse:
    """Who held custody from when on, as one municipality knew it: each time another than before."""

    begins: tuple[datetime, ...]
    holders: tuple[tuple[Holder, ...], ...]

    def at(self, instant: datetime) -> tuple[Holder, ...]:
        """The holders at an instant; nobody before the first."""
        position = bisect_right(self.begins, instant)
        return self.holders[position - 1] if position else ()


@dataclass(frozen=True)
class History:
    """All that was recorded about one child, by every controller, in the order of the acts.

    `overlaps` is of the whole deployment: what is denied for a purpose is denied for those that
    overlap it, whichever was registered first, and whether it was denied before or after. So is
    `restores`: when the database was put back from an older copy, and what was recorded since that
    copy was lost.

    The rest is worked out from the facts beforehand, where the same is asked for many instants, all
    of them by which it was recorded: by controller the `courses` of custody, by consent the numbers
    of the grants on paper that were `overtaken`.
    """

    facts: tuple[Fact, ...]
    overlaps: tuple[Overlap, ...] = ()
    courses: Mapping[str, CustodyCourse] = field(default_factory=dict, repr=False, compare=False)
    overtaken: Mapping[str, frozenset[int]] = field(default_factory=dict, repr=False, compare=False)
    restores: tuple[datetime, ...] = ()

    @classmethod
    def of(
        cls,
        facts: Iterable[Fact],
        overlaps: Iterable[Overlap] = (),
        restores: Iterable[datetime] = (),
    ) -> "History":
        """The facts in the order of their sequence numbers."""
        in_order = tuple(sorted(facts, key=lambda fact: fact.seq))
        return cls(in_order, tuple(overlaps), restores=tuple(restores))

    def with_fact(self, fact: Fact) -> "History":
        """The history after one more act."""
        return History((*self.facts, fact), self.overlaps, restores=self.restores)

    def with_only(self, facts: tuple[Fact, ...]) -> "History":
        """The same, of these facts alone."""
        return History(facts, self.overlaps, self.courses, self.overtaken, self.restores)

    def with_courses(self, found: Mapping[str, CustodyCourse]) -> "History":
        """The same, and these courses of custody worked out."""
        courses = {**self.courses, **found}
        return History(self.facts, self.overlaps, courses, self.overtaken, self.restores)

    def with_overtaken(self, consent: str, found: frozenset[int]) -> "History":
        """The same, and which grants on paper were overtaken worked out for one consent."""
        overtaken = {**self.overtaken, consent: found}
        return History(self.facts, self.overlaps, self.courses, overtaken, self.restores)

    def recorded_by(self, instant: datetime) -> "History":
        """What was known then: questions about the past are answered from this (R10)."""
        known = tuple(fact for fact in self.facts if fact.at <= instant)
        overlaps = tuple(overlap for overlap in self.overlaps if overlap.since <= instant)
        restores = tuple(restored for restored in self.restores if restored <= instant)
        if (len(known), len(overlaps), len(restores)) == (
            len(self.facts),
            len(self.overlaps),
            len(self.restores),
        ):
            return self
        return History(known, overlaps, self.courses, self.overtaken, restores)

    def under(self, controller: str) -> "History":
        """What was recorded under one controller's requests: its state follows from that (R5f)."""
        own = {asked.consent for asked in self.requests if asked.controller == controller}
        facts = tuple(
            fact
            for fact in self.facts
            if (
                fact.controller == controller
                if isinstance(fact, CustodyChange)
                else fact.consent in own
            )
        )
        return self.with_only(facts)

    def overlapping(self, purpose: str, by: datetime | None = None) -> frozenset[str]:
        """The purpose itself and those that overlap it, by an instant if one is named.

        What overlaps those is not meant.
        """
        known = [o for o in self.overlaps if by is None or o.since <= by]
        beside = {o.other for o in known if o.one == purpose}
        return frozenset({purpose} | beside | {o.one for o in known if o.other == purpose})

    @property
    def newest_at(self) -> datetime | None:
        """When the newest fact was recorded."""
        return max((fact.at for fact in self.facts), default=None)

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request about the child, oldest first."""
        return tuple(fact for fact in self.facts if isinstance(fact, Request))

    def request(self, consent: str) -> Request:
        """The request that began a consent. Raises Unreadable where no fact asks for it."""
        for fact in self.facts:
            if isinstance(fact, Request) and fact.consent == consent:
                return fact
        raise Unreadable(f"no fact requests the consent {consent}")

    def acts(self, consent: str) -> tuple[Act, ...]:
        """What signers did about a consent, oldest first."""
        return tuple(self._acts.get(consent, ()))

    @cached_property
    def _acts(self) -> Mapping[str, Sequence[Act]]:
        """What signers did, by consent: looked at many times in one decision."""
        by_consent: dict[str, list[Act]] = {}
        for fact in self.facts:
            if isinstance(fact, Act):
                by_consent.setdefault(fact.consent, []).append(fact)
        return by_consent
