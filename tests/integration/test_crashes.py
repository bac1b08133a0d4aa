"""The service is killed in the middle of its work, again and again, and nothing answered is lost.

Each round: several writers at once, `kill -9` of master and workers at a random moment, a new
start. Then every answered write is there, what was not answered happened wholly or not at all, and
the log verifies.
"""

import http.client
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from consent_service.domain.kernel.calendar import local_date
from consent_service.persistence.children.tables import fact
from consent_service.persistence.consents.tables import consent, link, signatory
from consent_service.persistence.idempotency.tables import kept_answer
from consent_service.persistence.log.tables import log_body, log_header
from consent_service.persistence.signatures.tables import statement
from consent_service.persistence.verification.log_reader import verify_database
from tests.deployment import EMPLOYEE, FATHER, MOTHER, Deployment, person
from tests.service_process import (
    Answer,
    Client,
    ServiceProcess,
    deploy_in_real_time,
    integrate_everything,
    running_service,
)

ROUNDS = 50
"""Over both databases together."""

LONGEST_ROUND_SECONDS = 0.5


@dataclass
class Write:
    """One write under its Idempotency-Key; `answer` is None when none was received."""

    organisation: str
    path: str
    body: dict[str, Any]
    key: str = field(default_factory=lambda: str(uuid4()))
    answer: Answer | None = None

    @property
    def is_done(self) -> bool:
        """Answered, and not with "try again"."""
        return self.answer is not None and self.answer.status != 503


@dataclass
class Life:
    """One deployment through many crashes, and everything that was ever written to it."""

    deployment: Deployment
    service: ServiceProcess
    writes: list[Write] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def child(self) -> dict[str, Any]:
        number = next(self.numbers)
        day, month = number % 28 + 1, number // 28 % 12 + 1
        cpr = f"{day:02}{month:02}15{4000 + number}"
        return person(cpr, "Barn", birth_date=f"2015-{month:02}-{day:02}")

    # -- what writers do ------------------------------------------------------------------

    def request(self) -> Write:
        body = self.deployment.request_body(child=self.child())
        return Write("municipality-x", "/v1/consents", body)

    def disclosure(self, in_force: dict[str, Any]) -> Write:
        body = self.deployment.disclosure_body(child={"cpr": in_force["cpr"]})
        return Write("gp-y", "/v1/disclosures", body)

    def withdrawal(self, in_force: dict[str, Any]) -> Write:
        body = {
            "signatory": in_force["signatory"],
            "channel": "letter",
            "note": None,
            "performed_by": EMPLOYEE,
        }
        return Write("municipality-x", f"/v1/consents/{in_force['id']}/withdrawals", body)

    def custody_change(self, in_force: dict[str, Any]) -> Write:
        holders = [person(MOTHER, "Mette Mor", role="parent")]
        if random.random() < 0.5:
            holders.append(person(FATHER, "Frederik Far", role="parent"))
        today = local_date(self.deployment.clock()).isoformat()
        body = {
            "child": {"cpr": in_force["cpr"]},
            "custody": {"source": "cpr-register", "as_of": today, "holders": holders},
            "effective_from": "2026-11-22",
            "performed_by": EMPLOYEE,
        }
        return Write("municipality-x", "/v1/custody-changes", body)

    # -- a round --------------------------------------------------------------------------

    def round(self, pool: ThreadPoolExecutor) -> None:
        """Write with all writers, and kill the service while they do."""
        child = self.child()
        asked = self.deployment.in_force(child=child)
        mother = next(s["id"] for s in asked["signatories"] if s["role"] == "custody_holder")
        in_force = {"id": asked["id"], "cpr": child["cpr"], "signatory": mother}
        writers: list[Callable[[], Write]] = [
            self.request,
            lambda: self.disclosure(in_force),
            lambda: self.disclosure(in_force),
            lambda: self.custody_change(in_force),
        ]
        once = [self.withdrawal(in_force)]
        over = threading.Event()
        writing = [pool.submit(self._write_until_killed, make, over) for make in writers]
        try:
            threading.Event().wait(random.uniform(0.02, LONGEST_ROUND_SECONDS / 2))
            writing.append(pool.submit(self._send_all, once))
            threading.Event().wait(random.uniform(0, LONGEST_ROUND_SECONDS / 2))
            self.service.kill()
        finally:
            # Also where the run is broken off: the pool waits for its writers.
            over.set()
        for future in writing:
            self.writes += future.result()

    def _write_until_killed(self, make: Callable[[], Write], over: threading.Event) -> list[Write]:
        writes: list[Write] = []
        while not over.is_set():
            writes += self._send_all([make()])
            if writes[-1].answer is None:
                break
        return writes

    def _send_all(self, writes: list[Write]) -> list[Write]:
        for write in writes:
            client = self.service.client(write.organisation)
            try:
                write.answer = _send(client, write)
            except (OSError, http.client.HTTPException):
                return writes
            finally:
                client.close()
        return writes

    # -- after the restart ----------------------------------------------------------------

    def check_answered(self, writes: list[Write]) -> None:
        """What was answered is there, and is answered the same when asked again."""
        with self.deployment.parts.units.engine.connect() as connection:
            consents = set(connection.scalars(sa.select(consent.c.id)))
            query = sa.select(log_header.c.entry_id, log_header.c.promise)
            promises = {row.entry_id: row.promise for row in connection.execute(query)}
            disclosures = set(
                connection.scalars(
                    sa.select(log_body.c.entry_id).where(log_body.c.type == "disclosure")
                )
            )
        promised = set(promises.values())
        for write in writes:
            assert write.answer is not None
            shown = write.answer.body
            assert write.answer.status in (200, 201, 403, 409), shown
            if write.answer.status == 409:
                continue  # a custody change took the standing of whoever would have withdrawn
            if write.path == "/v1/consents":
                assert shown["id"] in consents
            elif write.path == "/v1/disclosures":
                assert shown["id"] in disclosures
                if "log_promise" in shown:
                    # Asked again, it is the same disclosure with a promise of its own.
                    assert shown["log_promise"] in promised
            elif write.path.endswith("/withdrawals"):
                assert self._has_withdrawal(write)

    def _has_withdrawal(self, write: Write) -> bool:
        query = (
            sa.select(fact.c.seq)
            .join(signatory, signatory.c.person_id == fact.c.person_id)
            .where(
                signatory.c.id == write.body["signatory"],
                fact.c.consent_id == write.path.split("/")[3],
                fact.c.kind.in_(("withdraw", "decline")),
            )
        )
        with self.deployment.parts.units.engine.connect() as connection:
            return connection.scalar(query) is not None

    def ask_again(self, writes: list[Write]) -> None:
        """An unanswered write, sent again under its key, happens once, wholly."""
        for write in writes:
            client = self.service.client(write.organisation)
            first = _send(client, write)
            again = _send(client, write)
            client.close()
            # A custody change can take away the standing of whoever would have withdrawn.
            assert first.status in (200, 201, 403, 409), (write.path, first.body)
            if write.path != "/v1/disclosures":
                assert first.status == again.status
                assert _lasting(first.body) == _lasting(again.body)
            write.answer = first

    def check_whole(self) -> None:
        """Nothing is half-done, in any table."""
        parts = self.deployment.parts
        integrate_everything(parts)
        report = verify_database(
            parts.units.engine,
            parts.units.ring,
            parts.index,
            parts.keys.published,
            parts.settings.log_origin,
            self.deployment.clock(),
        )
        assert report.findings == ()
        assert report.pending == 0
        with parts.units.engine.connect() as connection:
            for query in _halves():
                assert connection.execute(query).all() == [], str(query)


