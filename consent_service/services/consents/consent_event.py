"""Entries about a consent, in the log of its controller."""

from collections.abc import Mapping
from typing import Any

from consent_service.services.consents.model import ConsentFile
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller, ChildRef, Employee


def consent_event(
    caller: Caller,
    type_: str,
    file: ConsentFile,
    child: ChildRef,
    performed_by: Employee,
    details: Mapping[str, Any],
) -> Event:
    """What an employee did about a consent."""
    return Event.by(
        caller,
        type_,
        file.controller,
        child=child,
        employee=performed_by,
        consent=file.id,
        details=details,
    )


def consent_viewed(caller: Caller, file: ConsentFile, child: ChildRef, view: str) -> Event:
    """That a system was shown something of a consent."""
    return Event.by(
        caller,
        "personal_data_viewed",
        file.controller,
        child=child,
        consent=file.id,
        details={"view": view},
    )
