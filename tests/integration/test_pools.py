"""Connections are made once for as many threads as ask at once, however many those are."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import Pool

from consent_service.services.units import UnitOfWork
from tests.deployment import Deployment, deploy

THREADS, ROUNDS = 24, 6


def test_reading(database_url: str, tmp_path: Path) -> None:
    service = deploy(database_url, tmp_path)
    made = connections_made(service, service.parts.units.reading)
    # The deployment itself may have left one behind.
    assert THREADS - 1 <= made <= THREADS


def test_where_each_statement_stands_alone(postgres_url: str, tmp_path: Path) -> None:
    """The pool of the hot routes. On SQLite these are the transactions of one writer at a time."""
    service = deploy(postgres_url, tmp_path)
    assert connections_made(service, service.parts.units.stepwise) == THREADS


def connections_made(
    service: Deployment, unit: Callable[[], AbstractContextManager[UnitOfWork]]
) -> int:
    """How many while that many threads, round after round, have one each at the same moment."""
    made: list[object] = []
    everybody_has_one = threading.Barrier(THREADS)

    def request() -> None:
        with unit() as uow:
            uow.catalogue.organisation("nobody")
            everybody_has_one.wait(30)

    def connected(connection: object, _record: object) -> None:
        made.append(connection)

    sa.event.listen(Pool, "connect", connected)
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            for _ in range(ROUNDS):
                for done in [threads.submit(request) for _ in range(THREADS)]:
                    done.result()
    finally:
        sa.event.remove(Pool, "connect", connected)
        service.close()
    return len(made)
