"""Every status and every way between them (R2-R4, R9, R10, R13), to the microsecond."""

from datetime import timedelta

import pytest

from consent_service.domain.consents.state import ReasonCode, Status
from consent_service.domain.kernel.facts import Role
from consent_service.errors import Unreadable
from tests.unit.domain.story import (
    ASKED,
    BUA,
    CHILD,
    CHILD_ALONE,
    FATHER,
    GP,
    GUARDIAN,
    HEALTH,
    MICROSECOND,
    MOTHER,
    MUNI,
    OTHER_MUNI,
    SCHOOL,
    STEPFATHER,
    Story,
    codes,
    danish,
    in_force,
    just_after,
    just_before,
    scope,
)

R = ReasonCode
AWAITING, IN_FORCE, DECLINED = Status.AWAITING_SIGNATURES, Status.IN_FORCE, Status.DECLINED
LAPSED, WITHDRAWN, EXPIRED = Status.LAPSED, Status.WITHDRAWN, Status.EXPIRED
INCOMPLETE, CANCELLED, SUPERSEDED = Status.INCOMPLETE, Status.CANCELLED, Status.SUPERSEDED

LAPSE = "2024-03-23"
COMPLETE = "2024-03-03 12:00"
EXPIRY = "2025-03-02 12:00"
LATE = "2024-06-01 12:00"
ONLY_HEALTH = scope((MUNI, BUA, GP), (HEALTH,))
ONLY_SCHOOL = scope((MUNI, BUA, GP), (SCHOOL,))
ONLY_BUA = scope((MUNI, BUA), (HEALTH, SCHOOL))
ONLY_GP = scope((MUNI, GP), (HEALTH, SCHOOL))


def renewal(story: Story, when: str = "2024-05-20 12:00", name: str = "B") -> Story:
    """The consent's renewal, granted by the mother only."""
    return story.at(when).asks(name, renews="A").grants(MOTHER, consent=name)


