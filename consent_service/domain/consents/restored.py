"""What may have been lost: after a restore a consent is held until those who know have looked.

A database that was put back from an older copy has forgotten what was recorded since: a withdrawal,
a no, another holder. So a consent with a grant from before permits nothing until every controller
that had facts about the child by then has confirmed that its own records agree, or until everybody
who must sign has granted by their own login since.
"""

from datetime import datetime

from consent_service.domain.consents.paper import latest_answers
from consent_service.domain.consents.signers import required_signers
from consent_service.domain.kernel.facts import (
    ActKind,
    CustodyChange,
    History,
    ReconfirmationConfirmed,
    ReconfirmationRecorded,
    Request,
)


def newest_restore(history: History, instant: datetime) -> datetime | None:
    """When the database was last put back from an older copy, by an instant."""
    return max((one for one in history.restores if one <= instant), default=None)


def is_held(history: History, request: Request, instant: datetime) -> bool:
    """Whether a consent in force permits nothing yet, since a restore."""
    restored = newest_restore(history, instant)
    if restored is None:
        return False
    grants = [act for act in history.acts(request.consent) if act.kind is ActKind.GRANT]
    if all(act.at > restored for act in grants):
        return False
    if _has_been_granted_anew(history, request, restored, instant):
        return False
    return bool(awaited_controllers(history, instant))


def awaited_controllers(history: History, instant: datetime) -> frozenset[str]:
    """Who has yet to confirm that its records about the child agree, since the newest restore."""
    restored = newest_restore(history, instant)
    if restored is None:
        return frozenset()
    knew = {
        fact.controller
        for fact in history.facts
        if isinstance(fact, Request | CustodyChange) and fact.at <= restored
    }
    return frozenset(knew - _have_confirmed(history, restored, instant))


def _has_been_granted_anew(
    history: History, request: Request, restored: datetime, instant: datetime
) -> bool:
    answers = latest_answers(history, request.consent)
    acts = [answers.get(person) for person in required_signers(history, request, instant)]
    return bool(acts) and all(
        act is not None and act.at > restored and not act.is_attested for act in acts
    )


def _have_confirmed(history: History, restored: datetime, instant: datetime) -> set[str]:
    """Whose employee recorded it after the restore, and whose other employee confirmed that."""
    since = {
        fact.reconfirmation
        for fact in history.facts
        if isinstance(fact, ReconfirmationRecorded) and fact.at > restored
    }
    asked_by = {asked.consent: asked.controller for asked in history.requests}
    return {
        asked_by[fact.consent]
        for fact in history.facts
        if isinstance(fact, ReconfirmationConfirmed)
        and fact.reconfirmation in since
        and fact.at <= instant
        and fact.consent in asked_by
    }
