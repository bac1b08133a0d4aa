"""The naive model with one sentence of the rules broken, many times over.

Random stories that cannot tell one of these from the model would not find the same mistake in
the code either.
"""

from datetime import date, datetime

from consent_service.domain.consents.state import Status
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.calendar import local_instant
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CancellationReason,
    CustodyChange,
    ExemptionReason,
    ExemptionRecorded,
    LinkIssued,
    Request,
    SignerRule,
)
from tests.unit.domain.naive_calendar import child_from, fifteenth_day_after, parents_until
from tests.unit.domain.naive_rules import Chronicle, No
from tests.unit.domain.naive_states import Answers, Why

# R2: the order at one instant.


class TheLapseAsksWhoIsRequiredAtIt(Chronicle):
    def just_before(self, request: Request, now: datetime) -> datetime:
        return now


class ExpiredComesBeforeSuperseded(Chronicle):
    def order_of_endings(self) -> list[Status]:
        order = super().order_of_endings()
        order.remove(Status.EXPIRED)
        return [Status.EXPIRED, *order]


class WithdrawnComesLast(Chronicle):
    def order_of_endings(self) -> list[Status]:
        order = super().order_of_endings()
        order.remove(Status.WITHDRAWN)
        return [*order, Status.WITHDRAWN]


class ALapseMayFollowForce(Chronicle):
    def was_in_force(self, request: Request) -> bool:
        return False


# R3.


class TheLatestGrantCountsForTheYear(Chronicle):
    def first_end(self, ends: list[datetime]) -> datetime:
        return max(ends)


class APaperCountsFromItsConfirmation(Chronicle):
    def ends(self, request: Request, now: datetime) -> datetime | None:
        ends = super().ends(request, now)
        grants = [a for a in self.acts_on(request.consent, now) if a.kind is ActKind.GRANT]
        late = min((act.at for act in grants), default=None)
        if ends is None or late is None:
            return ends
        return max(ends, request.validity.end(late))


# R9: windows.


class ADeclineIsFinalFromTheLapse(Chronicle):
    def window_end(self, request: Request, person: str, now: datetime) -> datetime:
        return request.lapses_at


class AWindowMayEndBeforeTheLapse(Chronicle):
    def window_end(self, request: Request, person: str, now: datetime) -> datetime:
        since = self.memory.required_since.get((request.consent, person), request.at)
        begun = max([since, *self.first_links(request.consent, person, now)])
        return request.lapses_at if since <= request.at else fifteenth_day_after(begun)


class TheLatestWindowMakesADeclineFinal(Chronicle):
    def declines_end(self, request: Request, refused: frozenset[str], now: datetime) -> datetime:
        return max(self.window_end(request, person, now) for person in refused)


class NoLinkMovesAWindow(Chronicle):
    def first_links(self, consent: str, person: str, now: datetime) -> list[datetime]:
        return []


class EveryLinkMovesAWindow(Chronicle):
    def first_links(self, consent: str, person: str, now: datetime) -> list[datetime]:
        links = [f for f in self.known(now) if isinstance(f, LinkIssued)]
        return [f.at for f in links if (f.consent, f.person) == (consent, person)]


# R5f and papers.


class AnybodysRefusalOvertakesAPaper(Chronicle):
    def overtakes(self, that: Request, this: Request, confirmed: datetime) -> bool:
        return this.purpose == that.purpose and len(this.asked.parties & that.asked.parties) > 1


class ARefusalForAnOverlappingPurposeOvertakesNoPaper(Chronicle):
    def overtakes(self, that: Request, this: Request, confirmed: datetime) -> bool:
        return that.purpose == this.purpose and super().overtakes(that, this, confirmed)


class ALaterOverlapUnmakesASignature(Chronicle):
    def register_of(self, confirmed: datetime) -> datetime:
        return max([confirmed, *(overlap.since for overlap in self.overlaps)])


class NothingOvertakesAPaper(Chronicle):
    def is_overtaken(self, act: Act, now: datetime) -> bool:
        return False


class ARejectedPaperCounts(Chronicle):
    def is_rejected(self, act: Act, now: datetime) -> bool:
        return False


class AChildSignsPapersAtAnyAge(Chronicle):
    def is_too_young(self, act: Act) -> bool:
        return False


class APaperIsAsNewAsItsConfirmation(Chronicle):
    def is_older(self, no: Act, paper: Act) -> bool:
        return no.at < paper.at


