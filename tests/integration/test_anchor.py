"""One anchor, one signer: what the database alone says is signed by nobody (decision 35)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent_service.audit.checkpoint import parse_checkpoint
from consent_service.audit.merkle import leaf_hash
from consent_service.persistence.log.tables import log_checkpoint, log_header
from tests.deployment import Deployment, deploy
from tests.integration.forged_logs import as_owner, entries_of, grow, rewrite_without

FORGED = "019d0000-0000-7000-8000-000000000001"


@pytest.fixture
def service(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy(furnished_url, tmp_path)
    yield deployment
    deployment.close()


def released(service: Deployment) -> str:
    answer = service.app.test_client().get("/log/checkpoint")
    assert answer.status_code == 200, answer.json
    return answer.get_data(as_text=True)


def test_a_log_without_a_withdrawal_is_not_signed(service: Deployment) -> None:
    asked = service.in_force()
    service.act(asked["id"], "custody_holder", "withdraw")
    service.parts.grow()
    kept = parse_checkpoint(released(service))
    engine = service.parts.units.engine
    as_owner(engine, lambda c: rewrite_without(c, entries_of(c, "consent_withdrawn")))
    service.disclose()
    service.parts.grow()
    with engine.connect() as connection:
        notes = [parse_checkpoint(n) for n in connection.scalars(sa.select(log_checkpoint.c.note))]
    assert {(one.size, one.root) for one in notes} <= {(kept.size, kept.root)}


def test_a_leaf_that_is_only_inserted_is_not_signed(service: Deployment) -> None:
    service.parts.grow()
    kept = parse_checkpoint(released(service))
    forged = leaf_hash(b"made up")
    engine = service.parts.units.engine
    time = service.clock()

    def insert(connection: sa.Connection) -> None:
        row = {"entry_id": FORGED, "time": time, "header": b"made up", "leaf": forged}
        connection.execute(sa.insert(log_header).values(**row, promise="none"))
        grow(connection, [(FORGED, forged)], time)

    as_owner(engine, insert)
    service.parts.grow()
    assert parse_checkpoint(released(service)).size == kept.size
    proof = service.app.test_client().get(f"/log/proof?leaf={forged.hex()}")
    assert proof.status_code == 404
