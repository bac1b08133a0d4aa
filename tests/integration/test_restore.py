"""A database that was put back from an older copy: refused, brought in, and then used again."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.engine import Connection

from consent_service.audit.checkpoint import parse_checkpoint
from consent_service.audit.merkle import leaf_hash
from consent_service.cli import cli
from consent_service.domain.access.staff import SessionTimes, StaffRole, Standing
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.rights.forgetting import RetentionRule
from consent_service.errors import (
    ConsentServiceError,
    InvalidInput,
    LogContradicted,
    Misconfigured,
)
from consent_service.persistence.access.tables import client_epoch, staff_session
from consent_service.persistence.children.tables import child, fact, person_details
from consent_service.persistence.children.tables import person as person_table
from consent_service.persistence.idempotency.tables import kept_answer
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log import restoring
from consent_service.persistence.log.anchor import Anchor
from consent_service.persistence.log.restoring import anchor_new_name
from consent_service.persistence.log.tables import log_body, log_header, log_leaf, log_origin
from consent_service.persistence.signatures.tables import signing_session
from consent_service.services.access.staff import StaffMember, StaffSession
from consent_service.services.rights.erase import (
    Approval,
    erase_again,
    erase_by_retention,
    erase_child,
)
from consent_service.services.rights.restore import KnownOutside, bring_in
from tests.deployment import COLLEAGUE, EMPLOYEE, Deployment, deploy, deploy_with, person
from tests.integration.forged_logs import as_owner, entries_of, grow, rewrite_without
from tests.integration.test_purposes_command import environment
from tests.postgres_cluster import Cluster

APPROVAL = Approval("e1", "e2", "the family asked for it")
NEXT = "consent.example/log/2"
WHO = ("--org", "municipality-x", "--performed-by", "e1", "--approved-by", "e2")
RESTORE = ("restore", *WHO, "--reason", "the disk failed")
BO = CprNumber("0204184321")
SIBLING = person("020418-4321", "Bo Test", birth_date="2018-04-02")

Copy = Callable[[Deployment], str]


def put_away(service: Deployment) -> None:
    """What was done is signed; then the service is closed, and its database is lost."""
    service.parts.grow()
    service.close()


@pytest.fixture
def service(furnished_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy(furnished_url, tmp_path)
    yield deployment
    deployment.close()


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Copy]:
    """Close a service and copy its database; the address of the copy."""
    made: list[str] = []
    numbers = count()

    def copied(service: Deployment) -> str:
        service.close()
        url = sa.make_url(service.settings.database_url)
        if url.get_backend_name() == "sqlite":
            older = tmp_path / f"older-{next(numbers)}.db"
            shutil.copyfile(str(url.database), older)
            return f"sqlite:///{older}"
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        made.append(cluster.create_database(template=str(url.database)))
        return cluster.url(made[-1])

    yield copied
    for name in made:
        request.getfixturevalue("postgres_cluster").drop_database(name)


def run(service: Deployment, url: str, *arguments: str, name: str = NEXT) -> Result:
    """A command about the copy, with the name that the log has from now on."""
    changes = {"CONSENT_DATABASE_URL": url, "CONSENT_LOG_ORIGIN": name}
    return CliRunner().invoke(cli, arguments, env=environment(service, **changes))


def restored(service: Deployment, url: str, name: str = NEXT) -> Deployment:
    """The service on the copy, after `restore`."""
    done = run(service, url, *RESTORE, name=name)
    assert done.exit_code == 0, (done.output, done.exception)
    service.clock.set(datetime.now(UTC))
    settings = replace(service.settings, database_url=url, log_origin=name)
    return deploy_with(settings, service.clock)


def verified(service: Deployment, url: str, name: str = NEXT) -> str:
    result = run(service, url, "audit", "verify", "--workers", "1", name=name)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def reasons(service: Deployment, **changes: Any) -> list[str]:
    answer = service.disclose(**changes)
    return [reason["code"] for reason in answer.json.get("reasons", [])]


def test_a_lost_withdrawal_permits_nothing_until_the_controller_has_looked(
    service: Deployment, copy: Copy
) -> None:
    asked = service.in_force()
    assert reasons(service) == []
    older = copy(service)
    service.act(asked["id"], "custody_holder", "withdraw")
    assert reasons(service) == ["withdrawn"]
    put_away(service)
    settings = replace(service.settings, database_url=older)
    for name in (settings.log_origin, NEXT):
        with pytest.raises(Misconfigured, match="restore"):
            deploy_with(replace(settings, log_origin=name), service.clock)
    again = restored(service, older)
    try:
        assert reasons(again) == ["reconfirmation_required"]
        path = f"/v1/consents/{asked['id']}/reconfirmations"
        agreed = {"basis": "the case file", "performed_by": EMPLOYEE}
        recorded = again.post(path, agreed)
        assert recorded.status_code == 201, recorded.json
        by = {"performed_by": COLLEAGUE}
        confirmed = again.post(f"{path}/{recorded.json['id']}/confirmation", by)
        assert confirmed.status_code == 200, confirmed.json
        assert reasons(again) == []
        again.parts.grow()
        assert again.client().get("/readyz").status_code == 200
    finally:
        again.close()
    assert "The log verifies." in verified(service, older)


def test_what_had_been_erased_is_erased_again(service: Deployment, copy: Copy) -> None:
    service.in_force()
    service.in_force("municipality-z", child=SIBLING, parties=["municipality-z", "gp-y"])
    ended = service.ask(child=SIBLING, parties=["municipality-x", "gp-y"])
    cancelled = {"reason": "mistake", "performed_by": EMPLOYEE}
    service.post(f"/v1/consents/{ended['id']}/cancellation", cancelled)
    older = copy(service)
    with service.parts.units.writing() as uow:
        whole = erase_child(uow, service.parts.context, "municipality-z", BO, APPROVAL)
        uow.commit()
    service.clock.forward(days=366)
    with service.parts.units.writing() as uow:
        rule, children = RetentionRule(1, 1), uow.erasures.children("municipality-x")
        partial = erase_by_retention(
            uow, service.parts.context, "municipality-x", rule, children, APPROVAL
        )
        uow.commit()
    assert partial is not None
    left = what_is_left(service.settings.database_url)
    assert what_is_left(older) != left
    put_away(service)
    again = restored(service, older)
    try:
        entries = again.get("/v1/audit/entries?type=data_erased&limit=50").json["items"]
        rules = [entry["body"]["rule"] for entry in entries]
        assert [rule["by"] for rule in rules] == ["restore"]
        assert rules[0]["erasures"] == sorted([whole.entry, partial.entry])
        others = again.get("/v1/audit/entries?type=data_erased", org="municipality-z")
        assert [entry["body"]["rule"]["by"] for entry in others.json["items"]] == ["restore"]
    finally:
        again.close()
    assert what_is_left(older) == left
    verified(service, older)


def what_is_left(url: str) -> dict[str, set[Any]]:
    """The facts, data keys of children and consents' bodies of a database, but for erasures."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    bodies = (
        sa.select(log_body.c.entry_id)
        .join(data_key, data_key.c.id == log_body.c.data_key_id)
        .where(data_key.c.child_id.is_not(None), log_body.c.type != "disclosure")
    )
    keys = sa.select(data_key.c.id).where(data_key.c.child_id.is_not(None))
    with engine.connect() as connection:
        return {
            "facts": set(connection.scalars(sa.select(fact.c.entry_id))),
            "keys": set(connection.scalars(keys)),
            "bodies": set(connection.scalars(bodies)),
        }


