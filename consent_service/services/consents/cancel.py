"""The controller takes a request back: for the future only, in every live state."""

from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.facts import Cancellation, CancellationReason
from consent_service.errors import Conflict
from consent_service.services.children.acts import begin_act, record
from consent_service.services.consents.consent_event import consent_event
from consent_service.services.consents.find_consent import child_of, controlled_consent
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, Employee


def cancel(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    consent: str,
    reason: CancellationReason,
    note: str | None,
    performed_by: Employee,
) -> None:
    """Cancel a live consent. Raises NotFound, and Conflict when it is final already."""
    file = controlled_consent(uow, caller, consent)
    child = child_of(uow, file)
    act = begin_act(uow, context, child)
    if not state_at(act.history, consent, act.now).is_live:
        raise Conflict("consent_not_live", "This consent has ended already.")
    details = {"reason": reason.value, **({"note": note} if note else {})}
    event = consent_event(caller, "consent_cancelled", file, child, performed_by, details)
    fact = Cancellation(act.seq, act.now, consent, reason)
    record(uow, context, act, fact, event)
