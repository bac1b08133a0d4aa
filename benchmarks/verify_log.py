"""Verification of the whole log: entries per second, and memory that does not grow with it."""

import os
import re
import subprocess
import sys
import time
from argparse import Namespace
from typing import Any

from benchmarks.families import entries_of, families_for
from benchmarks.population import populate
from benchmarks.report import show
from benchmarks.serving import ROOT, Bench, new_bench

SIZES = (50_000, 1_000_000)
KIB_PER_MIB = 1024


def measure(options: Namespace) -> dict[str, Any]:
    """`consent-service audit verify` at each size, by one process and by one for each processor."""
    rows = []
    with new_bench() as bench:
        present = 0
        for size in sorted(options.entries or SIZES):
            families = families_for(size)
            print(f"Loading up to {entries_of(families)} entries …", flush=True)
            populate(bench, present, families)
            present = families
            # The one process is the floor that the others are measured against.
            rows += [_verify(bench, workers) for workers in sorted({1, os.cpu_count() or 1})]
            show("consent-service audit verify", rows)
    return {"verify": rows}


def _verify(bench: Bench, workers: int) -> dict[str, object]:
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "consent_service.cli", "audit", "verify", f"--workers={workers}"],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", os.defpath), **bench.environment()},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    if process.returncode != 0:
        raise RuntimeError(f"the log does not verify:\n{output[-2000:]}")
    found = re.search(r"^(\d+) ", output)
    entries = int(found[1]) if found else 0
    return {
        "entries": entries,
        "workers": workers,
        "seconds": round(seconds, 1),
        "entries_per_second": round(entries / seconds),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_memory_mib": round(usage.ru_maxrss / KIB_PER_MIB),
    }
