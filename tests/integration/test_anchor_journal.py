"""Erasures and changes of clients stand in the anchor's journal before they are committed."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Misconfigured
from consent_service.persistence.access.tables import client_epoch, client_revocation
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.anchor_journal import (
    AnchorNotWritable,
    Epoch,
    Intent,
    Journalled,
)
from consent_service.persistence.log.tables import log_body, log_erased, log_header
from consent_service.services.rights.erase import Approval, Erased, erase_child
from tests.deployment import Deployment, deploy, deploy_with
from tests.integration.forged_logs import as_owner

CHILD = CprNumber("0103174321")
APPROVAL = Approval("e1", "e2", "the family asked for it")
REVOKED = {"client": "lost-laptop", "organisation": "gp-y"}


@pytest.fixture
def service(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy(furnished_url, tmp_path)
    deployment.in_force()
    yield deployment
    deployment.close()


def journalled(service: Deployment) -> Journalled:
    return service.parts.anchor.journal.read()


def erase(service: Deployment, *, commit: bool = True) -> Erased:
    with service.parts.units.writing() as uow:
        erased = erase_child(uow, service.parts.context, "municipality-x", CHILD, APPROVAL)
        if commit:
            uow.commit()
    return erased


def test_an_erasure_is_meant_and_then_done(service: Deployment) -> None:
    with service.parts.units.engine.connect() as connection:
        of_child = sa.and_(
            data_key.c.organisation_id == "municipality-x", data_key.c.child_id.is_not(None)
        )
        keys = connection.scalars(sa.select(data_key.c.id).where(of_child)).all()
    erased = erase(service)
    with service.parts.units.engine.connect() as connection:
        entries = connection.scalars(
            sa.select(log_erased.c.entry_id).order_by(log_erased.c.entry_id)
        ).all()
    expected = Intent(erased.entry, tuple(entries), tuple(keys))
    assert len(entries) > 3
    assert journalled(service).done == {erased.entry: expected}
    assert journalled(service).open == {}


def test_an_erasure_that_is_not_committed_is_not_meant(service: Deployment) -> None:
    erase(service, commit=False)
    assert not service.parts.anchor.journal.path.exists()


def test_an_erasure_that_cannot_be_journalled_does_not_happen(service: Deployment) -> None:
    service.parts.anchor.journal.path.mkdir()
    with pytest.raises(AnchorNotWritable):
        erase(service)
    with service.parts.units.engine.connect() as connection:
        assert connection.execute(sa.select(log_erased)).first() is None
    assert service.post("/v1/client-revocations", REVOKED).status_code == 503


def test_an_erasure_whose_commit_fails_stays_open(service: Deployment) -> None:
    """A lost connection may hide either: so nobody says that it was done."""

    def lost(_: Connection) -> None:
        raise ConnectionError

    engine = service.parts.units.engine
    sa.event.listen(engine, "commit", lost)
    try:
        with pytest.raises(ConnectionError):
            erase(service)
    finally:
        sa.event.remove(engine, "commit", lost)
    assert len(journalled(service).open) == 1
    assert journalled(service).done == {}


def test_an_act_needs_no_journal(service: Deployment) -> None:
    service.parts.anchor.journal.path.mkdir()
    assert service.disclose().status_code == 201


def test_a_start_says_of_an_open_erasure_that_the_log_has_it(service: Deployment) -> None:
    """As after a kill between the commit and its `done`."""
    erased = erase(service)
    path = service.parts.anchor.journal.path
    meant, _ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(meant)
    deploy_with(service.settings, service.clock).close()
    assert set(journalled(service).done) == {erased.entry}


def test_a_start_says_of_an_open_erasure_that_the_log_has_it_not(service: Deployment) -> None:
    """As after a kill between the intent and the commit."""
    never = Intent("019d0000-0000-7000-8000-000000000001", (), ())
    service.parts.anchor.journal.begin([never], None, service.clock())
    service.clock.forward(minutes=2)
    deploy_with(service.settings, service.clock).close()
    assert journalled(service).open == journalled(service).done == {}


def test_a_change_of_clients_is_journalled_with_its_entry(service: Deployment) -> None:
    assert service.post("/v1/client-revocations", REVOKED).status_code == 201
    with service.parts.units.engine.connect() as connection:
        epoch = connection.scalar(sa.select(client_epoch.c.epoch))
        (one,) = journalled(service).epochs
        assert one.number == epoch
        query = sa.select(log_header.c.entry_id).where(log_header.c.entry_id == one.entry)
        assert connection.scalar(query) == one.entry


def test_an_epoch_put_back_keeps_every_process_from_starting(service: Deployment) -> None:
    assert service.post("/v1/client-revocations", REVOKED).status_code == 201
    as_owner(
        service.parts.units.engine,
        lambda c: c.execute(sa.update(client_epoch).values(epoch=client_epoch.c.epoch - 1)),
    )
    with pytest.raises(Misconfigured, match="clients"):
        deploy_with(service.settings, service.clock)


def test_nor_does_one_start_where_its_entry_was_taken_out_of_the_log_too(
    service: Deployment,
) -> None:
    """The root of the tree is of leaves: it does not show that an entry's own rows are gone."""
    assert service.post("/v1/client-revocations", REVOKED).status_code == 201
    service.parts.grow()
    (one,) = journalled(service).epochs

    def put_back(connection: Connection) -> None:
        connection.execute(sa.delete(client_revocation))
        connection.execute(sa.update(client_epoch).values(epoch=1, mac=None))
        for table in (log_body, log_header):
            connection.execute(sa.delete(table).where(table.c.entry_id == one.entry))

    as_owner(service.parts.units.engine, put_back)
    with pytest.raises(Misconfigured, match="clients"):
        deploy_with(service.settings, service.clock)


def test_a_start_says_of_an_open_change_of_clients_that_the_log_has_it(service: Deployment) -> None:
    """As after a kill between the commit and its `done`; of one that was not committed, nothing."""
    service.parts.anchor.journal.begin([], Epoch(9, str(uuid4())), service.clock())
    assert service.post("/v1/client-revocations", REVOKED).status_code == 201
    path = service.parts.anchor.journal.path
    *meant, _ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(meant))
    assert journalled(service).reached == set()
    deploy_with(service.settings, service.clock).close()
    assert journalled(service).reached == {2}


def test_an_epoch_that_nobody_committed_keeps_nobody_from_starting(service: Deployment) -> None:
    never = Epoch(99, "019d0000-0000-7000-8000-000000000001")
    service.parts.anchor.journal.begin([], never, service.clock())
    again = deploy_with(service.settings, service.clock)
    assert again.post("/v1/client-revocations", REVOKED).status_code == 201
    again.close()