TURNS = [
    # what happens; the instant; the status a microsecond before, and at and after it
    ("R2: the last grant puts it in force", in_force(), COMPLETE, AWAITING, IN_FORCE),
    (
        "R2: one of two grants does not",
        Story().asks().at(COMPLETE).grants(MOTHER),
        COMPLETE,
        AWAITING,
        AWAITING,
    ),
    (
        "R2: a sole holder's grant does",
        Story().asks(holders=(MOTHER,)).at(COMPLETE).grants(MOTHER),
        COMPLETE,
        AWAITING,
        IN_FORCE,
    ),
    (
        "R1: a guardian's grant does",
        Story().asks(holders=(GUARDIAN,)).at(COMPLETE).grants(GUARDIAN),
        COMPLETE,
        AWAITING,
        IN_FORCE,
    ),
    (
        "R1: at 15 the parents' grants are not enough",
        Story("2009-01-10").asks().grants(MOTHER).at(COMPLETE).grants(FATHER),
        COMPLETE,
        AWAITING,
        AWAITING,
    ),
    (
        "R1: at 15 the child's grant completes it",
        Story("2009-01-10").asks().grants(MOTHER, FATHER).at(COMPLETE).grants(CHILD),
        COMPLETE,
        AWAITING,
        IN_FORCE,
    ),
    (
        "R1: child_15_alone needs no parent at 15",
        Story("2009-01-10").asks(rule=CHILD_ALONE).at(COMPLETE).grants(CHILD),
        COMPLETE,
        AWAITING,
        IN_FORCE,
    ),
    (
        "R1: child_15_alone needs the parents at 10",
        Story().asks(rule=CHILD_ALONE).grants(MOTHER).at(COMPLETE).grants(FATHER),
        COMPLETE,
        AWAITING,
        IN_FORCE,
    ),
    (
        "R1: at 18 the young person's grant is enough",
        Story("2006-01-10").asks().at(COMPLETE).grants(CHILD),
        COMPLETE,
        AWAITING,
        IN_FORCE,
    ),
    (
        "R9: it lapses at its instant",
        Story().asks().grants(MOTHER),
        LAPSE,
        AWAITING,
        LAPSED,
    ),
    ("R9: it lapses with no grant at all", Story().asks(), LAPSE, AWAITING, LAPSED),
    ("R9: in force it never lapses", in_force(), LAPSE, IN_FORCE, IN_FORCE),
    (
        "R4: a refusal makes it declined",
        Story().asks().grants(MOTHER).at(COMPLETE).declines(FATHER),
        COMPLETE,
        AWAITING,
        DECLINED,
    ),
    (
        "R4: the other's grant does not lift a refusal",
        Story().asks().declines(FATHER).at(COMPLETE).grants(MOTHER),
        COMPLETE,
        DECLINED,
        DECLINED,
    ),
    (
        "R4: the refuser's own grant lifts it",
        Story().asks().declines(FATHER).grants(MOTHER).at(COMPLETE).grants(FATHER),
        COMPLETE,
        DECLINED,
        IN_FORCE,
    ),
    (
        "R4: the refuser's own grant lifts it until the very lapse",
        Story().asks().declines(FATHER).grants(MOTHER).at(just_before(LAPSE)).grants(FATHER),
        LAPSE,
        IN_FORCE,
        IN_FORCE,
    ),
    (
        "R4: a second refusal is no error",
        Story().asks().declines(FATHER).at(COMPLETE).declines(FATHER),
        COMPLETE,
        DECLINED,
        DECLINED,
    ),
    (
        "R4: a grant may become a refusal",
        Story().asks().grants(FATHER).at(COMPLETE).declines(FATHER),
        COMPLETE,
        AWAITING,
        DECLINED,
    ),
    (
        "R2: a refusal stands at the lapse",
        Story().asks().declines(FATHER).grants(MOTHER),
        LAPSE,
        DECLINED,
        DECLINED,
    ),
    (
        "R5: grants with no category in common are a refusal",
        Story()
        .asks()
        .grants(MOTHER, keeping=ONLY_HEALTH)
        .at(COMPLETE)
        .grants(FATHER, keeping=ONLY_SCHOOL),
        COMPLETE,
        AWAITING,
        DECLINED,
    ),
    (
        "R5: grants with one party in common are a refusal",
        Story()
        .asks()
        .grants(MOTHER, keeping=ONLY_BUA)
        .at(COMPLETE)
        .grants(FATHER, keeping=ONLY_GP),
        COMPLETE,
        AWAITING,
        DECLINED,
    ),
    (
        "R5: a wider grant ends an empty scope",
        Story()
        .asks()
        .grants(MOTHER, keeping=ONLY_BUA)
        .grants(FATHER, keeping=ONLY_GP)
        .at(COMPLETE)
        .grants(FATHER),
        COMPLETE,
        DECLINED,
        IN_FORCE,
    ),
    (
        "R2: it completes when a holder is excused",
        Story().asks().grants(MOTHER).exemption(FATHER).at(COMPLETE).confirmed(),
        COMPLETE,
        AWAITING,
        IN_FORCE,
    ),
    (
        "R2: it completes when the refuser is excused",
        Story().asks().grants(MOTHER).declines(FATHER).at(COMPLETE).excuses(FATHER),
        just_after(COMPLETE),
        DECLINED,
        IN_FORCE,
    ),
    (
        "R2: it completes when a holder loses custody",
        Story().asks().grants(MOTHER).at(COMPLETE).custody_is(MOTHER),
        COMPLETE,
        AWAITING,
        IN_FORCE,
    ),
    (
        "R10: it completes at the date of a custody change",
        Story().asks().grants(MOTHER).custody_is(MOTHER, since="2024-03-10"),
        "2024-03-10",
        AWAITING,
        IN_FORCE,
    ),
    (
        "R2: it completes at the 18th birthday",
        Story("2006-03-10").asks().grants(CHILD),
        "2024-03-10",
        AWAITING,
        IN_FORCE,
    ),
    (
        "R2: it completes at the 18th birthday though a parent refused",
        Story("2006-03-10").asks().grants(CHILD).declines(FATHER),
        "2024-03-10",
        DECLINED,
        IN_FORCE,
    ),
    (
        "R1: a leap child's parents are released on 1 March",
        Story("2008-02-29").at("2026-02-20 10:00").asks().grants(CHILD),
        "2026-03-01",
        AWAITING,
        IN_FORCE,
    ),
    (
        "R1: below 15 it is not complete when every holder is excused",
        Story().asks().excuses(MOTHER, name="m").exemption(FATHER).at(COMPLETE).confirmed(),
        COMPLETE,
        AWAITING,
        AWAITING,
    ),
    (
        "R1: below 15 it is incomplete when every holder is excused later",
        in_force().excuses(MOTHER, name="m").exemption(FATHER).at(LATE).confirmed(),
        LATE,
        IN_FORCE,
        INCOMPLETE,
    ),
    (
        "R1: from 15 the child alone completes it when every holder is excused",
        Story("2009-01-10")
        .asks()
        .excuses(MOTHER, name="m")
        .excuses(FATHER)
        .at(COMPLETE)
        .grants(CHILD),
        COMPLETE,
        AWAITING,
        IN_FORCE,
    ),
    (
        "R1: the 15th birthday makes it incomplete",
        in_force("2009-06-10"),
        "2024-06-10",
        IN_FORCE,
        INCOMPLETE,
    ),
    (
        "R1: a leap child's 15th birthday is 28 February",
        in_force("2010-02-28"),
        "2025-02-28",
        IN_FORCE,
        INCOMPLETE,
    ),
    (
        "R1: child_15_alone is incomplete at 15 too",
        Story("2009-06-10").asks(rule=CHILD_ALONE).grants(MOTHER, FATHER),
        "2024-06-10",
        IN_FORCE,
        INCOMPLETE,
    ),
    (
        "R9: the child's grant puts it back in force",
        in_force("2009-06-10").at("2024-06-20 12:00").grants(CHILD),
        "2024-06-20 12:00",
        INCOMPLETE,
        IN_FORCE,
    ),
    (
        "R2: the child's refusal after the lapse ends it",
        in_force("2009-06-10").at("2024-06-20 12:00").declines(CHILD),
        "2024-06-20 12:00",
        INCOMPLETE,
        DECLINED,
    ),
    (
        "R10: a new holder makes it incomplete",
        in_force().at(LATE).custody_is(MOTHER, STEPFATHER),
        LATE,
        IN_FORCE,
        INCOMPLETE,
    ),
    (
        "R10: a new holder's grant puts it back in force",
        in_force().custody_is(MOTHER, STEPFATHER).at(LATE).grants(STEPFATHER),
        LATE,
        INCOMPLETE,
        IN_FORCE,
    ),
    (
        "R10: losing a holder keeps it in force",
        in_force().at(LATE).custody_is(MOTHER),
        LATE,
        IN_FORCE,
        IN_FORCE,
    ),
    (
        "R2: incomplete, it never lapses",
        in_force().custody_is(MOTHER, STEPFATHER),
        LAPSE,
        INCOMPLETE,
        INCOMPLETE,
    ),
    (
        "R2: incomplete, it still expires",
        in_force().custody_is(MOTHER, STEPFATHER),
        EXPIRY,
        INCOMPLETE,
        EXPIRED,
    ),
    (
        "R1: an exemption that is revoked makes it incomplete",
        Story().asks().grants(MOTHER).excuses(FATHER).at(LATE).revoked(),
        LATE,
        IN_FORCE,
        INCOMPLETE,
    ),
    (
        "R1: an exemption that is over makes it incomplete",
        Story().asks().grants(MOTHER).excuses(FATHER, until=LATE),
        LATE,
        IN_FORCE,
        INCOMPLETE,
    ),
    (
        "R1: an exemption that is over leaves a pending request pending",
        Story().asks().excuses(FATHER, until="2024-03-10"),
        "2024-03-10",
        AWAITING,
        AWAITING,
    ),
    (
        "R2: a refuser who is required again ends it after the lapse",
        Story().asks().grants(MOTHER).declines(FATHER).excuses(FATHER).at(LATE).revoked(),
        LATE,
        IN_FORCE,
        DECLINED,
    ),
    (
        "R1: the 18th birthday completes what the parents' change left incomplete",
        in_force("2006-06-10").at("2024-03-04").grants(CHILD).custody_is(MOTHER, STEPFATHER),
        "2024-06-10",
        INCOMPLETE,
        IN_FORCE,
    ),
    (
        "R4: one withdrawal is enough",
        in_force().at(LATE).withdraws(MOTHER),
        LATE,
        IN_FORCE,
        WITHDRAWN,
    ),
    (
        "R4: an excused holder's withdrawal is enough",
        in_force().excuses(FATHER).at(LATE).withdraws(FATHER),
        LATE,
        IN_FORCE,
        WITHDRAWN,
    ),
    (
        "R4: incomplete, it can be withdrawn",
        in_force().custody_is(MOTHER, STEPFATHER).at(LATE).withdraws(MOTHER),
        LATE,
        INCOMPLETE,
        WITHDRAWN,
    ),
    ("R3: it expires at its instant", in_force(), EXPIRY, IN_FORCE, EXPIRED),
    (
        "R3: a pending request may expire before it lapses",
        Story().asks(validity="P1W").at("2024-03-01 12:00").grants(MOTHER),
        "2024-03-08 12:00",
        AWAITING,
        EXPIRED,
    ),
    (
        "R3: a declined one may expire before it lapses",
        Story().asks(validity="P1W").at("2024-03-01 12:00").grants(MOTHER).declines(FATHER),
        "2024-03-08 12:00",
        DECLINED,
        EXPIRED,
    ),
    (
        "R2: a pending one can be cancelled",
        Story().asks().at(COMPLETE).cancels(),
        COMPLETE,
        AWAITING,
        CANCELLED,
    ),
    ("R2: one in force can be cancelled", in_force().at(LATE).cancels(), LATE, IN_FORCE, CANCELLED),
    (
        "R2: an incomplete one can be cancelled",
        in_force().custody_is(MOTHER, STEPFATHER).at(LATE).cancels(),
        LATE,
        INCOMPLETE,
        CANCELLED,
    ),
    (
        "R2: a declined one can be cancelled before the lapse",
        Story().asks().declines(FATHER).at(COMPLETE).cancels(),
        COMPLETE,
        DECLINED,
        CANCELLED,
    ),
    (
        "R13: a renewal that awaits a signature changes nothing",
        renewal(in_force(), LATE),
        LATE,
        IN_FORCE,
        IN_FORCE,
    ),
    (
        "R13: superseded when the renewal is first in force",
        renewal(in_force()).at(LATE).grants(FATHER, consent="B"),
        LATE,
        IN_FORCE,
        SUPERSEDED,
    ),
    (
        "R13: superseded when the 18th birthday completes the renewal",
        in_force("2006-06-10")
        .grants(CHILD)
        .at(LATE)
        .asks("B", renews="A")
        .grants(CHILD, consent="B"),
        "2024-06-10",
        IN_FORCE,
        SUPERSEDED,
    ),
    (
        "R13: superseded when an exemption completes the renewal",
        renewal(in_force()).exemption(FATHER, "B").at(LATE).confirmed(consent="B"),
        LATE,
        IN_FORCE,
        SUPERSEDED,
    ),
    (
        "R13: an incomplete one is superseded too",
        renewal(in_force().custody_is(MOTHER, STEPFATHER), "2024-05-20 12:00")
        .custody_is(MOTHER, STEPFATHER)
        .at(LATE)
        .grants(STEPFATHER, consent="B"),
        LATE,
        INCOMPLETE,
        SUPERSEDED,
    ),
    (
        "R13: a refused renewal leaves the status as it was",
        renewal(in_force()).at(LATE).declines(FATHER, "B"),
        LATE,
        IN_FORCE,
        IN_FORCE,
    ),
]


