"""What may be forgotten of a child: consents long over, unless somebody's no still needs them.

A denial stands until the same signer grants what it was about (R5), whichever consent it was said
under. Forgetting it while a live consent covers the same would turn a no into a yes, so such a
consent is kept until the live one ends.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from consent_service.domain.consents.signers import holders_at
from consent_service.domain.consents.state import state_at
from consent_service.domain.disclosures.contradictions import custody_facts_count
from consent_service.domain.disclosures.objections import Denial, Transfer, standing_denials
from consent_service.domain.kernel.calendar import shift
from consent_service.domain.kernel.facts import CustodyChange, History, Request


@dataclass(frozen=True)
class RetentionRule:
    """How long a controller keeps things: whole years, at least one.

    `consents_years` counts from a consent's final state, `log_years` from a log entry's time.
    """

    consents_years: int
    log_years: int

    def consents_before(self, now: datetime) -> datetime:
        """Consents that were final before this instant have had their time."""
        return shift(now, months=-12 * self.consents_years)

    def log_before(self, now: datetime) -> datetime:
        """Log entries from before this instant have had their time."""
        return shift(now, months=-12 * self.log_years)


def consents_of(history: History, controller: str) -> frozenset[str]:
    """Every consent of one controller about the child."""
    return frozenset(r.consent for r in history.requests if r.controller == controller)


def live_consents(history: History, instant: datetime) -> tuple[Request, ...]:
    """Every consent about the child that has not ended, whoever asked."""
    known = history.recorded_by(instant)
    return tuple(r for r in known.requests if state_at(known, r.consent, instant).is_live)


def consents_final_before(
    history: History, controller: str, cutoff: datetime, instant: datetime
) -> frozenset[str]:
    """The controller's consents that reached their final state before a cutoff."""
    final = {
        consent: state_at(history, consent, instant).final_at
        for consent in consents_of(history, controller)
    }
    return frozenset(c for c, moment in final.items() if moment is not None and moment < cutoff)


def without(history: History, controller: str, consents: frozenset[str]) -> History:
    """The history that is left: custody changes go with their controller's last consent."""
    keeps_custody = bool(consents_of(history, controller) - consents)
    kept = tuple(
        fact
        for fact in history.facts
        if (
            fact.controller != controller or keeps_custody
            if isinstance(fact, CustodyChange)
            else fact.consent not in consents
        )
    )
    return history.with_only(kept)


def still_needed(
    history: History, controller: str, consents: frozenset[str], instant: datetime
) -> frozenset[str]:
    """Which of these consents of a controller must stay, for the sake of a live one that does.

    A consent stays when a denial said under it is its signer's latest word about something that a
    live consent, of whichever controller, would let pass; whether the signer counts at this very
    instant is not asked, for they may count tomorrow. When that keeps none of them, all stay if a
    live consent would read otherwise without them: its state, whose denials are about it, or who
    is known to hold custody by the controller that asked for it, by the one that a denial was said
    to, or by a party that knows somebody more, where a denial stands or custody is contradicted.
    """
    left = without(history, controller, consents)
    needed: set[str] = set()
    reads_otherwise = False
    own = consents_of(history, controller)
    custody_differs = holders_at(left, controller, instant) != holders_at(
        history, controller, instant
    )
    forgotten = _holders(history, controller, instant) - _holders(left, controller, instant)
    custody_counts = custody_facts_count(history, controller, instant)
    for live in live_consents(history, instant):
        if live.consent in consents:
            continue
        denials = _denials_about(history, live)
        said_under = {denial.request.consent for *_, denial in denials}
        needed |= said_under & consents
        is_party = (
            controller in live.asked.parties
            and (bool(denials) or custody_counts)
            and not forgotten <= _holders(left, live.controller, instant)
        )
        reads_otherwise |= (
            (
                custody_differs
                and (is_party or live.consent in own or not own.isdisjoint(said_under))
            )
            or denials != _denials_about(left, live)
            or state_at(left, live.consent, instant) != state_at(history, live.consent, instant)
        )
    if needed or not reads_otherwise:
        return frozenset(needed)
    return consents


def _holders(history: History, organisation: str, instant: datetime) -> frozenset[str]:
    return frozenset(holder.person for holder in holders_at(history, organisation, instant))


def _denials_about(history: History, live: Request) -> set[tuple[str, str, str, Denial]]:
    """Each denial that is its signer's latest word about one thing that a live consent covers."""
    return {
        (one, other, category, denial)
        for one, other in combinations(sorted(live.asked.parties), 2)
        for category in live.asked.categories
        for denial in standing_denials(
            history, Transfer(one, other, live.purpose, frozenset({category})), category
        )
    }
