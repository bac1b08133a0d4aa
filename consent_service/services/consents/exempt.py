"""Excuse a holder who cannot sign: one employee records why, another confirms it (R1)."""

from dataclasses import dataclass
from datetime import date, timedelta

from consent_service.domain.consents.signers import Exemption, exemptions, required_signers
from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.calendar import local_date, local_instant
from consent_service.domain.kernel.facts import (
    ExemptionConfirmed,
    ExemptionReason,
    ExemptionRecorded,
    ExemptionRevoked,
    Role,
)
from consent_service.domain.kernel.limits import Limited
from consent_service.errors import Conflict, InvalidInput, NotFound
from consent_service.services.children.acts import ActInProgress, begin_act, record
from consent_service.services.children.limits import check_room
from consent_service.services.consents.consent_event import consent_event
from consent_service.services.consents.find_consent import (
    child_of,
    controlled_consent,
    find_signatory,
)
from consent_service.services.consents.four_eyes import (
    ASSERTED,
    check_client_may_confirm,
    recorded_by_another,
)
from consent_service.services.consents.model import ConsentFile
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, Employee


@dataclass(frozen=True)
class ExemptionDraft:
    """Why a holder need not sign; `valid_until` is the last day it holds."""

    signatory: str
    reason: ExemptionReason
    provision: str
    evidence_reference: str
    valid_until: date | None
    note: str | None
    performed_by: Employee


def record_exemption(
    uow: ConsentsUnit, context: Context, caller: Caller, consent: str, draft: ExemptionDraft
) -> str:
    """Record an exemption, which counts only once confirmed. Returns its id.

    Raises NotFound, InvalidInput for the child or an unknown signatory, Conflict for a consent
    that is final, and LimitReached.
    """
    file = controlled_consent(uow, caller, consent)
    signatory = find_signatory(uow, consent, draft.signatory)
    if signatory.role is Role.CHILD:
        raise InvalidInput.field("/signatory", "Only a custody holder can be excused.")
    act = _begin(uow, context, file)
    if draft.valid_until is not None and draft.valid_until < local_date(act.now):
        raise InvalidInput.field("/valid_until", "This is in the past.")
    check_room(act, caller.organisation, Limited.EXEMPTION)
    ends_at = local_instant(draft.valid_until + timedelta(days=1)) if draft.valid_until else None
    exemption = context.new_id()
    fact = ExemptionRecorded(
        act.seq, act.now, exemption, consent, signatory.person, ends_at, draft.reason
    )
    details = {
        "exemption": exemption,
        "signatory": signatory.id,
        "reason": draft.reason.value,
        "provision": draft.provision,
        "evidence_reference": draft.evidence_reference,
        "valid_until": draft.valid_until.isoformat() if draft.valid_until else None,
        **({"note": draft.note} if draft.note else {}),
    }
    event = consent_event(
        caller, "exemption_recorded", file, act.child, draft.performed_by, details
    )
    record(uow, context, act, fact, event)
    return exemption


def confirm_exemption(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    consent: str,
    exemption: str,
    performed_by: Employee,
) -> None:
    """Confirm what a colleague recorded. Confirming again changes nothing.

    Raises NotFound, LoginRequired, and Conflict when the same employee recorded it, when it has
    ended, or when nobody who can sign would be left.
    """
    file = controlled_consent(uow, caller, consent)
    check_client_may_confirm(uow, file)
    act = _begin(uow, context, file)
    found = _find(act, consent, exemption)
    if found.confirmed_at is not None:
        return
    if found.ended_at is not None and found.ended_at <= act.now:
        raise Conflict("exemption_ended", "This exemption has ended.")
    recorded_by_another(uow, file, "exemption_recorded", exemption, performed_by)
    fact = ExemptionConfirmed(act.seq, act.now, exemption, consent)
    request = act.history.request(consent)
    if not required_signers(act.history.with_fact(fact), request, act.now):
        detail = "Below 15 at least one holder must grant: this would leave nobody to sign."
        raise Conflict("nobody_left_to_sign", detail)
    details = {"exemption": exemption, **ASSERTED}
    event = consent_event(caller, "exemption_confirmed", file, act.child, performed_by, details)
    record(uow, context, act, fact, event)


def revoke_exemption(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    consent: str,
    exemption: str,
    performed_by: Employee,
) -> None:
    """End an exemption at once. Revoking one that has ended changes nothing. Raises NotFound."""
    file = controlled_consent(uow, caller, consent)
    act = _begin(uow, context, file)
    found = _find(act, consent, exemption)
    if found.ended_at is not None and found.ended_at <= act.now:
        return
    fact = ExemptionRevoked(act.seq, act.now, exemption, consent)
    details = {"exemption": exemption}
    event = consent_event(caller, "exemption_revoked", file, act.child, performed_by, details)
    record(uow, context, act, fact, event)


def _begin(uow: ConsentsUnit, context: Context, file: ConsentFile) -> ActInProgress:
    act = begin_act(uow, context, child_of(uow, file))
    if not state_at(act.history, file.id, act.now).is_live:
        raise Conflict("consent_not_live", "This consent has ended already.")
    return act


def _find(act: ActInProgress, consent: str, exemption: str) -> Exemption:
    for candidate in exemptions(act.history, consent):
        if candidate.id == exemption:
            return candidate
    raise NotFound("There is no such exemption.")
