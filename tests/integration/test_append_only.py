"""The database itself refuses to change what was written once, whoever asks through SQL."""

import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.persistence.children.tables import fact
from consent_service.persistence.kernel.database import engine_options, prepare
from consent_service.persistence.kernel.metadata import Id
from consent_service.persistence.kernel.migrate import upgrade
from consent_service.persistence.log.tables import log_erased, log_header, log_pending, log_rejected
from consent_service.persistence.schema import APPEND_ONLY
from consent_service.services.rights.erase import Approval, erase_child
from tests.deployment import PURPOSE, Deployment, deploy
from tests.postgres_cluster import SUPERUSER, Cluster, find_binaries

TABLES = [pytest.param(table, id=table.name) for table in APPEND_ONLY]
OWNER, APPLICATION = "consent_owner", "consent_app"

FORGED, MADE_UP = (str(UUID(int=number)) for number in (1, 2))


def _fill(deployment: Deployment) -> None:
    """At least one row in every append-only table."""
    deployment.furnish()
    deployment.register("follow-up", PURPOSE)
    deployment.in_force()
    assert deployment.disclose().status_code == 201
    revoked = {"client": "lost-laptop", "organisation": "gp-y"}
    assert deployment.post("/v1/client-revocations", revoked).status_code == 201
    sibling = {"cpr": "050519-4321", "name": "Eva", "birth_date": "2019-05-05"}
    deployment.in_force(child=sibling)
    approval = Approval("e1", "e2", "the family asked for it")
    with deployment.parts.units.writing() as uow:
        context = deployment.parts.context
        erase_child(uow, context, "municipality-x", CprNumber("0505194321"), approval)
        uow.commit()
    deployment.parts.grow()
    forged = {"entry_id": FORGED, "time": deployment.clock(), "header": b"{}", "leaf": bytes(32)}
    with deployment.parts.units.engine.connect().execution_options(writes=True) as connection:
        connection.execute(sa.insert(log_header).values(**forged, promise="none"))
        connection.execute(sa.insert(log_pending).values(entry_id=FORGED, time=forged["time"]))
        connection.commit()
    deployment.parts.grow()
    with deployment.parts.units.engine.connect() as connection:
        for table in APPEND_ONLY:
            assert connection.execute(sa.select(table).limit(1)).one_or_none() is not None, table


def _rows(engine: Engine, table: sa.Table) -> list[Any]:
    with engine.connect() as connection:
        query = sa.select(table).order_by(*table.primary_key)
        return [tuple(row) for row in connection.execute(query)]


def _changing(table: sa.Table) -> sa.Column[Any]:
    """A column outside the key, to change."""
    return next(c for c in reversed(list(table.columns)) if not c.primary_key)


def _attempts(connection: Connection, table: sa.Table) -> dict[str, Any]:
    """Every way to change an existing row, as statements."""
    row = dict(connection.execute(sa.select(table).limit(1)).one()._mapping)
    column = _changing(table)
    where = [c == row[c.name] for c in table.primary_key]
    changed = {column.name: sa.literal(row[column.name], column.type)}
    keys = [c.name for c in table.primary_key]
    attempts: dict[str, Any] = {
        "update of a row": sa.update(table).where(*where).values(changed),
        "update of all rows": sa.update(table).values(changed),
        "delete of a row": sa.delete(table).where(*where),
        "delete of all rows": sa.delete(table),
    }
    if connection.dialect.name == "postgresql":
        insert = postgresql.insert(table).values(row)
        attempts |= {
            "insert or update": insert.on_conflict_do_update(index_elements=keys, set_=changed),
            "truncate": sa.text(f'TRUNCATE "{table.name}" CASCADE'),
        }
    else:
        upsert = sqlite.insert(table).values(row)
        attempts |= {
            "insert or update": upsert.on_conflict_do_update(index_elements=keys, set_=changed),
            "insert or replace": sa.insert(table).values(row).prefix_with("OR REPLACE"),
            "replace by another key": _replace_by_other_keys(table, row),
            "update or replace": sa.update(table)
            .where(*where)
            .values(changed)
            .prefix_with("OR REPLACE"),
        }
    return {name: attempt for name, attempt in attempts.items() if attempt is not None}


