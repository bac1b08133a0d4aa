"""After a denial because custody is contradicted: whose own look-up is to be checked (R5e)."""

from datetime import datetime

from consent_service.domain.consents.lookups import names_another_holder
from consent_service.domain.disclosures.decision import Decision, Denied
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.services.children.ports import Snapshot
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.consents.work import note_custody_to_check
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import ChildRef

CUSTODY_CONTRADICTED = "custody_contradicted"


def note_contradiction(
    uow: ConsentsUnit,
    context: Context,
    snapshot: Snapshot,
    cpr: CprNumber,
    transfer: Transfer,
    decision: Decision | None,
    now: datetime,
) -> None:
    """Ask sender and recipient to look custody up again, where their own facts are the cause.

    That is where they name a holder whom those of the denied consent's controller do not. Noted
    before the denial is: when the service ends in between, a look-up too many is harmless.
    """
    if snapshot.facts is None or not isinstance(decision, Denied) or decision.controller is None:
        return
    if all(reason.code.value != CUSTODY_CONTRADICTED for reason in decision.reasons):
        return
    for organisation in (transfer.sender, transfer.recipient):
        if names_another_holder(snapshot.facts, organisation, decision.controller, now):
            note_custody_to_check(uow, context, organisation, ChildRef(snapshot.child, cpr), now)
