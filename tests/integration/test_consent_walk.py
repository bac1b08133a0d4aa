"""A page of consents looks at its own number of them, however many there are, whoever they name."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from consent_service.errors import Unreadable
from consent_service.persistence.consents.tables import consent, consent_party
from tests.deployment import Deployment, deploy
from tests.integration.test_log_plans import new_id, rows_read

PARTY, OTHERS, LIMIT = "paediatrics", ("gp-y", "municipality-x"), 50


@pytest.fixture
def crowded(furnished_url: str, tmp_path: Path) -> Deployment:
    """Thousands of consents; one in twenty names the party."""
    deployment = deploy(furnished_url, tmp_path)
    deployment.in_force()
    with deployment.parts.units.engine.connect().execution_options(writes=True) as connection:
        asked = dict(connection.execute(sa.select(consent)).mappings().one())
        files = [asked | {"id": new_id()} for _ in range(4000)]
        connection.execute(sa.insert(consent), files)
        parties = [
            {"organisation_id": PARTY if number % 20 == 0 else name, "consent_id": file["id"]}
            for number, file in enumerate(files)
            for name in (OTHERS if number % 20 else OTHERS[:1])
        ]
        connection.execute(sa.insert(consent_party), parties)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")
        connection.commit()
    return deployment


@pytest.mark.parametrize("position", [None, 1500, 3900])
def test_a_page_looks_at_no_more_than_it_has(crowded: Deployment, position: int | None) -> None:
    engine = crowded.parts.units.engine
    caught: list[tuple[str, Any]] = []

    def catch(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        caught.append((statement, parameters))

    with engine.connect() as connection:
        ids = connection.scalars(sa.select(consent.c.id).order_by(consent.c.id)).all()
    after = None if position is None else ids[position]
    sa.event.listen(engine, "before_cursor_execute", catch)
    try:
        # The copies were not sealed for where they stand.
        with crowded.parts.units.reading() as uow, suppress(Unreadable):
            uow.consents.page(PARTY, after=after, limit=LIMIT)
    finally:
        sa.event.remove(engine, "before_cursor_execute", catch)
    (page,) = [one for one in caught if "consent_party" in one[0]]
    with engine.connect() as connection:
        read = rows_read(connection, *page)
    crowded.close()
    # Each is fetched with its file and its key.
    assert read <= 6 * LIMIT, page
