from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers.visit import Home, at_broker


@pytest.fixture(params=["idura", "signaturgruppen", "signicat"])
def home(
    request: pytest.FixtureRequest, broker_packages: None, sqlite_url: str, tmp_path: Path
) -> Iterator[Home]:
    """A service over real HTTP whose signers log in at a certified provider, by each dialect."""
    with at_broker(request.param, sqlite_url, tmp_path) as found:
        yield found
