"""Failed attempts: counters that every process shares.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

from consent_service.persistence.kernel.column_types import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "failed_attempt",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_failed_attempt")),
    )
    op.create_index("ix_failed_attempt_expires_at", "failed_attempt", ["expires_at"])
