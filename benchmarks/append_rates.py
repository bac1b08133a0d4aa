"""Appends to the log without HTTP, against raw durable INSERTs of as many bytes."""

import multiprocessing
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from typing import Any
from uuid import uuid4

import psycopg
import sqlalchemy as sa

from benchmarks.families import CONTROLLER, SENDER, Family
from benchmarks.http_rates import DISCLOSURE
from benchmarks.population import DOCTOR, populate
from benchmarks.report import ratios, show
from benchmarks.serving import Bench, new_bench, sequencing_worker
from consent_service.config import Settings
from consent_service.persistence.kernel.database import engine_options
from consent_service.services.children.family import check_cpr
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller, ChildRef
from consent_service.wiring import Parts, assemble

CLIENTS = (1, 8, 32)
FAMILIES = 500
CHILDREN_EACH = 20
WARM_UP_SECONDS = 2

TABLE = "CREATE TABLE IF NOT EXISTS raw_entry (id uuid PRIMARY KEY, content bytea NOT NULL)"
INSERT = "INSERT INTO raw_entry (id, content) VALUES (%s, %s)"
STORED = """
SELECT avg(length(h.header) + length(h.leaf) + length(h.promise) + length(b.sealed))::int
FROM log_header h JOIN log_body b ON b.entry_id = h.entry_id WHERE b.type = 'disclosure'
"""


def measure(options: Namespace) -> dict[str, Any]:
    """Both sides at each number of clients, taking turns, with the sequencer running."""
    rates: dict[str, list[float]] = {}
    with new_bench() as bench:
        populate(bench, 0, FAMILIES)
        with psycopg.connect(bench.conninfo) as connection:
            connection.execute(TABLE)
            (stored,) = connection.execute(STORED).fetchone() or (0,)
        sides = {"raw": (_insert_raw, (bench.conninfo, stored)), "log": (_append, _log(bench))}
        with sequencing_worker(bench):
            for _ in range(options.rounds):
                for clients in CLIENTS:
                    for side, (work, arguments) in sides.items():
                        bench.wait_for_sequencer()
                        found = _rate(work, arguments, clients, options.seconds)
                        rates.setdefault(f"{side} × {clients}", []).append(found)
    pairs = [(f"log × {clients}", f"raw × {clients}", None) for clients in CLIENTS]
    rows = ratios(rates, pairs)
    show(f"appends per second; an entry stores {stored} bytes besides its search columns", rows)
    return {"bytes": stored, "appends": rows}


def _rate(
    work: Callable[..., Iterator[None]], arguments: tuple[Any, ...], clients: int, seconds: float
) -> float:
    """Operations per second of so many processes that begin together."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(clients), context.SimpleQueue()
    processes = [
        context.Process(target=_repeat, args=(work, arguments, n, barrier, results, seconds))
        for n in range(clients)
    ]
    for process in processes:
        process.start()
    total = sum(results.get() for _ in processes)
    for process in processes:
        process.join()
    return total


def _repeat(
    work: Callable[..., Iterator[None]],
    arguments: tuple[Any, ...],
    number: int,
    barrier: Barrier,
    results: Any,
    seconds: float,
) -> None:
    operations = work(number, *arguments)
    warm = time.monotonic() + WARM_UP_SECONDS
    while time.monotonic() < warm:
        next(operations)
    barrier.wait()
    count, began = 0, time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        next(operations)
        count += 1
    results.put(count / elapsed)


def _insert_raw(_number: int, conninfo: str, size: int) -> Iterator[None]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        content = bytes(range(256)) * (size // 256 + 1)
        while True:
            connection.execute(INSERT, (uuid4(), content[:size]))
            yield


def _log(bench: Bench) -> tuple[Settings, list[tuple[str, str]]]:
    """The settings, and the children's ids with their numbers."""
    parts, numbers = bench.deployment.parts, []
    with parts.units.reading() as uow:
        for number in range(FAMILIES):
            child = uow.children.find(check_cpr(Family(number).child, ""))
            assert child is not None
            numbers.append((child.id, child.cpr.value))
    return bench.deployment.settings, numbers


def _append(number: int, settings: Settings, known: list[tuple[str, str]]) -> Iterator[None]:
    """Entries as a disclosure writes them; each client has its own children."""
    with _own_parts(settings) as parts, parts.units.stepwise() as uow:
        first = number * CHILDREN_EACH % len(known)
        children = [
            ChildRef(child, check_cpr(cpr, "")) for child, cpr in known[first:][:CHILDREN_EACH]
        ]
        while True:
            for child in children:
                prepared = parts.context.journal.prepare(_event(child), parts.context.clock())
                search = prepared.event.search()
                assert uow.log.append(prepared.entry, prepared.promise, search, child.id)
                yield


def _event(child: ChildRef) -> Event:
    named = ("purpose", "categories", "legal_basis", "channel", "document")
    return Event.by(
        Caller(SENDER, f"{SENDER}-system"),
        "disclosure",
        CONTROLLER,
        child=child,
        employee=DOCTOR,
        recipient=CONTROLLER,
        outcome="permitted",
        details={name: DISCLOSURE[name] for name in named},
    )


@contextmanager
def _own_parts(settings: Settings) -> Iterator[Parts]:
    # A process of its own has connections of its own.
    url = settings.database_url
    parts = assemble(settings, sa.create_engine(url, **engine_options(url)))
    try:
        yield parts
    finally:
        parts.units.dispose()