@pytest.mark.parametrize(
    ("story", "instant", "before", "after"),
    [pytest.param(*row, id=name) for name, *row in TURNS],
)
def test_a_turn_happens_at_its_instant_to_the_microsecond(
    story: Story, instant: str, before: Status, after: Status
) -> None:
    assert story.state(when=just_before(instant)).status is before
    assert story.state(when=instant).status is after
    assert story.state(when=just_after(instant)).status is after


FINALS = [
    ("withdrawn", in_force().at("2024-05-01").withdraws(MOTHER), WITHDRAWN, "2024-05-01"),
    ("expired", in_force(validity="P2W"), EXPIRED, "2024-03-16 12:00"),
    ("cancelled", in_force().at("2024-05-01").cancels(), CANCELLED, "2024-05-01"),
    (
        "superseded",
        renewal(in_force(), "2024-04-20").at("2024-05-01").grants(FATHER, consent="B"),
        SUPERSEDED,
        "2024-05-01",
    ),
    (
        "superseded, though the renewal was withdrawn",
        in_force()
        .asks("B", renews="A")
        .grants(MOTHER, FATHER, consent="B")
        .at("2024-05-01")
        .withdraws(MOTHER, "B"),
        SUPERSEDED,
        danish(COMPLETE) + 3 * MICROSECOND,
    ),
    ("lapsed", Story().asks().grants(MOTHER), LAPSED, LAPSE),
    ("declined", Story().asks().declines(FATHER).grants(MOTHER), DECLINED, LAPSE),
    (
        "declined for its empty scope",
        Story().asks().grants(MOTHER, keeping=ONLY_BUA).grants(FATHER, keeping=ONLY_GP),
        DECLINED,
        LAPSE,
    ),
    (
        "declined long after the lapse",
        in_force().custody_is(MOTHER, STEPFATHER).at("2024-05-01").declines(STEPFATHER),
        DECLINED,
        "2024-05-01",
    ),
]
AFTERWARDS = [
    ("nothing", lambda story: story),
    ("the refuser loses custody", lambda story: story.custody_is(MOTHER)),
    ("the other loses custody", lambda story: story.custody_is(FATHER)),
    ("holders are excused", lambda story: story.excuses(FATHER).excuses(STEPFATHER, name="s")),
    ("it is cancelled", lambda story: story.cancels()),
    ("everybody grants", lambda story: story.grants(MOTHER, FATHER, STEPFATHER)),
    ("somebody withdraws", lambda story: story.withdraws(FATHER)),
    (
        "a renewal is in force",
        lambda story: story.asks("C", renews="A", holders=(MOTHER,)).grants(MOTHER, consent="C"),
    ),
]


