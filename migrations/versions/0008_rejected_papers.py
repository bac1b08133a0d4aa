"""Facts of one more kind: a paper that was recorded by mistake and rejected.

The list of kinds is a constraint, and what it holds already is kept, whatever it is by then.

Revision ID: 0008
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ADDED = "paper_rejected"
_CONSTRAINT = "ck_fact_kind_known"
_LAST_KIND = re.compile(r"(\bkind IN \((?:'[a-z_]+', )*'[a-z_]+')\)")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _widen_on_postgresql()
    else:
        _widen_on_sqlite()


def _widen_on_postgresql() -> None:
    query = sa.text(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conname = :name AND conrelid = 'fact'::regclass"
    )
    definition = op.get_bind().scalar(query, {"name": _CONSTRAINT})
    kinds = [*re.findall(r"'([a-z_]+)'", definition), ADDED]
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute(f"ALTER TABLE fact DROP CONSTRAINT {_CONSTRAINT}")
    op.execute(f"ALTER TABLE fact ADD CONSTRAINT {_CONSTRAINT} CHECK (kind IN ({listed}))")


def _widen_on_sqlite() -> None:
    """SQLite changes no constraint: a wider table takes the rows, the name and the triggers."""
    found = op.get_bind().execute(
        sa.text(
            "SELECT type, sql FROM sqlite_master"
            " WHERE tbl_name = 'fact' AND sql IS NOT NULL ORDER BY type = 'table' DESC, name"
        )
    )
    (_, table), *around = [tuple(row) for row in found]
    wider, changes = _LAST_KIND.subn(rf"\1, '{ADDED}')", table)
    wider, renamed = re.subn(r"^CREATE TABLE \"?fact\"?", "CREATE TABLE wider_fact", wider)
    if (changes, renamed) != (1, 1):
        raise RuntimeError("the table of facts is not as the migrations before this left it")
    op.get_bind().exec_driver_sql(wider)
    op.execute("INSERT INTO wider_fact SELECT * FROM fact")
    op.execute("DROP TABLE fact")
    op.execute("ALTER TABLE wider_fact RENAME TO fact")
    for _, statement in around:
        op.get_bind().exec_driver_sql(statement)
