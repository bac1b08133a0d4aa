"""The catalogue: a template version is written once and stays, and so is what it may name."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Id, Slug, metadata, one_of

organisation = sa.Table(
    "organisation",
    metadata,
    sa.Column("id", Slug, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("descriptions", sa.JSON, nullable=False),
    sa.Column("contact", sa.JSON, nullable=False),
    sa.Column("identifiers", sa.JSON, nullable=False),
    sa.Column("confirmation", sa.String(8), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    one_of("kind", "municipality", "child_psychiatry", "paediatrics", "general_practice", "other"),
    one_of("confirmation", "any", "login"),
)


template_version = sa.Table(
    "template_version",
    metadata,
    sa.Column("organisation_id", Slug, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("id", Slug, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False, doc="canonical JSON, as hashed"),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("published_at", Instant, nullable=False),
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False, unique=True),
    sqlite_with_rowid=False,
)


purpose = sa.Table(
    "purpose",
    metadata,
    sa.Column("id", Slug, primary_key=True),
    sa.Column("registered_at", Instant, nullable=False),
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False, unique=True),
    sqlite_with_rowid=False,
)


purpose_overlap = sa.Table(
    "purpose_overlap",
    metadata,
    sa.Column("one_id", Slug, sa.ForeignKey("purpose.id"), primary_key=True),
    sa.Column("other_id", Slug, sa.ForeignKey("purpose.id"), primary_key=True),
    sa.Column("since", Instant, nullable=False, doc="in both directions (R5g)"),
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False),
    sa.CheckConstraint("one_id <> other_id", name="of_two"),
    sqlite_with_rowid=False,
)


category = sa.Table(
    "category",
    metadata,
    sa.Column("id", Slug, primary_key=True),
    sa.Column("registered_at", Instant, nullable=False),
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False),
    sqlite_with_rowid=False,
)
