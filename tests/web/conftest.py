from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import Deployment
from tests.web.family import household


@pytest.fixture
def home(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    """A furnished service whose signers log in at the stand-in, on both databases."""
    with household(furnished_url, tmp_path) as deployment:
        yield deployment


@pytest.fixture
def small_home(furnished_sqlite_url: str, tmp_path: Path) -> Iterator[Deployment]:
    """The same on SQLite alone, for what has nothing to do with the database."""
    with household(furnished_sqlite_url, tmp_path) as deployment:
        yield deployment
