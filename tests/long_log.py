"""A log of any length for tests of plans: rows as wide as the service's, that verify nothing."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from consent_service.wiring import Parts

_HEADERS = """
INSERT INTO log_header (entry_id, time, header, leaf, promise)
SELECT gen_random_uuid(), timestamptz '2026-01-01' + n * interval '1 second',
       convert_to(rpad('{', 300, 'x'), 'UTF8'), sha256(int8send(n)), rpad('p', 420, 'x')
FROM generate_series(1, :more) n
"""
_LEAVES = """
INSERT INTO log_leaf (index, entry_id, leaf)
SELECT (SELECT count(*) FROM log_leaf) + row_number() OVER (ORDER BY time, entry_id) - 1,
       entry_id, leaf
FROM log_header h WHERE NOT EXISTS (SELECT FROM log_leaf l WHERE l.entry_id = h.entry_id)
"""
_NODES = """
INSERT INTO log_node (level, index, hash)
SELECT level, index, sha256(int8send(index))
FROM generate_series(1, 40) level, LATERAL generate_series(0, (:size >> level) - 1) index
ON CONFLICT DO NOTHING
"""
_PENDING = """
INSERT INTO log_pending (entry_id, time) SELECT gen_random_uuid(), now()
FROM generate_series(1, :entries)
"""
_HEAD = "INSERT INTO log_head (size, previous, root, time) VALUES (:size, 0, sha256(''), now())"


class Run(NamedTuple):
    """How many entries a run took, and the pages (of 8 KiB) that each of its statements touched."""

    entries: int
    each: list[int]

    @property
    def pages(self) -> int:
        return sum(self.each)


def lengthen(engine: Engine, headers: int) -> None:
    """Make the log so long on PostgreSQL; nothing waits."""
    with engine.connect() as connection:
        connection.execute(sa.text("ALTER TABLE log_pending SET (autovacuum_enabled = off)"))
        connection.execute(sa.text("DELETE FROM log_pending"))
        present = connection.scalar(sa.text("SELECT count(*) FROM log_header")) or 0
        connection.execute(sa.text(_HEADERS), {"more": headers - present})
        connection.execute(sa.text(_LEAVES))
        connection.execute(sa.text(_NODES), {"size": headers})
        connection.execute(sa.text(_HEAD), {"size": headers})
        connection.commit()
    vacuum(engine)


def vacuum(engine: Engine) -> None:
    """Of the queue alone, with statistics: it is empty at this moment."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE log_pending"))


def let_pass(engine: Engine, entries: int) -> None:
    """As many have waited and been taken since the last VACUUM."""
    with engine.connect() as connection:
        connection.execute(sa.text(_PENDING), {"entries": entries})
        connection.execute(sa.text("DELETE FROM log_pending"))
        connection.commit()


def analyze(engine: Engine) -> None:
    """Statistics of the queue as it is at this moment."""
    with engine.connect() as connection:
        connection.execute(sa.text("ANALYZE log_pending"))
        connection.commit()


def pages_read(parts: Parts) -> Run:
    """What a run of the sequencer would read: its statements, explained while they run."""
    engine = parts.units.engine
    sent: list[tuple[str, Any]] = []

    def catch(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    with engine.connect().execution_options(writes=True) as connection:
        sa.event.listen(engine, "before_cursor_execute", catch)
        try:
            entries = parts.sequencer.integrate(connection)
        finally:
            sa.event.remove(engine, "before_cursor_execute", catch)
        connection.rollback()
        each = [_explained(connection, *one) for one in sent]
        connection.rollback()
    return Run(entries, each)


def _explained(connection: Connection, statement: str, parameters: Any) -> int:
    """Run it once more, in the same transaction as the others; the buffers it touched."""
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    plan = connection.exec_driver_sql(explain, parameters).scalar_one()[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
