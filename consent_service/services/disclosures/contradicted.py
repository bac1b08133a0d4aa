"""After a denial because custody is contradicted: whose own look-up is to be checked (R5e)."""

from datetime import datetime

from consent_service.domain.disclosures.decision import Decision, Denied
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.services.children.ports import Snapshot
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.consents.work import note_custody_to_check
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import ChildRef


def note_contradiction(
    uow: ConsentsUnit,
    context: Context,
    snapshot: Snapshot,
    cpr: CprNumber,
    decision: Decision | None,
    now: datetime,
) -> None:
    """Ask sender and recipient to look custody up again, where their own facts are the cause.

    Noted before the denial is: when the service ends in between, a look-up too many is harmless.
    """
    if isinstance(decision, Denied):
        for organisation in decision.custody_to_check:
            note_custody_to_check(uow, context, organisation, ChildRef(snapshot.child, cpr), now)
