"""The first schema: catalogue, children, consents, facts and the log.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from consent_service.persistence.kernel.column_types import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Table and its unique keys: the rows of these are written once and stay.
APPEND_ONLY = {
    "template_version": [("organisation_id", "id", "version")],
    "fact": [("child_id", "seq"), ("entry_id",)],
    "log_header": [("entry_id",)],
    "log_leaf": [("index",), ("entry_id",)],
    "log_node": [("level", "index")],
    "log_head": [("size",)],
    "log_checkpoint": [("size",)],
    "log_rejected": [("entry_id",)],
}


def upgrade() -> None:
    _create_tables()
    op.execute("INSERT INTO log_sequencer (id) VALUES (1)")
    if op.get_bind().dialect.name == "postgresql":
        _refuse_changes_on_postgresql()
    else:
        _refuse_changes_on_sqlite()


def _refuse_changes_on_postgresql() -> None:
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    # The application's role, where the deployment has one, may not even try.
    role = sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'consent_app'")
    if op.get_bind().scalar(role):
        listed = ", ".join((*APPEND_ONLY, "alembic_version"))
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {listed} FROM consent_app")


def _refuse_changes_on_sqlite() -> None:
    for table, keys in APPEND_ONLY.items():
        refuse = f"SELECT RAISE(ABORT, '{table} is append-only')"
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table}"
                f" BEGIN {refuse}; END"
            )
        # INSERT OR REPLACE deletes without asking the trigger above.
        for key in keys:
            same = " AND ".join(f'"{column}" = NEW."{column}"' for column in key)
            op.execute(
                f"CREATE TRIGGER {table}_refuses_replacing_{'_'.join(key)} BEFORE INSERT ON {table}"
                f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) BEGIN {refuse}; END"
            )


def _create_tables() -> None:
    op.create_table(
        "child",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("cpr_hash", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_child")),
        sa.UniqueConstraint("cpr_hash", name=op.f("uq_child_cpr_hash")),
    )
    op.create_table(
        "kept_answer",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_kept_answer")),
    )
    op.create_index("ix_kept_answer_created_at", "kept_answer", ["created_at"], unique=False)
    op.create_table(
        "log_head",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("time", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_head")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_header",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("time", Instant(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("promise", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_log_header")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_node",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_log_node")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_sequencer",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_sequencer_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_sequencer")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("descriptions", sa.JSON(), nullable=False),
        sa.Column("contact", sa.JSON(), nullable=False),
        sa.Column("identifiers", sa.JSON(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('municipality', 'child_psychiatry', 'paediatrics', 'general_practice', 'other')",
            name=op.f("ck_organisation_kind_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    op.create_table(
        "data_key",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("child_id", sa.String(length=36), nullable=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["child_id"], ["child.id"], name=op.f("fk_data_key_child_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_data_key_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_key")),
        sa.UniqueConstraint(
            "organisation_id", "child_id", name=op.f("uq_data_key_organisation_id_child_id")
        ),
    )
    op.create_index("ix_data_key_child_id", "data_key", ["child_id"], unique=False)
    op.create_index(
        "uq_data_key_own",
        "data_key",
        ["organisation_id"],
        unique=True,
        sqlite_where=sa.text("child_id IS NULL"),
        postgresql_where=sa.text("child_id IS NULL"),
    )
    op.create_table(
        "log_checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["size"], ["log_head.size"], name=op.f("fk_log_checkpoint_size")),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_checkpoint")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_leaf",
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_log_leaf_entry_id")
        ),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_log_leaf")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_log_leaf_entry_id")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_log_leaf_leaf"), "log_leaf", ["leaf"])
    op.create_table(
        "log_pending",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("time", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_log_pending_entry_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_log_pending")),
    )
    op.create_table(
        "log_rejected",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rejected_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_log_rejected_entry_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_log_rejected")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("child_id", sa.String(length=36), nullable=False),
        sa.Column("cpr_hash", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["child_id"], ["child.id"], name=op.f("fk_person_child_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("child_id", "cpr_hash", name=op.f("uq_person_child_id_cpr_hash")),
    )
    op.create_table(
        "template_version",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_template_version_organisation_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "id", "version", name=op.f("pk_template_version")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("controller_id", sa.String(length=64), nullable=False),
        sa.Column("child_id", sa.String(length=36), nullable=False),
        sa.Column("data_key_id", sa.String(length=36), nullable=False),
        sa.Column("template_id", sa.String(length=64), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("case_reference", sa.Text(), nullable=False),
        sa.Column("deadline", sa.Date(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("terms_sha256", sa.String(length=64), nullable=False),
        sa.Column("terms_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["child_id"], ["child.id"], name=op.f("fk_consent_child_id")),
        sa.ForeignKeyConstraint(
            ["controller_id", "template_id", "template_version"],
            ["template_version.organisation_id", "template_version.id", "template_version.version"],
            name=op.f("fk_consent_controller_id_template_id_template_version"),
        ),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["organisation.id"], name=op.f("fk_consent_controller_id")
        ),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_consent_data_key_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_child_id", "consent", ["child_id"], unique=False)
    op.create_index("ix_consent_controller_id_id", "consent", ["controller_id", "id"], unique=False)
    op.create_table(
        "log_body",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("data_key_id", sa.String(length=36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("time", Instant(), nullable=False),
        sa.Column("controller_id", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("recipient_id", sa.String(length=64), nullable=True),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("consent_id", sa.String(length=36), nullable=True),
        sa.Column("about_id", sa.String(length=36), nullable=True),
        sa.Column("child_hash", sa.LargeBinary(), nullable=True),
        sa.Column("employee_hash", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_log_body_data_key_id")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_log_body_entry_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_log_body")),
    )
    op.create_index(
        "ix_log_body_about_id",
        "log_body",
        ["about_id"],
        unique=False,
        sqlite_where=sa.text("about_id IS NOT NULL"),
        postgresql_where=sa.text("about_id IS NOT NULL"),
    )
    op.create_index(
        "ix_log_body_child_hash_entry_id", "log_body", ["child_hash", "entry_id"], unique=False
    )
    op.create_index("ix_log_body_consent_id", "log_body", ["consent_id"], unique=False)
    op.create_index(
        "ix_log_body_controller_id_entry_id",
        "log_body",
        ["controller_id", "entry_id"],
        unique=False,
    )
    op.create_index(
        "ix_log_body_employee_hash_entry_id",
        "log_body",
        ["employee_hash", "entry_id"],
        unique=False,
        sqlite_where=sa.text("employee_hash IS NOT NULL"),
        postgresql_where=sa.text("employee_hash IS NOT NULL"),
    )
    op.create_index(
        "ix_log_body_organisation_id_entry_id",
        "log_body",
        ["organisation_id", "entry_id"],
        unique=False,
    )
    op.create_index(
        "ix_log_body_recipient_id_entry_id",
        "log_body",
        ["recipient_id", "entry_id"],
        unique=False,
        sqlite_where=sa.text("recipient_id IS NOT NULL"),
        postgresql_where=sa.text("recipient_id IS NOT NULL"),
    )
    op.create_table(
        "person_details",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("data_key_id", sa.String(length=36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_person_details_data_key_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_person_details_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_person_details_person_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "person_id", name=op.f("pk_person_details")),
    )
    op.create_table(
        "consent_party",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("consent_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consent.id"], name=op.f("fk_consent_party_consent_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_consent_party_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "consent_id", name=op.f("pk_consent_party")),
    )
    op.create_table(
        "fact",
        sa.Column("child_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("controller_id", sa.String(length=64), nullable=False),
        sa.Column("consent_id", sa.String(length=36), nullable=True),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.CheckConstraint(
            "kind = 'custody_change' OR consent_id IS NOT NULL", name=op.f("ck_fact_consent_named")
        ),
        sa.CheckConstraint(
            "kind IN ('request', 'custody_change', 'grant', 'decline', 'withdraw', 'exemption_recorded', 'exemption_confirmed', 'exemption_revoked', 'cancellation')",
            name=op.f("ck_fact_kind_known"),
        ),
        sa.ForeignKeyConstraint(["child_id"], ["child.id"], name=op.f("fk_fact_child_id")),
        sa.ForeignKeyConstraint(["consent_id"], ["consent.id"], name=op.f("fk_fact_consent_id")),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["organisation.id"], name=op.f("fk_fact_controller_id")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_fact_entry_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_fact_person_id")),
        sa.PrimaryKeyConstraint("child_id", "seq", name=op.f("pk_fact")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_fact_entry_id")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_fact_consent_id", "fact", ["consent_id"], unique=False)
    op.create_table(
        "signatory",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("consent_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.CheckConstraint(
            "role IN ('custody_holder', 'guardian', 'child')", name=op.f("ck_signatory_role_known")
        ),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consent.id"], name=op.f("fk_signatory_consent_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_signatory_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signatory")),
        sa.UniqueConstraint(
            "consent_id", "person_id", name=op.f("uq_signatory_consent_id_person_id")
        ),
    )
    op.create_table(
        "link",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("signatory_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=True),
        sa.Column("replaced_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["signatory_id"], ["signatory.id"], name=op.f("fk_link_signatory_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_link")),
    )
    op.create_index("ix_link_signatory_id", "link", ["signatory_id"], unique=False)
    op.create_table(
        "statement",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("consent_id", sa.String(length=36), nullable=False),
        sa.Column("signatory_id", sa.String(length=36), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("data_key_id", sa.String(length=36), nullable=False),
        sa.Column("seal_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("evidence_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consent.id"], name=op.f("fk_statement_consent_id")
        ),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_statement_data_key_id")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_statement_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["signatory_id"], ["signatory.id"], name=op.f("fk_statement_signatory_id")
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_statement")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_statement_entry_id")),
    )
    op.create_index("ix_statement_consent_id", "statement", ["consent_id"], unique=False)
    op.create_table(
        "signing_session",
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("data_key_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_signing_session_data_key_id")
        ),
        sa.ForeignKeyConstraint(
            ["link_hash"], ["link.token_hash"], name=op.f("fk_signing_session_link_hash")
        ),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_signing_session")),
    )
    op.create_index(
        "ix_signing_session_created_at", "signing_session", ["created_at"], unique=False
    )
