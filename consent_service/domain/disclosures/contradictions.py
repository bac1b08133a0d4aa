"""Custody contradicted: a consent does not permit what leaves out a holder somebody knows (R5e).

What a consent's controller was told of custody can be wrong, or invented. Whatever the grants rest
on, nothing passes while the controller, the sender or the recipient knows a present holder who
has neither granted this consent nor is excused under it.
"""

from datetime import datetime

from consent_service.domain.consents.paper import latest_answers
from consent_service.domain.consents.signers import (
    excused_holders,
    holders_at,
    holders_may_have_a_say,
)
from consent_service.domain.consents.state import state_at
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.calendar import shift
from consent_service.domain.kernel.facts import ActKind, History, Request

COUNTS_FOR_MONTHS = 12
"""How long an organisation's custody facts count after its newest consent ended, in months."""


def custody_is_contradicted(
    history: History, request: Request, transfer: Transfer, instant: datetime
) -> bool:
    """Whether a holder whom one of the three knows has not answered this consent with a yes.

    The consent is in force, so what its controller knows counts. Whether holders have a say still,
    by the child's age, is asked of each that knows some.
    """
    answers = latest_answers(history, request.consent)
    granted = {person for person, act in answers.items() if act.kind is ActKind.GRANT}
    answered = granted | excused_holders(history, request.consent, instant)
    return any(
        not _known_beside(history, request, organisation, instant) <= answered
        for organisation in {request.controller, transfer.sender, transfer.recipient}
        if holders_may_have_a_say(history, request, {organisation}, instant)
    )


def _known_beside(
    history: History, request: Request, organisation: str, instant: datetime
) -> frozenset[str]:
    if organisation == request.controller:
        return _holders(history, organisation, instant)
    return known_holders(history, organisation, instant)


def known_holders(history: History, organisation: str, instant: datetime) -> frozenset[str]:
    """Who holds custody as this organisation knows it; nobody where its facts do not count."""
    if not custody_facts_count(history, organisation, instant):
        return frozenset()
    return _holders(history, organisation, instant)


def _holders(history: History, organisation: str, instant: datetime) -> frozenset[str]:
    return frozenset(holder.person for holder in holders_at(history, organisation, instant))


def custody_facts_count(history: History, organisation: str, instant: datetime) -> bool:
    """Whether a consent of the organisation's own is live, or ended less than a year ago."""
    own = [asked for asked in reversed(history.requests) if asked.controller == organisation]
    if not own:
        return False
    cutoff = shift(instant, months=-COUNTS_FOR_MONTHS)
    finals = (state_at(history, request.consent, instant).final_at for request in own)
    return any(final_at is None or final_at > cutoff for final_at in finals)


def whose_custody_differs(
    history: History, request: Request, transfer: Transfer, instant: datetime
) -> tuple[str, ...]:
    """Sender and recipient whose own facts name a holder that the consent's controller's do not.

    They are who can look custody up once more.
    """
    known = _holders(history, request.controller, instant)
    return tuple(
        organisation
        for organisation in (transfer.sender, transfer.recipient)
        if not known_holders(history, organisation, instant) <= known
    )
