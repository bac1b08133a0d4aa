"""The service's parts for a command that runs beside it: the same settings, database and keys."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consent_service.audit.finding import VerifyReport
    from consent_service.wiring import Parts


@contextmanager
def assembled_parts(*, staff: bool = False, is_examined: bool = False) -> "Iterator[Parts]":
    """The parts from the environment's settings, put away afterwards. Raises Misconfigured.

    `staff`: the settings of their provider too. Nobody's command needs those of the signers'.
    Nothing is done on a database that contradicts the anchor, but that it `is_examined`.
    """
    import sqlalchemy as sa

    from consent_service.config import Settings
    from consent_service.persistence.kernel.database import engine_options, prepare
    from consent_service.wiring import assemble

    settings = Settings.from_environment(os.environ, signers=False, staff=staff)
    url = settings.database_url
    parts = assemble(settings, prepare(sa.create_engine(url, **engine_options(url))))
    try:
        if not is_examined:
            parts.guard.begin()
        yield parts
    finally:
        parts.close()


def verify_with_keys(
    parts: "Parts",
    outside: Sequence[str] = (),
    workers: int | None = None,
    copy: tuple[str, datetime] | None = None,
) -> "VerifyReport":
    """Verify the whole log, opening what the keys open, in a process for each processor.

    `outside` are checkpoints that others kept; `workers` says how many processes instead. A
    `copy` from before is named here, and when it ends: neither the anchor nor its
    journal is compared with it.
    """
    from consent_service.audit.tree_checks import Claims
    from consent_service.persistence.verification.log_reader import Processes, verify_database
    from consent_service.signing.own_keys import own_keys
    from consent_service.wiring import key_source

    # Read before the database: whatever the anchor and its journal say, that has at least.
    anchor = parts.anchor.read() if copy is None else None
    done = parts.anchor.journal.read().done if copy is None else {}
    destroyed = frozenset(key for one in done.values() for key in one.keys)
    source = key_source(parts.settings)
    # A hardware module is reached from this process alone: its PIN goes nowhere else.
    count = 1 if source.module is not None else workers or os.cpu_count() or 1
    name, now = copy or (parts.settings.log_origin, parts.context.clock())
    return verify_database(
        parts.units.engine,
        parts.units.ring,
        parts.index,
        own_keys(parts.keys.published, parts.keys.schedules.values()),
        name,
        now,
        Claims(outside, anchor, destroyed),
        processes=Processes(count, source),
    )