def _halves() -> Iterator[sa.Select[Any]]:
    """Queries that find something half-done."""
    child_role = sa.and_(signatory.c.consent_id == consent.c.id, signatory.c.role == "child")
    yield sa.select(consent.c.id).outerjoin(signatory, child_role).where(signatory.c.id.is_(None))
    # A withdrawal by an employee stands in two entries of one moment.
    recorded = log_body.alias()
    both = sa.and_(
        recorded.c.type == "withdrawal_recorded",
        recorded.c.consent_id == log_body.c.consent_id,
        recorded.c.time == log_body.c.time,
    )
    yield (
        sa.select(log_body.c.entry_id)
        .outerjoin(recorded, both)
        .where(log_body.c.type == "consent_withdrawn", recorded.c.entry_id.is_(None))
    )
    # Who was asked has a link: two holders each.
    links = (
        sa.select(sa.func.count())
        .select_from(link)
        .join(signatory, signatory.c.id == link.c.signatory_id)
        .where(signatory.c.consent_id == consent.c.id)
        .scalar_subquery()
    )
    yield sa.select(consent.c.id).where(links < 2)
    yield sa.select(statement.c.sha256).where(
        statement.c.entry_id.not_in(sa.select(fact.c.entry_id))
    )


def _send(client: Client, write: Write) -> Answer:
    return client.post(write.path, write.body, write.key)


def _lasting(body: Any) -> Any:
    """An answer without what is shown once only."""
    if not isinstance(body, dict):
        return body
    signatories = [
        {name: value for name, value in one.items() if name != "signing_url"}
        for one in body.get("signatories", [])
    ]
    return body | {"signatories": signatories}


@pytest.mark.slow
def test_killed_in_the_middle_of_writing(database_url: str, tmp_path: Path) -> None:
    deployment = deploy_in_real_time(database_url, tmp_path)
    with (
        running_service(deployment, tmp_path, workers=1, threads=6, is_warm=True) as service,
        ThreadPoolExecutor(8) as pool,
    ):
        life = Life(deployment, service)
        for _ in range(ROUNDS // 2):
            before = len(life.writes)
            life.round(pool)
            service.start()
            done = [w for w in life.writes[before:] if w.is_done]
            life.check_answered(done)
            life.ask_again([w for w in life.writes[before:] if not w.is_done])
            life.check_whole()
        life.check_answered(life.writes)
    assert all(w.is_done for w in life.writes)
    paths = {w.path.rpartition("/")[2] for w in life.writes}
    assert paths == {"consents", "disclosures", "withdrawals", "custody-changes"}
    with deployment.parts.units.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(kept_answer))
    deployment.close()
