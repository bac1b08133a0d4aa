"""A family told one of the parties, orally or by letter: an employee records the withdrawal."""

from typing import Literal

from consent_service.domain.consents.signers import may_act
from consent_service.errors import Conflict
from consent_service.services.children.acts import begin_act
from consent_service.services.consents.consent_event import consent_event
from consent_service.services.consents.find_consent import child_of, find_signatory, known_consent
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, Employee
from consent_service.services.signatures.ports import SignaturesUnit
from consent_service.services.signatures.sign import Evidence, refuse
from consent_service.signing.statement import IdentityEvidence


def record_withdrawal(
    uow: SignaturesUnit,
    context: Context,
    caller: Caller,
    consent: str,
    signatory: str,
    channel: Literal["oral", "letter"],
    note: str | None,
    performed_by: Employee,
) -> None:
    """Record it, effective at once; once more is no error, and recorded too (R4).

    Any party that may know of the consent can record it. The employee stands in an entry of its
    own; the sealed statement names only their organisation. Raises NotFound, InvalidInput for an
    unknown signatory, and Conflict for one who has no say now.
    """
    file, _, _ = known_consent(uow, context, caller, consent)
    person = find_signatory(uow, consent, signatory)
    child = child_of(uow, file)
    act = begin_act(uow, context, child)
    if person.person not in may_act(act.history, act.history.request(consent), act.now):
        raise Conflict("signatory_without_standing", "This person has no part in the consent now.")
    identity = IdentityEvidence(
        issuer=caller.organisation,
        subject=caller.organisation,
        loa=channel,
        time=act.now,
        id_token_sha256=None,
    )
    refuse(uow, context, act, file, person, Evidence(identity, None, {}, caller.organisation))
    details = {"signatory": signatory, "channel": channel, **({"note": note} if note else {})}
    event = consent_event(caller, "withdrawal_recorded", file, child, performed_by, details)
    context.journal.write(uow, event, act.now)
