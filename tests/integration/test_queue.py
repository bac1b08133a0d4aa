"""What an intruder puts into the queue of the log keeps no entry out of the tree, nor gets in."""

from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from consent_service.persistence.log.tables import log_header, log_leaf, log_pending
from tests.deployment import NOW, deploy

NO_HEADER = str(UUID(int=1))


@pytest.mark.parametrize("waits", ["without a header", "twice, and in the tree already"])
def test_it_is_left_out_and_the_rest_goes_in(
    furnished_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, waits: str
) -> None:
    service = deploy(furnished_url, tmp_path)
    sequencer, engine = service.parts.sequencer, service.parts.units.engine
    sequencer.run_once()
    with engine.connect().execution_options(writes=True) as connection:
        known = connection.scalars(sa.select(log_header.c.entry_id).limit(1)).one()
        entry = NO_HEADER if waits == "without a header" else known
        rows = [{"entry_id": entry, "time": NOW}] * (1 if entry == NO_HEADER else 2)
        connection.execute(sa.insert(log_pending), rows)
        connection.commit()
    service.ask()
    sequencer.run_once()
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(log_pending)) == 0
        leaves = connection.scalars(sa.select(log_leaf.c.entry_id)).all()
        headers = connection.scalars(sa.select(log_header.c.entry_id)).all()
    service.close()
    assert sorted(leaves) == sorted(headers)
    assert any(
        entry in record.message and record.levelname == "CRITICAL" for record in caplog.records
    )
