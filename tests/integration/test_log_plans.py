"""What each index of the log's bodies is for: the queries that ask for it, and their plans.

The queries are the service's own, caught on their way to the database, over a log large enough
that the database has a choice. An index that no query here asks for is one too many.
"""

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import uuid_utils
from sqlalchemy.engine import Connection, Engine

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Unreadable
from consent_service.persistence.children.tables import child
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log import walking
from consent_service.persistence.log.tables import log_body, log_header
from consent_service.services.log.model import EntryFilter
from consent_service.services.units import UnitOfWork
from tests.deployment import EMPLOYEE, NOW, Deployment, deploy

ENTRIES = 12_000
OTHERS = ("child-psychiatry", "paediatrics", "municipality-z")
CONTROLLER, RECIPIENT = "municipality-x", "municipality-x"
CHILD = "0103174321"

Asks = Callable[[UnitOfWork, str], object]

# The index, or the indexes side by side, by which each query of the service finds its rows.
QUERIES: dict[str, tuple[Asks, set[str]]] = {
    "what an organisation controls, or did in the log of another": (
        lambda uow, _: page(uow, viewer=CONTROLLER),
        {"controller_id_entry_id", "organisation_id_entry_id"},
    ),
    "the disclosures an organisation takes part in": (
        lambda uow, _: page(uow, viewer=RECIPIENT, type="disclosure", as_party=True),
        {"controller_id_entry_id", "organisation_id_entry_id", "recipient_id_entry_id"},
    ),
    "what an employee did": (
        lambda uow, _: page(uow, viewer=CONTROLLER, employee=EMPLOYEE["id"]),
        {"employee_hash_entry_id"},
    ),
    "a child's entries, as a data-protection officer searches": (
        lambda uow, _: page(uow, viewer=CONTROLLER, child=CprNumber(CHILD)),
        {"data_key_id_entry_id"},
    ),
    "a child's disclosures, as its family sees them": (
        lambda uow, _: uow.log.newest_about(found_child(uow), "disclosure", before=None, limit=51),
        {"data_key_id_entry_id"},
    ),
    "what erasing a child finds under its key": (
        lambda uow, _: uow.erasures.entries(CONTROLLER, found_child(uow)),
        {"data_key_id_entry_id"},
    ),
    "a consent's timeline": (
        lambda uow, consent: uow.log.under_consent(
            found_child(uow), consent, CONTROLLER, since=NOW, after=None, limit=50
        ),
        {"data_key_id_entry_id"},
    ),
    "whether a controller is to look custody up again": (
        lambda uow, _: uow.log.last_custody_to_check(CONTROLLER, found_child(uow)),
        {"custody_to_check"},
    ),
    "where a controller is to look custody up again": (
        lambda uow, _: uow.log.custody_to_check(CONTROLLER, after=None, limit=50),
        {"custody_to_check"},
    ),
    "what was reported of a disclosure": (
        lambda uow, consent: page(uow, viewer=CONTROLLER, about=consent),
        {"about_id"},
    ),
}


def page(uow: UnitOfWork, **members: Any) -> object:
    return uow.log.page(EntryFilter(**members), after=None, limit=50)


def found_child(uow: UnitOfWork) -> str:
    found = uow.children.find(CprNumber(CHILD))
    assert found is not None
    return found.id


def new_id() -> str:
    return str(uuid_utils.uuid7())