@pytest.mark.parametrize(
    "afterwards", [pytest.param(then, id=f"then {name}") for name, then in AFTERWARDS]
)
@pytest.mark.parametrize(
    ("make", "status", "final_at"),
    [pytest.param(*row, id=name) for name, *row in FINALS],
)
def test_r2_the_first_final_state_stays(make, status, final_at, afterwards) -> None:  # type: ignore[no-untyped-def]
    story = Story()
    story.facts = list(make.facts)
    afterwards(story.at(LATE))
    for when in (LATE, just_after(LATE), "2024-06-02", "2025-03-02 12:00", "2033-01-01"):
        state = story.state(when=when)
        assert state.status is status
        assert state.final_at == danish(final_at)
        assert not state.is_live
        assert state.effective_scope is None


@pytest.mark.parametrize(
    ("story", "live"),
    [
        pytest.param(Story().asks(), True, id="awaiting"),
        pytest.param(in_force(), True, id="in force"),
        pytest.param(in_force().custody_is(MOTHER, STEPFATHER), True, id="incomplete"),
        pytest.param(Story().asks().declines(FATHER), True, id="declined before the lapse"),
        pytest.param(
            Story().asks().declines(FATHER).at(LAPSE), False, id="declined from the lapse"
        ),
        pytest.param(Story().asks().at(LAPSE), False, id="lapsed"),
        pytest.param(in_force().withdraws(MOTHER), False, id="withdrawn"),
        pytest.param(in_force().at(EXPIRY), False, id="expired"),
        pytest.param(Story().asks().cancels(), False, id="cancelled"),
    ],
)
def test_what_is_live(story: Story, live: bool) -> None:
    assert story.state().is_live is live


