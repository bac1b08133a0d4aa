"""What asking and disclosing share: the facts decided upon, and how a decision is said."""

from collections.abc import Iterable
from datetime import datetime

from consent_service.domain.consents.state import Reason, ReasonCode
from consent_service.domain.disclosures.decision import Decision, Denied, Permitted, decide_transfer
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import History
from consent_service.services.children.acts import moment_after
from consent_service.services.children.limits import admit
from consent_service.services.children.ports import Snapshot
from consent_service.services.consents.find_consent import NOBODY
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.consents.reasons import reason_json
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, ChildRef

UNKNOWN = Snapshot(NOBODY, 0, History(()))
"""What is known of a child that nobody knows. Its row, once there is one, begins with version 0."""


def outcome_of(decision: Decision | None) -> str:
    """What the log calls it."""
    if decision is None:
        return "recorded"
    return "permitted" if isinstance(decision, Permitted) else "denied"


def reasons_json(decision: Decision | None) -> list[dict[str, str]]:
    """The reasons of a denial as its caller is told them; none for anything else."""
    return _each_once(decision.reasons) if isinstance(decision, Denied) else []


def logged_reasons_json(decision: Decision | None) -> list[dict[str, str]]:
    """The same as the log has them, which the consent's controller reads as well."""
    if not isinstance(decision, Denied):
        return []
    return _each_once(decision.reasons if decision.logged is None else decision.logged)


def _each_once(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    unique: list[dict[str, str]] = []
    for reason in map(reason_json, reasons):
        if reason not in unique:
            unique.append(reason)
    return unique


def attested_by_json(decision: Decision | None) -> dict[str, list[str]]:
    """On whose word a permission rests, where it does: a paper's, an exemption's (R5b)."""
    if not isinstance(decision, Permitted) or not decision.attested_by:
        return {}
    return {"attested_by": list(decision.attested_by)}


def snapshot_of(uow: ConsentsUnit, cpr: CprNumber) -> Snapshot:
    """The facts about a child; about one that nobody knows there are none."""
    return uow.children.snapshot_by_cpr(cpr) or UNKNOWN


def child_of_entry(
    uow: ConsentsUnit,
    snapshot: Snapshot,
    controller: str,
    cpr: CprNumber,
    now: datetime,
    *,
    always: bool = False,
) -> ChildRef:
    """The child whose key seals an entry in this controller's log.

    One that is new to the controller is added, so that the entry is found by the child and erased
    with it. Raises LimitReached, and then nothing was added; never with `always`.
    """
    if controller in snapshot.filed_by:
        return ChildRef(snapshot.child, cpr)
    return admit(uow, controller, cpr, now, always=always)


def moment_of(snapshot: Snapshot, context: Context) -> datetime:
    """Now, later than every fact that can be read. Raises Unavailable for a clock behind them."""
    now = context.clock()
    return now if snapshot.facts is None else moment_after(snapshot.facts, now)


def decide_by(
    snapshot: Snapshot, transfer: Transfer, caller: Caller, instant: datetime
) -> Decision:
    """The decision at an instant; facts that cannot be read permit nothing."""
    if snapshot.facts is None:
        return Denied((Reason(ReasonCode.UNVERIFIABLE),))
    return decide_transfer(snapshot.facts, transfer, caller.organisation, instant)


def consent_and_controller(decision: Decision | None, caller: Caller) -> tuple[str | None, str]:
    """The consent a decision rests on, and whose log it belongs to: without one, the caller's."""
    if decision is None:
        return None, caller.organisation
    return decision.consent, decision.controller or caller.organisation
