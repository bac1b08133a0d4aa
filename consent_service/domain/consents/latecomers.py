"""Who comes to have a say only after the request was made, and from when (R9, R10).

A custody change with a date ahead names its holders before they are any: they are filed at once,
so that nobody is lost on the day, and until then they can do nothing.
"""

from datetime import datetime

from consent_service.domain.consents.signers import (
    corrected_changes,
    custody_takes_effect,
    required_signers,
    signers_with_a_say,
)
from consent_service.domain.kernel.calendar import YOUNG_PERSON_AGE, child_reaches
from consent_service.domain.kernel.facts import CustodyChange, History, LinkIssued, Request


def has_a_say_from(
    history: History, request: Request, person: str, instant: datetime
) -> datetime | None:
    """From when somebody without a say at an instant will have one; None: nothing known says so.

    By the facts recorded until then: a change that takes effect, or the child's 15th birthday.
    """
    ahead = {child_reaches(request.birth_date, YOUNG_PERSON_AGE)} | {
        custody_takes_effect(fact)
        for fact in history.facts
        if isinstance(fact, CustodyChange) and fact.controller == request.controller
    }
    moments = sorted(moment for moment in ahead if moment > instant)
    return next((m for m in moments if person in signers_with_a_say(history, request, m)), None)


def custody_begins(
    history: History, request: Request, person: str, instant: datetime
) -> datetime | None:
    """The date from which custody changes name a holder, as far as it is known at an instant.

    None where a request names them, whose look-up says no date, and where nothing does.
    """
    wrong = corrected_changes(history, request.controller, instant)
    dates = []
    for fact in history.recorded_by(instant).facts:
        if not isinstance(fact, Request | CustodyChange) or fact.controller != request.controller:
            continue
        if all(holder.person != person for holder in fact.holders):
            continue
        if isinstance(fact, Request):
            return None
        if fact.id not in wrong:
            dates.append(fact.effective_from)
    return min(dates, default=None)


def awaits_first_link(history: History, request: Request, person: str) -> bool:
    """Whether a link made now is the first of somebody who was not required from the beginning.

    From it the window of whoever became required later may be counted (R9).
    """
    if person in required_signers(history.recorded_by(request.at), request, request.at):
        return False
    return not any(
        isinstance(fact, LinkIssued) and (fact.consent, fact.person) == (request.consent, person)
        for fact in history.facts
    )