def _replace_by_other_keys(table: sa.Table, row: dict[str, Any]) -> Any:
    """A new primary key, an old value under another unique constraint, where there is one."""
    unique = [c for c in table.columns if c.unique]
    if not unique:
        return None
    key = list(table.primary_key)[-1].name
    other = f"{row[key]}-other" if isinstance(row[key], str) else row[key] + 1_000
    return sa.insert(table).values(row | {key: other}).prefix_with("OR REPLACE")


def _assert_refused(engine: Engine, table: sa.Table, because: str) -> None:
    before = _rows(engine, table)
    with engine.connect() as connection:
        attempts = _attempts(connection, table)
    assert len(attempts) >= 6
    for name, attempt in attempts.items():
        with engine.connect().execution_options(writes=True) as connection:
            with pytest.raises(DBAPIError) as refused:
                connection.execute(attempt)
            assert re.search(because, str(refused.value.orig)), (name, refused.value.orig)
    assert _rows(engine, table) == before


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("filled")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'consent.db'}"
        upgrade(url)
    else:
        url = request.getfixturevalue("postgres_url")
    deployment = deploy(url, folder)
    _fill(deployment)
    yield deployment.parts.units.engine
    deployment.close()


@pytest.mark.parametrize("table", TABLES)
def test_nothing_written_once_is_changed_or_deleted(filled: Engine, table: sa.Table) -> None:
    _assert_refused(filled, table, f"{table.name} is append-only")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
def test_a_plain_connection_cannot_replace_either(filled: Engine, table: sa.Table) -> None:
    """`recursive_triggers` is a setting of our connections; others leave it off."""
    assert filled.url.database is not None
    before = _rows(filled, table)
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    same = [f'"{column.name}"' for column in table.columns]
    # A key of its own, and the value of somebody else's row under the other unique constraint.
    key = table.columns.keys().index(list(table.primary_key)[-1].name)
    apart = [*same[:key], f"{same[key]} + 1000", *same[key + 1 :]]
    attempts = [same] + [apart] * any(column.unique for column in table.columns)
    with closing(sqlite3.connect(filled.url.database)) as connection:
        for values in attempts:
            with pytest.raises(sqlite3.IntegrityError, match="is append-only"):
                connection.execute(
                    f"INSERT OR REPLACE INTO {table.name} ({columns}) "
                    f"SELECT {', '.join(values)} FROM {table.name} LIMIT 1"
                )
    assert _rows(filled, table) == before


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
def test_a_plain_connection_cannot_replace_by_the_hidden_row_number(filled: Engine) -> None:
    assert filled.url.database is not None
    attempt = (
        "INSERT OR REPLACE INTO log_head (rowid, size, previous, root, time)"
        " SELECT rowid, 99999, previous, root, time FROM log_head LIMIT 1"
    )
    with (
        closing(sqlite3.connect(filled.url.database)) as connection,
        pytest.raises(sqlite3.Error),
    ):
        connection.execute(attempt)


# -- the roles of a real deployment ---------------------------------------------------------


@dataclass(frozen=True)
class Roles:
    """A database made by `deploy/postgres-roles.sql`, migrated by its owner."""

    owner_url: str
    application_url: str


