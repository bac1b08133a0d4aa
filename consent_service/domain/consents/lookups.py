"""How new a municipality's knowledge of custody is: every look-up carries its date (R5e, R10).

Dates are Danish ones. Where a fact's date was not kept, its look-up is as old as its recording: it
cannot be newer, and an older one must not take the place of what may be newer.
"""

from collections.abc import Iterator
from datetime import date, datetime

from consent_service.domain.consents.signers import corrected_changes, custody_takes_effect
from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.facts import CustodyChange, History, Request

CustodyFact = Request | CustodyChange


def looked_up_on(fact: CustodyFact) -> date:
    """The day on which custody facts were looked up."""
    return fact.as_of or local_date(fact.at)


def known_up_to(
    history: History, controller: str, instant: datetime, corrects: str | None = None
) -> date | None:
    """The oldest a look-up recorded at an instant may be; None where nothing is known yet.

    That is the newest look-up among the controller's facts about the child, or the day on which
    its newest change in effect took effect, whichever is later. What was corrected by then does
    not count, nor does the change that this look-up `corrects`: a wrong one must not be what
    keeps it from being put right.
    """
    days = []
    for fact in _standing(history, controller, instant, corrects):
        days.append(looked_up_on(fact))
        effective = custody_takes_effect(fact)
        if isinstance(fact, CustodyChange) and effective <= instant:
            days.append(local_date(effective))
    return max(days, default=None)


def is_looked_up_since(history: History, controller: str, since: datetime) -> bool:
    """Whether the controller has recorded a look-up after an instant, of that day or later."""
    newest = history.newest_at or since
    return any(
        fact.at > since and looked_up_on(fact) >= local_date(since)
        for fact in _standing(history, controller, newest)
    )


def _standing(
    history: History, controller: str, instant: datetime, corrects: str | None = None
) -> Iterator[CustodyFact]:
    """The controller's custody facts recorded by an instant, without those found wrong."""
    wrong = corrected_changes(history, controller, instant) | {corrects}
    for fact in history.recorded_by(instant).facts:
        if not isinstance(fact, CustodyFact) or fact.controller != controller:
            continue
        if isinstance(fact, Request) or fact.id not in wrong:
            yield fact
