"""Every table. Personal data stands in `sealed` columns only (see `keys.sealing`).

Three kinds of table: append-only ones (`APPEND_ONLY`, the database itself refuses to change a
row), erasable ones that hold what is known about people, and a few that change.
"""

import sqlalchemy as sa

from consent_service.persistence.column_types import Instant

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = sa.String(36)
Slug = sa.String(64)


def _one_of(column: str, *values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


organisation = sa.Table(
    "organisation",
    metadata,
    sa.Column("id", Slug, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("descriptions", sa.JSON, nullable=False),
    sa.Column("contact", sa.JSON, nullable=False),
    sa.Column("identifiers", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    _one_of("kind", "municipality", "child_psychiatry", "paediatrics", "general_practice", "other"),
)

template_version = sa.Table(
    "template_version",
    metadata,
    sa.Column("organisation_id", sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("id", Slug, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False, doc="canonical JSON, as hashed"),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("published_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

child = sa.Table(
    "child",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("cpr_hash", sa.LargeBinary, unique=True, doc="keyed hash; cleared by erasure"),
    sa.Column("cpr_hash_b", sa.LargeBinary, doc="its second slot; cleared by erasure"),
    sa.Column("version", sa.Integer, nullable=False, doc="act sequence number (R8)"),
    sa.Index("uq_child_cpr_hash_b", "cpr_hash_b", unique=True),
)

person = sa.Table(
    "person",
    metadata,
    sa.Column("id", Id, primary_key=True, doc="the child's own is the child's id"),
    sa.Column("child_id", sa.ForeignKey("child.id"), nullable=False),
    sa.Column("cpr_hash", sa.LargeBinary, doc="keyed hash of (child, CPR); cleared by erasure"),
    sa.Column("cpr_hash_b", sa.LargeBinary, doc="its second slot; cleared by erasure"),
    sa.UniqueConstraint("child_id", "cpr_hash"),
    sa.Index("uq_person_child_id_cpr_hash_b", "child_id", "cpr_hash_b", unique=True),
)

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
    _one_of("index_slot", "a", "b"),
    _one_of("index_phase", "steady", "filling", "clearing"),
)

data_key = sa.Table(
    "data_key",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("organisation_id", sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("child_id", sa.ForeignKey("child.id"), doc="null: the organisation's own key"),
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
)

person_details = sa.Table(
    "person_details",
    metadata,
    sa.Column("organisation_id", sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("person_id", sa.ForeignKey("person.id"), primary_key=True),
    sa.Column("data_key_id", sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Index("ix_person_details_data_key_id", "data_key_id"),
    sa.Index("ix_person_details_person_id", "person_id"),
)

consent = sa.Table(
    "consent",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("controller_id", sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("child_id", sa.ForeignKey("child.id"), nullable=False),
    sa.Column("data_key_id", sa.ForeignKey("data_key.id"), nullable=False),
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
)

consent_party = sa.Table(
    "consent_party",
    metadata,
    sa.Column("organisation_id", sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("consent_id", sa.ForeignKey("consent.id"), primary_key=True),
    sa.Index("ix_consent_party_consent_id", "consent_id"),
)

signatory = sa.Table(
    "signatory",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("consent_id", sa.ForeignKey("consent.id"), nullable=False),
    sa.Column("person_id", sa.ForeignKey("person.id"), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.UniqueConstraint("consent_id", "person_id"),
    sa.Index("ix_signatory_person_id", "person_id"),
    _one_of("role", "custody_holder", "guardian", "child"),
)

link = sa.Table(
    "link",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("signatory_id", sa.ForeignKey("signatory.id"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("opened_at", Instant),
    sa.Column("replaced_at", Instant),
    sa.Index("ix_link_signatory_id", "signatory_id"),
)

signing_session = sa.Table(
    "signing_session",
    metadata,
    sa.Column("id_hash", sa.LargeBinary, primary_key=True),
    sa.Column("link_hash", sa.ForeignKey("link.token_hash"), nullable=False),
    sa.Column("data_key_id", sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("sealed", sa.LargeBinary, doc="login under way, or the identity it proved"),
    sa.Index("ix_signing_session_created_at", "created_at"),
)

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
    sa.Column("entry_id", sa.ForeignKey("log_header.entry_id"), primary_key=True),
    sa.Column("data_key_id", sa.ForeignKey("data_key.id"), nullable=False),
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
    sa.Column("entry_id", sa.ForeignKey("log_header.entry_id"), primary_key=True),
    sa.Column("time", Instant, nullable=False),
)

log_rejected = sa.Table(
    "log_rejected",
    metadata,
    sa.Column("entry_id", sa.ForeignKey("log_header.entry_id"), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("rejected_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

log_leaf = sa.Table(
    "log_leaf",
    metadata,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entry_id", sa.ForeignKey("log_header.entry_id"), nullable=False, unique=True),
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
    sa.Column("size", sa.ForeignKey("log_head.size"), primary_key=True, autoincrement=False),
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
    sa.Column("entry_id", sa.ForeignKey("log_header.entry_id"), primary_key=True),
    sa.Column("erasure_id", sa.ForeignKey("log_header.entry_id"), nullable=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    sa.Index("ix_log_erased_erasure_id", "erasure_id"),
    sqlite_with_rowid=False,
)

retention_rule = sa.Table(
    "retention_rule",
    metadata,
    sa.Column("organisation_id", sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("consents_years", sa.Integer, nullable=False),
    sa.Column("log_years", sa.Integer, nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sa.CheckConstraint("consents_years >= 1 AND log_years >= 1", name="years_positive"),
)

fact = sa.Table(
    "fact",
    metadata,
    sa.Column("child_id", sa.ForeignKey("child.id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.String(24), nullable=False),
    sa.Column("controller_id", sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("consent_id", sa.ForeignKey("consent.id")),
    sa.Column("person_id", sa.ForeignKey("person.id")),
    sa.Column("payload", sa.Text, nullable=False, doc="canonical JSON, no personal data"),
    sa.Column("entry_id", sa.ForeignKey("log_header.entry_id"), nullable=False, unique=True),
    sa.CheckConstraint("kind = 'custody_change' OR consent_id IS NOT NULL", name="consent_named"),
    _one_of(
        "kind",
        "request",
        "custody_change",
        "grant",
        "decline",
        "withdraw",
        "exemption_recorded",
        "exemption_confirmed",
        "exemption_revoked",
        "cancellation",
        "paper_recorded",
        "paper_rejected",
    ),
    sa.Index("ix_fact_person_id", "person_id"),
    sa.Index("ix_fact_consent_id", "consent_id"),
    sqlite_with_rowid=False,
)

statement = sa.Table(
    "statement",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("consent_id", sa.ForeignKey("consent.id"), nullable=False),
    sa.Column("signatory_id", sa.ForeignKey("signatory.id"), nullable=False),
    sa.Column("entry_id", sa.ForeignKey("log_header.entry_id"), nullable=False, unique=True),
    sa.Column("data_key_id", sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("seal_sealed", sa.LargeBinary, nullable=False),
    sa.Column("evidence_sealed", sa.LargeBinary, nullable=False),
    sa.Index("ix_statement_data_key_id", "data_key_id"),
    sa.Index("ix_statement_signatory_id", "signatory_id"),
    sa.Index("ix_statement_consent_id", "consent_id"),
)

client = sa.Table(
    "client",
    metadata,
    sa.Column("id", Slug, primary_key=True),
    sa.Column("organisation_id", sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False, doc="separated by spaces, as in a token"),
    sa.Column("auth_method", sa.String(32), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    _one_of("auth_method", "private_key_jwt", "client_secret"),
)

client_key = sa.Table(
    "client_key",
    metadata,
    sa.Column("client_id", sa.ForeignKey("client.id"), primary_key=True),
    sa.Column("kid", Slug, primary_key=True),
    sa.Column("jwk", sa.JSON, nullable=False, doc="public members only"),
    sa.Column("added_at", Instant, nullable=False),
)

client_secret = sa.Table(
    "client_secret",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("client_id", sa.ForeignKey("client.id"), nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("ix_client_secret_client_id", "client_id"),
)

client_revocation = sa.Table(
    "client_revocation",
    metadata,
    # Empty: this service itself. Neither column names a row of ours: any client can be revoked.
    sa.Column("issuer", sa.String(255), primary_key=True),
    sa.Column("client_id", sa.String(255), primary_key=True),
    sa.Column("revoked_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

client_epoch = sa.Table(
    "client_epoch",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.CheckConstraint("id = 1", name="one_row"),
)

used_assertion = sa.Table(
    "used_assertion",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_used_assertion_expires_at", "expires_at"),
)

kept_answer = sa.Table(
    "kept_answer",
    metadata,
    sa.Column("key_hash", sa.LargeBinary, primary_key=True),
    sa.Column("body_hash", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    # Whose child it is about, so that erasing finds it. No foreign key and no index: every
    # disclosure writes here, and a row lives a day.
    sa.Column("data_key_id", Id),
    sa.Index("ix_kept_answer_created_at", "created_at"),
)

staff_login = sa.Table(
    "staff_login",
    metadata,
    sa.Column("state_hash", sa.LargeBinary, primary_key=True),
    sa.Column("browser_hash", sa.LargeBinary, nullable=False),
    sa.Column("data_key_id", sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sa.Column("sealed", sa.LargeBinary, nullable=False, doc="nonce and code verifier"),
    sa.Index("ix_staff_login_created_at", "created_at"),
)

staff_session = sa.Table(
    "staff_session",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("subject_hash", sa.LargeBinary, nullable=False, doc="keyed hash of (issuer, sub)"),
    sa.Column("provider_session_hash", sa.LargeBinary, doc="keyed hash of (issuer, sid)"),
    sa.Column("organisation_id", sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("roles", sa.String(64), nullable=False, doc="parted by spaces"),
    sa.Column("data_key_id", sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_seen_at", Instant, nullable=False),
    sa.Column("previous_login_at", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("sealed", sa.LargeBinary, nullable=False, doc="issuer, subject and name"),
    sa.Index("ix_staff_session_subject_hash", "subject_hash"),
    sa.Index("ix_staff_session_created_at", "created_at"),
)

failed_attempt = sa.Table(
    "failed_attempt",
    metadata,
    sa.Column("key_hash", sa.LargeBinary, primary_key=True, doc="keyed hash of what, and who"),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_failed_attempt_expires_at", "expires_at"),
)

APPEND_ONLY = (
    template_version,
    fact,
    log_header,
    log_leaf,
    log_node,
    log_head,
    log_checkpoint,
    log_rejected,
    client_revocation,
    log_erased,
)
"""Refused by the database: UPDATE, DELETE, TRUNCATE, and INSERT over an existing key.

One exception: a fact may be deleted once an erasure in the tree lists its entry.

On SQLite they have no hidden row number either, by which a row could still be replaced.
"""
