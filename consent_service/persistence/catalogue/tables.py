"""The catalogue: a template version is written once and stays."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Slug, metadata, one_of

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
    sqlite_with_rowid=False,
)
