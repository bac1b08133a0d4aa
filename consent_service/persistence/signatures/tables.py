"""Sessions of the family, and what was sealed."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Id, metadata

signing_session = sa.Table(
    "signing_session",
    metadata,
    sa.Column("id_hash", sa.LargeBinary, primary_key=True),
    sa.Column("link_hash", sa.LargeBinary, sa.ForeignKey("link.token_hash"), nullable=False),
    sa.Column("data_key_id", Id, sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column(
        "sealed", sa.LargeBinary, nullable=False, doc="login under way, or the identity it proved"
    ),
    sa.Index("ix_signing_session_created_at", "created_at"),
)


statement = sa.Table(
    "statement",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("consent_id", Id, sa.ForeignKey("consent.id"), nullable=False),
    sa.Column("signatory_id", Id, sa.ForeignKey("signatory.id"), nullable=False),
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False, unique=True),
    sa.Column("data_key_id", Id, sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("seal_sealed", sa.LargeBinary, nullable=False),
    sa.Column("evidence_sealed", sa.LargeBinary, nullable=False),
    sa.Index("ix_statement_data_key_id", "data_key_id"),
    sa.Index("ix_statement_signatory_id", "signatory_id"),
    sa.Index("ix_statement_consent_id", "consent_id"),
)
