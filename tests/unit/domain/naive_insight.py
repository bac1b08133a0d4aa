"""What is asked beside a decision, a second time and on purpose naive (R5b, R5e, R6, R9 to R11).

Who comes to have a say, how new a look-up must be, what a signer may take back, what a permission
rests on, and what a person of the family may see: each from its sentence, by asking the chronicle.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import combinations

from consent_service.domain.consents.state import Status
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    CustodyChange,
    LinkIssued,
    Request,
)
from tests.unit.domain.naive_calendar import danish_day, parents_until
from tests.unit.domain.naive_rules import Answer, Chronicle, No

LIVE_WITHOUT_FORCE = (Status.AWAITING_SIGNATURES, Status.INCOMPLETE, Status.DECLINED)


# R10: look-ups.


def custody_facts(
    life: Chronicle, organisation: str, now: datetime
) -> list[Request | CustodyChange]:
    """ "Among this controller's facts (requests included, corrected ones not)"."""
    own = [
        f
        for f in life.known(now)
        if isinstance(f, Request | CustodyChange) and f.controller == organisation
    ]
    wrong = {f.corrects for f in own if isinstance(f, CustodyChange)} - {None}
    return [f for f in own if isinstance(f, Request) or f.id not in wrong]


def known_up_to(
    life: Chronicle, organisation: str, now: datetime, corrects: str | None
) -> date | None:
    """The newest `as_of`, or the day "its newest custody change in effect took effect"."""
    facts = [
        f
        for f in custody_facts(life, organisation, now)
        if isinstance(f, Request) or f.id != corrects
    ]
    days = [f.as_of or danish_day(f.at) for f in facts]
    changes = [f for f in facts if isinstance(f, CustodyChange)]
    in_effect = [m for m in map(life.takes_effect, changes) if m <= now]
    days += [danish_day(max(in_effect))] if in_effect else []
    return max(days) if days else None


def has_looked_up_since(life: Chronicle, organisation: str, since: datetime, now: datetime) -> bool:
    return any(
        f.at > since and (f.as_of or danish_day(f.at)) >= danish_day(since)
        for f in custody_facts(life, organisation, now)
    )


# R9: who comes later.


def says_from(life: Chronicle, request: Request, person: str, now: datetime) -> datetime | None:
    """When they first have a say, if nothing more is recorded."""
    ahead = sorted(i for i in life.looks if i > now)
    return next((i for i in ahead if person in life.may_act(request, i)), None)


def custody_from(life: Chronicle, request: Request, person: str, now: datetime) -> datetime | None:
    """The earliest date of a change that names them; None where a request does."""
    naming = [
        f
        for f in custody_facts(life, request.controller, now)
        if person in {holder.person for holder in f.holders}
    ]
    dates = [f.effective_from for f in naming if isinstance(f, CustodyChange)]
    return min(dates) if dates and len(dates) == len(naming) else None


def waits_for_first_link(life: Chronicle, request: Request, person: str, now: datetime) -> bool:
    links = [f for f in life.known(now) if isinstance(f, LinkIssued)]
    has_one = any((f.consent, f.person) == (request.consent, person) for f in links)
    return person not in life.required(request, request.at) and not has_one


def no_can_change_until(life: Chronicle, request: Request, person: str) -> datetime | None:
    """R9, as of where the chronicle's clock stands."""
    now = life.now
    picture = life.picture(request.consent, now)
    if picture.final_at is not None or person not in life.required(request, now):
        return None
    if picture.first_in_force is None:
        return request.lapses_at
    ends = [life.window_end(request, person, now)]
    return min([*ends, picture.ends] if picture.ends else ends)


# R5: what one may take back, and what a permission or a warning rests on.


def own_noes(life: Chronicle, request: Request, person: str, now: datetime) -> set[tuple[int, str]]:
    """Every no of theirs that nothing has taken back, within what a request asks."""
    found: set[tuple[int, str]] = set()
    for one, other in combinations(sorted(request.asked.parties), 2):
        for category in request.asked.categories:
            transfer = Transfer(one, other, request.purpose, frozenset({category}))
            found |= {
                (no.act.seq, no.act.consent)
                for no in life.denials(transfer, now)
                if no.act.person == person and not life.taken_back(no, transfer, now)
            }
    return found


def attesters(life: Chronicle, consent: str, now: datetime) -> set[str]:
    """R5b: who attests the papers of those who must sign, and the controller an exemption."""
    request = life.request(consent)
    latest, required = life.latest(consent, now), life.required(request, now)
    words = {act.attested_by for person, act in latest.items() if person in required}
    by = {organisation for organisation in words if organisation is not None}
    excused = life.excused(consent, now) & life.holders(request.controller, now)
    grown_up = now >= parents_until(request.birth_date, 18)
    return by | ({request.controller} if excused and not grown_up else set())


