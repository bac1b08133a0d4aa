"""What a run of the sequencer reads, in a log of any length and whatever the statistics say."""

import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from benchmarks.report import show
from consent_service.persistence.kernel.migrate import upgrade
from tests.deployment import deploy
from tests.long_log import analyze, lengthen, let_pass, pages_read, vacuum
from tests.postgres_cluster import PostgresFailed, find_binaries, running_cluster

SIZES = (55_000, 150_000, 1_000_000)
PASSED = (0, 3_000)


def measure(options: Namespace) -> dict[str, Any]:
    """Pages (of 8 KiB) at each size; the queue analyzed while empty, before or after others passed.

    A run is that of the entries of one request for consent.
    """
    binaries = find_binaries()
    if binaries is None:
        raise PostgresFailed("no server binaries; install Debian's postgresql package")
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder, running_cluster(binaries) as cluster:
        url = cluster.url(cluster.create_database())
        upgrade(url)
        service = deploy(url, Path(folder)).furnish()
        engine = service.parts.units.engine
        service.ask()
        for size in sorted(options.entries or SIZES):
            lengthen(engine, size)
            for passed in PASSED:
                for analyzed in ("before", "after"):
                    vacuum(engine)
                    let_pass(engine, passed)
                    if analyzed == "after":
                        analyze(engine)
                    service.disclose()
                    run = pages_read(service.parts)
                    service.parts.sequencer.run_once()
                    state = {"headers": size, "passed": passed, "analyzed": analyzed}
                    rows.append(state | {"entries": run.entries, "pages": run.pages})
        service.close()
    show("Pages that a run of the sequencer reads", rows)
    return {"sequencer_pages": rows}
