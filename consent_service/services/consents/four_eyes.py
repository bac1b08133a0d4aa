"""What one employee records and another confirms: exemptions (R1) and papers (R3)."""

from collections.abc import Mapping
from typing import Any

from consent_service.domain.kernel.employee import is_same_person
from consent_service.errors import Conflict, NotFound
from consent_service.services.consents.model import ConsentFile
from consent_service.services.consents.ports import ConsentsUnit, TwoPersonKind
from consent_service.services.kernel.model import Employee


def recorded_by_another(
    uow: ConsentsUnit, file: ConsentFile, kind: TwoPersonKind, named: str, confirms: Employee
) -> Mapping[str, Any]:
    """What a first employee recorded: the body of its entry in the log.

    Raises NotFound, and Conflict when the one who confirms is the one who recorded it.
    """
    entry = uow.consents.recorded_in(file.id, kind, named)
    if entry is None:
        raise NotFound("There is no such record.")
    body = uow.log.opened(entry, file.controller).body
    if is_same_person(body["performed_by"]["id"], confirms.id):
        raise Conflict("same_employee", "Another employee than the one who recorded it confirms.")
    return body
