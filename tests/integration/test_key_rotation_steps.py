"""The steps of a rotation: stopped at any of them it goes on, and who missed it is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from consent_service.app import create_app
from consent_service.audit.checkpoint import verify_checkpoint
from consent_service.audit.note import COSIGNATURE, key_id, parse_note
from consent_service.errors import Misconfigured, Unreadable
from consent_service.persistence.children.tables import child
from consent_service.persistence.kernel.database import engine_options, prepare
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.document import KeyFile
from consent_service.persistence.keys.index_slots import SLOTS, slot_column
from consent_service.persistence.keys.sealing import Index, KeyRing
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_checkpoint, log_head
from consent_service.persistence.log.tree_rows import newest_head
from consent_service.persistence.rotation.index import HASHED, IndexRotation
from consent_service.persistence.rotation.wrapping import WrappingRotation
from consent_service.persistence.schema import metadata
from consent_service.persistence.verification.log_reader import verify_database
from tests.deployment import Deployment, deploy, person

ALMA = "0103174321"
KINDS = {"kek": WrappingRotation, "index": IndexRotation}


class Stopped(Exception):
    """Where a test ends a rotation, as a kill would."""


@dataclass
class Countdown:
    """Stops at the nth point of a rotation: a commit about to be made, a wait, a line said."""

    left: int
    reached: list[str] = field(default_factory=list)

    def point(self, name: str) -> None:
        self.reached.append(name)
        if len(self.reached) > self.left:
            raise Stopped


@dataclass
class Rotated:
    """A deployment with a family, whose keys are rotated."""

    service: Deployment
    asked: dict[str, Any]
    token: str
    late: Deployment | None = None

    @property
    def file(self) -> KeyFile:
        return KeyFile(self.service.settings.keys_file)

    def rotate(self, kind: str, countdown: Countdown | None = None) -> None:
        """Rotate in a process of its own, as far as the countdown goes."""
        countdown = countdown or Countdown(10_000)
        url = self.service.settings.database_url
        engine = prepare(sa.create_engine(url, **engine_options(url)))
        sa.event.listen(engine, "commit", lambda _: countdown.point("commit"))
        try:
            KINDS[kind](
                engine,
                self.file,
                lambda: countdown.point("settle"),
                countdown.point,
            ).run()
        finally:
            engine.dispose()

    def stale(self) -> Deployment:
        """A process that never reads its keys again."""
        settings = replace(self.service.settings, keys_text=self.file.path.read_text())
        self.late = Deployment(
            create_app(settings, self.service.clock), settings, self.service.clock
        )
        return self.late

    def check(self) -> None:
        """Everything works as ever, for a process that has read the keys."""
        service = self.service
        service.parts.live_keys.refresh()
        found = service.post("/v1/consents/search", {"child": {"cpr": ALMA}})
        assert [one["id"] for one in found.json["items"]] == [self.asked["id"]], found.json
        assert service.disclose().status_code == 201
        again = service.post("/v1/consents", service.request_body())
        assert (again.status_code, again.json["code"]) == (409, "already_requested")
        searched = service.post(
            "/v1/audit/search",
            {"child": {"cpr": ALMA}, "employee": "g1"},
            org="gp-y",
        )
        assert searched.json["items"], searched.json
        with service.parts.units.reading() as uow:
            assert uow.links.find(self.token) is not None
        assert rows(self.engine, child) == 2
        self.verify()

    def verify(self) -> None:
        parts = self.service.parts
        report = verify_database(
            parts.units.engine,
            parts.units.ring,
            parts.index,
            parts.keys.published,
            parts.settings.log_origin,
            parts.context.clock(),
        )
        assert not report.findings, report.findings

    @property
    def engine(self) -> Engine:
        return self.service.parts.units.engine


def rows(engine: Engine, table: sa.Table) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def stored_bytes(engine: Engine) -> Iterator[bytes]:
    """Every value of bytes in the database."""
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                yield from (bytes(v) for v in row if isinstance(v, bytes | memoryview))


@pytest.fixture
def rotated(furnished_url: str, tmp_path: Path) -> Iterator[Rotated]:
    service = deploy(furnished_url, tmp_path)
    asked = service.in_force()
    token = asked["signatories"][0]["signing_url"].rsplit("/", 1)[-1]
    assert service.disclose().status_code == 201
    # A child of whom no controller keeps details: only the log names it.
    other = service.disclose(
        child={"cpr": "0204175432"},
        legal_basis={
            "type": "vital_interest",
            "provision": "Sundhedsloven § 43",
            "justification": "Akut.",
        },
    )
    assert other.status_code == 201, other.json
    story = Rotated(service, asked, token)
    yield story
    service.close()
    if story.late is not None:
        story.late.close()


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_at_any_point_it_goes_on_where_it_stopped(rotated: Rotated, kind: str) -> None:
    points, stops = 0, 0
    while True:
        countdown = Countdown(points)
        try:
            rotated.rotate(kind, countdown)
        except Stopped:
            stops += 1
            rotated.check()
            rotated.rotate(kind)
            assert_only_the_new_key(rotated, kind)
            points += 1
        else:
            break
    rotated.check()
    assert stops >= {"kek": 5, "index": 12}[kind]


def assert_only_the_new_key(rotated: Rotated, kind: str) -> None:
    keys = rotated.file.read()
    if kind == "kek":
        assert len(keys.key_encryption) == 1
        return
    (slot,) = keys.index.keys
    for table, name in HASHED:
        for other in set(SLOTS) - {slot}:
            column = table.c[slot_column(name, other)]
            with rotated.engine.connect() as connection:
                assert connection.scalar(sa.select(sa.func.count(column))) == 0


@pytest.mark.parametrize(("kind", "lines"), [("kek", 1), ("kek", 2), ("index", 1), ("index", 3)])
def test_killed_it_goes_on_when_run_again(rotated: Rotated, kind: str, lines: int) -> None:
    """The command itself, killed after so many of its lines."""
    command = [sys.executable, "-m", "consent_service.cli", "keys", "rotate", kind]
    environment = os.environ | {"CONSENT_DATABASE_URL": rotated.service.settings.database_url}
    arguments = [str(rotated.file.path), "--settle-seconds", "0.2"]
    with subprocess.Popen(
        command + arguments, env=environment, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        said = [first.stdout.readline() for _ in range(lines)]
        first.kill()
    assert all(said)
    rotated.check()
    subprocess.run(command + arguments, env=environment, check=True, capture_output=True)
    rotated.check()
    assert_only_the_new_key(rotated, kind)


@pytest.mark.parametrize(("table", "name"), HASHED, ids=str)
def test_what_stands_in_the_empty_slot_is_found(
    rotated: Rotated, table: sa.Table, name: str
) -> None:
    key = next(iter(table.primary_key))
    with rotated.engine.connect().execution_options(writes=True) as connection:
        some = sa.select(key).where(table.c[name].is_not(None)).limit(1)
        connection.execute(
            sa.update(table)
            .where(key == connection.scalar(some))
            .values({slot_column(name, "b"): b"x" * 32})
        )
        connection.commit()
    with pytest.raises(AssertionError):
        rotated.verify()


def test_nothing_opens_with_the_old_key_encryption_key(rotated: Rotated) -> None:
    old = rotated.file.read().key_encryption
    name = old[0].id

    def under_the_old_key() -> int:
        return sum(value[1:17] == name for value in stored_bytes(rotated.engine))

    assert under_the_old_key() == rows(rotated.engine, data_key) > 0
    rotated.rotate("kek")
    assert under_the_old_key() == 0
    assert name not in {key.id for key in rotated.file.read().key_encryption}
    with rotated.engine.connect() as connection:
        for row in connection.execute(sa.select(data_key)):
            with pytest.raises(Unreadable):
                KeyRing(old).unwrap(row.id, row.wrapped)


def test_nobody_is_found_by_the_old_index_key(rotated: Rotated) -> None:
    from consent_service.domain.kernel.cpr import CprNumber

    old = rotated.file.read().index

    def found_by(index: Index) -> int:
        known = {
            *index.child(CprNumber(ALMA)).values(),
            *index.employee("gp-y", "g1").values(),
        }
        return sum(value in known for value in stored_bytes(rotated.engine))

    before = found_by(old)
    assert before >= 3  # the child, and what an employee did: one entry and one look
    rotated.rotate("index")
    assert found_by(old) == 0
    assert found_by(rotated.file.read().index) == before


# -- who missed it ----------------------------------------------------------------------------


def requests(service: Deployment) -> Iterator[Callable[[], Any]]:
    new = person("0506164234", "Bo Test", birth_date="2016-06-05")
    yield service.disclose
    yield lambda: service.post("/v1/consents", service.request_body())
    yield lambda: service.post("/v1/consents", service.request_body(child=new))
    search = {"child": {"cpr": ALMA}}
    yield lambda: service.post("/v1/consents/search", search)
    yield lambda: service.post("/v1/audit/search", search)


def test_who_has_only_the_old_index_key_is_refused_and_finds_nothing_wrongly(
    rotated: Rotated,
) -> None:
    late = rotated.stale()
    rotated.rotate("index")
    before = rows(rotated.engine, child)
    for request in requests(late):
        answer = request()
        assert (answer.status_code, answer.json["code"]) == (503, "keys_out_of_date")
    assert rows(rotated.engine, child) == before
    rotated.check()


def test_while_columns_are_filled_who_fills_one_only_finds_but_adds_nobody(
    rotated: Rotated,
) -> None:
    late = rotated.stale()
    with pytest.raises(Stopped):
        # The key is said, the wait, four columns emptied and the state are past.
        rotated.rotate("index", Countdown(7))
    before = rows(rotated.engine, child)
    answers = [request() for request in requests(late)]
    assert [answer.status_code for answer in answers] == [201, 409, 503, 200, 200]
    assert rows(rotated.engine, child) == before
    rotated.rotate("index")
    rotated.check()


def test_who_has_only_the_old_key_encryption_key_makes_no_data_key(rotated: Rotated) -> None:
    late = rotated.stale()
    with pytest.raises(Stopped):
        rotated.rotate("kek", Countdown(3))
    before = rows(rotated.engine, data_key)
    new = person("0506164234", "Bo Test", birth_date="2016-06-05")
    answer = late.post("/v1/consents", late.request_body(child=new))
    assert (answer.status_code, answer.json["code"]) == (503, "keys_out_of_date")
    assert rows(rotated.engine, data_key) == before
    rotated.rotate("kek")
    rotated.check()


def test_an_older_key_file_is_refused(rotated: Rotated) -> None:
    older = rotated.file.path.read_text()
    rotated.rotate("index")
    rotated.file.path.write_text(older)
    with pytest.raises(Misconfigured, match="lacks the index key"):
        rotated.rotate("index")


def test_a_file_from_before_the_first_step_begins_again_with_another_key(rotated: Rotated) -> None:
    older = rotated.file.path.read_text()
    with pytest.raises(Stopped):
        rotated.rotate("index", Countdown(8))
    rotated.file.path.write_text(older)
    rotated.rotate("index")
    rotated.service.parts.live_keys.refresh()
    rotated.check()


# -- signing keys -----------------------------------------------------------------------------


def test_a_head_committed_before_the_key_was_destroyed_is_signed_by_the_next(
    rotated: Rotated,
) -> None:
    service, parts = rotated.service, rotated.service.parts
    parts.grow()
    assert service.disclose().status_code == 201
    with parts.units.engine.connect().execution_options(writes=True) as connection:
        parts.sequencer.integrate(connection)
        connection.commit()
    assert rows(rotated.engine, log_head) > rows(rotated.engine, log_checkpoint)
    changes.rotate_signing_key(rotated.file, "log", service.clock.now)
    service.clock.forward(days=3)
    assert changes.prune(rotated.file, service.clock.now) == 1
    keys = parts.live_keys.refresh()
    parts.grow()
    with rotated.engine.connect() as connection:
        newest = sa.select(log_checkpoint.c.note).order_by(log_checkpoint.c.size.desc()).limit(1)
        note = connection.scalar(newest)
    _, new = keys.published.of_use("log")
    checkpoint = verify_checkpoint(note, parts.settings.log_origin, keys.published)
    assert (checkpoint.key.kid, checkpoint.time) == (new.kid, new.not_before)
    assert rows(rotated.engine, log_head) >= rows(rotated.engine, log_checkpoint)
    rotated.verify()
    rotated.check()


def test_a_log_from_before_there_was_a_cosignature_key_gets_one(rotated: Rotated) -> None:
    """Its own key dates until then, and what it dated verifies for ever."""
    service, parts = rotated.service, rotated.service.parts
    content = json.loads(rotated.file.path.read_text())
    of_before = [one for one in content["signing"] if one["jwk"]["consent_use"] != "cosignature"]
    settings = replace(service.settings, keys_text=None, log_origin=service.settings.log_origin)
    assert len(of_before) == len(content["signing"]) - 1
    parts.sequencer.run_once()
    rotated.file.path.write_text(json.dumps(content | {"signing": of_before}))
    early = Deployment(create_app(settings, service.clock), settings, service.clock)
    parts = early.parts
    with rotated.engine.connect().execution_options(writes=True) as connection:
        connection.execute(sa.delete(log_checkpoint))
        connection.commit()
        head = newest_head(connection)
    assert head is not None
    parts.anchor.hold()
    parts.anchor.write(parts.log_identity().sign(head)[0])
    assert early.disclose().status_code == 201
    parts.grow()
    before = newest_note(rotated.engine)
    assert verify_checkpoint(before, settings.log_origin, parts.keys.published)

    changes.rotate_signing_key(rotated.file, "cosignature", service.clock.now)
    parts.live_keys.refresh()
    assert early.disclose().status_code == 201
    parts.grow()
    waiting = newest_note(rotated.engine)
    service.clock.forward(hours=1)
    assert early.disclose().status_code == 201
    parts.grow()
    after = newest_note(rotated.engine)
    (log_key,), (dating,) = (parts.keys.published.of_use(use) for use in ("log", "cosignature"))
    for note, by in ((before, log_key), (waiting, log_key), (after, dating)):
        assert verify_checkpoint(note, settings.log_origin, parts.keys.published)
        (_, line) = parse_note(note).signatures
        assert line.key_id == key_id(settings.log_origin, COSIGNATURE, by.public)
    early.close()


def newest_note(engine: Engine) -> str:
    query = sa.select(log_checkpoint.c.note).order_by(log_checkpoint.c.size.desc()).limit(1)
    with engine.connect() as connection:
        note = connection.scalar(query)
    assert note is not None
    return str(note)


def test_a_head_from_before_the_cosignature_key_was_destroyed_is_dated_by_the_next(
    rotated: Rotated,
) -> None:
    service, parts = rotated.service, rotated.service.parts
    parts.grow()
    assert service.disclose().status_code == 201
    with parts.units.engine.connect().execution_options(writes=True) as connection:
        parts.sequencer.integrate(connection)
        connection.commit()
    changes.rotate_signing_key(rotated.file, "cosignature", service.clock.now)
    service.clock.forward(days=3)
    assert changes.prune(rotated.file, service.clock.now) == 1
    keys = parts.live_keys.refresh()
    parts.grow()
    _, new = keys.published.of_use("cosignature")
    note = newest_note(rotated.engine)
    checkpoint = verify_checkpoint(note, parts.settings.log_origin, keys.published)
    assert checkpoint.time == new.not_before
    rotated.verify()
    rotated.check()


@pytest.mark.parametrize("use", ["seal", "promise", "log", "cosignature"])
def test_a_compromised_key_is_followed_by_another_and_the_log_verifies(
    rotated: Rotated, use: Any
) -> None:
    service, parts = rotated.service, rotated.service.parts
    parts.grow()
    service.clock.forward(seconds=5)
    kid = parts.keys.schedules[use].at(service.clock.now).kid
    now = service.clock.now
    changes.mark_compromised(rotated.file, use, kid, now - timedelta(seconds=1), now)
    parts.live_keys.refresh()
    service.clock.forward(seconds=2)
    another = person("0506164234", "Bo Test", birth_date="2016-06-05")
    asked = service.in_force(child=another)
    parts.grow()
    shown = {key["kid"]: key for key in service.get("/.well-known/jwks.json").json["keys"]}
    assert shown[kid]["status"] == "compromised"
    assert shown[kid]["compromised_at"] == int((now - timedelta(seconds=1)).timestamp())
    assert service.get(f"/v1/consents/{asked['id']}").json["status"] == "in_force"
    rotated.verify()
