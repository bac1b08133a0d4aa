"""Every act about a child runs through here: take the child's row, read the clock, record (R8)."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from consent_service.audit.receipt import SEAL_TYPES
from consent_service.domain.kernel.facts import Fact, History
from consent_service.domain.kernel.records import write_fact
from consent_service.errors import Unavailable
from consent_service.services.children.ports import ChildrenUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event, Prepared
from consent_service.services.kernel.model import ChildRef
from consent_service.signing.canonical import canonical_json

CLOCK_TOLERANCE = timedelta(seconds=5)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class ActInProgress:
    """The child's row is held until the commit; `seq` and `now` belong to this act alone."""

    child: ChildRef
    seq: int
    now: datetime
    history: History


def begin_act(uow: ChildrenUnit, context: Context, child: ChildRef) -> ActInProgress:
    """Take the child's row, then read the facts and, once, the clock."""
    seq = uow.children.begin_act(child.id)
    history = uow.children.snapshot(child.id).history
    return ActInProgress(child, seq, moment_after(history, context.clock()), history)


def moment_after(history: History, clock: datetime) -> datetime:
    """The clock's instant, later than every recorded fact.

    Raises Unavailable when the clock is more than five seconds behind the newest fact: one of
    the two is wrong, and nothing may be decided by it. What the operator has registered counts
    at once as well, by however little the operator's clock is ahead; a clock that is further ahead
    is wrong, and stops nobody from acting (R5g).
    """
    newest = history.newest_at
    if newest is None:
        return clock
    if newest - clock > CLOCK_TOLERANCE:
        raise Unavailable("clock_behind", "The clock is behind what has been recorded.")
    registered = [o.since for o in history.overlaps if o.since - clock <= CLOCK_TOLERANCE]
    return max(clock, newest + _TICK, *registered)


def record(
    uow: ChildrenUnit, context: Context, act: ActInProgress, fact: Fact, event: Event
) -> Prepared:
    """Record the fact of an act together with its entry, which vouches for it.

    The entry's body carries the fact's SHA-256; a sealed act's carries the statement's instead.
    """
    fact_record = write_fact(fact, act.child.id, event.controller)
    if event.type not in SEAL_TYPES.values():
        digest = hashlib.sha256(canonical_json(fact_record.as_json())).hexdigest()
        event = replace(event, details={**event.details, "fact": digest})
    prepared = context.journal.write(uow, event, act.now)
    uow.children.append_fact(fact_record, prepared.entry.id)
    return prepared