# R1, R5d, R10: who.


class AChangeHoldsFromItsDateThoughRecordedLater(Chronicle):
    def takes_effect(self, fact: Request | CustodyChange) -> datetime:
        return fact.at if isinstance(fact, Request) else fact.effective_from


class ParentsHaveASayUntil18UnderEveryRule(Chronicle):
    def holders_have_a_say(self, rule: SignerRule, birth: date, now: datetime) -> bool:
        return now < parents_until(birth, 18)


class AParentsNoCountsUntil18UnderEveryRule(Chronicle):
    def denier_has_a_say(self, rule: SignerRule, birth: date, now: datetime) -> bool:
        return now < parents_until(birth, 18)


class TheLeapDayIsTheDayBefore(Chronicle):
    def holders_have_a_say(self, rule: SignerRule, birth: date, now: datetime) -> bool:
        return now < child_from(birth, 15 if rule is SignerRule.CHILD_15_ALONE else 18)


class WhoIsExcusedHasNoSay(Chronicle):
    def beside(self, request: Request, when: datetime) -> set[str]:
        return set()


# R5a to R5c: what takes a no back.


class AnybodysYesClears(Chronicle):
    def is_the_same_signer(self, act: Act, no: No) -> bool:
        return True


class APaperClearsEverywhere(Chronicle):
    def attests_for(self, act: Act, no: No) -> bool:
        return True


class ALoginClearsOnlyAtItsOwnController(Chronicle):
    def is_taken_at_its_word(self, act: Act, no: No) -> bool:
        own = self.request(act.consent).controller == no.asking.controller
        return own and super().is_taken_at_its_word(act, no)


class ACancellationEndsNoClearing(Chronicle):
    def is_undone(self, grant: Act, now: datetime) -> bool:
        return False


class EveryCancellationUndoesLogins(Chronicle):
    def undoes_logins(self, cancelled: Cancellation) -> bool:
        return True


class NoCancellationUndoesLogins(Chronicle):
    def undoes_logins(self, cancelled: Cancellation) -> bool:
        return False


class ACancellationWithoutAReasonIsNoMistake(Chronicle):
    def undoes_logins(self, cancelled: Cancellation) -> bool:
        return cancelled.reason is CancellationReason.MISTAKE


class ACancellationUndoesLifts(Chronicle):
    def clears(self, act: Act, no: No, transfer: Transfer, now: datetime) -> bool:
        return super().clears(act, no, transfer, now) and not self.is_undone(act, now)


class ALiftClearsNothing(Chronicle):
    def clears(self, act: Act, no: No, transfer: Transfer, now: datetime) -> bool:
        return act.kind is not ActKind.LIFT and super().clears(act, no, transfer, now)


class ALiftReachesBeyondItsRequest(Chronicle):
    def reaches(self, act: Act, request: Request, no: No, transfer: Transfer) -> bool:
        return act.kind is ActKind.LIFT or super().reaches(act, request, no, transfer)


class ALiftReopensNothing(Chronicle):
    def takes_back(self, lift: Act, no: Act, now: datetime) -> bool:
        return False


class ALeavingOutIsNoDenial(Chronicle):
    def says_no(self, act: Act, transfer: Transfer, category: str) -> bool:
        return act.kept is None and super().says_no(act, transfer, category)


# R5b: exemptions.


class EveryExemptionSetsAside(Chronicle):
    def sets_aside(self, exemption: ExemptionRecorded) -> bool:
        return True


class OnlyACourtSetsAside(Chronicle):
    def sets_aside(self, exemption: ExemptionRecorded) -> bool:
        return exemption.reason is ExemptionReason.COURT_DECISION


class AnExemptionSetsAsideLaterDenials(Chronicle):
    def is_earlier(self, no: No, exemption: ExemptionRecorded) -> bool:
        return True


class AnExemptionSetsAsideUnderEveryController(Chronicle):
    def set_aside(self, no: No, deciding: Request | None, now: datetime) -> bool:
        exemptions = self.exemptions(deciding.consent, now) if deciding else []
        return any(
            e.person == no.act.person and self.sets_aside(e) and self.is_earlier(no, e)
            for e in exemptions
        )


# R5a, R5e: by whose custody facts.


class OnlyTheAskingOneSaysWhoIsPresent(Chronicle):
    def who_knows_holders(self, no: No, transfer: Transfer, deciding: Request | None) -> set[str]:
        return {no.asking.controller}


