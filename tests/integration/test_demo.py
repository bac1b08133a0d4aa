"""The demo's whole story, as `consent-service demo --play` tells it, on both databases."""

from pathlib import Path

import pytest

from consent_service.demo.play import play
from tests.postgres_cluster import Cluster


def _tells_everything(folder: Path, database_url: str | None) -> None:
    said: list[str] = []
    play(folder, database_url, said.append)
    assert len(said) >= 18
    assert all(line.startswith("✓") for line in said if line.strip())
    assert "found" in said[-1]


def test_the_story_on_sqlite(tmp_path: Path) -> None:
    _tells_everything(tmp_path / "demo", None)


@pytest.mark.postgres
def test_the_story_on_postgresql(tmp_path: Path, postgres_cluster: Cluster) -> None:
    name = postgres_cluster.create_database()
    try:
        _tells_everything(tmp_path / "demo", postgres_cluster.url(name))
    finally:
        postgres_cluster.drop_database(name)
