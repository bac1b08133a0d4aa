"""What a verification reads is what the service reads: a view or a hollow index is a finding."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.audit.finding import Finding
from consent_service.persistence.kernel.database import engine_options, prepare
from consent_service.persistence.verification.log_reader import verify_database
from tests.deployment import Deployment, deploy


@pytest.fixture
def service(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy(furnished_url, tmp_path)
    yield deployment
    deployment.close()


def findings(service: Deployment) -> list[Finding]:
    """As a command verifies, whose connections are not those of the service."""
    parts = service.parts
    parts.grow()
    url = service.settings.database_url
    engine = prepare(sa.create_engine(url, **engine_options(url)))
    try:
        report = verify_database(
            engine,
            parts.units.ring,
            parts.index,
            parts.keys.published,
            parts.settings.log_origin,
            parts.context.clock(),
        )
    finally:
        engine.dispose()
    return list(report.findings)


def change(service: Deployment, *statements: str) -> None:
    service.parts.units.dispose()
    engine = sa.create_engine(service.settings.database_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


def test_a_schema_as_it_was_made_is_no_finding(service: Deployment) -> None:
    service.in_force()
    assert findings(service) == []


def test_a_view_that_hides_a_withdrawal_from_the_service_alone(service: Deployment) -> None:
    asked = service.in_force()
    service.act(asked["id"], "custody_holder", "withdraw")
    assert service.disclose().status_code == 403
    is_postgres = "postgresql" in service.settings.database_url
    # By the timeouts of who serves; on SQLite by the hour, the second, anything.
    whom = "current_setting('lock_timeout') <> '0'" if is_postgres else "unixepoch() % 2 = 0"
    change(
        service,
        "ALTER TABLE fact RENAME TO facts",
        f"CREATE VIEW fact AS SELECT * FROM facts WHERE NOT (kind = 'withdraw' AND {whom})",
    )
    if is_postgres:
        assert service.disclose().status_code == 201
    assert Finding("schema_changed", "table fact", TEXT) in findings(service)


TEXT = "not a table alone: each reader may be shown something else"


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE fact ENABLE ROW LEVEL SECURITY",
        "CREATE RULE hide AS ON INSERT TO fact DO INSTEAD NOTHING",
        "CREATE TABLE more () INHERITS (fact)",
        """CREATE SCHEMA other; CREATE VIEW other.fact AS TABLE fact;
        ALTER ROLE CURRENT_USER SET search_path = other, public""",
    ],
)
def test_what_else_shows_each_reader_its_own(
    furnished_postgres_url: str, tmp_path: Path, statement: str
) -> None:
    service = deploy(furnished_postgres_url, tmp_path)
    try:
        change(service, statement)
        assert Finding("schema_changed", "table fact", TEXT) in findings(service)
    finally:
        change(service, "ALTER ROLE CURRENT_USER RESET search_path")
        service.close()


def test_an_index_without_its_rows(furnished_sqlite_url: str, tmp_path: Path) -> None:
    """The table holds the row; whoever looks by the index, as the service does, finds nothing."""
    service = deploy(furnished_sqlite_url, tmp_path)
    service.in_force()
    filed = "/v1/consents?case_reference=2026-0117"
    assert len(service.get(filed).json["items"]) == 1
    index = "ix_consent_controller_id_case_reference_id"

    def define(connection: Connection, end: str) -> None:
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        connection.exec_driver_sql(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX ' || name || ' ON consent"
            f" (controller_id, case_reference, id){end}' WHERE name = '{index}'"
        )
        connection.commit()

    service.parts.units.dispose()
    engine = sa.create_engine(furnished_sqlite_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        define(connection, " WHERE 0")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'REINDEX "{index}"')
        connection.commit()
        define(connection, "")
    assert service.get(filed).json["items"] == []
    assert {one.kind for one in findings(service)} == {"schema_changed"}
    service.close()