def test_what_was_never_finished_is_erased_too(service: Deployment, copy: Copy) -> None:
    """Whether it was committed, an older copy cannot tell."""
    service.in_force("municipality-z", child=SIBLING, parties=["municipality-z", "gp-y"])
    older = copy(service)
    with service.parts.units.writing() as uow:
        erase_child(uow, service.parts.context, "municipality-z", BO, APPROVAL)
        uow.commit()
    journal = service.parts.anchor.journal.path
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if "done" not in json.loads(line)))
    put_away(service)
    restored(service, older).close()
    assert what_is_left(older)["keys"] == set()


def test_old_receipts_verify_under_the_old_name_and_new_ones_under_the_new(
    service: Deployment, copy: Copy, tmp_path: Path
) -> None:
    asked = service.in_force()
    service.parts.grow()
    (tmp_path / "old.json").write_bytes(service.get(f"/v1/consents/{asked['id']}/receipt").data)
    older = copy(service)
    lost = service.ask(child=SIBLING)
    put_away(service)
    again = restored(service, older)
    try:
        assert again.get(f"/v1/consents/{lost['id']}").status_code == 404
        new = again.in_force(child=SIBLING)
        again.parts.grow()
        (tmp_path / "new.json").write_bytes(again.get(f"/v1/consents/{new['id']}/receipt").data)
        (tmp_path / "mixed.json").write_bytes(again.get(f"/v1/consents/{asked['id']}/receipt").data)
        client = again.client()
        (tmp_path / "jwks.json").write_bytes(client.get("/.well-known/jwks.json").data)
        (tmp_path / "log.json").write_bytes(client.get("/.well-known/consent-log.json").data)
        checkpoint = client.get("/log/checkpoint").get_data(as_text=True)
        assert parse_checkpoint(checkpoint).origin == NEXT
    finally:
        again.close()
    published = ["--jwks", str(tmp_path / "jwks.json"), "--log", str(tmp_path / "log.json")]
    for receipt in ("old", "new", "mixed"):
        result = CliRunner().invoke(cli, ["verify", str(tmp_path / f"{receipt}.json"), *published])
        assert result.exit_code == 0, (receipt, result.output)


