"""The data keys, and where the rotation of all keys stands."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Id, Slug, metadata, one_of

# Where rotations stand: what stops a process that missed one from writing by an old key.
key_state = sa.Table(
    "key_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("index_slot", sa.String(1), nullable=False, doc="the complete slot of keyed hashes"),
    sa.Column("index_phase", sa.String(8), nullable=False),
    sa.Column("index_key", sa.LargeBinary, doc="id of that slot's key; null: not rotated yet"),
    sa.Column("index_filling", sa.LargeBinary, doc="id of the key the other slot is filled under"),
    sa.Column("wrapping_key", sa.LargeBinary, doc="id of the one that wraps; null: any"),
    sa.CheckConstraint("id = 1", name="one_row"),
    one_of("index_slot", "a", "b"),
    one_of("index_phase", "steady", "filling", "clearing"),
)


data_key = sa.Table(
    "data_key",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("organisation_id", Slug, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("child_id", Id, sa.ForeignKey("child.id"), doc="null: the organisation's own key"),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("organisation_id", "child_id"),
    sa.Index(
        "uq_data_key_own",
        "organisation_id",
        unique=True,
        sqlite_where=sa.text("child_id IS NULL"),
        postgresql_where=sa.text("child_id IS NULL"),
    ),
    sa.Index("ix_data_key_child_id", "child_id"),
    # How many children an organisation first asked about in a day.
    sa.Index("ix_data_key_organisation_id_created_at", "organisation_id", "created_at"),
)
