"""PostgreSQL's one statement that appends an entry: every row of it is written, or none is."""

from itertools import product

import sqlalchemy as sa

from consent_service.persistence.idempotency.tables import kept_answer
from consent_service.persistence.kernel.hot_statement import HotStatement
from consent_service.persistence.log.tables import log_body, log_header

_HEADER = ("entry_id", "time", "header", "leaf", "promise")
_BODY = tuple(column.name for column in log_body.columns)
_ANSWER = tuple(column.name for column in kept_answer.columns)
PENDING = ("entry_id", "time")


def _append_statement(*, fenced: bool, guarded: bool, answered: bool) -> sa.TextClause:
    """PostgreSQL: header, body, pending row and kept answer in one statement, or nothing.

    The guard waits for whoever is changing the child and then sees the new version; locking and
    reading the facts in one statement would be wrong, because its snapshot predates the wait.
    """
    steps, allowed = [], "(SELECT 1) AS allowed"
    if fenced:
        steps.append("fence AS (SELECT 1 FROM client_epoch WHERE epoch = :epoch)")
        allowed = "fence"
    if guarded:
        steps.append(
            f"guard AS (SELECT 1 FROM child, {allowed} WHERE child.id = :guard_child"  # noqa: S608 - names of our own steps
            " AND child.version = :guard_version FOR SHARE OF child)"
        )
        allowed = "guard"
    if answered:
        steps.append(
            f"answer AS ({_insert('kept_answer', _ANSWER, 'answer_')} FROM {allowed}"
            " ON CONFLICT DO NOTHING RETURNING 1)"
        )
        allowed = "answer"
    steps += [
        f"header AS ({_insert('log_header', _HEADER)} FROM {allowed} RETURNING 1)",
        f"body AS ({_insert('log_body', _BODY)} FROM {allowed} RETURNING 1)",
    ]
    last = f"{_insert('log_pending', PENDING)} FROM {allowed}, header, body RETURNING 1"
    return _typed(f"WITH {', '.join(steps)} {last}", answered=answered)


def _insert(table: str, columns: tuple[str, ...], prefix: str = "") -> str:
    values = ", ".join(f":{prefix}{column}" for column in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"


def _typed(statement: str, *, answered: bool) -> sa.TextClause:
    binds = [
        sa.bindparam(column.name, type_=column.type)
        for column in (*log_header.columns, *log_body.columns)
    ]
    if answered:
        binds += [
            sa.bindparam(f"answer_{column.name}", type_=column.type)
            for column in kept_answer.columns
        ]
    unique = {bind.key: bind for bind in binds}
    return sa.text(statement).bindparams(*unique.values())


STATEMENTS = {
    (fenced, guarded, answered): HotStatement(
        f"append_{fenced:d}{guarded:d}{answered:d}",
        _append_statement(fenced=fenced, guarded=guarded, answered=answered),
    )
    for fenced, guarded, answered in product((False, True), repeat=3)
}
