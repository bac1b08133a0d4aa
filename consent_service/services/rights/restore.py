"""Bring in a database that was put back from an older copy, so that it can be used again.

What was recorded since the copy is lost. So the log goes on under another name from where the copy
ends, and what was signed beyond that under the old name contradicts nothing. What had been erased
is erased again, no signer is logged in any more, and consents are held until those who know the
child have looked (`domain.consents.restored`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from consent_service.errors import NotFound
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Employee
from consent_service.services.rights.erase import Approval, Erased, erase_again
from consent_service.services.rights.erased import LostErasure
from consent_service.services.rights.ports import RightsUnit

RESTORED = "database_restored"
"""The type of the first entry under the new name."""


@dataclass(frozen=True)
class KnownOutside:
    """What is known of the time that the restored database has forgotten.

    `checkpoint` is the newest from before the restore, of a tree of `size` entries; `name` is what
    the restored database's log is called. `erasures` are those that it may have forgotten.
    """

    checkpoint: str
    size: int
    name: str
    erasures: Sequence[LostErasure]


@dataclass(frozen=True)
class Restored:
    """A restore that is ready to be committed: from which position on, and its entry."""

    first_index: int
    entry: str
    erased: Sequence[Erased] = field(repr=False)


def bring_in(
    uow: RightsUnit,
    context: Context,
    organisation: str,
    known: KnownOutside,
    approval: Approval,
) -> Restored:
    """All that is done to the database, in one transaction; logged for who runs the service.

    Raises InvalidInput, NotFound for an unknown organisation, and Conflict.
    """
    if not uow.catalogue.has_organisation(organisation):
        raise NotFound("There is no such organisation.")
    now = context.clock()
    first = uow.restoring.begin_name(known.name, context.journal.origin, known.checkpoint)
    details = {
        "approved_by": {"id": approval.approved_by},
        "reason": approval.words,
        "entries": first,
        "entries_signed": known.size,
        "performed_by": {"id": approval.performed_by},
    }
    who = Employee(approval.performed_by, approval.performed_by)
    event = Event(RESTORED, organisation, organisation, employee=who, details=details)
    prepared = context.journal.write(uow, event, now)
    erased = erase_again(uow, context, known.erasures, approval)
    uow.restoring.end_sessions()
    # A name begins with an entry: no checkpoint is signed for the size that the one before had.
    uow.erasures.integrate()
    return Restored(first, prepared.entry.id, erased)