REASONS = [
    (
        "R5: nobody has signed",
        Story().asks(),
        {(R.MISSING_SIGNATURE, MOTHER), (R.MISSING_SIGNATURE, FATHER)},
    ),
    ("R5: one is missing", Story().asks().grants(MOTHER), {(R.MISSING_SIGNATURE, FATHER)}),
    (
        "R5: the child is missing",
        Story("2009-01-10").asks().grants(MOTHER, FATHER),
        {(R.MISSING_SIGNATURE, CHILD)},
    ),
    (
        "R5: nobody is left to sign",
        Story().asks(holders=(MOTHER,)).excuses(MOTHER),
        {(R.MISSING_SIGNATURE, None)},
    ),
    (
        "R5: somebody refused",
        Story().asks().grants(MOTHER).declines(FATHER),
        {(R.DECLINED, FATHER)},
    ),
    (
        "R5: both refused",
        Story().asks().declines(MOTHER).declines(FATHER),
        {(R.DECLINED, MOTHER), (R.DECLINED, FATHER)},
    ),
    (
        "R5: the scope is empty",
        Story().asks().grants(MOTHER, keeping=ONLY_BUA).grants(FATHER, keeping=ONLY_GP),
        {(R.SCOPE_EMPTY, None)},
    ),
    (
        "R5: it lapsed, and who is missing",
        Story().asks().grants(MOTHER).at(LAPSE),
        {(R.LAPSED, None), (R.MISSING_SIGNATURE, FATHER)},
    ),
    ("R5: who withdrew", in_force().withdraws(FATHER), {(R.WITHDRAWN, FATHER)}),
    ("R5: it expired", in_force().at(EXPIRY), {(R.EXPIRED, None)}),
    ("R5: it was cancelled", in_force().cancels(), {(R.CANCELLED, None)}),
    (
        "R5: it was superseded",
        in_force().asks("B", renews="A").grants(MOTHER, FATHER, consent="B"),
        {(R.SUPERSEDED, None)},
    ),
    (
        "R5: the young person must sign",
        in_force("2009-06-10").at("2024-06-10"),
        {(R.YOUNG_PERSON_MUST_SIGN, CHILD)},
    ),
    (
        "R5: custody changed",
        in_force().custody_is(MOTHER, STEPFATHER),
        {(R.CUSTODY_CHANGED, STEPFATHER)},
    ),
    (
        "R5: both at once",
        in_force("2009-06-10").custody_is(MOTHER, STEPFATHER).at("2024-06-10"),
        {(R.CUSTODY_CHANGED, STEPFATHER), (R.YOUNG_PERSON_MUST_SIGN, CHILD)},
    ),
    (
        "R5: an exemption was revoked",
        Story().asks().grants(MOTHER).excuses(FATHER).revoked(),
        {(R.MISSING_SIGNATURE, FATHER)},
    ),
    ("R5: in force has none", in_force(), set()),
]


