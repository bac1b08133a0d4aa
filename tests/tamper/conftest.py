"""One world for the tests of a module, whose database is changed and changed back."""

import shutil
from collections.abc import Iterator

import pytest

from tests.postgres_cluster import Cluster
from tests.tamper.judge import Judge, a_judge


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def judge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Judge]:
    folder = tmp_path_factory.mktemp("tamper")
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), folder / "consent.db")
        with a_judge(f"sqlite:///{folder / 'consent.db'}", folder) as made:
            yield made
        return
    cluster: Cluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database(template=request.getfixturevalue("postgres_template"))
    with a_judge(cluster.url(name), folder) as made:
        yield made
    cluster.drop_database(name)
