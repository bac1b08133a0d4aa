"""The log: what stays for good, what erasing takes, and the queue between the two."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Id, Slug, metadata

log_header = sa.Table(
    "log_header",
    metadata,
    sa.Column("entry_id", Id, primary_key=True),
    sa.Column("time", Instant, nullable=False),
    sa.Column("header", sa.LargeBinary, nullable=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    sa.Column("promise", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)


log_body = sa.Table(
    "log_body",
    metadata,
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), primary_key=True),
    sa.Column("data_key_id", Id, sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("time", Instant, nullable=False),
    # The owner of the data key, whose foreign key says that it exists.
    sa.Column("controller_id", Slug, nullable=False),
    sa.Column("organisation_id", Slug, nullable=False),
    sa.Column("recipient_id", Slug),
    sa.Column("type", sa.String(40), nullable=False),
    sa.Column("outcome", sa.String(16)),
    sa.Column("consent_id", Id),
    sa.Column("about_id", Id),
    sa.Column("child_hash", sa.LargeBinary),
    sa.Column("employee_hash", sa.LargeBinary),
    sa.Index("ix_log_body_data_key_id", "data_key_id"),
    # Their second slots (see `keys.index_slots`); what is empty costs no index entry.
    sa.Column("child_hash_b", sa.LargeBinary),
    sa.Column("employee_hash_b", sa.LargeBinary),
    sa.Index("ix_log_body_controller_id_entry_id", "controller_id", "entry_id"),
    sa.Index("ix_log_body_organisation_id_entry_id", "organisation_id", "entry_id"),
    sa.Index("ix_log_body_consent_id", "consent_id"),
    *(
        sa.Index(
            f"ix_log_body_{column}_entry_id",
            column,
            "entry_id",
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
        for column in ("child_hash", "child_hash_b", "employee_hash", "employee_hash_b")
    ),
    sa.Index(
        "ix_log_body_recipient_id_entry_id",
        "recipient_id",
        "entry_id",
        sqlite_where=sa.text("recipient_id IS NOT NULL"),
        postgresql_where=sa.text("recipient_id IS NOT NULL"),
    ),
    sa.Index(
        "ix_log_body_about_id",
        "about_id",
        sqlite_where=sa.text("about_id IS NOT NULL"),
        postgresql_where=sa.text("about_id IS NOT NULL"),
    ),
)


log_pending = sa.Table(
    "log_pending",
    metadata,
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), primary_key=True),
    sa.Column("time", Instant, nullable=False),
)


log_rejected = sa.Table(
    "log_rejected",
    metadata,
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("rejected_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)


log_leaf = sa.Table(
    "log_leaf",
    metadata,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False, unique=True),
    sa.Column("leaf", sa.LargeBinary, nullable=False, index=True),
    sqlite_with_rowid=False,
)


log_node = sa.Table(
    "log_node",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)


log_head = sa.Table(
    "log_head",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("time", Instant, nullable=False),
    sqlite_with_rowid=False,
)


log_checkpoint = sa.Table(
    "log_checkpoint",
    metadata,
    sa.Column(
        "size", sa.BigInteger, sa.ForeignKey("log_head.size"), primary_key=True, autoincrement=False
    ),
    sa.Column("note", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)


log_sequencer = sa.Table(
    "log_sequencer",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.CheckConstraint("id = 1", name="one_row"),
)


log_erased = sa.Table(
    "log_erased",
    metadata,
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), primary_key=True),
    sa.Column("erasure_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    sa.Index("ix_log_erased_erasure_id", "erasure_id"),
    sqlite_with_rowid=False,
)
