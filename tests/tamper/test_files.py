"""What changed rows would have been good for: each is refused where it is used, or named."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from consent_service.errors import Unreadable
from consent_service.persistence.access.tables import staff_login
from consent_service.persistence.catalogue.tables import organisation
from consent_service.persistence.children.tables import person, person_details
from consent_service.persistence.consents.tables import consent, link, signatory
from consent_service.persistence.keys.tables import data_key, key_state
from consent_service.persistence.rights.tables import retention_rule
from consent_service.persistence.schema import metadata
from tests.tamper.cases import Case, Row
from tests.tamper.damage import damaged
from tests.tamper.judge import Judge


def rows_of(judge: Judge, table: sa.Table, moment: int = -1) -> list[Row]:
    return list(judge.world.moments[moment][table.name])


def change(table: sa.Table, row: Row, **values: Any) -> Case:
    return Case(table, None, "by hand", 0, [(row, {**row, **values})])


def places(judge: Judge, case: Case) -> dict[str, str]:
    """What verification names, and says of it."""
    with damaged(judge.owner, case) as was_written:
        assert was_written
        return {one.place: one.detail for one in judge.verify().findings}


def a_number_that_families_call(judge: Judge) -> tuple[Case, str]:
    row = next(r for r in rows_of(judge, organisation) if r["id"] == "municipality-x")
    contact = row["contact"] | {"phone": "+45 99 99 99 99"}
    return change(organisation, row, contact=contact), "organisation municipality-x"


def a_shorter_retention_rule(judge: Judge) -> tuple[Case, str]:
    row = next(r for r in rows_of(judge, retention_rule) if r["consents_years"] > 1)
    of = f"retention rule of {row['organisation_id']}"
    return change(retention_rule, row, consents_years=1), of


def an_older_retention_rule(judge: Judge) -> tuple[Case, str]:
    row = next(r for r in rows_of(judge, retention_rule) if r["consents_years"] == 1)
    before = next(
        r
        for r in rows_of(judge, retention_rule, 0)
        if r["organisation_id"] == row["organisation_id"]
    )
    of = f"retention rule of {row['organisation_id']}"
    return Case(retention_rule, None, "put back", 0, [(row, before)]), of


def a_replaced_link(judge: Judge) -> tuple[Case, str]:
    row = next(r for r in rows_of(judge, link) if r["replaced_at"] is not None)
    return change(link, row, replaced_at=None), f"link of signatory {row['signatory_id']}"


def a_signatorys_role(judge: Judge) -> tuple[Case, str]:
    row = next(r for r in rows_of(judge, signatory) if r["role"] == "custody_holder")
    return change(signatory, row, role="guardian"), f"signatory {row['id']}"


def a_signatory_taken_away(judge: Judge) -> tuple[Case, str]:
    linked = {r["signatory_id"] for r in rows_of(judge, link)}
    row = next(r for r in rows_of(judge, signatory) if r["id"] not in linked)
    return Case(signatory, None, "deleted", 0, [(row, None)]), f"signatory {row['id']}"


def details_of_one_who_has_not_answered(judge: Judge) -> tuple[Case, str]:
    asked = next(r for r in rows_of(judge, consent) if r["id"] == judge.world.consents[-1])
    of = {
        r["person_id"]: r["id"] for r in rows_of(judge, signatory) if r["consent_id"] == asked["id"]
    }
    row = next(
        r
        for r in rows_of(judge, person_details)
        if r["organisation_id"] == asked["controller_id"] and r["person_id"] == asked["child_id"]
    )
    deleted = Case(person_details, None, "deleted", 0, [(row, None)])
    return deleted, f"signatory {of[row['person_id']]}"


def what_was_known_of_a_person_before(judge: Judge) -> tuple[Case, str]:
    now = {(r["organisation_id"], r["person_id"]): r for r in rows_of(judge, person_details)}
    before = next(
        r
        for r in rows_of(judge, person_details, 2)
        if now.get((r["organisation_id"], r["person_id"]), r) != r
    )
    row = now[before["organisation_id"], before["person_id"]]
    put_back = Case(person_details, None, "put back", 0, [(row, before)])
    return put_back, f"person {row['person_id']} of {row['organisation_id']}"


def a_child_nobody_filed_anything_of(judge: Judge) -> tuple[Case, str]:
    """Its own row as a person, without which it could never sign."""
    filed = {r["person_id"] for r in rows_of(judge, person_details)}
    row = next(
        r for r in rows_of(judge, person) if r["id"] == r["child_id"] and r["id"] not in filed
    )
    return Case(person, None, "deleted", 0, [(row, None)]), f"child {row['id']}"


def a_case_and_its_deadline(judge: Judge) -> tuple[Case, str]:
    row = rows_of(judge, consent)[0]
    later = row["deadline"] + timedelta(days=30)
    return change(consent, row, deadline=later), f"consent {row['id']}"


def when_a_child_was_first_asked_about(judge: Judge) -> tuple[Case, str]:
    row = next(r for r in rows_of(judge, data_key) if r["child_id"] is not None)
    earlier = row["created_at"] - timedelta(days=2)
    return change(data_key, row, created_at=earlier), f"data key {row['id']}"


def where_a_rotation_stands(judge: Judge) -> tuple[Case, str]:
    (row,) = rows_of(judge, key_state)
    return change(key_state, row, index_phase="clearing"), "key state"


@pytest.mark.parametrize(
    "made",
    [
        a_number_that_families_call, a_shorter_retention_rule, an_older_retention_rule,
        a_replaced_link, a_signatorys_role, a_signatory_taken_away,
        details_of_one_who_has_not_answered, what_was_known_of_a_person_before,
        a_child_nobody_filed_anything_of,
        a_case_and_its_deadline, when_a_child_was_first_asked_about, where_a_rotation_stands,
    ],
    ids=lambda made: made.__name__,
)  # fmt: skip
def test_it_is_named(judge: Judge, made: Callable[[Judge], tuple[Case, str]]) -> None:
    case, place = made(judge)
    assert place in places(judge, case)


def test_a_data_key_given_to_another_organisation_opens_nothing(judge: Judge) -> None:
    keys = rows_of(judge, data_key)
    row = next(r for r in keys if r["child_id"] and r["organisation_id"] == "municipality-x")
    case = change(data_key, row, organisation_id="paediatrics")
    assert places(judge, case)
    units = judge.world.service.parts.units
    with damaged(judge.owner, case), units.writing() as uow, pytest.raises(Unreadable):
        uow.keys.find_or_make("paediatrics", row["child_id"])
    with units.writing() as uow:
        assert uow.keys.find_or_make("municipality-x", row["child_id"]).id == row["id"]


def test_a_staff_login_moved_to_another_browser_opens_nothing(judge: Judge) -> None:
    units, now = judge.world.service.parts.units, judge.world.service.clock.now
    with units.writing() as uow:
        for browser in ("theirs", "the thief's"):
            uow.staff.remember_login("municipality-x", browser, f"state of {browser}", b"x", now)
        uow.commit()
    with units.engine.connect() as connection:
        found = [dict(row._mapping) for row in connection.execute(sa.select(staff_login))]
    theirs, thiefs = [row for row in found if row["created_at"] == now]
    if judge.world.service.parts.index.token("theirs") != theirs["browser_hash"]:
        theirs, thiefs = thiefs, theirs
    moved = change(staff_login, theirs, browser_hash=thiefs["browser_hash"])
    later = change(staff_login, theirs, created_at=now + timedelta(minutes=10))
    for case, browser in ((moved, "the thief's"), (later, "theirs")):
        with damaged(judge.owner, case), units.writing() as uow, pytest.raises(Unreadable):
            uow.staff.take_login(browser, "state of theirs", now + timedelta(minutes=1))
    with units.writing() as uow:
        taken = uow.staff.take_login("theirs", "state of theirs", now + timedelta(minutes=1))
        assert taken.content == b"x"


def test_the_world_has_rows_in_every_table(judge: Judge) -> None:
    """A table without a row is a table that nothing is tried on."""
    empty = {name for name in metadata.tables if not judge.world.moments[-1][name]}
    waits = {"log_pending"} if judge.owner.dialect.name == "sqlite" else set()
    assert empty == {"log_rejected"} | waits
