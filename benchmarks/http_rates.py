"""Requests per second of decisions and disclosures, against the floors, in the same run."""

import http.client
import json
import random
from argparse import Namespace
from contextlib import ExitStack
from typing import Any

import psycopg

from benchmarks.families import CONTROLLER, SENDER, Family, entries_of
from benchmarks.floors import ROW_BYTES, TABLES
from benchmarks.load import Load, generator, rate
from benchmarks.population import populate
from benchmarks.report import ratios, show
from benchmarks.serving import THREADS, WORKERS, Bench, gunicorn, new_bench, sequencing_worker
from tests.deployment import PURPOSE

SCALES = {"small": 1_000, "large": 100_000}
WARM_UP_SECONDS = 3
CHECKED_ANSWERS = 20
GOALS = [("decisions", "select", 0.7), ("disclosures", "insert", 0.6)]

QUESTION: dict[str, Any] = {
    "sender": SENDER,
    "recipient": CONTROLLER,
    "purpose": PURPOSE,
    "categories": ["health"],
    "legal_basis": {"type": "consent"},
    "performed_by": {"id": "g1", "name": "Lise Læge"},
}
DISCLOSURE: dict[str, Any] = QUESTION | {
    "channel": "document",
    "document": {"reference": "doc-1", "sha256": "0" * 64, "media_type": "application/pdf"},
}


def measure(options: Namespace) -> dict[str, Any]:
    """Both sides, taking turns; with `--scale both` on a small database and then on a large."""
    scales = ["small", "large"] if options.scale == "both" else [options.scale]
    results: dict[str, Any] = {"generator": generator(), "workers": WORKERS, "threads": THREADS}
    with new_bench() as bench:
        present = 0
        for scale in scales:
            print(f"Loading {SCALES[scale]} consents, {entries_of(SCALES[scale])} entries …")
            populate(bench, present, SCALES[scale])
            present = SCALES[scale]
            results[scale] = _measure_at(bench, present, options)
            show(f"{scale}: {present} consents, {entries_of(present)} entries", results[scale])
    return results


def _measure_at(bench: Bench, families: int, options: Namespace) -> list[dict[str, object]]:
    cprs = tuple(Family(number).child for number in range(families))
    _prepare_floor(bench, cprs)
    with ExitStack() as stack:
        enter = stack.enter_context
        floors = enter(gunicorn("benchmarks.floors:create_app()", _floors(bench), bench.folder))
        service = enter(
            gunicorn(
                "consent_service.app:create_app_from_environment()",
                bench.environment(),
                bench.folder,
                ready="/readyz",
            )
        )
        enter(sequencing_worker(bench))
        token = bench.token(SENDER)
        loads = {
            "select": Load.about(floors, "/select", token, QUESTION, cprs),
            "decisions": Load.about(service, "/v1/decisions", token, QUESTION, cprs),
            "insert": Load.about(floors, "/insert", token, DISCLOSURE, cprs),
            "disclosures": Load.about(service, "/v1/disclosures", token, DISCLOSURE, cprs),
        }
        for name, load in loads.items():
            _check_answers(name, load)
            rate(load, WARM_UP_SECONDS)
        rates: dict[str, list[float]] = {name: [] for name in loads}
        for _ in range(options.rounds):
            for name, load in loads.items():
                bench.wait_for_sequencer()
                rates[name].append(rate(load, options.seconds))
                print(f"  {name}: {rates[name][-1]:.0f}/s", flush=True)
        for name, load in loads.items():
            _check_answers(name, load)
    return ratios(rates, GOALS)


def _floors(bench: Bench) -> dict[str, str]:
    parts, settings = bench.deployment.parts, bench.deployment.settings
    jwks = bench.folder / "token-jwks.json"
    jwks.write_text(json.dumps({"keys": [key.to_jwk() for key in parts.keys.token_keys]}))
    return {
        "FLOOR_DATABASE": bench.conninfo,
        "FLOOR_ISSUER": settings.token_issuer,
        "FLOOR_JWKS": str(jwks),
    }


def _prepare_floor(bench: Bench, cprs: tuple[str, ...]) -> None:
    with psycopg.connect(bench.conninfo) as connection:
        connection.execute("DROP TABLE IF EXISTS floor_child, floor_entry")
        connection.execute(TABLES)
        with connection.cursor().copy("COPY floor_child FROM STDIN") as copy:
            for cpr in cprs:
                copy.write_row((cpr, bytes(ROW_BYTES)))
    bench.settle()


def _check_answers(name: str, load: Load) -> None:
    """No error page is measured: a sample is answered as it must be."""
    connection = http.client.HTTPConnection("127.0.0.1", load.port, timeout=60)
    for number in range(CHECKED_ANSWERS):
        headers = {
            "Authorization": f"Bearer {load.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"check-{random.random()}-{number}",
        }
        body = load.body_about(random.choice(load.cprs))
        connection.request("POST", load.path, body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        expected = 201 if name in ("insert", "disclosures") else 200
        permitted = name in ("select", "insert") or answer.get("decision") == "permitted"
        if response.status != expected or not permitted:
            raise RuntimeError(f"{name}: {response.status} {answer}")
    connection.close()
