"""After a restore: a controller confirms that its own records of a child agree with ours.

What was recorded after the copy was made is lost here, but may stand in the controller's case: a
withdrawal, a no, another holder. One employee records that nothing is missing (or that it has been
recorded again), another confirms it. It speaks for all the controller's records of the child.
"""

from consent_service.domain.consents.restored import awaited_controllers
from consent_service.domain.kernel.facts import ReconfirmationConfirmed, ReconfirmationRecorded
from consent_service.errors import Conflict
from consent_service.services.children.acts import begin_act, record
from consent_service.services.consents.consent_event import consent_event
from consent_service.services.consents.find_consent import child_of, controlled_consent
from consent_service.services.consents.four_eyes import (
    ASSERTED,
    check_client_may_confirm,
    recorded_by_another,
)
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, Employee


def record_reconfirmation(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    consent: str,
    basis: str,
    performed_by: Employee,
) -> str:
    """Record that the records agree, and what that rests on; it counts once confirmed.

    On any consent of the controller's about the child, one that has ended too. Returns its id.
    Raises NotFound, and Conflict where nothing is awaited from this controller.
    """
    file = controlled_consent(uow, caller, consent)
    act = begin_act(uow, context, child_of(uow, file))
    if file.controller not in awaited_controllers(act.history, act.now):
        detail = "No restore awaits a reconfirmation of this child's records from you."
        raise Conflict("nothing_to_reconfirm", detail)
    reconfirmation = context.new_id()
    fact = ReconfirmationRecorded(act.seq, act.now, reconfirmation, consent)
    details = {"reconfirmation": reconfirmation, "basis": basis}
    event = consent_event(caller, "reconfirmation_recorded", file, act.child, performed_by, details)
    record(uow, context, act, fact, event)
    return reconfirmation


def confirm_reconfirmation(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    consent: str,
    reconfirmation: str,
    performed_by: Employee,
) -> None:
    """Confirm what a colleague recorded. Confirming again changes nothing.

    Raises NotFound, LoginRequired, and Conflict when the same employee recorded it.
    """
    file = controlled_consent(uow, caller, consent)
    check_client_may_confirm(uow, file)
    act = begin_act(uow, context, child_of(uow, file))
    if any(
        isinstance(fact, ReconfirmationConfirmed) and fact.reconfirmation == reconfirmation
        for fact in act.history.facts
    ):
        return
    recorded_by_another(uow, file, "reconfirmation_recorded", reconfirmation, performed_by)
    fact = ReconfirmationConfirmed(act.seq, act.now, reconfirmation, consent)
    details = {"reconfirmation": reconfirmation, **ASSERTED}
    event = consent_event(
        caller, "reconfirmation_confirmed", file, act.child, performed_by, details
    )
    record(uow, context, act, fact, event)
