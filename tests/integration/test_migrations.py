"""The migrations make exactly the schema the code is written for, or say why they cannot."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from click.testing import CliRunner
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DatabaseError

from consent_service.cli import cli
from consent_service.persistence.kernel.database import engine_options, prepare
from consent_service.persistence.kernel.migrate import is_current, upgrade
from consent_service.persistence.schema import APPEND_ONLY, metadata
from tests.deployment import deploy


@pytest.fixture
def engine(blank_database_url: str) -> Iterator[Engine]:
    engine = prepare(sa.create_engine(blank_database_url, **engine_options(blank_database_url)))
    yield engine
    engine.dispose()


def _tables(engine: Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names())


def test_from_empty_they_make_exactly_the_tables_of_the_code(
    engine: Engine, blank_database_url: str
) -> None:
    assert not is_current(engine)
    upgrade(blank_database_url)
    assert is_current(engine)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    assert _tables(engine) == set(metadata.tables) | {"alembic_version"}


def test_they_guard_every_append_only_table(engine: Engine, blank_database_url: str) -> None:
    upgrade(blank_database_url)
    query = "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger'"
    if engine.dialect.name == "postgresql":
        query = "SELECT DISTINCT event_object_table FROM information_schema.triggers"
    with engine.connect() as connection:
        guarded = set(connection.exec_driver_sql(query).scalars())
    assert guarded == {table.name for table in APPEND_ONLY}


def test_once_more_changes_nothing(engine: Engine, blank_database_url: str) -> None:
    upgrade(blank_database_url)
    before = _tables(engine)
    upgrade(blank_database_url)
    assert is_current(engine)
    assert _tables(engine) == before
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM log_sequencer").scalar() == 1


def test_a_database_of_a_later_version_is_refused_and_left_alone(
    engine: Engine, blank_database_url: str
) -> None:
    upgrade(blank_database_url)
    with engine.connect().execution_options(writes=True) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(CommandError, match="9999"):
        upgrade(blank_database_url)
    assert not is_current(engine)


def test_the_command_says_so_in_a_sentence(
    engine: Engine, blank_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database of before the first schema was made anew stood at revision 0008."""
    upgrade(blank_database_url)
    with engine.connect().execution_options(writes=True) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0008'")
        connection.commit()
    monkeypatch.setenv("CONSENT_DATABASE_URL", blank_database_url)
    ran = CliRunner().invoke(cli, ["migrate"])
    assert ran.exit_code == 1
    assert ran.output.startswith("Error: The database was made by another version of the service")
    assert "0008" in ran.output
    assert "Traceback" not in ran.output


def test_a_database_with_tables_of_somebody_else_is_refused_and_left_alone(
    engine: Engine, blank_database_url: str
) -> None:
    with engine.connect().execution_options(writes=True) as connection:
        connection.exec_driver_sql("CREATE TABLE consent (id INTEGER PRIMARY KEY)")
        connection.commit()
    with pytest.raises(DatabaseError):
        upgrade(blank_database_url)
    assert _tables(engine) <= {"consent", "alembic_version"}
    assert not is_current(engine)


def test_two_at_once_make_one_schema(engine: Engine, blank_database_url: str) -> None:
    """Two containers start together: each succeeds or says so, and the schema is whole."""
    upgrade = "from consent_service.persistence.kernel.migrate import upgrade"
    program = f"{upgrade}; upgrade({blank_database_url!r})"
    root = Path(__file__).resolve().parent.parent.parent
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for _ in range(2)
    ]
    for process in both:
        process.communicate(timeout=60)
    assert 0 in {process.returncode for process in both}
    assert is_current(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM log_sequencer").scalar() == 1


def test_a_service_on_an_unmigrated_database_is_not_ready(
    blank_database_url: str, tmp_path: Path
) -> None:
    deployment = deploy(blank_database_url, tmp_path)
    try:
        answer = deployment.app.test_client().get("/readyz")
        assert answer.status_code == 503
        assert answer.json
        assert answer.json["code"] == "schema_outdated"
    finally:
        deployment.close()
