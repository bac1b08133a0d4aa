"""The first page of what a DPO finds about one child, in a small log and in a large one."""

import http.client
import json
import random
import time
from argparse import Namespace
from statistics import quantiles
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from benchmarks.families import BUSY_EVERY, CONTROLLER, Family, entries_of, families_for
from benchmarks.population import populate
from benchmarks.report import show
from benchmarks.serving import Bench, gunicorn, new_bench, sequencing_worker
from consent_service.services.children.family import check_cpr
from consent_service.services.log.model import EntryFilter

SIZES = (50_000, 1_000_000)
LIMIT = 50
SEARCHES, WARM_UP = 300, 50


def measure(options: Namespace) -> dict[str, Any]:
    """Latency at each size, and the plan that PostgreSQL chose."""
    rows, plans = [], {}
    with new_bench() as bench:
        present = 0
        for size in sorted(options.entries or SIZES):
            families = families_for(size)
            print(f"Loading up to {entries_of(families)} entries …", flush=True)
            populate(bench, present, families, is_filler=True)
            present = families
            rows.append({"entries": entries_of(families)} | _latency(bench, families))
            plans[entries_of(families)] = _plan(bench, families)
            show(f"POST /v1/audit/search, one child, a full page of {LIMIT}", rows)
            print("\n".join(plans[entries_of(families)]))
    return {"search": rows, "plans": plans}


def _busy_child(families: int) -> str:
    return Family(random.randrange(0, families, BUSY_EVERY)).child


def _latency(bench: Bench, families: int) -> dict[str, object]:
    headers = {
        "Authorization": f"Bearer {bench.token(CONTROLLER)}",
        "Content-Type": "application/json",
    }
    milliseconds = []
    with (
        gunicorn(
            "consent_service.app:create_app_from_environment()",
            bench.environment(),
            bench.folder,
            ready="/readyz",
        ) as port,
        sequencing_worker(bench),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(WARM_UP + SEARCHES):
            body = json.dumps({"child": {"cpr": _busy_child(families)}, "limit": LIMIT})
            began = time.perf_counter()
            connection.request("POST", "/v1/audit/search", body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
            milliseconds.append(1000 * (time.perf_counter() - began))
            if response.status != 200 or len(answer["items"]) != LIMIT:
                raise RuntimeError(f"search: {response.status} {str(answer)[:500]}")
        connection.close()
    percentiles = quantiles(milliseconds[WARM_UP:], n=20)
    return {"p50_ms": round(percentiles[9], 2), "p95_ms": round(percentiles[18], 2)}


def _plan(bench: Bench, families: int) -> list[str]:
    """EXPLAIN of the very statement that the page's query sends."""
    units = bench.deployment.parts.units
    sent: list[tuple[str, Any]] = []

    def keep(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        sent.append((statement, parameters))

    child = check_cpr(_busy_child(families), "")
    search = EntryFilter(viewer=CONTROLLER, before=str(UUID(int=2**128 - 1)), child=child)
    sa.event.listen(units.engine, "before_cursor_execute", keep)
    try:
        with units.reading() as uow:
            uow.log.find(search, after=None, limit=LIMIT + 1)
    finally:
        sa.event.remove(units.engine, "before_cursor_execute", keep)
    statement, parameters = next(s for s in sent if "LIMIT" in s[0])
    with units.engine.connect() as connection:
        explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE) {statement}", parameters)
        return [str(line) for line in explained.scalars()]
