"""What the acts about a consent answer with, over HTTP."""

from collections.abc import Callable

from consent_service.api.http.commands import employee
from consent_service.api.http.endpoint import Call, Reply
from consent_service.services.consents.view_consent import consent_as_it_stands
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, Employee
from consent_service.services.units import UnitOfWork

OnRecord = Callable[[UnitOfWork, Context, Caller, str, str, Employee], None]
"""What an employee does with an exemption or a paper that was recorded: unit, consent, its id."""


def as_it_stands(call: Call) -> Reply:
    """The consent that the path names, after an act about it."""
    consent = call.path["consent_id"]
    return Reply(200, consent_as_it_stands(call.uow, call.context, call.caller, consent))


def on_record(call: Call, act: OnRecord, named: str) -> Reply:
    """What an employee does with what the path names, and the consent as it stands then."""
    consent, record = call.path["consent_id"], call.path[named]
    act(call.uow, call.context, call.caller, consent, record, employee(call.body))
    return as_it_stands(call)
