"""Whose no a denial rested on: the log names code and role alone, so the history is asked again.

This is the one place where insight meets the rules of R5. What it needs of them is a pair for
each no that a denial's reasons rest on: who said it, and the consent it was said under.
"""

from datetime import datetime

from consent_service.domain.consents.paper import latest_answers
from consent_service.domain.consents.state import ConsentState, ReasonCode, Status, state_at
from consent_service.domain.disclosures.objections import Transfer, standing_objections
from consent_service.domain.kernel.facts import History, Request

No = tuple[str, str]
"""A person, and the consent under which they said no."""


def whose_no(
    history: History, transfer: Transfer, instant: datetime, consent: str | None
) -> frozenset[No]:
    """Every no that a denial of a transfer at an instant rests on, from the facts of then.

    `consent` is the one whose reasons were told, None where there was none. Those are what it
    lacks itself, or, where it was in force, the denials that stand against it (R5h).
    """
    known = history.recorded_by(instant)
    asked = next((r for r in known.requests if r.consent == consent), None)
    if asked is None:
        return frozenset()
    state = state_at(known, asked.consent, instant)
    if state.status is not Status.IN_FORCE:
        return _refusals(known, asked, state)
    return frozenset(
        (objection.denial.act.person, objection.denial.act.consent)
        for objection in standing_objections(known, transfer, instant, asked)
    )


def _refusals(history: History, asked: Request, state: ConsentState) -> frozenset[No]:
    """Who refused this very consent, or together left nothing of it."""
    refused = {
        reason.person
        for reason in state.reasons
        if reason.code in (ReasonCode.DECLINED, ReasonCode.WITHDRAWN)
    }
    if any(reason.code is ReasonCode.SCOPE_EMPTY for reason in state.reasons):
        answers = latest_answers(history, asked.consent)
        refused |= {person for person, act in answers.items() if act.denies(asked.asked)}
    return frozenset((person, asked.consent) for person in refused if person is not None)