@pytest.mark.parametrize(
    ("story", "reasons"), [pytest.param(*row, id=name) for name, *row in REASONS]
)
def test_why(story: Story, reasons: set[tuple[ReasonCode, str | None]]) -> None:
    assert codes(story.state().reasons) == reasons


def test_r5_a_reason_names_the_role() -> None:
    story = Story("2009-01-10").asks(holders=(MOTHER, GUARDIAN)).declines(GUARDIAN)
    declined, *missing = story.state().reasons
    assert (declined.code, declined.role) == (ReasonCode.DECLINED, Role.GUARDIAN)
    assert {(reason.code, reason.role) for reason in missing} == {
        (ReasonCode.MISSING_SIGNATURE, Role.CUSTODY_HOLDER),
        (ReasonCode.MISSING_SIGNATURE, Role.CHILD),
    }
    story.grants(GUARDIAN, MOTHER)
    assert [reason.role for reason in story.state().reasons] == [Role.CHILD]
    story.grants(CHILD).withdraws(MOTHER)
    assert [reason.role for reason in story.state().reasons] == [Role.CUSTODY_HOLDER]


SCOPES = [
    ("both keep all", ASKED, ASKED, ASKED),
    ("one leaves a category out", ONLY_HEALTH, ASKED, ONLY_HEALTH),
    ("one leaves a party out", ASKED, ONLY_BUA, ONLY_BUA),
    (
        "one leaves a party out, one a category",
        ONLY_HEALTH,
        ONLY_BUA,
        scope((MUNI, BUA), (HEALTH,)),
    ),
]


@pytest.mark.parametrize(
    ("mother", "father", "effective"), [pytest.param(*row, id=name) for name, *row in SCOPES]
)
def test_r5_the_effective_scope_is_the_intersection(mother, father, effective) -> None:  # type: ignore[no-untyped-def]
    story = Story().asks().grants(MOTHER, keeping=mother).grants(FATHER, keeping=father)
    state = story.state()
    assert state.status is IN_FORCE
    assert state.effective_scope == effective
    assert state.covered == effective.parties