def test_stopped_in_between_it_goes_on(
    service: Deployment, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = service.in_force()
    older = copy(service)
    service.act(asked["id"], "custody_holder", "withdraw")
    put_away(service)

    def killed(*_: object) -> None:
        raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr("consent_service.persistence.log.anchor.Anchor.write", killed)
        assert run(service, older, *RESTORE).exit_code == 9
    with pytest.raises(Misconfigured):
        deploy_with(replace(service.settings, database_url=older, log_origin=NEXT), service.clock)
    again = restored(service, older)
    try:
        assert reasons(again) == ["reconfirmation_required"]
    finally:
        again.close()
    assert names(older) == [service.settings.log_origin, NEXT]


def names(url: str) -> list[str]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        query = sa.select(log_origin.c.origin).order_by(log_origin.c.first_index)
        return list(connection.scalars(query))


def test_a_name_that_somebody_wrote_there_is_no_restore_that_began(
    service: Deployment, copy: Copy
) -> None:
    """The guide's next name can be guessed, and the newest checkpoint is public."""
    asked = service.in_force()
    service.act(asked["id"], "custody_holder", "withdraw")
    service.parts.grow()
    older = copy(service)
    anchor = service.parts.anchor.read()
    row = {"origin": NEXT, "predecessor": anchor}

    def forge(connection: Connection) -> None:
        size = rewrite_without(connection, entries_of(connection, "consent_withdrawn"))
        connection.execute(sa.insert(log_origin).values(first_index=size, **row))

    as_owner(sa.create_engine(older, poolclass=sa.NullPool), forge)
    refused = run(service, older, *RESTORE)
    assert refused.exit_code == 1
    assert "no restore of ours began" in str(refused.exception)
    assert service.parts.anchor.read() == anchor


def test_what_is_written_while_it_is_brought_in_is_not_signed(
    service: Deployment, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the commit and the anchor, and where it was stopped there."""
    asked = service.in_force()
    older = copy(service)
    service.act(asked["id"], "custody_holder", "withdraw")
    put_away(service)
    anchor = service.parts.anchor.read()
    engine = sa.create_engine(older, poolclass=sa.NullPool)

    def forging(*given: Any) -> Any:
        as_owner(engine, forge_a_tail)
        return anchor_new_name(*given)

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "anchor_new_name", forging)
        for _ in range(2):
            refused = run(service, older, *RESTORE)
            assert refused.exit_code == 1
            assert "is not signed" in str(refused.exception)
    assert service.parts.anchor.read() == anchor


def forge_a_tail(connection: Connection) -> None:
    forged, time = leaf_hash(b"made up"), datetime.now(UTC)
    row = {"entry_id": str(uuid4()), "time": time, "header": b"made up", "leaf": forged}
    connection.execute(sa.insert(log_header).values(**row, promise="made up"))
    grow(connection, [(str(row["entry_id"]), forged)], time)


def test_a_checkpoint_from_before_it_is_not_adopted(
    service: Deployment, copy: Copy, tmp_path: Path
) -> None:
    """A process that starts would find another name in the anchor than in the database."""
    service.in_force()
    service.parts.grow()
    kept = tmp_path / "kept"
    kept.write_text(service.parts.anchor.read() or "")
    older = copy(service)
    service.disclose()
    put_away(service)
    again = restored(service, older)
    again.disclose()
    again.parts.grow()
    newest = tmp_path / "newest"
    newest.write_text(again.parts.anchor.read() or "")
    again.parts.anchor.path.unlink()
    again.close()
    refused = run(service, older, "audit", "adopt", str(kept))
    assert isinstance(refused.exception, Misconfigured)
    assert run(service, older, "audit", "adopt", str(newest)).exit_code == 0
    deploy_with(again.settings, again.clock).close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("earlier", f"{NEXT!r} does not begin at entry"),
        ("dated otherwise", f"the first entry of {NEXT!r} cannot be proven"),
        ("gone", f"the first entry of {NEXT!r} cannot be proven"),
        ("its sibling gone", f"the first entry of {NEXT!r} cannot be proven"),
    ],
)
def test_when_it_was_is_what_the_tree_says(
    service: Deployment, copy: Copy, change: str, told: str
) -> None:
    """Consents are held by it."""
    service.in_force()
    older = copy(service)
    service.disclose()
    put_away(service)
    again = restored(service, older)
    again.parts.grow()

    def damage(connection: Connection) -> None:
        named = log_origin.c.origin == NEXT
        first = connection.scalar(sa.select(log_origin.c.first_index).where(named))
        entry = connection.scalar(sa.select(log_leaf.c.entry_id).where(log_leaf.c.index == first))
        own = log_header.c.entry_id == entry
        header = bytes(connection.scalar(sa.select(log_header.c.header).where(own)))
        year = f'"time":"{datetime.now(UTC).year}'.encode()
        assert year in header
        if change == "earlier":
            moved = sa.update(log_origin).where(named).values(first_index=first - 1)
            connection.execute(moved)
        elif change == "its sibling gone":
            connection.execute(sa.delete(log_leaf).where(log_leaf.c.index == first ^ 1))
        elif change == "gone":
            connection.execute(sa.delete(log_header).where(own))
        else:
            dated = header.replace(year, b'"time":"2020')
            connection.execute(sa.update(log_header).where(own).values(header=dated))

    try:
        again.parts.guard.require_now()
        as_owner(again.parts.units.engine, damage)
        with pytest.raises(LogContradicted, match=told):
            again.parts.guard.require_now()
    finally:
        again.close()


def test_it_can_happen_twice(service: Deployment, copy: Copy) -> None:
    asked = service.in_force()
    first = copy(service)
    service.act(asked["id"], "custody_holder", "withdraw")
    put_away(service)
    again = restored(service, first)
    assert reasons(again) == ["reconfirmation_required"]
    older = copy(again)
    again.ask(child=SIBLING)
    put_away(again)
    used = run(service, older, *RESTORE, name=NEXT)
    assert used.exit_code == 1
    assert "has been called before" in str(used.exception or used.output)
    third = restored(service, older, name=f"{NEXT}/3")
    try:
        assert reasons(third) == ["reconfirmation_required"]
    finally:
        third.close()
    assert names(older) == [service.settings.log_origin, NEXT, f"{NEXT}/3"]
    verified(service, older, f"{NEXT}/3")


ALONE = ("--approved-by", "e1")


@pytest.mark.parametrize(
    ("options", "name", "told"),
    [
        ((), "consent.example/log", "has been called before"),
        ((), NEXT, "--although-it-agrees"),
        (ALONE, NEXT, "/approved_by"),
        (("--although-it-agrees", "--org", "nobody"), NEXT, "There is no such organisation"),
    ],
)
def test_what_is_refused_changes_nothing(
    service: Deployment, copy: Copy, options: tuple[str, ...], name: str, told: str
) -> None:
    service.in_force()
    service.parts.grow()
    same = copy(service)
    before = service.parts.anchor.read()
    refused = run(service, same, *RESTORE, *options, name=name)
    assert refused.exit_code == 1
    assert isinstance(refused.exception, ConsentServiceError)
    assert told in str((refused.exception.detail, getattr(refused.exception, "errors", None)))
    assert names(same) == [service.settings.log_origin]
    assert service.parts.anchor.read() == before


def test_whoever_knows_that_a_copy_is_older_says_so(service: Deployment, copy: Copy) -> None:
    """What came after it had not been signed when the database was lost."""
    service.in_force()
    service.parts.grow()
    same = copy(service)
    done = run(service, same, *RESTORE, "--although-it-agrees")
    assert done.exit_code == 0, (done.output, done.exception)
    assert names(same) == [service.settings.log_origin, NEXT]


def test_two_stand_behind_it_whoever_asks(service: Deployment) -> None:
    known = KnownOutside("", 0, "consent.example/log", [])
    alone = Approval("e1", "e1", "the disk failed")
    with service.parts.units.writing() as uow, pytest.raises(InvalidInput):
        bring_in(uow, service.parts.context, "municipality-x", known, alone)
    with service.parts.units.writing() as uow, pytest.raises(InvalidInput):
        erase_again(uow, service.parts.context, [], alone)


def test_while_somebody_signs_nothing_is_restored(service: Deployment, copy: Copy) -> None:
    service.in_force()
    older = copy(service)
    service.disclose()
    put_away(service)
    before = names(older)
    holder = Anchor(service.parts.anchor.path)
    assert holder.hold()
    try:
        refused = run(service, older, *RESTORE)
    finally:
        holder.release()
    assert isinstance(refused.exception, Misconfigured)
    assert "stop the service first" in str(refused.exception.detail)
    assert names(older) == before


def test_without_its_anchor_a_copy_is_not_restored(service: Deployment, copy: Copy) -> None:
    service.in_force()
    older = copy(service)
    service.parts.anchor.path.unlink()
    refused = run(service, older, *RESTORE)
    assert isinstance(refused.exception, Misconfigured)
    assert "is missing: put it back" in str(refused.exception.detail)


def test_a_log_that_has_not_begun_is_not_restored(
    service: Deployment, sqlite_template: Path
) -> None:
    service.parts.grow()
    service.close()
    refused = run(service, f"sqlite:///{sqlite_template}", *RESTORE)
    assert isinstance(refused.exception, Misconfigured)
    assert "has not begun" in str(refused.exception.detail)


@pytest.mark.parametrize("has_names", [True, False])
def test_a_copy_that_does_not_verify_is_refused(
    service: Deployment, copy: Copy, has_names: bool
) -> None:
    asked = service.in_force()
    older = copy(service)
    service.act(asked["id"], "custody_holder", "withdraw")
    put_away(service)
    engine = sa.create_engine(older, poolclass=sa.NullPool)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            named = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for name in connection.exec_driver_sql(named).scalars().all():
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        connection.execute(sa.update(log_header).values(header=b"{}"))
        if not has_names:
            connection.execute(sa.delete(log_origin))
    refused = run(service, older, *RESTORE)
    assert refused.exit_code == 1
    assert "does not verify" in str(refused.exception)
    assert NEXT not in names(older)


def test_sessions_end(service: Deployment, copy: Copy) -> None:
    asked = service.in_force()
    opened = service.ask(parties=["gp-y", "municipality-x"])["signatories"][0]["signing_url"]
    begun = service.client().get(urlsplit(opened).path)
    assert begun.status_code == 303, begun.data
    times = SessionTimes(service.clock(), service.clock())
    member = StaffMember("https://staff.example", "s1", "Dorthe Made-up")
    with service.parts.units.writing() as uow:
        role = Standing("municipality-x", frozenset({StaffRole.DPO}))
        uow.staff.begin("a token", StaffSession(member, role, times, None))
        uow.commit()
    key = "the same request"
    body = service.disclosure_body()
    service.post("/v1/disclosures", body, org="gp-y", key=key)
    older = copy(service)
    service.act(asked["id"], "custody_holder", "withdraw")
    put_away(service)
    again = restored(service, older)
    try:
        with again.parts.units.engine.connect() as connection:
            assert connection.execute(sa.select(kept_answer)).first() is None
        replayed = again.post("/v1/disclosures", body, org="gp-y", key=key)
        assert replayed.status_code == 403, replayed.json
        with again.parts.units.engine.connect() as connection:
            assert connection.execute(sa.select(signing_session)).first() is None
            (ended_at,) = connection.scalars(sa.select(staff_session.c.ended_at))
            assert ended_at is not None
    finally:
        again.close()


def test_clients_wait_until_they_are_confirmed(service: Deployment, copy: Copy) -> None:
    client = {
        "id": "gp-system",
        "organisation": "gp-y",
        "scopes": ["consents:read"],
        "auth_method": "client_secret",
    }
    made = service.post("/v1/clients", client, org="operator")
    assert made.status_code == 201, made.json
    older = copy(service)
    revoked = service.post("/v1/clients/gp-system/revocation", {}, org="operator")
    assert revoked.status_code == 200, revoked.json
    newest = service.parts.anchor.journal.read().largest_epoch
    put_away(service)
    again = restored(service, older)
    with again.parts.units.engine.connect() as connection:
        # No process that ran all through takes what it saw before for the newest.
        assert connection.scalar(sa.select(client_epoch.c.epoch)) == newest + 1
    proof = {"client_id": "gp-system", "client_secret": made.json["client_secret"]}
    try:
        assert token(again, proof).json["error"] == "unauthorized_client"
    finally:
        again.close()
    assert run(service, older, "clients", "confirm", "gp-system").exit_code == 0
    settings = replace(service.settings, database_url=older, log_origin=NEXT)
    confirmed = deploy_with(settings, service.clock)
    try:
        assert token(confirmed, proof).status_code == 200
    finally:
        confirmed.close()
    verified(service, older)


def token(service: Deployment, proof: dict[str, str]) -> Any:
    form = {"grant_type": "client_credentials", "scope": "consents:read", **proof}
    return service.client().post("/oauth/token", data=form)


@pytest.mark.parametrize("is_whole", [True, False])
def test_who_was_erased_and_is_put_back_is_named(service: Deployment, is_whole: bool) -> None:
    """Whoever kept a copy of the rows: what opens under the service's keys is known again."""
    url, name = service.settings.database_url, service.settings.log_origin
    asked = service.in_force()
    tables = [child, data_key, person_table, person_details]

    def rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
        return {
            one.name: [dict(row) for row in connection.execute(sa.select(one)).mappings()]
            for one in tables
        }

    def put_back(connection: Connection) -> None:
        now = rows(connection)
        for one in tables:
            key = [column.name for column in one.primary_key]
            there = [[row[name] for name in key] for row in now[one.name]]
            gone = [row for row in before[one.name] if [row[name] for name in key] not in there]
            if gone:
                connection.execute(sa.insert(one), gone)

    with service.parts.units.engine.connect() as connection:
        before = rows(connection)
    if is_whole:
        with service.parts.units.writing() as uow:
            number = CprNumber("0103174321")
            erase_child(uow, service.parts.context, "municipality-x", number, APPROVAL)
            uow.commit()
    else:
        cancelled = {"reason": "mistake", "performed_by": EMPLOYEE}
        service.post(f"/v1/consents/{asked['id']}/cancellation", cancelled)
        service.clock.forward(days=366)
        with service.parts.units.writing() as uow:
            rule, children = RetentionRule(1, 9), uow.erasures.children("municipality-x")
            erase_by_retention(
                uow, service.parts.context, "municipality-x", rule, children, APPROVAL
            )
            uow.commit()
    service.parts.grow()
    verified(service, url, name)
    as_owner(service.parts.units.engine, put_back)
    result = run(service, url, "audit", "verify", "--workers", "1", name=name)
    assert result.exit_code == 1
    assert ("destroyed by an erasure" in result.output) is is_whole
    assert "there again" in result.output