def to_check(life: Chronicle, request: Request, transfer: Transfer, now: datetime) -> set[str]:
    """R5e: "each of sender and recipient whose own facts name a holder the controller's do not"."""
    known = life.holders(request.controller, now)
    return {
        one
        for one in (transfer.sender, transfer.recipient)
        if life.custody_counts(one, now) and life.holders(one, now) - known
    }


def warns(life: Chronicle, transfer: Transfer, caller: str, now: datetime) -> bool:
    """R6: "to the caller under the same rule as `objection_stands`"."""
    standing = life.standing(transfer, now, None)
    knows = any(life.may_know(caller, no.asking, now) for no in standing)
    would_permit = any(
        not life.shortcomings(r, transfer, now)
        for r in life.visible(caller, now)
        if r.purpose == transfer.purpose
    )
    return bool(standing) and (knows or would_permit)


# R11 and whose facts let one see.


def sees(
    life: Chronicle, person: str, concerned: Sequence[str], now: datetime, *, contradicted: bool
) -> bool:
    """By the first of those concerned that has facts, by all that have, or by all there are."""
    facts = [f for f in life.known(now) if isinstance(f, Request | CustodyChange)]
    informed = {f.controller for f in facts}
    having = [one for one in concerned if one in informed]
    if not having:
        return bool(informed) and all(is_holder(life, one, person, now) for one in informed)
    return all(
        is_holder(life, one, person, now) for one in (having if contradicted else having[:1])
    )


def is_holder(life: Chronicle, organisation: str, person: str, now: datetime) -> bool:
    births = [r.birth_date for r in life.requests(now)]
    return now < parents_until(births[0], 18) and person in life.holders(organisation, now)


def rests_on(
    life: Chronicle, answer: Answer, transfer: Transfer, when: datetime
) -> set[tuple[str, str]]:
    """Every no that a denial rests on: who said it, and under which consent."""
    if answer.consent is None:
        return set()
    request = life.request(answer.consent)
    picture = life.picture(answer.consent, when)
    if picture.status is Status.IN_FORCE:
        return {who_and_where(no) for no in life.standing(transfer, when, request)}
    said_no = {why.person for why in picture.reasons if why.code in ("declined", "withdrawn")}
    if any(why.code == "scope_empty" for why in picture.reasons):
        latest = life.latest(answer.consent, when).values()
        said_no |= {act.person for act in latest if life.denies_any(act)}
    return {(person, answer.consent) for person in said_no if person is not None}


def who_and_where(no: No) -> tuple[str, str]:
    return no.act.person, no.act.consent


def is_hidden(
    life: Chronicle,
    answer: Answer,
    transfer: Transfer,
    when: datetime,
    person: str,
    now: datetime,
) -> bool:
    """ "While any reason for it rests on another's no under a request that is live and not in
    force"; one "that also rests on the signer's own no is shown at once"."""
    if not any(tells_of_a_no(life, answer, transfer, when)):
        return False
    noes = rests_on(life, answer, transfer, when)
    if person in {who for who, _ in noes}:
        return False
    return any(
        life.picture(consent, now).status in LIVE_WITHOUT_FORCE
        and life.picture(consent, now).final_at is None
        for _, consent in noes
    )


def tells_of_a_no(
    life: Chronicle, answer: Answer, transfer: Transfer, when: datetime
) -> Iterable[bool]:
    for why in answer.reasons:
        if why.code in ("declined", "withdrawn", "scope_empty", "objection_stands"):
            yield True
        yield why.person is not None and why.code in ("party_not_covered", "category_not_covered")


def was_asked(life: Chronicle, request: Request, person: str, now: datetime) -> bool:
    """Who acted on it, or had a say when it was asked for, or has one at its end or now."""
    acted = any(act.person == person for act in life.acts_on(request.consent, now))
    end = life.picture(request.consent, now).final_at or now
    return (
        acted or person in life.may_act(request, request.at) or person in life.may_act(request, end)
    )


def stands_as_said(life: Chronicle, no: Act, now: datetime) -> bool:
    """Whether its signer has said yes to none of it since, nor taken any of it back."""
    refused = life.request(no.consent)
    for act in life.acts(now):
        if act.person != no.person or act.seq <= no.seq:
            continue
        asked = life.request(act.consent)
        given = asked.asked if act.kind is ActKind.LIFT else act.kept
        if given is None or not life.meets(refused.purpose, asked.purpose, now):
            continue
        parties = given.parties & refused.asked.parties
        if len(parties) > 1 and given.categories & refused.asked.categories:
            return False
    return True
