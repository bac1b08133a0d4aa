"""A second slot for every keyed hash, and where rotations of keys stand.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

HASHED = (
    ("child", "cpr_hash"),
    ("person", "cpr_hash"),
    ("log_body", "child_hash"),
    ("log_body", "employee_hash"),
)


def upgrade() -> None:
    for table, column in HASHED:
        op.add_column(table, sa.Column(f"{column}_b", sa.LargeBinary(), nullable=True))
    op.create_index("uq_child_cpr_hash_b", "child", ["cpr_hash_b"], unique=True)
    op.create_index(
        "uq_person_child_id_cpr_hash_b", "person", ["child_id", "cpr_hash_b"], unique=True
    )
    # Either slot can be the empty one: what is empty costs no index entry.
    op.drop_index("ix_log_body_child_hash_entry_id", "log_body")
    for column in ("child_hash", "child_hash_b", "employee_hash_b"):
        _create_partial_index(column)
    op.create_table(
        "key_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index_slot", sa.String(length=1), nullable=False),
        sa.Column("index_phase", sa.String(length=8), nullable=False),
        sa.Column("index_key", sa.LargeBinary(), nullable=True),
        sa.Column("index_filling", sa.LargeBinary(), nullable=True),
        sa.Column("wrapping_key", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_key_state_one_row")),
        sa.CheckConstraint("index_slot IN ('a', 'b')", name=op.f("ck_key_state_index_slot_known")),
        sa.CheckConstraint(
            "index_phase IN ('steady', 'filling', 'clearing')",
            name=op.f("ck_key_state_index_phase_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_state")),
    )
    op.execute("INSERT INTO key_state (id, index_slot, index_phase) VALUES (1, 'a', 'steady')")


def _create_partial_index(column: str) -> None:
    where = sa.text(f"{column} IS NOT NULL")
    op.create_index(
        f"ix_log_body_{column}_entry_id",
        "log_body",
        [column, "entry_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
