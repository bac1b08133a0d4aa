"""One anchor, one signer: what the database alone says is signed by nobody (decision 35)."""

import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.engine import Connection

from consent_service.audit.checkpoint import parse_checkpoint
from consent_service.audit.merkle import leaf_hash
from consent_service.cli import cli
from consent_service.errors import LogContradicted, Misconfigured
from consent_service.persistence.kernel.migrate import upgrade
from consent_service.persistence.log.adopting import adopt
from consent_service.persistence.log.anchor import Anchor
from consent_service.persistence.log.tables import (
    log_checkpoint,
    log_head,
    log_header,
    log_leaf,
    log_origin,
)
from consent_service.persistence.log.tree_rows import newest_head
from consent_service.services.catalogue.model import PURPOSE_REGISTERED
from consent_service.services.catalogue.register_slugs import register_purpose
from consent_service.signing.keys import KeySet
from tests.conftest import Furnished
from tests.deployment import OPERATOR, Deployment, deploy, deploy_with
from tests.integration.adversary import play
from tests.integration.forged_logs import as_owner, entries_of, grow, rewrite_without
from tests.postgres_cluster import SUPERUSER, Cluster
from tests.service_process import ServiceProcess

FORGED = "019d0000-0000-7000-8000-000000000001"
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def service(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy(furnished_url, tmp_path)
    yield deployment
    deployment.close()


def released(service: Deployment) -> str:
    answer = service.app.test_client().get("/log/checkpoint")
    assert answer.status_code == 200, answer.json
    return answer.get_data(as_text=True)


def size_of(note: str | None) -> int:
    return parse_checkpoint(note or "").size


def notes(service: Deployment) -> set[tuple[int, bytes]]:
    """Size and root of every checkpoint that is released."""
    with service.parts.units.engine.connect() as connection:
        found = [parse_checkpoint(n) for n in connection.scalars(sa.select(log_checkpoint.c.note))]
    return {(one.size, one.root) for one in found}


def refused(service: Deployment) -> None:
    """Nothing is decided and nothing recorded, and it is said that trying again does not help."""
    ready = service.app.test_client().get("/readyz")
    for answer in (
        service.disclose(),
        service.get("/v1/consents"),
        service.post("/v1/consents", service.request_body()),
        ready,
    ):
        assert answer.status_code == 503, answer.json
        assert answer.json["code"] == "log_contradicted"
        assert "Retry-After" not in answer.headers
    page = service.app.test_client().get("/sign/" + "a" * 43)
    assert page.status_code == 503
    assert "Retry-After" not in page.headers


# -- a log that was written past the service ----------------------------------------------------


def test_a_log_without_a_withdrawal_is_not_signed(
    service: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    asked = service.in_force()
    service.act(asked["id"], "custody_holder", "withdraw")
    service.parts.grow()
    kept = parse_checkpoint(released(service))
    engine = service.parts.units.engine
    as_owner(engine, lambda c: rewrite_without(c, entries_of(c, "consent_withdrawn")))
    service.disclose()
    service.parts.grow()
    assert notes(service) <= {(kept.size, kept.root)}
    service.parts.guard.look()
    refused(service)
    assert "the log is contradicted" in caplog.text
    assert size_of(service.parts.anchor.read()) == kept.size


def test_another_process_refuses_it_and_a_new_one_does_not_start(service: Deployment) -> None:
    asked = service.in_force()
    service.act(asked["id"], "custody_holder", "withdraw")
    service.parts.grow()
    as_owner(
        service.parts.units.engine,
        lambda c: rewrite_without(c, entries_of(c, "consent_withdrawn")),
    )
    with pytest.raises(Misconfigured, match="consent-service restore"):
        deploy_with(service.settings, service.clock)


def test_it_is_refused_with_a_sentence(service: Deployment) -> None:
    service.in_force()
    service.parts.grow()
    service.close()
    as_owner(
        service.parts.units.engine,
        lambda c: rewrite_without(c, entries_of(c, "consent_granted")),
    )
    environment = ServiceProcess(service, service.settings.keys_file.parent)
    for name in ("serve", "worker"):
        ran = subprocess.run(
            [sys.executable, "-m", "consent_service.cli", name],
            env=environment.settings_in_environment(),
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 1
        assert "Traceback" not in ran.stderr
        assert "consent-service: the database's log has" in ran.stderr


def test_a_tail_that_was_rewritten_before_it_was_signed_is_noticed_by_whoever_saw_it(
    service: Deployment,
) -> None:
    service.parts.grow()
    asked = service.in_force()
    service.act(asked["id"], "custody_holder", "withdraw")
    service.parts.sequencer.run_once()
    service.parts.guard.look()
    seen = notes(service)

    as_owner(
        service.parts.units.engine,
        lambda c: rewrite_and_keep_notes(c, entries_of(c, "consent_withdrawn")),
    )
    service.parts.guard.look()
    refused(service)
    service.parts.signer.run_once()
    assert notes(service) == seen


def rewrite_and_keep_notes(connection: Connection, gone: list[str]) -> None:
    left = connection.execute(sa.select(log_checkpoint)).mappings().all()
    rewrite_without(connection, gone)
    connection.execute(sa.insert(log_checkpoint), [dict(row) for row in left])


def test_a_tail_that_was_rewritten_and_grew_is_noticed_by_whoever_saw_it(
    service: Deployment,
) -> None:
    """It is longer than what was seen, and agrees with the anchor."""
    service.parts.grow()
    service.disclose()
    service.parts.sequencer.run_once()
    service.parts.guard.look()
    for _ in range(2):
        service.disclose()
    service.parts.sequencer.run_once()
    as_owner(
        service.parts.units.engine,
        lambda c: rewrite_and_keep_notes(c, entries_of(c, "disclosure")[:1]),
    )
    service.parts.guard.look()
    refused(service)


@pytest.mark.parametrize("change", ["the newest head's root", "no name"])
def test_what_readiness_asks_is_looked_at_then(service: Deployment, change: str) -> None:
    """Through a connection that was looked at before."""
    service.parts.grow()
    service.disclose()
    service.parts.sequencer.run_once()
    assert service.client().get("/readyz").status_code == 200
    newest = sa.select(sa.func.max(log_head.c.size)).scalar_subquery()
    changes: dict[str, sa.Executable] = {
        "the newest head's root": sa.update(log_head)
        .where(log_head.c.size == newest)
        .values(root=bytes(32)),
        "no name": sa.delete(log_origin),
    }
    as_owner(service.parts.units.engine, lambda c: c.execute(changes[change]))
    ready = service.client().get("/readyz")
    assert (ready.status_code, (ready.json or {})["code"]) == (503, "log_contradicted")


def test_what_was_begun_before_it_was_noticed_is_not_committed(service: Deployment) -> None:
    with service.parts.units.writing() as uow:
        register_purpose(uow, service.parts.context, OPERATOR, "municipality-x", "another", [])
        service.parts.guard.contradict("noticed a moment later")
        with pytest.raises(LogContradicted):
            uow.commit()
    with service.parts.units.engine.connect() as connection:
        assert len(entries_of(connection, PURPOSE_REGISTERED)) == 1


def test_a_leaf_that_is_only_inserted_is_not_signed(service: Deployment) -> None:
    service.parts.grow()
    kept = parse_checkpoint(released(service))
    forged = leaf_hash(b"made up")
    engine = service.parts.units.engine
    time = service.clock()

    def insert(connection: Connection) -> None:
        row = {"entry_id": FORGED, "time": time, "header": b"made up", "leaf": forged}
        connection.execute(sa.insert(log_header).values(**row, promise="none"))
        grow(connection, [(FORGED, forged)], time)

    as_owner(engine, insert)
    service.parts.grow()
    assert parse_checkpoint(released(service)).size == kept.size
    proof = service.app.test_client().get(f"/log/proof?leaf={forged.hex()}")
    assert proof.status_code == 404
    refused(service)


def test_a_head_that_is_only_inserted_is_not_signed(service: Deployment) -> None:
    service.parts.grow()
    before = notes(service)

    def insert(connection: Connection) -> None:
        head = newest_head(connection)
        assert head is not None
        row = {"size": head.size + 1, "previous": head.size, "root": bytes(32), "time": head.time}
        connection.execute(sa.insert(log_head).values(row))

    as_owner(service.parts.units.engine, insert)
    assert service.parts.signer.run_once() is False
    assert notes(service) == before
    refused(service)


def test_a_longer_tree_that_has_not_grown_out_of_the_anchor_is_not_signed(
    service: Deployment,
) -> None:
    """Each of its entries is ours, and nobody compared it before the signer does."""
    service.in_force()
    service.parts.grow()
    before = notes(service)
    anchored = service.parts.anchor.read()
    for _ in range(3):
        service.disclose()
    service.parts.sequencer.run_once()
    as_owner(
        service.parts.units.engine,
        lambda c: rewrite_and_keep_notes(c, entries_of(c, "consent_granted")[:1]),
    )
    with service.parts.units.engine.connect() as connection:
        head = newest_head(connection)
    assert head is not None
    assert head.size > size_of(anchored)
    assert service.parts.signer.run_once() is False
    assert notes(service) == before
    assert service.parts.anchor.read() == anchored
    assert service.parts.guard.contradiction is not None


def test_a_head_whose_root_was_changed_is_not_signed(service: Deployment) -> None:
    service.parts.grow()
    before = notes(service)
    service.ask()
    service.parts.sequencer.run_once()
    newest = sa.select(sa.func.max(log_head.c.size)).scalar_subquery()
    changed = sa.update(log_head).where(log_head.c.size == newest).values(root=bytes(32))
    as_owner(service.parts.units.engine, lambda c: c.execute(changed))
    assert service.parts.signer.run_once() is False
    assert notes(service) == before
    assert size_of(service.parts.anchor.read()) == max(before)[0]


def test_a_leaf_that_nobody_could_prove_is_not_signed(
    furnished_sqlite_url: str, tmp_path: Path
) -> None:
    """SQLite keeps a position between two others in a column of whole numbers."""
    service = deploy(furnished_sqlite_url, tmp_path)
    service.parts.grow()
    before = notes(service)
    service.ask()
    newest = sa.select(sa.func.max(log_leaf.c.index)).scalar_subquery()
    between = sa.update(log_leaf).where(log_leaf.c.index == newest)
    moved = between.values(index=sa.literal_column('"index" + 0.5'))
    as_owner(service.parts.units.engine, lambda c: c.execute(moved))
    assert service.parts.signer.run_once() is False
    assert notes(service) == before
    service.close()


@pytest.mark.postgres
def test_a_head_that_goes_away_while_it_is_looked_at_is_not_anchored(
    furnished_postgres_url: str, tmp_path: Path
) -> None:
    """SQLite shows a reader one moment."""
    service = deploy(furnished_postgres_url, tmp_path)
    service.parts.grow()
    before = service.parts.anchor.read()
    service.ask()
    service.parts.sequencer.run_once()
    engine = service.parts.units.engine

    def meanwhile(_: Connection, __: object, statement: str, *___: object) -> None:
        if "log_node" in statement:
            newest = sa.select(sa.func.max(log_head.c.size)).scalar_subquery()
            gone = sa.delete(log_head).where(log_head.c.size == newest)
            as_owner(engine, lambda c: c.execute(gone))

    sa.event.listen(engine, "before_cursor_execute", meanwhile)
    assert service.parts.signer.run_once() is False
    assert service.parts.anchor.read() == before
    assert service.parts.guard.contradiction is not None
    service.close()


@pytest.mark.parametrize("change", ["header", "leaf", "promise", "gone", "copied"])
def test_whatever_of_an_entry_was_changed_before_it_was_signed(
    service: Deployment, change: str
) -> None:
    service.parts.grow()
    before = notes(service)
    service.ask()
    service.parts.sequencer.run_once()

    def spoil(connection: Connection) -> None:
        newest = connection.execute(sa.select(log_leaf).order_by(log_leaf.c.index.desc())).first()
        assert newest is not None
        own = log_header.c.entry_id == newest.entry_id
        other = sa.select(log_header.c.promise).where(log_header.c.entry_id != newest.entry_id)
        values = {
            "header": {"header": b"{}"},
            "leaf": {"leaf": bytes(32)},
            "promise": {"promise": connection.scalars(other).first()},
        }
        if change in values:
            connection.execute(sa.update(log_header).where(own).values(values[change]))
        elif change == "gone":
            connection.execute(sa.delete(log_header).where(own))
        else:
            first = connection.scalar(sa.select(log_leaf.c.entry_id).where(log_leaf.c.index == 0))
            same = sa.update(log_leaf).where(log_leaf.c.index == newest.index)
            connection.execute(sa.delete(log_leaf).where(log_leaf.c.index == 0))
            connection.execute(same.values(entry_id=first))

    as_owner(service.parts.units.engine, spoil)
    assert service.parts.signer.run_once() is False
    assert notes(service) == before
    assert service.parts.guard.contradiction is not None


def test_what_the_signer_alone_finds_stops_every_process(service: Deployment) -> None:
    other = deploy_with(service.settings, service.clock)
    service.in_force()
    service.parts.sequencer.run_once()
    empty = {"header": b"{}"}
    in_order = sa.select(log_header.c.entry_id).order_by(log_header.c.entry_id.desc())
    newest = in_order.limit(1).scalar_subquery()
    forged = sa.update(log_header).where(log_header.c.entry_id == newest).values(empty)
    as_owner(service.parts.units.engine, lambda c: c.execute(forged))
    other.parts.guard.require_now()
    assert service.parts.signer.run_once() is False
    with pytest.raises(LogContradicted, match="another process"):
        other.parts.guard.require_now()
    refused(other)
    # Who starts it again has looked; the signer says so once more.
    again = deploy_with(service.settings, service.clock)
    again.parts.guard.require_now()
    for one in (other, again):
        one.close()


def test_a_process_that_does_not_start_stops_no_other(service: Deployment, tmp_path: Path) -> None:
    service.in_force()
    service.parts.grow()
    url = f"sqlite:///{tmp_path / 'another.db'}"
    upgrade(url)
    with pytest.raises(Misconfigured, match="entries"):
        deploy_with(replace(service.settings, database_url=url), service.clock)
    service.parts.guard.require_now()
    assert service.disclose().status_code == 201


def test_a_head_that_is_dated_back_is_not_signed(service: Deployment) -> None:
    service.parts.grow()
    before = notes(service)
    service.ask()
    service.parts.sequencer.run_once()
    newest = sa.select(sa.func.max(log_head.c.size)).scalar_subquery()
    moved = sa.update(log_head).where(log_head.c.size == newest)
    long_ago = service.clock().replace(year=2026, month=1, day=1)
    as_owner(service.parts.units.engine, lambda c: c.execute(moved.values(time=long_ago)))
    assert service.parts.signer.run_once() is False
    assert notes(service) == before


def test_a_head_that_is_dated_ahead_waits_with_an_alarm(
    service: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    service.parts.grow()
    before = notes(service)
    service.ask()
    service.parts.sequencer.run_once()
    newest = sa.select(sa.func.max(log_head.c.size)).scalar_subquery()
    moved = sa.update(log_head).where(log_head.c.size == newest)
    ahead = service.clock().replace(year=2030)
    as_owner(service.parts.units.engine, lambda c: c.execute(moved.values(time=ahead)))
    assert service.parts.signer.run_once() is False
    assert notes(service) == before
    assert "nothing is signed" in caplog.text
    assert service.disclose().status_code == 403


# -- an older copy of the whole database --------------------------------------------------------


def test_an_older_file_in_the_databases_place_is_noticed(
    furnished_sqlite_url: str, tmp_path: Path
) -> None:
    service = deploy(furnished_sqlite_url, tmp_path)
    service.in_force()
    service.parts.grow()
    path = Path(str(service.parts.units.engine.url.database))
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(old),))
    service.disclose()
    service.parts.grow()
    old.replace(path)
    for rest in ("-wal", "-shm"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
    service.parts.guard.look()
    refused(service)
    service.close()
    with pytest.raises(Misconfigured, match="entries"):
        deploy_with(service.settings, service.clock)


def test_the_same_file_put_back_under_a_running_process_is_another_file(
    furnished_sqlite_url: str, tmp_path: Path
) -> None:
    """Whatever it holds: what is written through the old connections would be lost."""
    service = deploy(furnished_sqlite_url, tmp_path)
    service.parts.grow()
    path = Path(str(service.parts.units.engine.url.database))
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    copy.replace(path)
    service.parts.guard.look()
    assert service.parts.guard.contradiction == "another file stands in the database's place"
    service.close()
    deploy_with(service.settings, service.clock).close()


def test_a_file_that_went_away_under_a_running_process_is_noticed(
    furnished_sqlite_url: str, tmp_path: Path
) -> None:
    service = deploy(furnished_sqlite_url, tmp_path)
    service.parts.grow()
    Path(str(service.parts.units.engine.url.database)).unlink()
    service.parts.guard.look()
    assert service.parts.guard.contradiction == "the database's file is gone"
    service.close()


@pytest.mark.postgres
def test_an_older_database_under_the_same_name_is_noticed_at_the_next_request(
    postgres_cluster: Cluster, furnished_postgres: Furnished, tmp_path: Path
) -> None:
    furnished_postgres.copy_keys(tmp_path)
    name = postgres_cluster.create_database(template=furnished_postgres.database)
    service = deploy(postgres_cluster.url(name), tmp_path)
    service.in_force()
    service.parts.grow()
    service.parts.units.dispose()
    old = postgres_cluster.create_database(template=name)
    service.disclose()
    service.parts.grow()
    with psycopg.connect(
        host="127.0.0.1", port=postgres_cluster.port, user=SUPERUSER,
        dbname="postgres", autocommit=True,
    ) as admin:  # fmt: skip
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        admin.execute(f"ALTER DATABASE {name} RENAME TO {name}_gone")
        admin.execute(f"ALTER DATABASE {old} RENAME TO {name}")
    service.parts.units.dispose()
    refused(service)
    service.close()
    with pytest.raises(Misconfigured, match="entries"):
        deploy_with(service.settings, service.clock)
    for one in (name, f"{name}_gone"):
        postgres_cluster.drop_database(one)


# -- who signs, and when ------------------------------------------------------------------------


def test_requests_sign_nothing(service: Deployment) -> None:
    service.parts.grow()
    before = released(service)
    made = service.ask()
    service.parts.sequencer.run_once()
    assert released(service) == before
    receipt = service.get(f"/v1/consents/{made['id']}/receipt")
    assert receipt.status_code == 200
    assert released(service) == before
    service.parts.signer.run_once()
    assert size_of(released(service)) > size_of(before)


def test_of_two_processes_one_signs_and_both_integrate(service: Deployment) -> None:
    other = deploy_with(service.settings, service.clock)
    service.parts.grow()
    assert service.parts.signer.is_the_one
    service.ask()
    other.parts.grow()
    assert not other.parts.signer.is_the_one
    service.disclose()
    other.parts.grow()
    behind = size_of(released(service))
    service.parts.grow()
    assert size_of(released(service)) > behind
    service.close()
    other.disclose()
    other.parts.grow()
    assert other.parts.signer.is_the_one
    other.close()


def test_what_is_not_under_a_checkpoint_yet_has_no_proof_yet(service: Deployment) -> None:
    service.in_force()
    made = service.disclose().json
    service.parts.sequencer.run_once()
    path = f"/v1/audit/entries/{made['id']}/proof"
    assert service.get(path, org="gp-y").json["proof"] is None
    service.parts.grow()
    assert service.get(path, org="gp-y").json["proof"]["checkpoint"] == released(service)


@pytest.mark.parametrize("when", ["before the anchor", "after the anchor"])
def test_killed_between_head_anchor_and_note(service: Deployment, when: str) -> None:
    service.parts.grow()
    old = size_of(released(service))
    service.ask()
    service.parts.sequencer.run_once()
    service.close()
    environment = ServiceProcess(service, service.settings.keys_file.parent)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.integration.killed_signer", when],
        env=environment.settings_in_environment(),
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    anchored = service.parts.anchor.read()
    assert (size_of(anchored) == old) is (when == "before the anchor")
    assert size_of(released(service)) == old

    again = deploy_with(service.settings, service.clock)
    again.parts.grow()
    with again.parts.units.engine.connect() as connection:
        head = newest_head(connection)
    assert head is not None
    assert size_of(released(again)) == head.size > old
    if when == "after the anchor":
        assert released(again) == anchored
    again.close()


def test_checkpoints_that_were_deleted_come_back_as_they_were(
    service: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    service.parts.grow()
    before = released(service)
    as_owner(service.parts.units.engine, lambda c: c.execute(sa.delete(log_checkpoint)))
    service.parts.grow()
    assert released(service) == before
    told = f"the checkpoint of {size_of(before)} entries is taken from the anchor"
    assert ("WARNING", told) in [(one.levelname, one.getMessage()) for one in caplog.records]


def test_two_processes_that_begin_an_empty_log_make_one_anchor(
    sqlite_url: str, tmp_path: Path
) -> None:
    one = deploy(sqlite_url, tmp_path)
    anchor = one.parts.anchor.read()
    assert size_of(anchor) == 0
    two = deploy_with(one.settings, one.clock)
    assert two.parts.anchor.read() == anchor
    # Who made it signs no longer than it takes.
    assert not one.parts.anchor.is_held
    for deployment in (one, two):
        deployment.close()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("keys.json.anchor*")} == {0o600}


# -- the file itself ----------------------------------------------------------------------------


def test_a_log_that_has_begun_does_not_start_without_its_anchor(service: Deployment) -> None:
    service.parts.grow()
    service.parts.anchor.path.unlink()
    with pytest.raises(Misconfigured, match="audit adopt"):
        deploy_with(service.settings, service.clock)
    assert service.parts.anchor.read() is None


def test_a_running_process_signs_nothing_without_an_anchor_and_goes_on(
    service: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    service.parts.grow()
    service.parts.anchor.path.unlink()
    assert service.ask()
    service.parts.grow()
    assert service.parts.anchor.read() is None
    told = [one.getMessage() for one in caplog.records if one.levelno == logging.CRITICAL]
    missing = f"the log's anchor {service.parts.anchor.path} is missing"
    assert missing in told
    assert f"nothing is signed: {missing}" in told


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"another text\n", None])
def test_an_anchor_that_cannot_be_read_keeps_every_process_from_starting(
    service: Deployment, content: bytes | None
) -> None:
    path = service.parts.anchor.path
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match="CONSENT_LOG_ANCHOR_FILE"):
        deploy_with(service.settings, service.clock)


def test_who_cannot_write_the_anchor_integrates_and_signs_nothing(
    service: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    service.parts.grow()
    service.parts.signer.close()
    before = released(service)
    lock = service.parts.anchor.path.with_name("keys.json.anchor.lock")
    lock.unlink()
    lock.mkdir()
    service.ask()
    service.parts.grow()
    assert released(service) == before
    assert "cannot be written" in caplog.text
    assert service.disclose().status_code == 403


def test_an_anchor_of_other_keys_is_none(service: Deployment, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copyfile(service.parts.anchor.path, other / "keys.json.anchor")
    with pytest.raises(Misconfigured, match="no checkpoint by this deployment's keys"):
        deploy(service.settings.database_url, other)


# -- adopting ------------------------------------------------------------------------------------


def command(service: Deployment, *arguments: str) -> Result:
    folder = service.settings.keys_file.parent
    environment = ServiceProcess(service, folder).settings_in_environment()
    return CliRunner().invoke(cli, arguments, env=environment)


def test_a_kept_checkpoint_is_adopted(service: Deployment, tmp_path: Path) -> None:
    service.parts.grow()
    kept = tmp_path / "kept"
    kept.write_text(released(service))
    service.ask()
    service.parts.grow()
    newest = released(service)
    refusal = command(service, "audit", "adopt", str(kept))
    assert isinstance(refusal.exception, Misconfigured)
    assert "there is an anchor already" in str(refusal.exception.detail)
    service.parts.anchor.path.unlink()
    service.close()
    adopted = command(service, "audit", "adopt", str(kept))
    assert adopted.exit_code == 0, (adopted.output, adopted.exception)
    again = deploy_with(service.settings, service.clock)
    again.parts.grow()
    assert released(again) == newest == again.parts.anchor.read()
    again.parts.guard.require()
    again.close()


@pytest.mark.parametrize("stored", ["another size's", "nobody's"])
def test_a_stored_note_that_is_not_of_its_head_is_not_anchored(
    service: Deployment, stored: str
) -> None:
    """After an older checkpoint was adopted, the newest one is taken from its row."""
    service.parts.grow()
    kept = released(service)
    service.ask()
    service.parts.grow()
    engine = service.parts.units.engine
    newest = sa.select(sa.func.max(log_checkpoint.c.size)).scalar_subquery()
    note = kept if stored == "another size's" else "made up"
    changed = sa.update(log_checkpoint).where(log_checkpoint.c.size == newest).values(note=note)
    service.parts.anchor.path.unlink()
    adopt(engine, service.parts.anchor, service.parts.log_identity(), kept)
    as_owner(engine, lambda c: c.execute(changed))
    assert service.parts.signer.run_once() is False
    assert service.parts.anchor.read() == kept
    assert service.parts.guard.contradiction is not None


def test_a_checkpoint_by_a_compromised_key_is_not_adopted(service: Deployment) -> None:
    service.parts.grow()
    kept = released(service)
    service.parts.anchor.path.unlink()
    service.parts.signer.close()
    identity = service.parts.log_identity()
    later = service.clock().replace(microsecond=0) + timedelta(seconds=1)
    stolen = KeySet(
        replace(key, status="compromised", compromised_at=later) if key.use == "log" else key
        for key in identity.published
    )
    engine, anchor = service.parts.units.engine, service.parts.anchor
    with pytest.raises(Misconfigured, match="compromised"):
        adopt(engine, anchor, replace(identity, published=stolen), kept)
    assert anchor.read() is None


def test_while_somebody_signs_nothing_is_adopted(service: Deployment) -> None:
    service.parts.grow()
    kept = released(service)
    service.parts.anchor.path.unlink()
    engine, identity = service.parts.units.engine, service.parts.log_identity()
    other = Anchor(service.parts.anchor.path)
    with pytest.raises(Misconfigured, match="stop the service first"):
        adopt(engine, other, identity, kept)
    assert other.read() is None
    service.parts.signer.close()
    assert adopt(engine, other, identity, kept).size == size_of(kept)
    assert not other.is_held


def test_what_is_no_checkpoint_is_not_adopted(service: Deployment) -> None:
    service.parts.grow()
    service.parts.anchor.path.unlink()
    service.parts.signer.close()
    engine, identity = service.parts.units.engine, service.parts.log_identity()
    with pytest.raises(Misconfigured, match="no checkpoint of this log"):
        adopt(engine, service.parts.anchor, identity, "made up")


def test_a_checkpoint_that_the_log_has_not_grown_out_of_is_not_adopted(
    service: Deployment, tmp_path: Path
) -> None:
    asked = service.in_force()
    service.act(asked["id"], "custody_holder", "withdraw")
    service.parts.grow()
    kept = tmp_path / "kept"
    kept.write_text(released(service))
    service.parts.anchor.path.unlink()
    service.close()
    as_owner(
        service.parts.units.engine,
        lambda c: rewrite_without(c, entries_of(c, "consent_withdrawn")),
    )
    refusal = command(service, "audit", "adopt", str(kept))
    assert isinstance(refusal.exception, Misconfigured)
    assert service.parts.anchor.read() is None


def test_what_contradicts_the_anchor_can_still_be_verified(service: Deployment) -> None:
    service.parts.grow()
    service.close()
    as_owner(service.parts.units.engine, lambda c: c.execute(sa.delete(log_head)))
    verified = command(service, "audit", "verify", "--workers", "1")
    assert verified.exit_code == 1
    assert "THE LOG DOES NOT VERIFY" in verified.output


def test_a_checkpoint_that_the_anchor_alone_has_is_named(service: Deployment) -> None:
    service.parts.grow()
    size = size_of(released(service))
    service.close()
    as_owner(service.parts.units.engine, lambda c: c.execute(sa.delete(log_checkpoint)))
    verified = command(service, "audit", "verify", "--workers", "1")
    assert verified.exit_code == 0, verified.output
    assert f"checkpoint_missing: checkpoint {size}: only the anchor has it" in verified.output


# -- the log's name ------------------------------------------------------------------------------


def test_the_name_is_written_with_the_first_entry(service: Deployment) -> None:
    service.parts.grow()
    with service.parts.units.engine.connect() as connection:
        rows = connection.execute(sa.select(log_origin)).all()
    assert [tuple(row) for row in rows] == [(0, "consent.example/log", None)]


def test_another_name_is_refused_from_the_beginning_on(sqlite_url: str, tmp_path: Path) -> None:
    """Also before the first entry: the anchor names the log."""
    service = deploy(sqlite_url, tmp_path)
    service.close()
    renamed = replace(service.settings, log_origin="other.example/log")
    with pytest.raises(Misconfigured, match="CONSENT_LOG_ORIGIN"):
        deploy_with(renamed, service.clock)


def test_another_name_in_the_database_stops_every_process(service: Deployment) -> None:
    service.parts.grow()
    as_owner(
        service.parts.units.engine,
        lambda c: c.execute(sa.update(log_origin).values(origin="other.example/log")),
    )
    service.parts.guard.look()
    refused(service)


def test_a_restore_that_never_was_is_refused_and_found(service: Deployment) -> None:
    """The name that the log has, once more: its headers say so, and every consent would be held."""
    service.in_force()
    service.parts.grow()
    row = {"origin": service.settings.log_origin, "predecessor": service.parts.anchor.read()}

    def insert(connection: Connection) -> None:
        head = newest_head(connection)
        assert head is not None
        connection.execute(sa.insert(log_origin).values(first_index=head.size - 1, **row))

    as_owner(service.parts.units.engine, insert)
    verified = command(service, "audit", "verify", "--workers", "1")
    assert (verified.exit_code, "origin_mismatch" in verified.output) == (1, True)
    service.parts.guard.look()
    refused(service)


def test_a_lock_is_one_processs_own(tmp_path: Path) -> None:
    """A child of the holder is another process, and holds nothing."""
    anchor = Anchor(tmp_path / "anchor")
    assert anchor.hold()
    child = os.fork()
    if child == 0:
        os._exit(int(anchor.is_held or Anchor(tmp_path / "anchor").hold()))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    anchor.release()


@pytest.mark.slow
def test_an_adversary_with_the_database_and_a_kill_in_every_round(tmp_path: Path) -> None:
    """`python -m tests.integration.adversary 100` plays more."""
    game = play(3, 7, tmp_path)
    assert game.released