def test_r5_a_signers_latest_grant_is_the_one_that_counts() -> None:
    story = in_force().at(LATE).grants(FATHER, keeping=ONLY_BUA)
    assert story.state(when=just_before(LATE)).effective_scope == ASKED
    assert story.state().effective_scope == ONLY_BUA
    assert story.state().covered == ASKED.parties, "it covered the third party once"
    assert story.grants(FATHER).state().effective_scope == ASKED


EXPIRIES = [
    ("from the first of two grants", in_force(), "2025-03-02 12:00"),
    (
        "also when its signer refused afterwards",
        Story()
        .asks()
        .at("2024-03-02 12:00")
        .grants(FATHER)
        .declines(FATHER)
        .at("2024-03-09 12:00")
        .grants(MOTHER, FATHER),
        "2025-03-02 12:00",
    ),
    (
        "also when its signer lost custody",
        Story()
        .asks()
        .at("2024-03-02 12:00")
        .grants(FATHER)
        .custody_is(MOTHER)
        .at("2024-03-09 12:00")
        .grants(MOTHER),
        "2025-03-02 12:00",
    ),
    (
        "also when its signer was excused",
        Story()
        .asks()
        .at("2024-03-02 12:00")
        .grants(FATHER)
        .excuses(FATHER)
        .at("2024-03-09 12:00")
        .grants(MOTHER),
        "2025-03-02 12:00",
    ),
    (
        "from midnight of the day a paper was signed",
        Story().asks().at("2024-03-06 12:00").grants(MOTHER, FATHER, signed="2024-03-04"),
        "2025-03-04 00:00",
    ),
    (
        "from an older paper that arrived later",
        Story().asks().at("2024-03-05 12:00").grants(MOTHER).grants(FATHER, signed="2024-03-02"),
        "2025-03-02 00:00",
    ),
    (
        "not from a newer paper",
        Story()
        .asks()
        .at("2024-03-02 12:00")
        .grants(MOTHER)
        .at("2024-03-06 12:00")
        .grants(FATHER, signed="2024-03-04"),
        "2025-03-02 12:00",
    ),
    ("earlier if the template says so", in_force(validity="P6M"), "2024-09-02 12:00"),
    (
        "a new holder's grant extends nothing",
        in_force().custody_is(MOTHER, STEPFATHER).at(LATE).grants(STEPFATHER),
        "2025-03-02 12:00",
    ),
    (
        "granting again extends nothing",
        in_force().at(LATE).grants(MOTHER, FATHER),
        "2025-03-02 12:00",
    ),
    (
        "29 February ends on 28 February",
        Story().at("2024-02-20 10:00").asks().at("2024-02-29 12:00").grants(MOTHER, FATHER),
        "2025-02-28 12:00",
    ),
    (
        "the same clock across summer time",
        Story().at("2024-03-20 10:00").asks().at("2024-03-30 12:00").grants(MOTHER, FATHER),
        "2025-03-30 12:00",
    ),
]


@pytest.mark.parametrize(
    ("story", "ends"), [pytest.param(*row, id=name) for name, *row in EXPIRIES]
)
def test_r3_one_year_after_the_earliest_grant_ever_made(story: Story, ends: str) -> None:
    assert story.state().expires_at == danish(ends)
    assert story.state(when=just_before(ends)).status is IN_FORCE
    state = story.state(when=ends)
    assert (state.status, state.final_at) == (EXPIRED, danish(ends))


def test_r3_nothing_expires_before_the_first_grant() -> None:
    assert Story().asks().declines(MOTHER).state().expires_at is None


def test_r3_a_paper_older_than_the_validity_is_expired_when_it_is_recorded() -> None:
    story = Story().asks(validity="P1W", holders=(MOTHER,)).at("2024-03-12 12:00")
    story.grants(MOTHER, signed="2024-03-02")
    assert story.state(when=just_before(story.clock)).status is AWAITING
    assert story.state().status is EXPIRED
    assert story.state().complete_at is None, "it was never in force"


def test_complete_at_is_the_first_time_in_force() -> None:
    story = in_force().custody_is(MOTHER, STEPFATHER).at(LATE).grants(STEPFATHER)
    assert story.state(when=just_before(COMPLETE)).complete_at is None
    assert story.state().complete_at == danish(COMPLETE)
    assert story.state(when=EXPIRY).complete_at == danish(COMPLETE)


