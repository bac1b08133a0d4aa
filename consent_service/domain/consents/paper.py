"""What a paper is worth: it counts from its confirmation, but is only as new as its signature.

A paper reaches the service days after it was signed. What its signer refused in between is newer
than the paper, so a paper grant never clears it (R5), and a child cannot have granted before its
15th birthday (R1). Such a grant is no signature here, whatever was stored; what it leaves out
still counts as refused, and for the expiry it is still a grant that was made (R3).
"""

from datetime import datetime

from consent_service.domain.kernel.calendar import YOUNG_PERSON_AGE, child_reaches
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    History,
    PaperRecorded,
    PaperRejected,
    Request,
)


def find_paper(history: History, consent: str, paper: str) -> PaperRecorded | None:
    """What was recorded about a paper under a consent."""
    for fact in history.facts:
        if isinstance(fact, PaperRecorded) and (fact.consent, fact.paper) == (consent, paper):
            return fact
    return None


def is_rejected(history: History, consent: str, paper: str) -> bool:
    """Whether somebody found that a paper was recorded by mistake."""
    return any(
        isinstance(fact, PaperRejected) and (fact.consent, fact.paper) == (consent, paper)
        for fact in history.facts
    )


def is_signature(history: History, act: Act) -> bool:
    """Whether an act is its signer's word: false for a grant on a paper overtaken or rejected.

    An act through the signing page is given when it is recorded, so nothing overtakes it.
    """
    if act.kind is not ActKind.GRANT or act.given_at >= act.at:
        return True
    request = history.request(act.consent)
    if act.paper is not None and is_rejected(history, act.consent, act.paper):
        return False
    if is_too_young(request, act.person, act.given_at):
        return False
    return not refused_since(history, request, act.person, act.given_at, before=act.seq)


def signatures(history: History, consent: str) -> tuple[Act, ...]:
    """What signers did about a consent, oldest first, without what is no signature."""
    return tuple(act for act in history.acts(consent) if is_signature(history, act))


def is_too_young(request: Request, person: str, signed_at: datetime) -> bool:
    """Whether a paper is a child's from before its 15th birthday."""
    return person == request.child and signed_at < child_reaches(
        request.birth_date, YOUNG_PERSON_AGE
    )


def refused_since(
    history: History, request: Request, person: str, signed_at: datetime, *, before: int
) -> bool:
    """Whether a person refused anything at or after an instant, by acts before a number.

    A decline, a withdrawal or a leaving-out counts, under this request or another one for the
    same purpose that has two parties and a category in common with it.
    """
    requests = {other.consent: other for other in history.requests}
    for fact in history.facts:
        if not isinstance(fact, Act) or fact.person != person or fact.seq >= before:
            continue
        asked = requests.get(fact.consent)
        if (
            fact.at >= signed_at
            and asked is not None
            and asked.purpose == request.purpose
            and not (asked.asked & request.asked).is_empty
            and (fact.kept is None or not asked.asked <= fact.kept)
        ):
            return True
    return False
