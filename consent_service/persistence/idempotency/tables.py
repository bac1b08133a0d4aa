"""Answers that are kept for a day."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Id, metadata

kept_answer = sa.Table(
    "kept_answer",
    metadata,
    sa.Column("key_hash", sa.LargeBinary, primary_key=True),
    sa.Column("body_hash", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("replays", sa.Integer, nullable=False, server_default="0"),
    # Whose child it is about, so that erasing finds it. No foreign key and no index: every
    # disclosure writes here, and a row lives a day.
    sa.Column("data_key_id", Id),
    sa.Index("ix_kept_answer_created_at", "created_at"),
)
