"""Every kind of key is rotated while requests come in: none fails, and old receipts verify.

Requests go to gunicorn with two workers, signatures through a third process of the service, the
log grows in a worker of its own. What is asked for is known to be there, so that somebody not
found is a failure too.
"""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.audit.origins import Origins
from consent_service.audit.receipt import verify_receipt
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.persistence.children.tables import child
from consent_service.persistence.keys.document import KeyFile, Keys
from consent_service.persistence.log.tables import log_pending
from consent_service.persistence.log.tree_rows import newest_head, newest_released
from consent_service.persistence.schema import metadata
from consent_service.signing.keys import KeySet
from tests.deployment import Deployment, person
from tests.service_process import (
    EAGER,
    Client,
    ServiceProcess,
    deploy_in_real_time,
    running_service,
)

SIGNING = ("seal", "promise", "log", "cosignature", "token")
LEAD_SECONDS = 5
SETTLE_SECONDS = 5


@dataclass
class Family:
    """A child with a consent in force."""

    cpr: str
    consent: str
    token: str


@dataclass
class Load:
    """Callers who ask until told to stop, and what was answered.

    `pause` is between two requests of one caller, in seconds: SQLite has one writer at a time.
    """

    deployment: Deployment
    service: ServiceProcess
    pause: float
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    families: list[Family] = field(default_factory=list)
    receipts: list[bytes] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def family(self) -> Family:
        """Asked for and signed by both parents."""
        number = next(self.numbers)
        day, month = number % 28 + 1, number // 28 % 12 + 1
        cpr = f"{day:02}{month:02}15{4000 + number}"
        named = person(cpr, "Barn", birth_date=f"2015-{month:02}-{day:02}")
        asked = self.deployment.in_force(child=named)
        token = asked["signatories"][0]["signing_url"].rsplit("/", 1)[-1]
        found = Family(cpr, asked["id"], token)
        self.families.append(found)
        return found

    # -- what callers do ------------------------------------------------------------------

    def sign(self) -> None:
        self.family()

    def disclose(self, client: Client, family: Family) -> None:
        body = self.deployment.disclosure_body(child={"cpr": family.cpr})
        self.expect("disclosure", client.post("/v1/disclosures", body), 201)

    def decide(self, client: Client, family: Family) -> None:
        body = self.deployment.disclosure_body(child={"cpr": family.cpr})
        body = {k: v for k, v in body.items() if k not in ("channel", "document")}
        answer = client.post("/v1/decisions", body)
        self.expect("decision", answer, 200)
        if answer.status == 200 and answer.body["decision"] != "permitted":
            self.failures.append(f"decision: {answer.body}")

    def ask_again(self, client: Client, family: Family) -> None:
        """The same child once more: it must be found, or it would be there twice."""
        named = person(family.cpr, "Barn", birth_date=f"2015-{family.cpr[2:4]}-{family.cpr[:2]}")
        answer = client.post("/v1/consents", self.deployment.request_body(child=named))
        self.expect("request", answer, 409)

    def search(self, client: Client, family: Family) -> None:
        answer = client.post("/v1/consents/search", {"child": {"cpr": family.cpr}})
        self.expect("search", answer, 200)
        if [one["id"] for one in answer.body.get("items", [])] != [family.consent]:
            self.failures.append("search: not found")

    def search_log(self, client: Client, family: Family) -> None:
        answer = client.post("/v1/audit/search", {"child": {"cpr": family.cpr}})
        self.expect("log search", answer, 200)
        if not answer.body.get("items"):
            self.failures.append("log search: nothing found")

    def receive(self, client: Client, family: Family) -> None:
        answer = client.get(f"/v1/consents/{family.consent}/receipt")
        self.expect("receipt", answer, 200)
        self.receipts.append(json.dumps(answer.body).encode())

    def receive_of(self, families: Sequence[Family]) -> None:
        """Over a connection of their own: the server closes one that is idle."""
        client = self.service.client("municipality-x")
        try:
            for family in families:
                self.receive(client, family)
        finally:
            client.close()

    def expect(self, what: str, answer: Any, status: int) -> None:
        self.done[what] += 1
        if answer.status != status:
            self.failures.append(f"{what}: {answer.status} {answer.body}")

    # -- all at once ----------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[None]:
        """Every kind of caller in a thread of its own."""
        callers: list[Callable[[], None]] = [
            lambda: self._call("gp-y", self.disclose),
            lambda: self._call("gp-y", self.disclose),
            lambda: self._call("gp-y", self.decide),
            lambda: self._call("municipality-x", self.ask_again),
            lambda: self._call("municipality-x", self.search),
            lambda: self._call("municipality-x", self.search_log),
            lambda: self._call("municipality-x", self.receive),
            self._sign,
        ]
        threads = [threading.Thread(target=caller) for caller in callers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def _call(self, organisation: str, act: Callable[[Client, Family], None]) -> None:
        while not self.over.is_set():
            # A caller fetches a new token now and then, also while its key is rotated.
            client = self.service.client(organisation)
            try:
                for turn in range(20):
                    if self.over.wait(self.pause):
                        break
                    act(client, self.families[turn % len(self.families)])
            except Exception as error:  # noqa: BLE001 - whatever it was, it is a failure
                self.failures.append(f"{act.__name__}: {error!r}")
            finally:
                client.close()

    def _sign(self) -> None:
        while not self.over.wait(self.pause):
            try:
                self.sign()
                self.done["signatures"] += 2
            except Exception as error:  # noqa: BLE001 - as above
                self.failures.append(f"sign: {error!r}")


def command(service: ServiceProcess, *arguments: str) -> str:
    """A command of the service in a process of its own; its output."""
    done = subprocess.run(
        [sys.executable, "-m", "consent_service.cli", *arguments],
        env=service.settings_in_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def worker(service: ServiceProcess) -> Iterator[None]:
    """The process that makes the log grow."""
    with (service.folder / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "consent_service.cli", "worker"],
            env=service.settings_in_environment(),
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0


def rotate_everything(service: ServiceProcess) -> None:
    path = str(service.deployment.settings.keys_file)
    for use in SIGNING:
        command(service, "keys", "rotate", use, path, "--lead-seconds", str(LEAD_SECONDS))
    for kind in ("kek", "index"):
        command(service, "keys", "rotate", kind, path, "--settle-seconds", str(SETTLE_SECONDS))


def check_nothing_is_left(load_: Load, old: Keys) -> None:
    """No value in the database is under the old key-encryption key or the old index key."""
    name = old.key_encryption[0].id
    numbers = [CprNumber(family.cpr) for family in load_.families]
    hashes = {one for cpr in numbers for one in old.index.child(cpr).values()}
    with load_.deployment.parts.units.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                for value in row:
                    if isinstance(value, bytes):
                        assert value[1:17] != name, table.name
                        assert value not in hashes, table.name
        children = connection.scalar(sa.select(sa.func.count()).select_from(child))
    assert children == len(load_.families)


def published(service: ServiceProcess) -> tuple[KeySet, str]:
    """What anybody can fetch."""
    client = service.client()
    keys = KeySet.from_jwks(client.get("/.well-known/jwks.json").body)
    origin = client.get("/.well-known/consent-log.json").body["origin"]
    client.close()
    return keys, origin


def is_signed(connection: Connection) -> bool:
    waits = connection.scalar(sa.select(log_pending.c.entry_id).limit(1)) is not None
    head, released = newest_head(connection), newest_released(connection)
    return not waits and head is not None and released is not None and head.size == released.size


def wait_until_integrated(deployment: Deployment) -> None:
    """Until nothing waits, and the newest head has its checkpoint."""
    patience = time.monotonic() + 30
    with deployment.parts.units.engine.connect() as connection:
        while not is_signed(connection):
            assert time.monotonic() < patience, "the log does not grow"
            connection.rollback()
            time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fixture", "least_seconds", "pause"),
    [
        pytest.param("fresh_postgres_url", 30, 0.05, id="postgresql", marks=pytest.mark.postgres),
        pytest.param("sqlite_url", 5, 0.5, id="sqlite"),
    ],
)
def test_no_request_fails_while_every_key_is_rotated(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    fixture: str,
    least_seconds: float,
    pause: float,
) -> None:
    deployment = deploy_in_real_time(request.getfixturevalue(fixture), tmp_path)
    request.addfinalizer(deployment.close)
    old = KeyFile(deployment.settings.keys_file).read()
    with running_service(deployment, tmp_path, gunicorn_settings=EAGER) as service, worker(service):
        load_ = Load(deployment, service, pause)
        before = [load_.family() for _ in range(3)]
        wait_until_integrated(deployment)
        load_.receive_of(before)
        early = list(load_.receipts)
        began = time.monotonic()
        with load_.running():
            rotate_everything(service)
            load_.over.wait(max(0.0, least_seconds - (time.monotonic() - began)))
            # The new keys sign, and are used for a while.
            load_.over.wait(2)
        assert not load_.failures, (len(load_.failures), load_.failures[:5])
        assert set(load_.done) == {
            *("disclosure", "decision", "request", "search", "log search", "receipt"),
            "signatures",
        }
        wait_until_integrated(deployment)
        load_.receive_of(load_.families[-3:])
        late = load_.receipts[-3:]
        keys, origin = published(service)
        assert "The log verifies." in command(service, "audit", "verify")
    assert {use: len(keys.of_use(use)) for use in SIGNING[:-1]} == dict.fromkeys(SIGNING[:-1], 2)
    check_receipts(load_, early, late, keys, origin)
    check_nothing_is_left(load_, old)
    with deployment.parts.units.reading() as uow:
        assert all(uow.links.find(family.token) for family in load_.families)
    seconds = time.monotonic() - began
    said = f"{dict(load_.done)} in {seconds:.0f} s, none failed"
    request.node.user_properties.append(("answered", said))


def check_receipts(
    load_: Load, early: list[bytes], late: list[bytes], keys: KeySet, origin: str
) -> None:
    """Those from before and after are verified, none from between fails."""
    now = datetime.now(UTC)
    for receipt in (*early, *late):
        report = verify_receipt(receipt, keys, Origins.named(origin), now)
        assert report.exit_code == 0, [one.detail for one in report.statements]
    for receipt in load_.receipts:
        assert verify_receipt(receipt, keys, Origins.named(origin), now).exit_code in (0, 3)
