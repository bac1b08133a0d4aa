"""Consents with their parties, signatories and links."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Id, Slug, metadata, one_of

consent = sa.Table(
    "consent",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("controller_id", Slug, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("child_id", Id, sa.ForeignKey("child.id"), nullable=False),
    sa.Column("data_key_id", Id, sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("template_id", Slug, nullable=False),
    sa.Column("template_version", sa.Integer, nullable=False),
    sa.Column("case_reference", sa.Text, nullable=False),
    sa.Column("deadline", sa.Date, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("terms_sha256", sa.String(64), nullable=False),
    sa.Column("terms_sealed", sa.LargeBinary, nullable=False),
    sa.ForeignKeyConstraint(
        ["controller_id", "template_id", "template_version"],
        ["template_version.organisation_id", "template_version.id", "template_version.version"],
    ),
    sa.Index("ix_consent_data_key_id", "data_key_id"),
    sa.Index("ix_consent_controller_id_id", "controller_id", "id"),
    sa.Index("ix_consent_child_id", "child_id"),
    sa.Index("ix_consent_controller_id_case_reference_id", "controller_id", "case_reference", "id"),
)


consent_party = sa.Table(
    "consent_party",
    metadata,
    sa.Column("organisation_id", Slug, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("consent_id", Id, sa.ForeignKey("consent.id"), primary_key=True),
    sa.Index("ix_consent_party_consent_id", "consent_id"),
)


signatory = sa.Table(
    "signatory",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("consent_id", Id, sa.ForeignKey("consent.id"), nullable=False),
    sa.Column("person_id", Id, sa.ForeignKey("person.id"), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False),
    sa.UniqueConstraint("consent_id", "person_id"),
    sa.Index("ix_signatory_person_id", "person_id"),
    one_of("role", "custody_holder", "guardian", "child"),
)


link = sa.Table(
    "link",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("signatory_id", Id, sa.ForeignKey("signatory.id"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("opened_at", Instant),
    sa.Column("replaced_at", Instant),
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False),
    sa.Index("ix_link_signatory_id", "signatory_id"),
)
