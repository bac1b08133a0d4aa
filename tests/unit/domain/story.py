"""A child's story, told fact by fact: the builder behind the tests of the rules.

Times are written as Danish clocks show them. Facts get the sequence numbers and the strictly
rising instants that R8 promises.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from consent_service.domain.consents.signers import required_signers
from consent_service.domain.consents.state import ConsentState, Reason, ReasonCode, state_at
from consent_service.domain.disclosures.decision import Decision, decide_transfer
from consent_service.domain.disclosures.objections import Transfer, standing_objections
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CancellationReason,
    CustodyChange,
    ExemptionConfirmed,
    ExemptionReason,
    ExemptionRecorded,
    ExemptionRevoked,
    Fact,
    History,
    Holder,
    LinkIssued,
    Overlap,
    PaperRejected,
    ReconfirmationConfirmed,
    ReconfirmationRecorded,
    Request,
    Role,
    Scope,
    SignerRule,
)
from consent_service.domain.kernel.validity import parse_validity

DANISH = ZoneInfo("Europe/Copenhagen")
MICROSECOND = timedelta(microseconds=1)

MOTHER, FATHER, GUARDIAN, STEPFATHER, CHILD = "mother", "father", "guardian", "stepfather", "child"
MUNI, OTHER_MUNI, BUA, GP, WARD = "muni", "other_muni", "bua", "gp", "ward"
HEALTH, SCHOOL, MEASURES = "health", "school", "measures"
ASSESSMENT, FOLLOW_UP, REVIEW = "assessment", "follow_up", "review"
ALL_HOLDERS, CHILD_ALONE = SignerRule.ALL_HOLDERS_AND_CHILD_15, SignerRule.CHILD_15_ALONE


def danish(text: str | datetime) -> datetime:
    """The UTC instant of e.g. `2024-03-01` or `2024-03-01 10:00` on Danish clocks."""
    if isinstance(text, datetime):
        return text
    return datetime.fromisoformat(text).replace(tzinfo=DANISH).astimezone(UTC)


def just_before(when: str | datetime) -> datetime:
    """One microsecond earlier."""
    return danish(when) - MICROSECOND


def just_after(when: str | datetime) -> datetime:
    """One microsecond later."""
    return danish(when) + MICROSECOND


def custody(*persons: str) -> tuple[Holder, ...]:
    """Custody holders; the guardian is one with that role."""
    return tuple(
        Holder(p, Role.GUARDIAN if p == GUARDIAN else Role.CUSTODY_HOLDER) for p in persons
    )


def scope(parties: Iterable[str], categories: Iterable[str]) -> Scope:
    """Parties × categories."""
    return Scope(frozenset(parties), frozenset(categories))


ASKED = scope((MUNI, BUA, GP), (HEALTH, SCHOOL))


def passing(
    sender: str = BUA,
    recipient: str = GP,
    categories: Iterable[str] = (HEALTH,),
    purpose: str = ASSESSMENT,
) -> Transfer:
    """What would pass; child psychiatry telling the GP about health, unless said otherwise."""
    return Transfer(sender, recipient, purpose, frozenset(categories))


class Story:
    """What happened to one child, in order. Every method that tells something returns self.

    The default child is 10 years old when first asked about, on 1 March 2024 at 10:00; its
    request lapses at 00:00 on 23 March.
    """

    def __init__(self, born: str = "2013-05-10") -> None:
        self.born = date.fromisoformat(born)
        self.clock = danish("2024-03-01 10:00")
        self.facts: list[Fact] = []
        self.registered: list[Overlap] = []
        self.restores: list[datetime] = []

    def at(self, when: str | datetime) -> "Story":
        """What follows happens then."""
        self.clock = danish(when)
        return self

    def _now(self) -> tuple[int, datetime]:
        newest = self.facts[-1].at + MICROSECOND if self.facts else self.clock
        self.clock = max(self.clock, newest)
        return len(self.facts) + 1, self.clock

    def _tell(self, fact: Fact) -> "Story":
        self.facts.append(fact)
        return self

    def asks(
        self,
        consent: str = "A",
        *,
        by: str = MUNI,
        holders: Iterable[str] = (MOTHER, FATHER),
        purpose: str = ASSESSMENT,
        asked: Scope = ASKED,
        rule: SignerRule = ALL_HOLDERS,
        validity: str = "P1Y",
        lapses: str | datetime | None = None,
        renews: str | None = None,
    ) -> "Story":
        """A municipality asks; the request lapses after 22 days unless said otherwise."""
        seq, now = self._now()
        after = now.astimezone(DANISH).date() + timedelta(days=22)
        request = Request(
            seq=seq,
            at=now,
            consent=consent,
            controller=by,
            child=CHILD,
            birth_date=self.born,
            holders=custody(*holders),
            purpose=purpose,
            asked=asked,
            signer_rule=rule,
            validity=parse_validity(validity),
            granular=True,
            lapses_at=danish(after.isoformat() if lapses is None else lapses),
            renews=renews,
            terms_sha256="0" * 64,
        )
        return self._tell(request)

    def _act(
        self,
        kind: ActKind,
        person: str,
        consent: str,
        kept: Scope | None = None,
        signed: str | None = None,
        word_of: str | None = None,
    ) -> "Story":
        """By the signer's own login; `signed`, on paper that day, by the controller's word."""
        seq, now = self._now()
        if signed is None:
            act = Act(seq, now, consent, person, kind, kept, now, attested_by=word_of)
            return self._tell(act)
        word = word_of or self.history.request(consent).controller
        paper = f"paper {seq}"
        return self._tell(Act(seq, now, consent, person, kind, kept, danish(signed), paper, word))

    def grants(
        self,
        *persons: str,
        consent: str = "A",
        keeping: Scope | None = None,
        signed: str | None = None,
    ) -> "Story":
        """Each grants all that was asked, or keeps less; `signed` is a paper's date."""
        asked = self.history.request(consent).asked
        for person in persons:
            self._act(ActKind.GRANT, person, consent, keeping or asked, signed)
        return self

    def declines(
        self,
        person: str,
        consent: str = "A",
        *,
        signed: str | None = None,
        word_of: str | None = None,
    ) -> "Story":
        """By login, on paper (`signed`), or told to an organisation (`word_of`)."""
        return self._act(ActKind.DECLINE, person, consent, None, signed, word_of)

    def withdraws(self, person: str, consent: str = "A", *, word_of: str | None = None) -> "Story":
        """By login, or told to an organisation (`word_of`)."""
        return self._act(ActKind.WITHDRAW, person, consent, word_of=word_of)

    def lifts(self, person: str, consent: str = "A", *, signed: str | None = None) -> "Story":
        """They take their no back, by login or on paper, and grant nothing (R5c)."""
        return self._act(ActKind.LIFT, person, consent, signed=signed)

    def rejects_the_paper(self) -> "Story":
        """The controller rejects the newest act's paper, which only the service prevents."""
        act = next(fact for fact in reversed(self.facts) if isinstance(fact, Act) and fact.paper)
        return self._tell(PaperRejected(*self._now(), act.paper or "", act.consent))

    def link_issued(self, person: str, consent: str = "A") -> "Story":
        """Who became required later gets their first link (R9)."""
        return self._tell(LinkIssued(*self._now(), consent, person))

    def overlap(self, one: str, other: str, *, since: str | datetime | None = None) -> "Story":
        """The operator registers that two purposes overlap, since then (R5g)."""
        self.registered.append(Overlap(one, other, self.instant(since)))
        return self

    def custody_is(
        self,
        *persons: str,
        by: str = MUNI,
        since: str | datetime | None = None,
        name: str | None = None,
        corrects: str | None = None,
    ) -> "Story":
        """A municipality records who holds custody, since a date or as of now."""
        seq, now = self._now()
        effective = now if since is None else danish(since)
        id_ = name or f"change {seq}"
        change = CustodyChange(seq, now, by, custody(*persons), effective, id_, corrects)
        return self._tell(change)

    def exemption(
        self,
        person: str,
        consent: str = "A",
        *,
        name: str = "e",
        until: str | None = None,
        reason: ExemptionReason | None = None,
    ) -> "Story":
        """One employee records why a holder is excused."""
        seq, now = self._now()
        ends = None if until is None else danish(until)
        return self._tell(ExemptionRecorded(seq, now, name, consent, person, ends, reason))

    def confirmed(self, name: str = "e", consent: str = "A") -> "Story":
        """Another employee confirms an exemption."""
        return self._tell(ExemptionConfirmed(*self._now(), name, consent))

    def revoked(self, name: str = "e", consent: str = "A") -> "Story":
        return self._tell(ExemptionRevoked(*self._now(), name, consent))

    def excuses(
        self,
        person: str,
        consent: str = "A",
        *,
        name: str = "e",
        until: str | None = None,
        reason: ExemptionReason | None = None,
    ) -> "Story":
        """An exemption, recorded and confirmed."""
        self.exemption(person, consent, name=name, until=until, reason=reason)
        return self.confirmed(name, consent)

    def restored(self, when: str | datetime | None = None) -> "Story":
        """The database is put back from an older copy; what was told so far is what it has."""
        self.restores.append(self.instant(when))
        return self

    def reconfirmation(self, consent: str = "A", *, name: str = "r") -> "Story":
        """One employee of the consent's controller records that its records agree."""
        return self._tell(ReconfirmationRecorded(*self._now(), name, consent))

    def reconfirms(self, consent: str = "A", *, name: str = "r") -> "Story":
        """Recorded, and confirmed by another employee."""
        return self.reconfirmation(consent, name=name).confirms(name, consent)

    def confirms(self, name: str, consent: str = "A") -> "Story":
        """Another employee confirms a reconfirmation that was recorded."""
        return self._tell(ReconfirmationConfirmed(*self._now(), name, consent))

    def cancels(self, consent: str = "A", *, reason: CancellationReason | None = None) -> "Story":
        return self._tell(Cancellation(*self._now(), consent, reason))

    @property
    def history(self) -> History:
        return History.of(self.facts, self.registered, self.restores)

    def instant(self, when: str | datetime | None) -> datetime:
        return self.clock if when is None else danish(when)

    def state(self, consent: str = "A", when: str | datetime | None = None) -> ConsentState:
        """The state of a consent then, or at the story's newest instant."""
        return state_at(self.history, consent, self.instant(when))

    def required(self, consent: str = "A", when: str | datetime | None = None) -> set[str]:
        """Who must sign then."""
        instant = self.instant(when)
        known = self.history.recorded_by(instant)
        return set(required_signers(known, known.request(consent), instant))

    def decide(
        self,
        transfer: Transfer | None = None,
        *,
        caller: str = MUNI,
        when: str | datetime | None = None,
    ) -> Decision:
        """The decision then, asked by the municipality unless said otherwise."""
        return decide_transfer(self.history, transfer or passing(), caller, self.instant(when))

    def objecting(
        self, transfer: Transfer | None = None, when: str | datetime | None = None
    ) -> set[str | None]:
        """Whose denial stands then, whichever consent would decide."""
        found = standing_objections(self.history, transfer or passing(), self.instant(when))
        return {objection.denial.act.person for objection in found}


def in_force(born: str = "2013-05-10", validity: str = "P1Y") -> Story:
    """A consent that both parents granted: in force from 3 March 2024 at 12:00."""
    story = Story(born).asks(validity=validity).at("2024-03-02 12:00").grants(MOTHER)
    return story.at("2024-03-03 12:00").grants(FATHER)


def codes(reasons: Iterable[Reason]) -> set[tuple[ReasonCode, str | None]]:
    """Reasons as pairs of code and person."""
    return {(reason.code, reason.person) for reason in reasons}


def renumbered(facts: Iterable[Fact]) -> list[Fact]:
    """The facts with sequence numbers in the order given."""
    return [replace(fact, seq=seq) for seq, fact in enumerate(facts, 1)]
