"""What a signer's word is worth: a paper counts once confirmed, and is as old as its signature.

A paper reaches the service days after it was signed. What its signer refused in between, under a
request of the same controller, is newer than the paper (R5f), and a child cannot have granted
before its 15th birthday (R1). Such a grant is no signature here, whatever was stored; what it
leaves out still counts as refused, and for the expiry it is still a grant that was made (R3).

Which purposes overlap is judged as of the confirmation: what the operator registers later turns no
signature into none. Decisions meet the refusal all the same (R5g).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
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


def rejected_papers(history: History, consent: str) -> frozenset[str]:
    """The papers of which somebody found that they were recorded by mistake."""
    return frozenset(
        fact.paper
        for fact in history.facts
        if isinstance(fact, PaperRejected) and fact.consent == consent
    )


def is_signature(history: History, act: Act) -> bool:
    """Whether an act is its signer's word: false for a grant on a paper overtaken or rejected.

    An act through the signing page is given when it is recorded, so nothing overtakes it.
    """
    if not _is_grant_on_paper(act):
        return True
    return _counts(history, act, rejected_papers(history, act.consent))


def signatures(history: History, consent: str) -> tuple[Act, ...]:
    """What signers did about a consent, oldest first, without what is no signature."""
    acts = history.acts(consent)
    if not any(map(_is_grant_on_paper, acts)):
        return acts
    rejected = rejected_papers(history, consent)
    return tuple(
        act for act in acts if not _is_grant_on_paper(act) or _counts(history, act, rejected)
    )


def _is_grant_on_paper(act: Act) -> bool:
    return act.kind is ActKind.GRANT and act.is_on_paper


def _counts(history: History, act: Act, rejected: AbstractSet[str]) -> bool:
    if act.paper in rejected:
        return False
    overtaken = history.overtaken.get(act.consent)
    return not _is_overtaken(history, act) if overtaken is None else act.seq not in overtaken


def with_overtaken(history: History, consent: str) -> History:
    """The same history, to be asked about a consent's papers for many instants."""
    papers = [act for act in history.acts(consent) if _is_grant_on_paper(act)]
    if not papers:
        return history
    found = frozenset(act.seq for act in papers if _is_overtaken(history, act))
    return history.with_overtaken(consent, found)


def _is_overtaken(history: History, act: Act) -> bool:
    """Whether a grant on paper came too late or too early, by what was recorded before it."""
    request = history.request(act.consent)
    if is_too_young(request, act.person, act.given_at):
        return True
    return refused_since(
        history, request, act.person, act.given_at, before=act.seq, known_by=act.at
    )


def latest_answers(history: History, consent: str) -> Mapping[str, Act]:
    """Each signer's latest answer to a consent: a no that they have lifted since is none (R5c).

    A lift on paper takes back only what was recorded before 00:00 of the day it was signed.
    """
    latest: dict[str, Act] = {}
    for act in signatures(history, consent):
        if act.kind is not ActKind.LIFT:
            latest[act.person] = act
            continue
        answer = latest.get(act.person)
        if answer is not None and answer.kind is ActKind.DECLINE and is_newer(act, answer):
            del latest[act.person]
    return latest


def is_newer(word: Act, denial: Act) -> bool:
    """Whether a grant or lift was said after a denial: a paper is as old as its day (R5a)."""
    return word.seq > denial.seq and (not word.is_on_paper or denial.at < word.given_at)


def is_too_young(request: Request, person: str, signed_at: datetime) -> bool:
    """Whether a paper is a child's from before its 15th birthday."""
    return person == request.child and signed_at < child_reaches(
        request.birth_date, YOUNG_PERSON_AGE
    )


def refused_since(
    history: History,
    request: Request,
    person: str,
    signed_at: datetime,
    *,
    before: int,
    known_by: datetime,
) -> bool:
    """Whether a person refused anything at or after an instant, by acts before a number.

    A decline, a withdrawal or a leaving-out counts, under this request or another one of the same
    controller that has two parties and a category in common with it, for the same purpose or one
    that is known by then to overlap it. What was said to another controller is not told by this
    one's state (R5f).
    """
    requests = {other.consent: other for other in history.requests}
    overlapping = history.overlapping(request.purpose, by=known_by)
    for fact in history.facts:
        if not isinstance(fact, Act) or fact.person != person or fact.seq >= before:
            continue
        asked = requests.get(fact.consent)
        if (
            fact.at >= signed_at
            and asked is not None
            and asked.controller == request.controller
            and asked.purpose in overlapping
            and not (asked.asked & request.asked).is_empty
            and fact.denies(asked.asked)
        ):
            return True
    return False
