"""The rules a second time, on purpose naive: an oracle that the code is compared with.

Written from the text of the rules, not from the code. What each consent is stands in
`naive_states`; here is what may pass, and why not: every no is looked up one by one, and every
later act of its signer is asked whether it takes it back.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from consent_service.domain.consents.state import Status
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CancellationReason,
    CustodyChange,
    ExemptionReason,
    ExemptionRecorded,
    Request,
    SignerRule,
)
from tests.unit.domain.naive_states import Picture, States, Why


@dataclass(frozen=True)
class No:
    """A denial that stands against a category: the act, and the request it was made under."""

    act: Act
    asking: Request
    category: str


@dataclass(frozen=True)
class Answer:
    """What a decision says. A permission has an end, a denial has reasons."""

    consent: str | None
    reasons: frozenset[Why] = frozenset()
    valid_until: datetime | None = None

    @property
    def permitted(self) -> bool:
        return self.valid_until is not None


@dataclass
class Chronicle(States):
    """A child's life so far, and what may be told about it."""

    # R5 and R5h: the decision.

    def decide(self, transfer: Transfer, caller: str, now: datetime) -> Answer:
        visible = self.visible(caller, now)
        candidates = [r for r in visible if r.purpose == transfer.purpose]
        if not candidates:
            return Answer(
                None, frozenset({Why("purpose_not_covered" if visible else "no_consent")})
            )
        for request in reversed(candidates):
            if self.permits(request, transfer, now):
                ends = self.picture(request.consent, now).ends
                assert ends is not None
                return Answer(request.consent, valid_until=min(now + timedelta(minutes=5), ends))
        told = self.closest(candidates, transfer, now)
        own = self.shortcomings(told, transfer, now)
        return Answer(told.consent, own or self.what_stops(told, transfer, caller, now))

    def visible(self, caller: str, now: datetime) -> list[Request]:
        """What a caller may know of, oldest first."""
        return [r for r in self.requests(now) if self.may_know(caller, r, now)]

    def may_know(self, caller: str, request: Request, now: datetime) -> bool:
        """What it controls, and what ever covered it."""
        covered = self.picture(request.consent, now).covered
        return caller == request.controller or caller in covered

    def permits(self, request: Request, transfer: Transfer, now: datetime) -> bool:
        return not (
            self.shortcomings(request, transfer, now)
            or self.contradicted(request, transfer, now)
            or self.standing(transfer, now, request)
        )

    def closest(self, candidates: list[Request], transfer: Transfer, now: datetime) -> Request:
        """ "The candidate with the fewest own shortcomings, then the newest"."""
        return min(candidates, key=lambda r: (len(self.shortcomings(r, transfer, now)), -r.seq))

    def shortcomings(self, request: Request, transfer: Transfer, now: datetime) -> frozenset[Why]:
        """ "Its status reasons and uncovered parties and categories, nothing else"."""
        picture: Picture = self.picture(request.consent, now)
        in_force = picture.status is Status.IN_FORCE
        parties = picture.parties if in_force else request.asked.parties
        categories = picture.categories if in_force else request.asked.categories
        way = {transfer.sender, transfer.recipient}
        outside = {Why("party_not_covered", party=p) for p in way - parties}
        outside |= {
            Why("category_not_covered", category=c) for c in transfer.categories - categories
        }
        return picture.reasons | outside

    def what_stops(
        self, request: Request, transfer: Transfer, caller: str, now: datetime
    ) -> frozenset[Why]:
        """ "`custody_contradicted` if R5e stops it and every standing denial"."""
        reasons = set()
        if self.contradicted(request, transfer, now):
            reasons.add(Why("custody_contradicted"))
        for no in self.standing(transfer, now, request):
            if self.may_know(caller, no.asking, now):
                reasons |= self.words(no, transfer)
            else:
                reasons.add(Why("objection_stands"))
        return frozenset(reasons)

    def words(self, no: No, transfer: Transfer) -> set[Why]:
        """How a denial is named to whoever may know its request: one reason for each category."""
        act = no.act
        if act.kept is None:
            return {Why("withdrawn" if act.kind is ActKind.WITHDRAW else "declined", act.person)}
        for party in (transfer.sender, transfer.recipient):
            if party not in act.kept.parties:
                return {Why("party_not_covered", act.person, party=party)}
        return {Why("category_not_covered", act.person, category=no.category)}

    # R5a: what stands.

    def objecting(
        self, transfer: Transfer, now: datetime, deciding: Request | None = None
    ) -> set[str]:
        """Whose denial stands; with no consent that decides, by the rule each was made under."""
        return {no.act.person for no in self.standing(transfer, now, deciding)}

    def standing(self, transfer: Transfer, now: datetime, deciding: Request | None) -> list[No]:
        return [
            no
            for no in self.denials(transfer, now)
            if self.counts(no, transfer, deciding, now)
            and not self.set_aside(no, deciding, now)
            and not self.taken_back(no, transfer, now)
        ]

    def denials(self, transfer: Transfer, now: datetime) -> list[No]:
        """Every no ever said to any of this, within what was asked."""
        return [
            No(act, asking, category)
            for act in self.acts(now)
            for asking in [self.request(act.consent)]
            for category in sorted(transfer.categories)
            if self.meets(asking.purpose, transfer.purpose, now)
            and asking.asked.covers(transfer.sender, transfer.recipient, category)
            and self.says_no(act, transfer, category)
        ]

    def says_no(self, act: Act, transfer: Transfer, category: str) -> bool:
        """A decline, a withdrawal, or a grant that leaves this out."""
        return act.kind is not ActKind.LIFT and not self.keeps(act, transfer, category)

    def keeps(self, act: Act, transfer: Transfer, category: str) -> bool:
        kept = act.kept
        return kept is not None and kept.covers(transfer.sender, transfer.recipient, category)

    def counts(self, no: No, transfer: Transfer, deciding: Request | None, now: datetime) -> bool:
        """ "A present holder (an excused one too) or a required child", who has a say (R5d)."""
        rule, knowing = deciding or no.asking, self.who_knows_holders(no, transfer, deciding)
        births = self.births(rule, knowing, now)
        if no.act.person == no.asking.child:
            return any(self.child_has_a_say(birth, now) for birth in births)
        return any(self.denier_has_a_say(rule.signer_rule, birth, now) for birth in births) and any(
            no.act.person in self.holders(organisation, now) for organisation in knowing
        )

    def births(self, request: Request, organisations: set[str], now: datetime) -> set[date]:
        """Anything doubtful stops: the child is as old as the request or any of these says."""
        filed = {r.birth_date for r in self.requests(now) if r.controller in organisations}
        return {request.birth_date} | filed

    def denier_has_a_say(self, rule: SignerRule, birth: date, now: datetime) -> bool:
        return self.holders_have_a_say(rule, birth, now)

    def who_knows_holders(self, no: No, transfer: Transfer, deciding: Request | None) -> set[str]:
        """ "One is enough; former means by none of them"."""
        deciders = {deciding.controller} if deciding else set()
        return deciders | {no.asking.controller, transfer.sender, transfer.recipient}

    # R5g: purposes.

    def is_for_the_purpose(self, yes: Request, no: No, transfer: Transfer) -> bool:
        """ "Only if it is for P or for the denial's own purpose"."""
        return yes.purpose in {transfer.purpose, no.asking.purpose}

    # R5a to R5c: what takes a no back.

    def taken_back(self, no: No, transfer: Transfer, now: datetime) -> bool:
        return any(
            self.clears(act, no, transfer, now)
            for act in self.acts(now)
            if act.seq > no.act.seq and self.is_the_same_signer(act, no)
        )

    def is_the_same_signer(self, act: Act, no: No) -> bool:
        return act.person == no.act.person

    def clears(self, act: Act, no: No, transfer: Transfer, now: datetime) -> bool:
        request = self.request(act.consent)
        return (
            self.is_for_the_purpose(request, no, transfer)
            and self.reaches(act, request, no, transfer)
            and self.is_taken_at_its_word(act, no)
            and self.is_signature(act, now)
            and not (act.kind is ActKind.GRANT and self.is_undone(act, now))
        )

    def reaches(self, act: Act, request: Request, no: No, transfer: Transfer) -> bool:
        """A grant what it keeps; a lift what its request asked."""
        if act.kind is ActKind.LIFT:
            return request.asked.covers(transfer.sender, transfer.recipient, no.category)
        return self.keeps(act, transfer, no.category)

    def is_taken_at_its_word(self, act: Act, no: No) -> bool:
        """R5b: a login everywhere; what is attested, for its own requests and by its date."""
        if self.is_login(act):
            return True
        return self.attests_for(act, no) and self.is_older(no.act, act)

    def attests_for(self, act: Act, no: No) -> bool:
        return no.asking.controller == act.attested_by

    def is_undone(self, grant: Act, now: datetime) -> bool:
        """R5b: what a cancellation ends of what this grant cleared."""
        cancelled = self.cancellation(grant.consent, now)
        if cancelled is None:
            return False
        return not self.is_login(grant) or self.undoes_logins(cancelled)

    def undoes_logins(self, cancelled: Cancellation) -> bool:
        """ "One for `mistake` (or without a reason) also that of its logins"."""
        return cancelled.reason in {None, CancellationReason.MISTAKE}

    # R5b: exemptions.

    def set_aside(self, no: No, deciding: Request | None, now: datetime) -> bool:
        """ "That person's earlier denials made under the same controller's requests"."""
        if deciding is None or no.asking.controller != deciding.controller:
            return False
        return any(
            exemption.person == no.act.person
            and self.sets_aside(exemption)
            and self.is_earlier(no, exemption)
            for exemption in self.exemptions(deciding.consent, now)
        )

    def sets_aside(self, exemption: ExemptionRecorded) -> bool:
        return exemption.reason in {ExemptionReason.COURT_DECISION, ExemptionReason.DECEASED}

    def is_earlier(self, no: No, exemption: ExemptionRecorded) -> bool:
        """Than its recording, not its confirmation."""
        return no.act.seq < exemption.seq

    # R5e: custody contradicted.

    def contradicted(self, request: Request, transfer: Transfer, now: datetime) -> bool:
        agreed = self.granting_now(request, now) | self.excused(request.consent, now)
        return any(
            self.holders(organisation, now) - agreed
            for organisation in self.whose_custody_counts(request, transfer, now)
            for birth in self.births(request, {organisation}, now)
            if self.holders_have_a_say(request.signer_rule, birth, now)
        )

    def granting_now(self, request: Request, now: datetime) -> set[str]:
        latest = self.latest(request.consent, now)
        return {person for person, act in latest.items() if act.kind is ActKind.GRANT}

    def whose_custody_counts(self, request: Request, transfer: Transfer, now: datetime) -> set[str]:
        """The controller's always; "of the sender and of the recipient" while they may."""
        involved = {transfer.sender, transfer.recipient}
        return {request.controller} | {o for o in involved if self.custody_counts(o, now)}

    def custody_counts(self, organisation: str, now: datetime) -> bool:
        """ "While a consent of its own is live or ended less than a year ago"."""
        endings = [
            self.picture(r.consent, now).final_at
            for r in self.requests(now)
            if r.controller == organisation
        ]
        return any(end is None or now < self.custody_counts_until(end) for end in endings)

    # What the service takes a no for, when it is told (R4).

    def kind_of_stop(self, request: Request, person: str, now: datetime) -> ActKind:
        """A decline "before the consent was first in force, or by a signer who never granted it".

        "A stop at the instant of a completion is a withdrawal".
        """
        first = self.memory.first.get(request.consent)
        granted = any(
            act.person == person and act.kind is ActKind.GRANT
            for act in self.acts_on(request.consent, now)
        )
        if first is None or (first != now and not granted):
            return ActKind.DECLINE
        return ActKind.WITHDRAW

    def custody_facts_of(self, organisation: str) -> bool:
        """Whether it has any about the child: only then does it send changes."""
        return any(
            isinstance(f, Request | CustodyChange) and f.controller == organisation
            for f in self.facts
        )
