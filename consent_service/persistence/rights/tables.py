"""How long a controller keeps things."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Slug, metadata

retention_rule = sa.Table(
    "retention_rule",
    metadata,
    sa.Column("organisation_id", Slug, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("consents_years", sa.Integer, nullable=False),
    sa.Column("log_years", sa.Integer, nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sa.CheckConstraint("consents_years >= 1 AND log_years >= 1", name="years_positive"),
)
