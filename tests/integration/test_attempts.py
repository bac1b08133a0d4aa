"""Counting failed attempts: across processes, without an address in the database, or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from consent_service.errors import TooManyAttempts
from consent_service.identity.attempts import LIMITS, Attempts, place_of
from consent_service.persistence.access.attempt_store import AttemptStore, forget_old_attempts
from consent_service.persistence.access.tables import failed_attempt
from consent_service.persistence.kernel.database import prepare, serving_options
from consent_service.persistence.keys.sealing import Index
from consent_service.persistence.schema import metadata

INDEX = Index.of(b"k" * 32)
ALLOWED = LIMITS["link"].amount


@dataclass
class Seconds:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = prepare(sa.create_engine(database_url, **serving_options(database_url)))
    yield engine
    engine.dispose()


def process(engine: Engine, clock: Seconds) -> Attempts:
    """What one process counts with."""
    return Attempts(AttemptStore(engine, INDEX, clock), clock)


def rows(engine: Engine) -> list[tuple[bytes, int, datetime]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(failed_attempt))]


def refused(attempts: Attempts, address: str = "192.0.2.1", kind: str = "link") -> int | None:
    """The seconds to wait, or None where the attempt was merely counted."""
    try:
        attempts.failed(kind, address)  # type: ignore[arg-type]  # a text is enough here
    except TooManyAttempts as refusal:
        return refusal.retry_after_seconds
    return None


def test_all_processes_count_the_same_attempts(engine, clock):
    processes = [process(engine, clock) for _ in range(4)]
    assert [refused(processes[n % 4]) for n in range(ALLOWED)] == [None] * ALLOWED
    clock.now += 20.5
    assert [refused(one) for one in processes] == [40] * 4


def test_the_window_ends_and_the_next_one_begins(engine, clock):
    attempts = process(engine, clock)
    for _ in range(ALLOWED):
        attempts.failed("link", "192.0.2.1")
    assert refused(attempts) == 60
    clock.now += 60
    assert [refused(attempts) for _ in range(ALLOWED)] == [None] * ALLOWED
    assert refused(attempts) == 60


def test_kinds_and_places_are_counted_apart(engine, clock):
    attempts = process(engine, clock)
    for _ in range(ALLOWED):
        attempts.failed("link", "192.0.2.1")
    assert refused(attempts)
    assert refused(attempts, "192.0.2.2") is None
    assert refused(attempts, kind="client") is None


def test_a_flood_is_not_a_flood_of_writes(engine, clock):
    processes = [process(engine, clock) for _ in range(2)]
    for number in range(500):
        refused(processes[number % 2])
    ((_, count, _),) = rows(engine)
    assert count == ALLOWED + len(processes)


def test_what_one_process_remembers_is_bounded(engine, clock, monkeypatch):
    monkeypatch.setattr("consent_service.identity.attempts.MOST_REMEMBERED", 3)
    attempts = process(engine, clock)
    for number in range(10):
        for _ in range(ALLOWED + 1):
            refused(attempts, f"192.0.2.{number}")
    assert len(attempts._refused) <= 3
    # Who was forgotten is still counted in the database.
    assert refused(attempts, "192.0.2.0") == 60


def test_no_address_stands_in_the_database(engine, clock):
    attempts = process(engine, clock)
    for address in ("192.0.2.77", "2001:db8:1:2::77"):
        attempts.failed("link", address)
    stored = b"".join(key for key, _, _ in rows(engine))
    assert len(stored) == 2 * 32
    for hidden in (b"192", b"2001", b"link", b"LIMITER"):
        assert hidden not in stored
    other = Attempts(AttemptStore(engine, Index.of(b"x" * 32), clock), clock)
    other.failed("link", "192.0.2.77")
    assert len(rows(engine)) == 3, "the hash depends on the key"


def test_what_is_over_is_forgotten(engine, clock):
    attempts = process(engine, clock)
    attempts.failed("link", "192.0.2.1")
    clock.now += 30
    attempts.failed("link", "192.0.2.2")
    with engine.connect().execution_options(writes=True) as connection:
        now = datetime.fromtimestamp(clock.now + 30, UTC)
        assert forget_old_attempts(connection, now) == 1
        connection.commit()
    assert len(rows(engine)) == 1


def test_where_nothing_can_be_counted_it_is_an_error(engine, clock):
    attempts = process(engine, clock)
    attempts.failed("link", "192.0.2.1")
    with engine.connect().execution_options(writes=True) as connection:
        metadata.tables["failed_attempt"].drop(connection)
        connection.commit()
    with pytest.raises(SQLAlchemyError):
        attempts.failed("link", "192.0.2.1")


def test_the_storage_keeps_the_contract_of_limits(engine, clock):
    store = AttemptStore(engine, INDEX, clock)
    assert store.check()
    assert store.get("a") == 0
    assert store.get_expiry("a") == clock.now
    assert [store.incr("a", 10), store.incr("a", 10, 4), store.incr("b", 20)] == [1, 5, 1]
    assert (store.get("a"), store.get_expiry("a")) == (5, clock.now + 10)
    clock.now += 10
    assert store.get("a") == 0
    store.clear("b")
    assert store.get("b") == 0
    assert store.incr("a", 10) == 1
    assert store.reset() == 1
    assert rows(engine) == []


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", "unknown"),
        ("192.0.2.1, 192.0.2.2", "unknown"),
        ("a" * 10_000, "unknown"),
    ],
)
def test_what_counts_as_one_place(address, place):
    assert place_of(address) == place