@pytest.fixture(scope="module")
def roles(postgres_cluster: Cluster) -> Iterator[Roles]:
    binaries = find_binaries()
    assert binaries is not None
    script = Path(__file__).resolve().parent.parent.parent / "deploy" / "postgres-roles.sql"
    subprocess.run(
        [
            binaries / "psql", "--no-psqlrc", "--quiet", "--host=127.0.0.1",
            f"--port={postgres_cluster.port}", f"--username={SUPERUSER}", f"--file={script}",
        ],
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "CONSENT_OWNER_PASSWORD": "made up",
            "CONSENT_APP_PASSWORD": "made up too",
        },
        check=True,
        timeout=60,
    )  # fmt: skip
    url = sa.make_url(postgres_cluster.url("consent"))
    made = Roles(*(_as_role(url, role) for role in (OWNER, APPLICATION)))
    upgrade(made.owner_url)
    yield made
    postgres_cluster.drop_database("consent")
    with psycopg.connect(
        host="127.0.0.1",
        port=postgres_cluster.port,
        user=SUPERUSER,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        connection.execute("DROP ROLE consent_app")
        connection.execute("DROP ROLE consent_owner")


def _as_role(url: sa.URL, role: str) -> str:
    return url.set(username=role).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def as_application(roles: Roles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The whole of the service's work, done as the application's role."""
    deployment = deploy(roles.application_url, tmp_path_factory.mktemp("roles"))
    _fill(deployment)
    yield deployment
    deployment.close()


def test_the_application_does_its_work_as_its_own_role(as_application: Deployment) -> None:
    engine = as_application.parts.units.engine
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT current_user").scalar() == APPLICATION
    asked = as_application.in_force(
        child={"cpr": "020418-4321", "name": "Bo", "birth_date": "2018-04-02"}
    )
    as_application.act(asked["id"], "custody_holder", "withdraw")
    assert as_application.get(f"/v1/consents/{asked['id']}").status_code == 200
    assert (
        as_application.post(
            f"/v1/consents/{asked['id']}/links",
            {
                "performed_by": {"id": "e1", "name": "Karen"},
            },
        ).status_code
        == 409
    )
    assert as_application.app.test_client().get("/readyz").status_code == 200
    assert as_application.app.test_client().get("/log/checkpoint").status_code == 200


@pytest.mark.parametrize("table", TABLES)
def test_the_application_may_not_even_try(as_application: Deployment, table: sa.Table) -> None:
    _assert_refused(as_application.parts.units.engine, table, "permission denied")


@pytest.mark.parametrize("table", TABLES)
def test_the_owner_is_refused_by_the_triggers(
    as_application: Deployment, roles: Roles, table: sa.Table
) -> None:
    engine = prepare(sa.create_engine(roles.owner_url, **engine_options(roles.owner_url)))
    try:
        _assert_refused(engine, table, f"{table.name} is append-only")
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE fact DISABLE TRIGGER ALL",
        "DROP TRIGGER fact_is_append_only ON fact",
        "DROP TABLE log_rejected",
        "CREATE TABLE mine (id int)",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE sql AS ''",
        "SET session_replication_role = replica",
        "UPDATE alembic_version SET version_num = '0000'",
    ],
)
def test_the_application_cannot_take_the_guards_away(
    as_application: Deployment, statement: str
) -> None:
    with as_application.parts.units.engine.connect() as connection:
        with pytest.raises(DBAPIError) as refused:
            connection.exec_driver_sql(statement)
        assert re.search("permission denied|must be owner", str(refused.value.orig))


def test_the_application_deletes_facts_by_the_list_of_an_erasure_alone(
    as_application: Deployment,
) -> None:
    """The owner's function goes by the list, and the trigger asks whether the erasure stands."""
    engine = as_application.parts.units.engine
    facts = _rows(engine, fact)
    with engine.connect() as connection:
        for entry in connection.scalars(sa.select(log_header.c.entry_id)).all():
            assert connection.scalar(sa.select(sa.func.erase_facts(sa.literal(entry, Id)))) == 0
        connection.commit()
    assert _rows(engine, fact) == facts
    with engine.connect() as connection:
        victim = connection.execute(sa.select(log_header).join(
            fact, fact.c.entry_id == log_header.c.entry_id).limit(1)).one()  # fmt: skip
        made_up = dict(victim._mapping) | {"entry_id": MADE_UP}
        connection.execute(sa.insert(log_header).values(made_up))
        listed = {"entry_id": victim.entry_id, "erasure_id": MADE_UP, "leaf": victim.leaf}
        connection.execute(sa.insert(log_erased).values(listed))
        with pytest.raises(DBAPIError, match="fact is append-only"):
            connection.scalar(sa.select(sa.func.erase_facts(sa.literal(MADE_UP, Id))))


def test_a_rejected_entry_stays_rejected(filled: Engine) -> None:
    assert [row[0] for row in _rows(filled, log_rejected)] == [FORGED]
