"""A run of the sequencer reads what waits and nothing else, whatever the planner's statistics say.

They are gathered at any moment, and most of the time nothing waits: then the queue counts as empty,
and to read the whole log once looks like nothing to a planner that expects no row.
"""

from pathlib import Path

import pytest

from tests.deployment import deploy
from tests.long_log import analyze, lengthen, let_pass, pages_read

HEADERS = 55_000
PAGES_A_RUN, PAGES_AN_ENTRY = 100, 30
"""The tree's frontier and the ends of the tables that grow. For each entry its header, its pending
row, and the way to each through an index of three levels."""


@pytest.mark.parametrize("analyzed", ["before they passed", "after they passed"])
@pytest.mark.parametrize("passed", [0, 3_000, 55_000])
def test_a_run_reads_no_more_than_what_waits(
    fresh_postgres_url: str, tmp_path: Path, passed: int, analyzed: str
) -> None:
    service = deploy(fresh_postgres_url, tmp_path).furnish()
    engine = service.parts.units.engine
    lengthen(engine, HEADERS)
    let_pass(engine, passed)
    if analyzed == "after they passed":
        analyze(engine)
    service.ask()
    run = pages_read(service.parts)
    service.close()
    assert run.entries >= 3
    # A hundred of those that passed fill a page of the queue, until it is vacuumed.
    assert run.pages <= PAGES_A_RUN + PAGES_AN_ENTRY * run.entries + passed / 100, run