class SenderAndRecipientDoNotSayWhoIsPresent(Chronicle):
    def who_knows_holders(self, no: No, transfer: Transfer, deciding: Request | None) -> set[str]:
        return {no.asking.controller} | ({deciding.controller} if deciding else set())


class TheDecidingOneDoesNotSayWhoIsPresent(Chronicle):
    def who_knows_holders(self, no: No, transfer: Transfer, deciding: Request | None) -> set[str]:
        return super().who_knows_holders(no, transfer, None)


class NothingIsContradicted(Chronicle):
    def contradicted(self, request: Request, transfer: Transfer, now: datetime) -> bool:
        return False


class AnEndedConsentContradictsNothing(Chronicle):
    def custody_counts_until(self, ended: datetime) -> datetime:
        return ended


class CustodyFactsContradictForEver(Chronicle):
    def custody_counts(self, organisation: str, now: datetime) -> bool:
        return True


class AYearIs365Days(Chronicle):
    def custody_counts_until(self, ended: datetime) -> datetime:
        return local_instant(date(ended.year + 1, 1, 1))


class WhoDeclinedContradictsNothing(Chronicle):
    def granting_now(self, request: Request, now: datetime) -> set[str]:
        return set(self.latest(request.consent, now))


# R5g: purposes.


class NoPurposeOverlaps(Chronicle):
    def meets(self, denied: str, asked: str, now: datetime) -> bool:
        return denied == asked


class OverlapsAreDirected(Chronicle):
    def meets(self, denied: str, asked: str, now: datetime) -> bool:
        known = [o for o in self.overlaps if o.since <= now]
        return denied == asked or any((o.one, o.other) == (denied, asked) for o in known)


class OverlapsAreTransitive(Chronicle):
    def meets(self, denied: str, asked: str, now: datetime) -> bool:
        purposes = {request.purpose for request in self.requests()} | {denied, asked}
        near = super().meets
        return near(denied, asked, now) or any(
            near(denied, purpose, now) and near(purpose, asked, now) for purpose in purposes
        )


class AnOverlapHasAlwaysBeen(Chronicle):
    def meets(self, denied: str, asked: str, now: datetime) -> bool:
        return super().meets(denied, asked, max([now, *(o.since for o in self.overlaps)]))


class AYesForAnyPurposeClears(Chronicle):
    def is_for_the_purpose(self, yes: Request, no: No, transfer: Transfer) -> bool:
        return True


class OnlyAYesForTheAskedPurposeClears(Chronicle):
    def is_for_the_purpose(self, yes: Request, no: No, transfer: Transfer) -> bool:
        return yes.purpose == transfer.purpose


# R5h: what is told.


class TheNewestCandidateIsTold(Chronicle):
    def closest(self, candidates: list[Request], transfer: Transfer, now: datetime) -> Request:
        return candidates[-1]


class TheOldestOfTheClosestIsTold(Chronicle):
    def closest(self, candidates: list[Request], transfer: Transfer, now: datetime) -> Request:
        return super().closest(candidates[:1], transfer, now)


class EveryDenialIsNamed(Chronicle):
    def what_stops(
        self, request: Request, transfer: Transfer, caller: str, now: datetime
    ) -> frozenset[Why]:
        told = super().what_stops(request, transfer, caller, now) - {Why("objection_stands")}
        standing = self.standing(transfer, now, request)
        return told.union(*(self.words(no, transfer) for no in standing))


class ADenialHidesAContradiction(Chronicle):
    def what_stops(
        self, request: Request, transfer: Transfer, caller: str, now: datetime
    ) -> frozenset[Why]:
        told = super().what_stops(request, transfer, caller, now)
        return told - {Why("custody_contradicted")} or told


class APartyNeverCoveredMayKnow(Chronicle):
    def may_know(self, caller: str, request: Request, now: datetime) -> bool:
        return caller in request.asked.parties


class WhoeverRefusedIsMissing(Chronicle):
    def reasons(
        self, request: Request, status: Status, answers: Answers, now: datetime
    ) -> frozenset[Why]:
        told = super().reasons(request, status, answers, now)
        return frozenset(why for why in told if why.code != "missing_signature") or told


MUTANTS = [
    mutant
    for mutant in list(globals().values())
    if isinstance(mutant, type) and issubclass(mutant, Chronicle) and mutant is not Chronicle
]
