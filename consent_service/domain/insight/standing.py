"""Whose custody facts let a person see an entry of the log (R10, R11).

Whoever one municipality calls a holder is a stranger to the others until they know them as well.
So an entry is shown by the custody facts of those it concerns, and only where none of these has
any by what all the municipalities agree on.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from consent_service.domain.consents.signers import holders_at
from consent_service.domain.kernel.calendar import ADULT_AGE, parents_released
from consent_service.domain.kernel.facts import CustodyChange, History, Request

CUSTODY_CONTRADICTED = "custody_contradicted"
"""The reason of a denial where those concerned do not know the same holders (R5e)."""


def who_knows(history: History, person: str, instant: datetime) -> Mapping[str, bool]:
    """Each organisation with custody facts about the child: whether it knows a present holder.

    Facts are its requests and its custody changes. From the 18th birthday on nobody is a present
    holder; born on which day, its own requests say, and all of them where it has none.
    """
    known = history.recorded_by(instant)
    organisations = dict.fromkeys(
        fact.controller for fact in known.facts if isinstance(fact, Request | CustodyChange)
    )
    return {one: _is_present_holder(known, one, person, instant) for one in organisations}


def may_see(knowing: Mapping[str, bool], concerned: Sequence[str], *, by_all: bool) -> bool:
    """Whether somebody may see an entry, by who knows them as a present holder (`who_knows`).

    `concerned` are its controller, sender and recipient, in that order: the first with custody
    facts decides, or `by_all` each that has some. Where none has any (a practice, a ward), all
    who have must know them, and somebody must.
    """
    deciding = [knowing[one] for one in concerned if one in knowing]
    if not deciding:
        return bool(knowing) and all(knowing.values())
    return all(deciding) if by_all else deciding[0]


def _is_present_holder(history: History, organisation: str, person: str, instant: datetime) -> bool:
    requests = history.requests
    own = [one for one in requests if one.controller == organisation]
    births = [one.birth_date for one in own or requests]
    if not births or instant >= parents_released(min(births), ADULT_AGE):
        return False
    holders = holders_at(history, organisation, instant)
    return any(holder.person == person for holder in holders)
