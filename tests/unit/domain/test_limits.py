"""How much one organisation may have recorded about a child: counted from the facts alone."""

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
from consent_service.domain.kernel.limits import A_DAY, LIMITS, Limited, free_at, recorded
from tests.unit.domain.story import MUNI, OTHER_MUNI, Story

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ALL = Scope(frozenset({"a", "b"}), frozenset({"c"}))
COUNTED: dict[Limited, Fact] = {
    Limited.PAPER_GRANT: PaperRecorded(9, NOW, "p", "own", "m", ActKind.GRANT, ALL, NOW),
    Limited.PAPER_LIFT: PaperRecorded(9, NOW, "p", "own", "m", ActKind.LIFT, None, NOW),
    Limited.EXEMPTION: ExemptionRecorded(9, NOW, "e", "own", "m", None),
    Limited.CUSTODY_CHANGE: CustodyChange(9, NOW, MUNI, (), NOW, "c"),
    Limited.CUSTODY_CORRECTION: CustodyChange(9, NOW, MUNI, (), NOW, "d", "c"),
}
NEVER_COUNTED: tuple[Fact, ...] = (
    *(Act(9, NOW, "own", "m", kind, None, NOW) for kind in ActKind if kind is not ActKind.GRANT),
    Act(9, NOW, "own", "m", ActKind.GRANT, ALL, NOW, paper="p", attested_by=MUNI),
    PaperRecorded(9, NOW, "p", "own", "m", ActKind.DECLINE, None, NOW),
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


def test_there_is_room_again_after_24_hours_and_not_a_moment_before() -> None:
    assert free_at(None, NOW) is None
    assert free_at(NOW - A_DAY, NOW) is None
    almost = NOW - A_DAY + timedelta(microseconds=1)
    assert free_at(almost, NOW) == NOW + timedelta(microseconds=1)


def test_every_kind_has_its_limit_and_each_change_can_be_corrected_twice() -> None:
    assert set(LIMITS) == set(Limited)
    changes, corrections = LIMITS[Limited.CUSTODY_CHANGE], LIMITS[Limited.CUSTODY_CORRECTION]
    assert corrections.altogether >= 2 * changes.altogether
