"""A furnished service on each database: one made and filled per run, copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from tests.api.conformity import Conformity
from tests.conftest import Furnished
from tests.deployment import NOW, Deployment, SettableClock, deploy
from tests.postgres_cluster import Cluster

BOTH_DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def drop_guards(connection: Connection) -> None:
    """What the owner of the tables can do before anything else."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET session_replication_role = replica")
        return
    names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for name in names.scalars().all():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')


def _copy(
    request: pytest.FixtureRequest, folder: Path, kind: str
) -> tuple[Deployment, Callable[[], None]]:
    """A service of one's own, and what takes it away again."""
    if kind == "sqlite":
        furnished: Furnished = request.getfixturevalue("furnished_sqlite")
        shutil.copyfile(furnished.database, folder / "consent.db")
        url, drop = f"sqlite:///{folder / 'consent.db'}", lambda: None
    else:
        furnished = request.getfixturevalue("furnished_postgres")
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        name = cluster.create_database(template=furnished.database)
        url, drop = cluster.url(name), lambda: cluster.drop_database(name)
    furnished.copy_keys(folder)
    clock = SettableClock(NOW + timedelta(minutes=1))
    service = deploy(url, folder, clock=clock)

    conformity = Conformity(service.app).watch()

    def remove() -> None:
        service.close()
        drop()
        assert conformity.deviations == []

    return service, remove


@pytest.fixture(params=BOTH_DATABASES)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """A furnished service of the test's own, once on SQLite and once on PostgreSQL."""
    deployed, remove = _copy(request, tmp_path, request.param)
    yield deployed
    remove()


@pytest.fixture(scope="module", params=BOTH_DATABASES)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """A furnished service for all the tests of a module: those that must not write anything."""
    deployed, remove = _copy(request, tmp_path_factory.mktemp("shared"), request.param)
    yield deployed
    remove()


@pytest.fixture
def on_sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """A furnished service of the test's own, on SQLite alone."""
    deployed, remove = _copy(request, tmp_path, "sqlite")
    yield deployed
    remove()


@pytest.fixture
def on_postgres(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """A furnished service of the test's own, on PostgreSQL alone."""
    deployed, remove = _copy(request, tmp_path, "postgresql")
    yield deployed
    remove()
