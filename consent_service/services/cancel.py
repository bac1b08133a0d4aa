"""The controller takes a request back: for the future only, in every live state."""

from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.facts import Cancellation
from consent_service.errors import Conflict
from consent_service.services.acts import begin_act, record
from consent_service.services.context import Context
from consent_service.services.find_consent import child_of, controlled_consent
from consent_service.services.journal import Event
from consent_service.services.model import Caller, Employee
from consent_service.services.ports import UnitOfWork


def cancel(
    uow: UnitOfWork,
    context: Context,
    caller: Caller,
    consent: str,
    reason: str,
    note: str | None,
    performed_by: Employee,
) -> None:
    """Cancel a live consent. Raises NotFound, and Conflict when it is final already."""
    file = controlled_consent(uow, caller, consent)
    child = child_of(uow, file)
    act = begin_act(uow, context, child)
    if not state_at(act.history, consent, act.now).is_live:
        raise Conflict("consent_not_live", "This consent has ended already.")
    event = Event.by(
        caller,
        "consent_cancelled",
        file.controller,
        child=child,
        employee=performed_by,
        consent=consent,
        details={"reason": reason, **({"note": note} if note else {})},
    )
    record(uow, context, act, Cancellation(act.seq, act.now, consent), event)
