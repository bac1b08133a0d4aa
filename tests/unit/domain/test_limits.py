"""How much one organisation may have recorded about a child: counted from the facts alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CustodyChange,
    ExemptionConfirmed,
    ExemptionRecorded,
    ExemptionRevoked,
    Fact,
    History,
    LinkIssued,
    PaperRecorded,
    PaperRejected,
    Scope,
)
from consent_service.domain.kernel.limits import LIMITS, Limit, Limited, recorded, wait
from tests.unit.domain.story import MUNI, OTHER_MUNI, Story

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ALL = Scope(frozenset({"a", "b"}), frozenset({"c"}))
DAY, YEAR = Limit(2, 1), Limit(3, 365)
COUNTED: dict[Limited, Fact] = {
    Limited.PAPER_GRANT: PaperRecorded(9, NOW, "p", "own", "m", ActKind.GRANT, ALL, NOW),
    Limited.EXEMPTION: ExemptionRecorded(9, NOW, "e", "own", "m", None),
    Limited.CUSTODY_CHANGE: CustodyChange(9, NOW, MUNI, (), NOW, "c"),
    Limited.CUSTODY_CORRECTION: CustodyChange(9, NOW, MUNI, (), NOW, "d", "c"),
}
NEVER_COUNTED: tuple[Fact, ...] = (
    *(Act(9, NOW, "own", "m", kind, None, NOW) for kind in ActKind if kind is not ActKind.GRANT),
    Act(9, NOW, "own", "m", ActKind.GRANT, ALL, NOW, paper="p", attested_by=MUNI),
    PaperRecorded(9, NOW, "p", "own", "m", ActKind.DECLINE, None, NOW),
    PaperRecorded(9, NOW, "p", "own", "m", ActKind.LIFT, None, NOW),
    PaperRejected(9, NOW, "p", "own"),
    ExemptionConfirmed(9, NOW, "e", "own"),
    ExemptionRevoked(9, NOW, "e", "own"),
    LinkIssued(9, NOW, "own", "m"),
    Cancellation(9, NOW, "own"),
)


def asked() -> History:
    """A request of each of two municipalities."""
    return Story().asks("own", by=MUNI).asks("other", by=OTHER_MUNI).history


@pytest.mark.parametrize("kind", COUNTED)
def test_each_kind_is_counted_apart_and_for_its_organisation_alone(kind: Limited) -> None:
    history = asked().with_fact(COUNTED[kind])
    assert recorded(history, MUNI, kind) == (NOW,)
    assert recorded(history, OTHER_MUNI, kind) == ()
    for other in set(COUNTED) - {kind}:
        assert recorded(history, MUNI, other) == ()
    assert len(recorded(history, MUNI, Limited.REQUEST)) == 1
    assert len(recorded(history, OTHER_MUNI, Limited.REQUEST)) == 1


def test_what_stops_or_ends_something_is_never_counted() -> None:
    for fact in NEVER_COUNTED:
        history = asked().with_fact(fact)
        for kind in set(Limited) - {Limited.REQUEST}:
            assert recorded(history, MUNI, kind) == (), fact


def of(*made: datetime) -> Callable[[int], datetime | None]:
    return lambda nth: made[-nth] if len(made) >= nth else None


def test_there_is_room_again_after_the_time_and_not_a_moment_before() -> None:
    assert wait([DAY], of(NOW), NOW) is None
    made = of(NOW - DAY.within, NOW)
    assert wait([DAY], made, NOW) is None
    assert wait([DAY], made, NOW - TICK) == (DAY, TICK)


def test_of_two_limits_the_one_that_takes_longer_is_told() -> None:
    made = of(NOW - timedelta(days=364), NOW, NOW)
    assert wait([DAY], made, NOW) == (DAY, timedelta(days=1))
    made = of(NOW - timedelta(days=300), NOW, NOW)
    assert wait([DAY, YEAR], made, NOW) == (YEAR, timedelta(days=65))


def test_every_kind_has_its_limits_and_none_is_for_ever() -> None:
    assert set(LIMITS) == set(Limited)
    for limits in LIMITS.values():
        assert {limit.days for limit in limits} in ({1}, {1, 365})
