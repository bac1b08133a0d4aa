"""What claims amount to, and how long a session lives: tables of cases."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_service.domain.access.staff import (
    ClaimMeanings,
    NoStanding,
    RoleGrant,
    SessionLimits,
    SessionTimes,
    StaffRole,
    Standing,
    ending_of,
    is_alive,
    standing_of,
)

BEGAN = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
LIMITS = SessionLimits(timedelta(minutes=30), timedelta(hours=8))
MINUTE, MOMENT = timedelta(minutes=1), timedelta(microseconds=1)
DPO, OPERATOR = StaffRole.DPO, StaffRole.OPERATOR


@pytest.mark.parametrize(
    ("last_seen", "ended", "now", "ending"),
    [
        (0, None, timedelta(0), None),
        (0, None, 30 * MINUTE - MOMENT, None),
        (0, None, 30 * MINUTE, "idle"),
        (29, None, 30 * MINUTE, None),
        (450, None, 480 * MINUTE - MOMENT, None),
        (479, None, 480 * MINUTE - MOMENT, None),
        (479, None, 480 * MINUTE, "too_old"),
        # Ended says more than idle, and cannot be undone by a clock.
        (0, 5, 6 * MINUTE, "ended"),
        (0, 5, 4 * MINUTE, "ended"),
        (0, 5, 900 * MINUTE, "ended"),
        # Another process's clock may be a minute behind; a day behind proves nothing.
        (0, None, -MINUTE, None),
        (0, None, -MINUTE - MOMENT, "too_old"),
        (0, None, -1440 * MINUTE, "too_old"),
    ],
)
def test_how_long_a_session_lives(
    last_seen: int, ended: int | None, now: timedelta, ending: str | None
) -> None:
    ended_at = None if ended is None else BEGAN + ended * MINUTE
    session = SessionTimes(BEGAN, BEGAN + last_seen * MINUTE, ended_at)
    assert ending_of(session, LIMITS, BEGAN + now) == ending
    assert is_alive(session, LIMITS, BEGAN + now) is (ending is None)


@given(st.timedeltas(timedelta(0), timedelta(hours=20)), st.timedeltas(timedelta(0)))
def test_what_is_over_stays_over_unless_it_was_used(used: timedelta, later: timedelta) -> None:
    session = SessionTimes(BEGAN, BEGAN + min(used, timedelta(hours=8)))
    now = BEGAN + used
    later = min(later, timedelta(days=300))
    assert is_alive(session, LIMITS, now) or not is_alive(session, LIMITS, now + later)


MEANINGS = ClaimMeanings(
    home="host",
    roles={
        "dpo-x": RoleGrant(DPO, "x"),
        "dpo-z": RoleGrant(DPO, "z"),
        "dpo": RoleGrant(DPO),
        "op": RoleGrant(OPERATOR),
        "op-x": RoleGrant(OPERATOR, "x"),
    },
    organisations={"12345678": "x", "87654321": "z"},
)


@pytest.mark.parametrize(
    ("roles", "organisations", "standing"),
    [
        (["dpo-x"], [], Standing("x", frozenset({DPO}))),
        (["printer", "dpo-x"], ["unheard of"], Standing("x", frozenset({DPO}))),
        (["op"], [], Standing("host", frozenset({OPERATOR}))),
        (["op"], ["12345678"], Standing("host", frozenset({OPERATOR}))),
        (["op-x"], [], Standing("x", frozenset({OPERATOR}))),
        (["dpo-x", "op"], [], Standing("x", frozenset({DPO, OPERATOR}))),
        (["dpo"], ["12345678"], Standing("x", frozenset({DPO}))),
        (["dpo", "dpo-x"], ["12345678"], Standing("x", frozenset({DPO}))),
        # What the role says itself, the other claim does not change.
        (["dpo-x"], ["87654321"], Standing("x", frozenset({DPO}))),
        ([], [], "no_role"),
        ([], ["12345678"], "no_role"),
        (["DPO-X", "dpo-x ", "", "dpo"[:2]], [], "no_role"),
        (["x", "dpo_x"], ["12345678"], "no_role"),
        (["dpo"], [], "no_organisation"),
        (["dpo"], ["x"], "no_organisation"),
        (["dpo-x", "dpo-z"], [], "several_organisations"),
        (["dpo"], ["12345678", "87654321"], "several_organisations"),
        (["dpo", "dpo-z"], ["12345678"], "several_organisations"),
        (["dpo-z", "op-x"], [], "several_organisations"),
    ],
)
def test_what_claims_amount_to(
    roles: list[str], organisations: list[str], standing: Standing | str
) -> None:
    if isinstance(standing, Standing):
        assert standing_of(roles, organisations, MEANINGS) == standing
    else:
        with pytest.raises(NoStanding) as refused:
            standing_of(roles, organisations, MEANINGS)
        assert refused.value.code == standing
