"""A session is what it was begun as: whoever changes its row ends it, and gains nothing."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent_service.persistence.access.tables import staff_login, staff_session
from consent_service.persistence.consents.tables import link
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.signatures.tables import signing_session
from tests.deployment import NOW
from tests.integration.stand_in_browser import Page
from tests.web.family import METTE, Signer, cookie_of, links, words
from tests.web.workplace import (
    BODIL,
    DORTHE,
    ZITA,
    Employee,
    Workplace,
    session_cookie,
    steps,
    use_cookie,
    workplace,
)

LOGGED_IN = "Du er logget ind"


@pytest.fixture
def office(furnished_url: str, tmp_path: Path) -> Iterator[Workplace]:
    with workplace(furnished_url, tmp_path) as place:
        yield place


def write(office: Workplace, statement: sa.Executable) -> None:
    engine = sa.create_engine(office.deployment.settings.database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(statement)


def read(office: Workplace, query: sa.Executable) -> list[dict]:
    with office.deployment.parts.units.engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.CRITICAL]


def other_key() -> sa.ScalarSelect:
    """A key that is there: another organisation's own."""
    return (
        sa.select(data_key.c.id)
        .where(data_key.c.organisation_id == "municipality-z", data_key.c.child_id.is_(None))
        .scalar_subquery()
    )


CHANGES = {
    "organisation_id": "municipality-z",
    "roles": "dpo operator",
    "subject_hash": b"\0" * 32,
    "provider_session_hash": b"\0" * 32,
    "created_at": NOW + timedelta(hours=8),
    "last_seen_at": NOW + timedelta(hours=8),
    "previous_login_at": NOW,
    "ended_at": NOW,
    "token_hash": b"\0" * 32,
    "data_key_id": other_key(),
    "sealed": b"\0" * 60,
}


def test_every_column_of_a_session_of_staff_is_among_the_cases() -> None:
    assert CHANGES.keys() == set(staff_session.columns.keys())


@pytest.mark.parametrize("column", CHANGES)
def test_a_session_of_staff_that_was_changed_is_none(office, column, caplog):
    employee = Employee(office.deployment, DORTHE)
    assert LOGGED_IN in words(employee.arrive())
    write(office, sa.update(staff_session).values({column: CHANGES[column]}))
    answer = employee.see()
    assert LOGGED_IN not in words(answer)
    assert answer.status_code < 500
    if column == "token_hash":
        # Found by nothing: there is none to be alarmed about.
        assert alarms(caplog) == []
    else:
        assert all("staff_session.sealed" in one for one in alarms(caplog))
        assert alarms(caplog)
    assert LOGGED_IN in words(employee.arrive())


def test_two_sessions_cannot_be_exchanged(office):
    """Each is right at its own place: neither is at the other's."""
    first, second = Employee(office.deployment, DORTHE), Employee(office.deployment, ZITA)
    first.arrive()
    second.arrive()
    one, other = read(office, sa.select(staff_session))
    hashes = [row.pop("token_hash") for row in (one, other)]
    for token_hash, row in zip(hashes, (other, one), strict=True):
        where = staff_session.c.token_hash == token_hash
        write(office, sa.update(staff_session).where(where).values(**row))
    for employee in (first, second):
        page = employee.see().text
        assert ZITA.name not in page
        assert DORTHE.name not in page


def test_being_used_and_ended_seals_a_session_anew(office, caplog):
    employee = Employee(office.deployment, BODIL)
    employee.arrive()
    for _ in range(3):
        office.deployment.clock.forward(minutes=5)
        assert LOGGED_IN in words(employee.see())
    (before,) = read(office, sa.select(staff_session))
    employee.log_out()
    (row,) = read(office, sa.select(staff_session))
    assert row["ended_at"] is not None
    # Not even the end alone can be taken back.
    write(office, sa.update(staff_session).values(ended_at=None))
    assert LOGGED_IN not in words(employee.see())
    assert "staff_logged_out this_session" in steps(office.deployment)
    assert before["sealed"] != row["sealed"]
    assert alarms(caplog) == []


def test_a_whole_older_row_lives_as_long_as_an_idle_session_at_most(office):
    employee = Employee(office.deployment, DORTHE)
    employee.arrive()
    (older,) = read(office, sa.select(staff_session))
    token = session_cookie(employee)
    assert token is not None
    employee.log_out("/staff/logout-everywhere")
    use_cookie(employee.client, "staff", token)
    assert LOGGED_IN not in words(employee.see())
    write(office, sa.update(staff_session).values(**older))
    use_cookie(employee.client, "staff", token)
    assert LOGGED_IN in words(employee.see())
    write(office, sa.update(staff_session).values(**older))
    office.deployment.clock.forward(minutes=31)
    assert LOGGED_IN not in words(employee.see())


@pytest.mark.parametrize(
    "change",
    [
        {"created_at": NOW + timedelta(minutes=10)},
        {"data_key_id": other_key()},
        {"sealed": b"\0" * 60},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_login_of_staff_that_was_changed_leads_nowhere(office, change, caplog):
    employee = Employee(office.deployment, DORTHE)
    employee.see()
    answer = Page(employee.to_provider()).press(DORTHE.name).headers["Location"]
    write(office, sa.update(staff_login).values(**change))
    page = employee.come_back(answer)
    assert LOGGED_IN not in words(page)
    assert any("staff_login.sealed" in one for one in alarms(caplog))


# -- families -----------------------------------------------------------------------------------


def other_link() -> sa.ScalarSelect:
    return (
        sa.select(link.c.token_hash)
        .where(link.c.token_hash.not_in(sa.select(signing_session.c.link_hash)))
        .limit(1)
        .scalar_subquery()
    )


FAMILY = {
    "link_hash": other_link(),
    "data_key_id": other_key(),
    "created_at": NOW + timedelta(minutes=30),
    "id_hash": b"\0" * 32,
    "sealed": b"\0" * 60,
}


def test_every_column_of_a_session_of_a_family_is_among_the_cases() -> None:
    assert FAMILY.keys() == set(signing_session.columns.keys())


@pytest.mark.parametrize("has_logged_in", [True, False], ids=["logged in", "before that"])
@pytest.mark.parametrize("column", FAMILY)
def test_a_session_of_a_family_that_was_changed_is_none(office, column, has_logged_in, caplog):
    asked = office.deployment.ask()
    address = links(asked)[METTE.name]
    mette = Signer(office.deployment)
    mette.open(address)
    if has_logged_in:
        mette.log_in()
    assert cookie_of(mette)
    write(office, sa.update(signing_session).values({column: FAMILY[column]}))
    page = mette.see()
    assert page.status_code == 404
    assert "Alma" not in page.text
    if column != "id_hash":
        assert alarms(caplog)
    # The message leads in again.
    assert mette.open(address).status_code == 200
