"""Who a child is, who is around it, and what happened: facts are only ever added."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Id, Slug, metadata, one_of


def _found_by_something() -> sa.CheckConstraint:
    """A row goes as a whole: one that nothing finds is a person whose no is forgotten."""
    return sa.CheckConstraint(
        "cpr_hash IS NOT NULL OR cpr_hash_b IS NOT NULL", name="found_by_something"
    )


child = sa.Table(
    "child",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("cpr_hash", sa.LargeBinary, unique=True, doc="keyed hash of the CPR number"),
    sa.Column("cpr_hash_b", sa.LargeBinary, doc="its second slot"),
    sa.Column("version", sa.Integer, nullable=False, doc="act sequence number (R8)"),
    _found_by_something(),
    sa.Index("uq_child_cpr_hash_b", "cpr_hash_b", unique=True),
)


person = sa.Table(
    "person",
    metadata,
    sa.Column("id", Id, primary_key=True, doc="the child's own is the child's id"),
    sa.Column("child_id", Id, sa.ForeignKey("child.id"), nullable=False),
    sa.Column("cpr_hash", sa.LargeBinary, doc="keyed hash of (child, CPR number)"),
    sa.Column("cpr_hash_b", sa.LargeBinary, doc="its second slot"),
    _found_by_something(),
    sa.UniqueConstraint("child_id", "cpr_hash"),
    sa.Index("uq_person_child_id_cpr_hash_b", "child_id", "cpr_hash_b", unique=True),
)


person_details = sa.Table(
    "person_details",
    metadata,
    sa.Column("organisation_id", Slug, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("person_id", Id, sa.ForeignKey("person.id"), primary_key=True),
    sa.Column("data_key_id", Id, sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False),
    sa.Index("ix_person_details_data_key_id", "data_key_id"),
    sa.Index("ix_person_details_person_id", "person_id"),
)


fact = sa.Table(
    "fact",
    metadata,
    sa.Column("child_id", Id, sa.ForeignKey("child.id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.String(24), nullable=False),
    sa.Column("controller_id", Slug, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("consent_id", Id, sa.ForeignKey("consent.id")),
    sa.Column("person_id", Id, sa.ForeignKey("person.id")),
    sa.Column("payload", sa.Text, nullable=False, doc="canonical JSON, no personal data"),
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False, unique=True),
    sa.CheckConstraint("kind = 'custody_change' OR consent_id IS NOT NULL", name="consent_named"),
    one_of(
        "kind",
        "request",
        "custody_change",
        "grant",
        "decline",
        "withdraw",
        "lift",
        "link_issued",
        "exemption_recorded",
        "exemption_confirmed",
        "exemption_revoked",
        "cancellation",
        "paper_recorded",
        "paper_rejected",
        "reconfirmation_recorded",
        "reconfirmation_confirmed",
    ),
    sa.Index("ix_fact_person_id", "person_id"),
    sa.Index("ix_fact_consent_id", "consent_id"),
    sqlite_with_rowid=False,
)
