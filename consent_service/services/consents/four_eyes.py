"""What one employee records and another confirms: exemptions (R1), papers and lifts (R3, R5c).

And, after a restore, that the records of a child agree.

A client says which of its organisation's employees is behind it, and nobody here can check that:
such a confirmation is asserted by the client, and its entry in the log says so. Where the
organisation wants a confirmation to come by another login of its staff, no client confirms.
"""

from collections.abc import Mapping
from typing import Any

from consent_service.domain.kernel.employee import is_same_person
from consent_service.errors import Conflict, LoginRequired, NotFound
from consent_service.services.consents.model import ConsentFile
from consent_service.services.consents.ports import ConsentsUnit, TwoPersonKind
from consent_service.services.kernel.model import Employee

ASSERTED: Mapping[str, str] = {"confirmation": "asserted_by_client"}
"""What the entry of a client's confirmation says of itself."""


def check_client_may_confirm(uow: ConsentsUnit, file: ConsentFile) -> None:
    """Raise LoginRequired where the controller wants another login for it.

    What the controller wants stays as it is read here until the unit of work ends: once a change
    of it was answered, no client's confirmation comes after.
    """
    if uow.catalogue.hold_confirmation(file.controller) == "login":
        raise LoginRequired("Your organisation wants this confirmed by another login of its staff.")


def recorded_by_another(
    uow: ConsentsUnit, file: ConsentFile, kind: TwoPersonKind, named: str, confirms: Employee
) -> Mapping[str, Any]:
    """What a first employee recorded: the body of its entry in the log.

    Raises NotFound, and Conflict when the one who confirms is, or may be, the one who recorded it.
    """
    entry = uow.consents.recorded_in(file.id, kind, named)
    if entry is None:
        raise NotFound("There is no such record.")
    body = uow.log.opened(entry, file.controller).body
    if is_same_person(body["performed_by"]["id"], confirms.id):
        raise Conflict("same_employee", "Another employee than the one who recorded it confirms.")
    return body
