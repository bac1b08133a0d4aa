"""Whose no a denial rested on: the log names code and role alone, so the history is asked again.

This is the one place where insight meets the rules of R5. What it needs of them is a pair for
each no that a denial's reasons rest on: who said it, and the consent it was said under.
"""

from datetime import datetime

from consent_service.domain.consents.state import ReasonCode, Status, state_at
from consent_service.domain.disclosures.objections import (
    Transfer,
    latest_denials,
    standing_objections,
)
from consent_service.domain.kernel.facts import History

No = tuple[str, str]
"""A person, and the consent under which they said no."""


def whose_no(
    history: History, transfer: Transfer, instant: datetime, consent: str | None
) -> frozenset[No]:
    """Every no that a denial of a transfer at an instant rests on, from the facts of then.

    `consent` is the one whose reasons were told, None where there was none.
    """
    known = history.recorded_by(instant)
    asked = next((r for r in known.requests if r.consent == consent), None)
    objecting = {reason.person for reason in standing_objections(known, transfer, instant, asked)}
    standing = {
        (act.person, act.consent)
        for act in latest_denials(known, transfer)
        if act.person in objecting
    }
    own = _refusals(known, asked.consent, instant) if asked is not None else frozenset()
    return own | standing


def _refusals(history: History, consent: str, instant: datetime) -> frozenset[No]:
    """Who refused this very consent, or together left nothing of it."""
    state = state_at(history, consent, instant)
    if state.status is Status.IN_FORCE:
        return frozenset()
    refused = {
        reason.person
        for reason in state.reasons
        if reason.code in (ReasonCode.DECLINED, ReasonCode.WITHDRAWN)
    }
    if any(reason.code is ReasonCode.SCOPE_EMPTY for reason in state.reasons):
        asked = history.request(consent).asked
        refused |= {act.person for act in history.acts(consent) if act.denies(asked)}
    return frozenset((person, consent) for person in refused if person is not None)
