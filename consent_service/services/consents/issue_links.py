"""Make signing links. A new link ends the old one; only its hash is kept."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from consent_service.domain.consents.latecomers import awaits_first_link, has_a_say_from
from consent_service.domain.consents.signers import required_signers, signers_with_a_say
from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.facts import LinkIssued, Request
from consent_service.domain.kernel.limits import Limited
from consent_service.errors import Conflict, InvalidInput
from consent_service.services.children.acts import ActInProgress, begin_act, record
from consent_service.services.children.limits import check_made
from consent_service.services.consents.consent_event import consent_event
from consent_service.services.consents.find_consent import child_of, controlled_consent
from consent_service.services.consents.model import LINK_ISSUED, ConsentFile, Signatory
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, ChildRef, Employee


def new_links(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    file: ConsentFile,
    child: ChildRef,
    signatories: Iterable[Signatory],
    performed_by: Employee,
    now: datetime,
) -> dict[str, str]:
    """A new signing address for each signatory, by signatory id; each is logged.

    Raises LimitReached before the first, so that nobody's old link ends without a new one.
    """
    check_made(Limited.LINK, partial(uow.links.made_at, file.controller, child.id), now)
    urls = {}
    for signatory in signatories:
        token = context.new_token()
        details = {
            "signatory": signatory.id,
            "role": signatory.role.value,
            "link": uow.links.name_of(token),
        }
        event = consent_event(caller, LINK_ISSUED, file, child, performed_by, details)
        prepared = context.journal.write(uow, event, now)
        uow.links.replace(signatory.id, token, now, prepared.entry.id)
        urls[signatory.id] = f"{context.public_url}/sign/{token}"
    return urls


def issue_links(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    consent: str,
    named: Sequence[str] | None,
    performed_by: Employee,
) -> dict[str, str]:
    """New links for everyone now required, or for those named; their old ones die.

    Raises NotFound, InvalidInput for a signatory who is not of this consent or has no say now,
    and Conflict when the consent is not live.
    """
    file = controlled_consent(uow, caller, consent)
    act = begin_act(uow, context, child_of(uow, file))
    if not state_at(act.history, consent, act.now).is_live:
        raise Conflict("consent_not_live", "Nothing can be signed under this consent any more.")
    request = act.history.request(consent)
    signatories = uow.consents.signatories(consent)
    if named is None:
        required = required_signers(act.history, request, act.now)
        chosen = [s for s in signatories if s.person in required]
    else:
        chosen = _named(act, request, signatories, named)
    first = [s for s in chosen if awaits_first_link(act.history, request, s.person)]
    act = _note_first_links(uow, context, caller, file, act, first, performed_by)
    return new_links(uow, context, caller, file, act.child, chosen, performed_by, act.now)


def _named(
    act: ActInProgress, request: Request, signatories: Iterable[Signatory], named: Sequence[str]
) -> list[Signatory]:
    """Those named, each once. Raises InvalidInput for anybody who may not sign now."""
    known = {s.id: s for s in signatories}
    say = signers_with_a_say(act.history, request, act.now)
    for position, signatory in enumerate(named):
        found = known.get(signatory)
        if found is None or found.person not in say:
            detail = _why_not(act, request, found)
            raise InvalidInput.field(f"/signatories/{position}", detail)
    return [known[signatory] for signatory in dict.fromkeys(named)]


def _why_not(act: ActInProgress, request: Request, found: Signatory | None) -> str:
    """Nobody acts before they have a say, so nobody is sent a link before (R9)."""
    nobody = "This is nobody who may sign under this consent now."
    if found is None:
        return nobody
    begins = has_a_say_from(act.history, request, found.person, act.now)
    if begins is None:
        return nobody
    return f"This person may sign from {local_date(begins)}: make the link on that day."


def _note_first_links(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    file: ConsentFile,
    act: ActInProgress,
    first: Sequence[Signatory],
    performed_by: Employee,
) -> ActInProgress:
    """Record each first link of those who became required later: an act of its own (R8, R9).

    Returns the last of these acts, or the one begun where there is none.
    """
    for position, signatory in enumerate(first):
        if position:
            act = begin_act(uow, context, act.child)
        details = {"signatory": signatory.id, "role": signatory.role.value}
        event = consent_event(caller, "first_link_issued", file, act.child, performed_by, details)
        fact = LinkIssued(act.seq, act.now, file.id, signatory.person)
        record(uow, context, act, fact, event)
    return act
