"""What an entry costs PostgreSQL: processor time and write-ahead log, alone and in batches.

Rows as the service writes them go in by one statement, as the service's does: alone, or as arrays
in batches. The floor is a table with as many bytes in it, and one key, written in the same way.
"""

import itertools
import os
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import uuid_utils
from psycopg import sql
from psycopg.rows import dict_row

from benchmarks.population import populate
from benchmarks.report import show
from benchmarks.serving import new_bench

BATCHES = (1, 8, 32)
FAMILIES = 1_000
ENTRIES = 16_384
"""In one measurement: the clock of processor time ticks every 10 ms only."""

TABLES = ("log_header", "log_body", "log_pending")
PATTERN = "SELECT entry_id FROM log_body WHERE type = 'disclosure' ORDER BY entry_id LIMIT 500"
FLOOR = "raw_entry"
MAKE_FLOOR = "CREATE TABLE raw_entry (entry_id uuid PRIMARY KEY, content bytea NOT NULL)"

Row = dict[str, Any]


class Cost(NamedTuple):
    """Of one entry: microseconds of the backend's processor time, bytes of write-ahead log."""

    cpu: float
    wal: float


def measure(options: Namespace) -> dict[str, Any]:
    """The log and its floor at each size of a batch, taking turns."""
    with new_bench() as bench:
        populate(bench, 0, FAMILIES)
        bench.settle()
        rounds = [*itertools.islice(costs(bench.conninfo), options.rounds)]
    rows = [_row(batch, rounds) for batch in BATCHES]
    show("What one entry costs PostgreSQL", rows)
    return {"append_cost": rows}


def _row(batch: int, rounds: Sequence[dict[tuple[str, int], Cost]]) -> dict[str, object]:
    each = [(one["log", batch], one["raw", batch]) for one in rounds]
    ratios = [log.cpu / raw.cpu for log, raw in each]
    return {
        "batch": batch,
        "cpu_us": round(median(log.cpu for log, _ in each), 1),
        "floor_us": round(median(raw.cpu for _, raw in each), 1),
        "ratio": round(median(ratios), 2),
        "lowest": round(min(ratios), 2),
        "highest": round(max(ratios), 2),
        "wal_bytes": round(median(log.wal for log, _ in each)),
        "floor_wal_bytes": round(median(raw.wal for _, raw in each)),
    }


def costs(conninfo: str) -> Iterator[dict[tuple[str, int], Cost]]:
    """Round after round, each size of a batch for both; in any database of this log."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {FLOOR}")
        connection.execute(MAKE_FLOOR)
        patterns = _patterns(connection)
        sides: dict[str, tuple[tuple[str, ...], Callable[[], dict[str, Row]]]] = {
            "log": (TABLES, _entries(patterns)),
            "raw": ((FLOOR,), _raw(patterns)),
        }
        while True:
            yield {
                (side, batch): _cost(connection, tables, make, batch)
                for batch in BATCHES
                for side, (tables, make) in sides.items()
            }


def _patterns(connection: psycopg.Connection) -> list[dict[str, Row]]:
    """Rows of the service's own, by table."""
    found = []
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(PATTERN).fetchall():
            of_entry = {}
            for table in TABLES[:2]:
                query = sql.SQL("SELECT * FROM {} WHERE entry_id = %s").format(
                    sql.Identifier(table)
                )
                of_entry[table] = cursor.execute(query, [row["entry_id"]]).fetchone() or {}
            found.append(of_entry)
    return found


def _entries(patterns: Sequence[dict[str, Row]]) -> Callable[[], dict[str, Row]]:
    turns = itertools.cycle(patterns)

    def make() -> dict[str, Row]:
        pattern, entry = next(turns), str(uuid_utils.uuid7())
        header = pattern["log_header"] | {"entry_id": entry, "leaf": os.urandom(32)}
        body = pattern["log_body"] | {"entry_id": entry}
        pending = {"entry_id": entry, "time": header["time"]}
        return dict(zip(TABLES, (header, body, pending), strict=True))

    return make


def _raw(patterns: Sequence[dict[str, Row]]) -> Callable[[], dict[str, Row]]:
    values = [value for table in patterns[0].values() for value in table.values()]
    size = sum(len(value) for value in values if isinstance(value, bytes | str))
    content = os.urandom(size)
    return lambda: {FLOOR: {"entry_id": str(uuid_utils.uuid7()), "content": content}}


def _cost(
    connection: psycopg.Connection,
    tables: Sequence[str],
    make: Callable[[], dict[str, Row]],
    batch: int,
) -> Cost:
    columns = {table: [*row] for table, row in make().items()}
    types = {table: _types(connection, table) for table in tables}
    statement = _statement(columns, types, batch)
    batches = [[make() for _ in range(batch)] for _ in range(ENTRIES // batch)]
    sent = [_parameters(columns, types, rows) for rows in batches]
    # The queue does not grow from round to round: a sequencer would empty it.
    connection.execute("DELETE FROM log_pending")
    connection.execute("CHECKPOINT")
    for parameters in sent[:8]:
        with connection.transaction(force_rollback=True):
            connection.execute(statement, parameters, prepare=True)
    pid = connection.info.backend_pid
    cpu, wal = _processor_seconds(pid), _wal(connection)
    for parameters in sent:
        connection.execute(statement, parameters, prepare=True)
    spent, written = _processor_seconds(pid) - cpu, _wal(connection) - wal
    entries = len(sent) * batch
    return Cost(1e6 * spent / entries, written / entries)


def _types(connection: psycopg.Connection, table: str) -> dict[str, str]:
    query = "SELECT column_name, udt_name FROM information_schema.columns WHERE table_name = %s"
    return dict(connection.execute(query, [table]).fetchall())


def _statement(
    columns: dict[str, list[str]], types: dict[str, dict[str, str]], batch: int
) -> sql.Composed:
    """Every table's rows in one statement: a value for each column, or an array."""
    steps = []
    for table, names in columns.items():
        listed = sql.SQL(", ").join(map(sql.Identifier, names))
        if batch == 1:
            values = sql.SQL("SELECT ") + sql.SQL(", ").join(
                sql.SQL("%b::") + sql.SQL(types[table][name]) for name in names
            )
        else:
            arrays = (sql.SQL("%b::") + sql.SQL(types[table][name] + "[]") for name in names)
            values = sql.SQL("SELECT * FROM unnest(") + sql.SQL(", ").join(arrays) + sql.SQL(")")
        steps.append(sql.SQL("INSERT INTO {} ({}) ").format(sql.Identifier(table), listed) + values)
    *first, last = steps
    if not first:
        return sql.Composed([last])
    named = (sql.SQL("s{} AS ({})").format(sql.SQL(str(n)), step) for n, step in enumerate(first))
    return sql.SQL("WITH ") + sql.SQL(", ").join(named) + sql.SQL(" ") + last


def _parameters(
    columns: dict[str, list[str]], types: dict[str, dict[str, str]], rows: Sequence[dict[str, Row]]
) -> list[Any]:
    """In binary, so that reading them costs the server little."""
    lists = []
    for table, names in columns.items():
        for name in names:
            values = [row[table][name] for row in rows]
            if types[table][name] == "uuid":
                values = [value and UUID(value) for value in values]
            lists.append(values)
    return [values[0] for values in lists] if len(rows) == 1 else lists


def _processor_seconds(pid: int) -> float:
    # Linux: user and system time are the 14th and 15th field (proc_pid_stat(5)).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wal(connection: psycopg.Connection) -> int:
    query = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
    (position,) = connection.execute(query).fetchone() or (0,)
    return int(position)
