"""A family said stop, orally or by letter: an employee of any organisation records it (R4).

Told about one consent, it is recorded there. Told about a child, it is recorded wherever the
organisation that took it is a party, known to it or not, and its answer does not tell where.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import History
from consent_service.errors import FieldError, InvalidInput, NotFound
from consent_service.services.children.acts import ActInProgress, begin_act
from consent_service.services.children.family import check_cpr
from consent_service.services.consents.consent_event import consent_event
from consent_service.services.consents.find_consent import (
    NOBODY,
    child_of,
    find_signatory,
    known_consent,
)
from consent_service.services.consents.model import ConsentFile, Signatory
from consent_service.services.consents.view_consent import consent_as_known
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller, ChildRef, Employee
from consent_service.services.log.model import WITHDRAWAL_TAKEN
from consent_service.services.signatures.ports import SignaturesUnit
from consent_service.services.signatures.sign import Evidence, refuse
from consent_service.signing.statement import IdentityEvidence

Channel = Literal["oral", "letter"]


@dataclass(frozen=True)
class Told:
    """What a family told an organisation: who wants it to stop, and about which child.

    `purpose` None is every purpose; `note` is the employee's own words, for their own log.
    """

    child_cpr: str
    signer_cpr: str
    purpose: str | None
    channel: Channel
    note: str | None
    performed_by: Employee


def record_withdrawal(
    uow: SignaturesUnit,
    context: Context,
    caller: Caller,
    consent: str,
    signatory: str,
    channel: Channel,
    note: str | None,
    performed_by: Employee,
) -> dict[str, Any]:
    """Record it, effective at once; once more is no error, and recorded too (R4). The consent then.

    Any party that may know of the consent can record it, and is answered as one that knows it,
    also where the stop was at the very instant of its completion and it never covered anybody
    (R2). The employee stands in an entry of its own; the sealed statement names only their
    organisation. Raises NotFound, and InvalidInput for an unknown signatory.
    """
    file, _, _ = known_consent(uow, context, caller, consent)
    person = find_signatory(uow, consent, signatory)
    child = child_of(uow, file)
    act = begin_act(uow, context, child)
    _refuse(uow, context, act, file, person, caller, channel)
    details = {"signatory": signatory, "channel": channel, **_noted(note)}
    event = consent_event(caller, "withdrawal_recorded", file, child, performed_by, details)
    context.journal.write(uow, event, act.now)
    return consent_as_known(uow, context, caller, file)


def take_withdrawal(uow: SignaturesUnit, context: Context, caller: Caller, told: Told) -> str:
    """Take a stop about a child, and record it wherever it belongs. The id of its entry.

    The entry is the taker's own and the same whatever was found: so that no stop is lost to a
    mistyped number, and so that nobody learns from it what others asked. Each request that it
    stops has an entry of its own in its controller's log, which names the taker and is not the
    taker's to read; what the employee noted stays in the taker's. Raises InvalidInput.
    """
    child_number, signer_number = _numbers(told)
    details = {
        "told": {"child": child_number.value, "signer": signer_number.value},
        "channel": told.channel,
        **({"purpose": told.purpose} if told.purpose else {}),
        **_noted(told.note),
    }
    taken = Event.by(
        caller,
        WITHDRAWAL_TAKEN,
        caller.organisation,
        employee=told.performed_by,
        details=details,
    )
    child = uow.children.find(child_number)
    if child is None:
        _read_as_if_there_were_one(uow)
        return context.journal.write(uow, taken, context.clock()).entry.id
    # Its row is held whether or not anything is found: what is asked meanwhile is stopped too.
    act = begin_act(uow, context, child)
    entry = context.journal.write(uow, taken, context.clock()).entry.id
    signer = uow.children.find_person(child.id, signer_number)
    for consent in _stopped(act.history, caller.organisation, told.purpose):
        file = uow.consents.get(consent, caller.organisation)
        asked = () if file is None else uow.consents.signatories(consent)
        for signatory in asked:
            if file is not None and signatory.person == signer:
                _stop(uow, context, caller, child, file, signatory, told.channel, entry)
    return entry


def _stopped(history: History, taker: str, purpose: str | None) -> tuple[str, ...]:
    """The requests a stop can reach: in every state, that name the taker, for what it is about.

    Its own come first: when they are stopped does not tell how many others there are.
    """
    purposes = None if purpose is None else history.overlapping(purpose)
    reached = [
        request
        for request in history.requests
        if taker in request.asked.parties and (purposes is None or request.purpose in purposes)
    ]
    reached.sort(key=lambda request: request.controller != taker)
    return tuple(request.consent for request in reached)


def _stop(
    uow: SignaturesUnit,
    context: Context,
    caller: Caller,
    child: ChildRef,
    file: ConsentFile,
    signatory: Signatory,
    channel: Channel,
    entry: str,
) -> None:
    act = begin_act(uow, context, child)
    _refuse(uow, context, act, file, signatory, caller, channel)
    details = {
        "signatory": signatory.id,
        "channel": channel,
        "taken_by": {"organisation": caller.organisation, "entry": entry},
    }
    recorded = Event(
        "withdrawal_recorded",
        file.controller,
        file.controller,
        child=child,
        consent=file.id,
        details=details,
    )
    context.journal.write(uow, recorded, act.now)


def _refuse(
    uow: SignaturesUnit,
    context: Context,
    act: ActInProgress,
    file: ConsentFile,
    signatory: Signatory,
    caller: Caller,
    channel: Channel,
) -> None:
    """Record the signer's no on the caller's word."""
    identity = IdentityEvidence(
        issuer=caller.organisation,
        subject=caller.organisation,
        loa=channel,
        time=act.now,
        id_token_sha256=None,
    )
    evidence = Evidence(identity, None, {}, caller.organisation)
    refuse(uow, context, act, file, signatory, evidence)


def _noted(note: str | None) -> Mapping[str, str]:
    return {"note": note} if note else {}


def _numbers(told: Told) -> tuple[CprNumber, CprNumber]:
    numbers: list[CprNumber] = []
    errors: list[FieldError] = []
    for text, pointer in ((told.child_cpr, "/child/cpr"), (told.signer_cpr, "/signer/cpr")):
        try:
            numbers.append(check_cpr(text, pointer))
        except InvalidInput as error:
            errors.extend(error.errors)
    if errors:
        raise InvalidInput(errors)
    child, signer = numbers
    return child, signer


def _read_as_if_there_were_one(uow: SignaturesUnit) -> None:
    """What nobody has anything about takes about as long as what somebody has."""
    try:
        uow.children.snapshot(NOBODY)
    except NotFound:
        return