COMPLETED = [
    (
        "on the day of a custody change",
        Story().asks().grants(MOTHER).custody_is(MOTHER, since="2024-03-10"),
        "2024-03-10",
    ),
    ("on the 18th birthday", Story("2006-03-10").asks().grants(CHILD), "2024-03-10"),
    (
        "on 1 March for a leap child's 18th",
        Story("2008-02-29").at("2026-02-20").asks().grants(CHILD),
        "2026-03-01",
    ),
]


@pytest.mark.parametrize(
    ("story", "when"), [pytest.param(*row, id=name) for name, *row in COMPLETED]
)
def test_r2_time_alone_completes_a_request_and_that_instant_is_remembered(
    story: Story, when: str
) -> None:
    long_after = danish(when) + timedelta(days=200)
    state = story.state(when=long_after)
    assert (state.status, state.complete_at) == (IN_FORCE, danish(when))


def test_r10_what_a_later_custody_change_undid_was_in_force_meanwhile() -> None:
    story = Story().asks().grants(MOTHER).custody_is(MOTHER, since="2024-03-10")
    story.custody_is(MOTHER, STEPFATHER, since="2024-03-20")
    state = story.state(when=LATE)
    assert (state.status, state.complete_at) == (INCOMPLETE, danish("2024-03-10"))
    assert state.covered == ASKED.parties


def test_r13_a_chain_of_renewals() -> None:
    story = in_force()
    story.at("2024-05-01 12:00").asks("B", renews="A").grants(MOTHER, FATHER, consent="B")
    first = story.clock
    story.at("2024-07-01 12:00").asks("C", renews="B").grants(MOTHER, FATHER, consent="C")
    second = story.clock
    statuses = [story.state(name).status for name in "ABC"]
    assert statuses == [SUPERSEDED, SUPERSEDED, IN_FORCE]
    assert story.state("A").final_at == first
    assert story.state("B").final_at == second == story.state("C").complete_at
    between = [story.state(name, just_before(second)).status for name in "ABC"]
    assert between == [SUPERSEDED, IN_FORCE, AWAITING]


def test_r13_two_renewals_of_one_consent_the_first_in_force_supersedes() -> None:
    story = in_force().at("2024-05-20").asks("B", renews="A").asks("C", renews="A")
    story.at("2024-05-25").grants(MOTHER, FATHER, consent="C")
    first = story.clock
    story.at(LATE).grants(MOTHER, FATHER, consent="B")
    assert story.state("A").final_at == first
    assert story.state("B").status is story.state("C").status is IN_FORCE


def test_r13_a_renewal_never_complete_supersedes_nothing_even_when_it_is_renewed() -> None:
    story = in_force().asks("B", renews="A").asks("C", renews="B")
    story.grants(MOTHER, FATHER, consent="C")
    assert story.state("A").status is IN_FORCE
    assert story.state("B").status is SUPERSEDED


def test_r10_each_municipalitys_custody_decides_its_own_consents() -> None:
    story = in_force().asks("B", by=OTHER_MUNI).grants(MOTHER, FATHER, consent="B")
    story.at(LATE).custody_is(MOTHER, STEPFATHER, by=MUNI)
    assert story.state("A").status is INCOMPLETE
    assert story.state("B").status is IN_FORCE


def test_r10_the_past_is_answered_from_what_was_recorded_by_then() -> None:
    story = in_force().at(LATE).custody_is(MOTHER, STEPFATHER, since="2024-04-01")
    assert story.state(when="2024-05-01").status is IN_FORCE, "nobody knew in May"
    assert story.state().status is INCOMPLETE


def test_a_consent_is_unknown_before_it_was_asked_for() -> None:
    story = Story().asks()
    with pytest.raises(Unreadable):
        story.state(when=just_before(story.clock))
    with pytest.raises(Unreadable):
        story.state("another")
    assert story.state(when=story.clock).status is AWAITING


def test_the_order_of_the_facts_given_does_not_matter() -> None:
    story = in_force().custody_is(MOTHER, STEPFATHER).withdraws(MOTHER)
    expected = story.state()
    story.facts.reverse()
    assert story.state(when=danish("2024-06-01")) == expected
