from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import Deployment
from tests.web.family import household


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    """A furnished service whose signers log in at the stand-in, on both databases."""
    with household(database_url, tmp_path) as deployment:
        yield deployment.furnish()


@pytest.fixture
def small_home(sqlite_url: str, tmp_path: Path) -> Iterator[Deployment]:
    """The same on SQLite alone, for what has nothing to do with the database."""
    with household(sqlite_url, tmp_path) as deployment:
        yield deployment.furnish()