def fill(deployment: Deployment) -> None:
    """Thousands of entries of others, among which the few that are asked for have to be found."""
    with deployment.parts.units.engine.connect().execution_options(writes=True) as connection:
        keys = []
        wrapped = connection.scalars(sa.select(data_key.c.wrapped).limit(1)).one()
        for number in range(240):
            owner = OTHERS[number % len(OTHERS)] if number else CONTROLLER
            known = {"id": new_id(), "version": 0, "cpr_hash": os.urandom(32)}
            connection.execute(sa.insert(child).values(known))
            key = {
                "id": new_id(),
                "organisation_id": owner,
                "child_id": known["id"],
                "wrapped": wrapped,
                "created_at": NOW,
            }
            connection.execute(sa.insert(data_key).values(key))
            keys.append((key["id"], owner))
        headers, bodies = [], []
        for number in range(ENTRIES):
            key_id, owner = keys[number % len(keys)]
            entry, time = new_id(), NOW + timedelta(seconds=number)
            headers.append(
                {
                    "entry_id": entry,
                    "time": time,
                    "header": b"{}",
                    "leaf": os.urandom(32),
                    "promise": "none",
                }
            )
            recipient = OTHERS[number % 2] if number % 10 == 0 else None
            bodies.append(
                {
                    "entry_id": entry,
                    "data_key_id": key_id,
                    "sealed": os.urandom(64),
                    "time": time,
                    "controller_id": owner,
                    "organisation_id": OTHERS[number // 7 % 3] if number % 400 else CONTROLLER,
                    "recipient_id": recipient,
                    "type": "disclosure" if recipient else "personal_data_viewed",
                    "outcome": "permitted" if recipient else None,
                    "consent_id": new_id() if recipient else None,
                    "about_id": new_id() if number % 50 == 0 else None,
                    "employee_hash": os.urandom(32),
                    "employee_hash_b": None,
                }
            )
        connection.execute(sa.insert(log_header), headers)
        connection.execute(sa.insert(log_body), bodies)
        if connection.dialect.name == "postgresql":
            # SQLite has no statistics in this service either.
            connection.exec_driver_sql("ANALYZE")
        connection.commit()


def indexes_asked(engine: Engine, deployment: Deployment, asks: Asks, consent: str) -> set[str]:
    """Run it, and have the database explain each of its statements over the log's bodies."""
    caught = statements(engine, deployment, asks, consent)
    with engine.connect() as connection:
        return {name for one in caught for name in explained(connection, *one)}


def statements(
    engine: Engine, deployment: Deployment, asks: Asks, consent: str
) -> list[tuple[str, Any]]:
    """Those over the log's bodies that it sends."""
    caught: list[tuple[str, Any]] = []

    def catch(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "log_body" in statement:
            caught.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", catch)
    try:
        # What the others' entries hold is nothing that opens.
        with deployment.parts.units.reading() as uow, suppress(Unreadable):
            asks(uow, consent)
    finally:
        sa.event.remove(engine, "before_cursor_execute", catch)
    assert caught
    return caught


def explained(connection: Connection, statement: str, parameters: Any) -> set[str]:
    """The indexes of the log's bodies in the plan, by what their names say."""
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        plan = json.dumps(rows.scalar())
    else:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plan = " ".join(row[3] for row in rows)
    return set(re.findall(r"\bix_log_body_(\w+)", plan))


@pytest.fixture
def filled(furnished_url: str, tmp_path: Path) -> Deployment:
    deployment = deploy(furnished_url, tmp_path)
    fill(deployment)
    return deployment


def test_every_index_is_asked_for_by_the_query_it_is_for(filled: Deployment) -> None:
    engine = filled.parts.units.engine
    consent = filled.in_force()["id"]
    assert filled.disclose().status_code == 201
    asked = {
        name: indexes_asked(engine, filled, asks, consent) for name, (asks, _) in QUERIES.items()
    }
    filled.close()
    # A database may take another index besides.
    missing = {name: expected - asked[name] for name, (_, expected) in QUERIES.items()}
    assert missing == {name: set() for name in QUERIES}, asked


WALKED = 40
STEPS_A_ROW = 60
"""Of SQLite's machine, at most, for each row that is looked at along each way."""

WALKS: dict[str, Asks] = {
    "a type that nobody has, among what an organisation controls or did": lambda uow, _: page(
        uow, viewer=OTHERS[0], type="none"
    ),
    "an outcome that nobody has, among what it takes part in": lambda uow, _: page(
        uow, viewer=OTHERS[0], outcome="none", as_party=True
    ),
    "a day on which nothing happened": lambda uow, _: page(
        uow, viewer=OTHERS[0], since=NOW + timedelta(days=99)
    ),
    "another consent's timeline, of a child with a long log": lambda uow, consent: (
        uow.log.under_consent(
            found_child(uow), consent, CONTROLLER, since=NOW, after=None, limit=50
        )
    ),
    "a child's exchanges, past all that is none": lambda uow, _: uow.log.newest_about(
        found_child(uow), "none", before=None, limit=51
    ),
}


def rows_read(connection: Connection, statement: str, parameters: Any) -> int:
    """How many rows a statement looks at, as the database counts them while it runs."""
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        return max(_looked_at(plan["Plan"]) for plan in rows.scalar_one())
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(count, 1)
    connection.exec_driver_sql(statement, parameters).all()
    driver.set_progress_handler(None, 1)
    return steps // STEPS_A_ROW


def _looked_at(node: dict[str, Any]) -> int:
    """The rows of the scans below; what is sorted and merged of them is not counted again."""
    removed = sum(node[name] for name in node if name.startswith("Rows Removed"))
    scanned = (
        node["Actual Loops"] * (node["Actual Rows"] + removed) if "Scan" in node["Node Type"] else 0
    )
    return int(scanned) + sum(_looked_at(below) for below in node.get("Plans", []))


@pytest.mark.parametrize("walk", WALKS)
def test_a_page_looks_at_a_bounded_number_of_entries(
    filled: Deployment, monkeypatch: pytest.MonkeyPatch, walk: str
) -> None:
    """Of twelve thousand, most of them one organisation's, and a thousand about one child."""
    monkeypatch.setattr(walking, "MOST_WALKED", WALKED)
    engine = filled.parts.units.engine
    consent = filled.in_force()["id"]
    crowd_around(filled, 1000)
    caught = statements(engine, filled, WALKS[walk], consent)
    with engine.connect() as connection:
        read = [rows_read(connection, *one) for one in caught]
    filled.close()
    # Along three ways at most; and what is shown is fetched with its header and key.
    assert max(read) <= 9 * WALKED, (read, caught)


def crowd_around(deployment: Deployment, number: int) -> None:
    """Entries about the child that nobody asks for, under its controller's key."""
    with deployment.parts.units.engine.connect().execution_options(writes=True) as connection:
        query = sa.select(data_key.c.id).join(child, child.c.id == data_key.c.child_id)
        key = connection.scalars(query.where(data_key.c.organisation_id == CONTROLLER)).all()[-1]
        bodies = [
            {
                "entry_id": new_id(),
                "data_key_id": key,
                "sealed": b"",
                "time": NOW,
                "controller_id": CONTROLLER,
                "organisation_id": CONTROLLER,
                "type": "personal_data_viewed",
            }
            for _ in range(number)
        ]
        connection.execute(sa.insert(log_body), bodies)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")
        connection.commit()


def test_every_index_has_its_query() -> None:
    """The second slot is filled, and asked for, only while the index key is rotated."""
    known = {str(index.name).removeprefix("ix_log_body_") for index in log_body.indexes}
    expected = set().union(*(indexes for _, indexes in QUERIES.values()))
    assert known == expected | {"employee_hash_b_entry_id"}
