"""The first schema. Until version 1.0 it may be made anew: a database of before has no way here.

Revision ID: remade_1
"""

import sqlalchemy as sa
from alembic import op

from consent_service.persistence.kernel.column_types import Instant, UuidText

# Not "0001": a database that an earlier first schema was made in must not pass for one of these.
revision = "remade_1"
down_revision = None
branch_labels = None
depends_on = None

# Table and its unique keys: the rows of these are written once and stay.
APPEND_ONLY = {
    "template_version": [("organisation_id", "id", "version"), ("entry_id",)],
    "purpose": [("id",), ("entry_id",)],
    "purpose_overlap": [("one_id", "other_id")],
    "category": [("id",)],
    "fact": [("child_id", "seq"), ("entry_id",)],
    "log_header": [("entry_id",)],
    "log_leaf": [("index",), ("entry_id",)],
    "log_node": [("level", "index")],
    "log_head": [("size",)],
    "log_checkpoint": [("size",)],
    "log_origin": [("first_index",)],
    "log_rejected": [("entry_id",)],
    "log_erased": [("entry_id",)],
    "client_revocation": [("issuer", "client_id")],
}

# The one exception: a fact may be deleted once an erasure that stands in the tree lists its entry.
LISTED = (
    "EXISTS (SELECT 1 FROM log_erased JOIN log_leaf ON log_leaf.entry_id = log_erased.erasure_id"
    " WHERE log_erased.entry_id = OLD.entry_id)"
)


def upgrade() -> None:
    _create_catalogue()
    _create_children()
    _create_log()
    _create_details()
    _create_templates()
    _create_consents()
    _create_register()
    _create_facts()
    _create_access()
    _create_the_rest()
    op.execute("INSERT INTO log_sequencer (id) VALUES (1)")
    op.execute("INSERT INTO client_epoch (id, epoch) VALUES (1, 1)")
    op.execute("INSERT INTO key_state (id, index_slot, index_phase) VALUES (1, 'a', 'steady')")
    if op.get_bind().dialect.name == "postgresql":
        _refuse_changes_on_postgresql()
        _allow_erasing_on_postgresql()
        _restrict_the_application()
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
    op.execute(
        f"""
        CREATE FUNCTION refuse_change_unless_erased() RETURNS trigger LANGUAGE plpgsql
        SET search_path = {_own_path()} AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND {LISTED} THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    for table in APPEND_ONLY:
        refuse = "refuse_change_unless_erased" if table == "fact" else "refuse_change"
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {refuse}()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _own_path() -> str:
    """A path of its own: a caller's temporary table must not pass for one of ours."""
    schema = op.get_bind().scalar(sa.text("SELECT current_schema()"))
    return f'"{schema}", pg_temp'


def _allow_erasing_on_postgresql() -> None:
    # The application's role may delete no fact; the owner's function does, by the list alone.
    op.execute(
        f"""
        CREATE FUNCTION erase_facts(erasure uuid) RETURNS bigint LANGUAGE sql SECURITY DEFINER
        SET search_path = {_own_path()} AS $$
            WITH gone AS (
                DELETE FROM fact USING log_erased
                WHERE log_erased.entry_id = fact.entry_id AND log_erased.erasure_id = erasure
                RETURNING 1
            )
            SELECT count(*) FROM gone
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION erase_facts(uuid) FROM PUBLIC")


def _restrict_the_application() -> None:
    """The application's role, where the deployment has one, may not even try."""
    if op.get_bind().scalar(sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'consent_app'")):
        listed = ", ".join((*APPEND_ONLY, "alembic_version"))
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {listed} FROM consent_app")
        op.execute("GRANT EXECUTE ON FUNCTION erase_facts(uuid) TO consent_app")


def _refuse_changes_on_sqlite() -> None:
    for table, keys in APPEND_ONLY.items():
        refuse = f"SELECT RAISE(ABORT, '{table} is append-only')"
        for change in ("UPDATE", "DELETE"):
            unless = f" WHEN NOT {LISTED}" if (table, change) == ("fact", "DELETE") else ""
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table}{unless}"
                f" BEGIN {refuse}; END"
            )
        # INSERT OR REPLACE deletes without asking the trigger above.
        for key in keys:
            same = " AND ".join(f'"{column}" = NEW."{column}"' for column in key)
            op.execute(
                f"CREATE TRIGGER {table}_refuses_replacing_{'_'.join(key)} BEFORE INSERT ON {table}"
                f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) BEGIN {refuse}; END"
            )


def _create_catalogue() -> None:
    op.create_table(
        "organisation",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("descriptions", sa.JSON(), nullable=False),
        sa.Column("contact", sa.JSON(), nullable=False),
        sa.Column("identifiers", sa.JSON(), nullable=False),
        sa.Column("confirmation", sa.String(length=8), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "confirmation IN ('any', 'login')", name=op.f("ck_organisation_confirmation_known")
        ),
        sa.CheckConstraint(
            "kind IN ('municipality', 'child_psychiatry', 'paediatrics', 'general_practice', 'other')",
            name=op.f("ck_organisation_kind_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )


def _create_children() -> None:
    op.create_table(
        "child",
        sa.Column("id", UuidText(), nullable=False),
        sa.Column("cpr_hash", sa.LargeBinary(), nullable=True),
        sa.Column("cpr_hash_b", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "cpr_hash IS NOT NULL OR cpr_hash_b IS NOT NULL",
            name=op.f("ck_child_found_by_something"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_child")),
        sa.UniqueConstraint("cpr_hash", name=op.f("uq_child_cpr_hash")),
    )
    op.create_index("uq_child_cpr_hash_b", "child", ["cpr_hash_b"], unique=True)
    op.create_table(
        "person",
        sa.Column("id", UuidText(), nullable=False),
        sa.Column("child_id", UuidText(), nullable=False),
        sa.Column("cpr_hash", sa.LargeBinary(), nullable=True),
        sa.Column("cpr_hash_b", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["child_id"], ["child.id"], name=op.f("fk_person_child_id")),
        sa.CheckConstraint(
            "cpr_hash IS NOT NULL OR cpr_hash_b IS NOT NULL",
            name=op.f("ck_person_found_by_something"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("child_id", "cpr_hash", name=op.f("uq_person_child_id_cpr_hash")),
    )
    op.create_index(
        "uq_person_child_id_cpr_hash_b", "person", ["child_id", "cpr_hash_b"], unique=True
    )
    op.create_table(
        "key_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index_slot", sa.String(length=1), nullable=False),
        sa.Column("index_phase", sa.String(length=8), nullable=False),
        sa.Column("index_key", sa.LargeBinary(), nullable=True),
        sa.Column("index_filling", sa.LargeBinary(), nullable=True),
        sa.Column("wrapping_key", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "index_phase IN ('steady', 'filling', 'clearing')",
            name=op.f("ck_key_state_index_phase_known"),
        ),
        sa.CheckConstraint("index_slot IN ('a', 'b')", name=op.f("ck_key_state_index_slot_known")),
        sa.CheckConstraint("id = 1", name=op.f("ck_key_state_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_state")),
    )
    op.create_table(
        "data_key",
        sa.Column("id", UuidText(), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("child_id", UuidText(), nullable=True),
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
        "ix_data_key_organisation_id_created_at",
        "data_key",
        ["organisation_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_data_key_own",
        "data_key",
        ["organisation_id"],
        unique=True,
        sqlite_where=sa.text("child_id IS NULL"),
        postgresql_where=sa.text("child_id IS NULL"),
    )


def _create_log() -> None:
    op.create_table(
        "log_header",
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.Column("time", Instant(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("promise", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_log_header")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_body",
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.Column("data_key_id", UuidText(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("time", Instant(), nullable=False),
        sa.Column("controller_id", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("recipient_id", sa.String(length=64), nullable=True),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("consent_id", UuidText(), nullable=True),
        sa.Column("about_id", UuidText(), nullable=True),
        sa.Column("employee_hash", sa.LargeBinary(), nullable=True),
        sa.Column("employee_hash_b", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_log_body_data_key_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_log_body")),
    )
    op.create_index(
        "ix_log_body_about_id",
        "log_body",
        ["about_id"],
        unique=False,
        postgresql_where=sa.text("about_id IS NOT NULL"),
    )
    op.create_index(
        "ix_log_body_controller_id_entry_id",
        "log_body",
        ["controller_id", "entry_id"],
        unique=False,
    )
    op.create_index(
        "ix_log_body_custody_to_check",
        "log_body",
        ["controller_id", "entry_id"],
        unique=False,
        postgresql_where=sa.text("type = 'custody_to_check'"),
        sqlite_where=sa.text("type = 'custody_to_check'"),
    )
    op.create_index(
        "ix_log_body_data_key_id_entry_id", "log_body", ["data_key_id", "entry_id"], unique=False
    )
    op.create_index(
        "ix_log_body_employee_hash_b_entry_id",
        "log_body",
        ["employee_hash_b", "entry_id"],
        unique=False,
        postgresql_where=sa.text("employee_hash_b IS NOT NULL"),
    )
    op.create_index(
        "ix_log_body_employee_hash_entry_id",
        "log_body",
        ["employee_hash", "entry_id"],
        unique=False,
        postgresql_where=sa.text("employee_hash IS NOT NULL"),
    )
    op.create_index(
        "ix_log_body_organisation_id_entry_id",
        "log_body",
        ["organisation_id", "entry_id"],
        unique=False,
        postgresql_where=sa.text("organisation_id <> controller_id"),
    )
    op.create_index(
        "ix_log_body_recipient_id_entry_id",
        "log_body",
        ["recipient_id", "entry_id"],
        unique=False,
        postgresql_where=sa.text("type = 'disclosure' AND outcome <> 'denied'"),
    )
    op.create_table(
        "log_pending",
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.Column("time", Instant(), nullable=False),
    )
    op.create_table(
        "log_rejected",
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rejected_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_log_rejected_entry_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_log_rejected")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_leaf",
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_log_leaf")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_log_leaf_entry_id")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_log_leaf_leaf"), "log_leaf", ["leaf"], unique=False)
    op.create_table(
        "log_node",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_log_node")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_head",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("previous", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("time", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_head")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("previous", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["size"], ["log_head.size"], name=op.f("fk_log_checkpoint_size")),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_checkpoint")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_origin",
        sa.Column("first_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("predecessor", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("first_index", name=op.f("pk_log_origin")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_sequencer",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_sequencer_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_sequencer")),
    )
    op.create_table(
        "log_erased",
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.Column("erasure_id", UuidText(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_log_erased_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["erasure_id"], ["log_header.entry_id"], name=op.f("fk_log_erased_erasure_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_log_erased")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_log_erased_erasure_id", "log_erased", ["erasure_id"], unique=False)


def _create_details() -> None:
    op.create_table(
        "person_details",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", UuidText(), nullable=False),
        sa.Column("data_key_id", UuidText(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_person_details_data_key_id")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_person_details_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_person_details_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_person_details_person_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "person_id", name=op.f("pk_person_details")),
    )
    op.create_index(
        "ix_person_details_data_key_id", "person_details", ["data_key_id"], unique=False
    )
    op.create_index("ix_person_details_person_id", "person_details", ["person_id"], unique=False)


def _create_templates() -> None:
    op.create_table(
        "template_version",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_template_version_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_template_version_organisation_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "id", "version", name=op.f("pk_template_version")
        ),
        sa.UniqueConstraint("entry_id", name=op.f("uq_template_version_entry_id")),
        sqlite_with_rowid=False,
    )


def _create_consents() -> None:
    op.create_table(
        "consent",
        sa.Column("id", UuidText(), nullable=False),
        sa.Column("controller_id", sa.String(length=64), nullable=False),
        sa.Column("child_id", UuidText(), nullable=False),
        sa.Column("data_key_id", UuidText(), nullable=False),
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
    op.create_index(
        "ix_consent_controller_id_case_reference_id",
        "consent",
        ["controller_id", "case_reference", "id"],
        unique=False,
    )
    op.create_index("ix_consent_controller_id_id", "consent", ["controller_id", "id"], unique=False)
    op.create_index("ix_consent_data_key_id", "consent", ["data_key_id"], unique=False)
    op.create_table(
        "consent_party",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("consent_id", UuidText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consent.id"], name=op.f("fk_consent_party_consent_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_consent_party_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "consent_id", name=op.f("pk_consent_party")),
    )
    op.create_index("ix_consent_party_consent_id", "consent_party", ["consent_id"], unique=False)
    op.create_table(
        "signatory",
        sa.Column("id", UuidText(), nullable=False),
        sa.Column("consent_id", UuidText(), nullable=False),
        sa.Column("person_id", UuidText(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.CheckConstraint(
            "role IN ('custody_holder', 'guardian', 'child')", name=op.f("ck_signatory_role_known")
        ),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consent.id"], name=op.f("fk_signatory_consent_id")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_signatory_entry_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_signatory_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signatory")),
        sa.UniqueConstraint(
            "consent_id", "person_id", name=op.f("uq_signatory_consent_id_person_id")
        ),
    )
    op.create_index("ix_signatory_person_id", "signatory", ["person_id"], unique=False)
    op.create_table(
        "link",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("signatory_id", UuidText(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=True),
        sa.Column("replaced_at", Instant(), nullable=True),
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_link_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["signatory_id"], ["signatory.id"], name=op.f("fk_link_signatory_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_link")),
    )
    op.create_index("ix_link_signatory_id", "link", ["signatory_id"], unique=False)


def _create_register() -> None:
    op.create_table(
        "purpose",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("registered_at", Instant(), nullable=False),
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_purpose_entry_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purpose")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_purpose_entry_id")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "purpose_overlap",
        sa.Column("one_id", sa.String(length=64), nullable=False),
        sa.Column("other_id", sa.String(length=64), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.CheckConstraint("one_id <> other_id", name=op.f("ck_purpose_overlap_of_two")),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_purpose_overlap_entry_id")
        ),
        sa.ForeignKeyConstraint(["one_id"], ["purpose.id"], name=op.f("fk_purpose_overlap_one_id")),
        sa.ForeignKeyConstraint(
            ["other_id"], ["purpose.id"], name=op.f("fk_purpose_overlap_other_id")
        ),
        sa.PrimaryKeyConstraint("one_id", "other_id", name=op.f("pk_purpose_overlap")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "category",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("registered_at", Instant(), nullable=False),
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["log_header.entry_id"], name=op.f("fk_category_entry_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_category")),
        sqlite_with_rowid=False,
    )


def _create_facts() -> None:
    op.create_table(
        "fact",
        sa.Column("child_id", UuidText(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("controller_id", sa.String(length=64), nullable=False),
        sa.Column("consent_id", UuidText(), nullable=True),
        sa.Column("person_id", UuidText(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.CheckConstraint(
            "kind = 'custody_change' OR consent_id IS NOT NULL", name=op.f("ck_fact_consent_named")
        ),
        sa.CheckConstraint(
            "kind IN ('request', 'custody_change', 'grant', 'decline', 'withdraw', 'lift', 'link_issued', 'exemption_recorded', 'exemption_confirmed', 'exemption_revoked', 'cancellation', 'paper_recorded', 'paper_rejected', 'reconfirmation_recorded', 'reconfirmation_confirmed')",
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
    op.create_index("ix_fact_person_id", "fact", ["person_id"], unique=False)
    op.create_table(
        "statement",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("consent_id", UuidText(), nullable=False),
        sa.Column("signatory_id", UuidText(), nullable=False),
        sa.Column("entry_id", UuidText(), nullable=False),
        sa.Column("data_key_id", UuidText(), nullable=False),
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
    op.create_index("ix_statement_data_key_id", "statement", ["data_key_id"], unique=False)
    op.create_index("ix_statement_signatory_id", "statement", ["signatory_id"], unique=False)
    op.create_table(
        "signing_session",
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("data_key_id", UuidText(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
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


def _create_access() -> None:
    op.create_table(
        "client",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("auth_method", sa.String(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("suspended_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "auth_method IN ('private_key_jwt', 'client_secret')",
            name=op.f("ck_client_auth_method_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_client_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
    )
    op.create_table(
        "client_key",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("jwk", sa.JSON(), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_client_key_client_id")),
        sa.PrimaryKeyConstraint("client_id", "kid", name=op.f("pk_client_key")),
    )
    op.create_table(
        "client_secret",
        sa.Column("id", UuidText(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["client.id"], name=op.f("fk_client_secret_client_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_secret")),
    )
    op.create_index("ix_client_secret_client_id", "client_secret", ["client_id"], unique=False)
    op.create_table(
        "client_revocation",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "client_id", name=op.f("pk_client_revocation")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "client_epoch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_client_epoch_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_epoch")),
    )
    op.create_table(
        "used_assertion",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_used_assertion")),
    )
    op.create_index("ix_used_assertion_expires_at", "used_assertion", ["expires_at"], unique=False)
    op.create_table(
        "staff_login",
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("data_key_id", UuidText(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_staff_login_data_key_id")
        ),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_staff_login")),
    )
    op.create_index("ix_staff_login_created_at", "staff_login", ["created_at"], unique=False)
    op.create_table(
        "staff_session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("subject_hash", sa.LargeBinary(), nullable=False),
        sa.Column("provider_session_hash", sa.LargeBinary(), nullable=True),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("roles", sa.String(length=64), nullable=False),
        sa.Column("data_key_id", UuidText(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("previous_login_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_key_id"], ["data_key.id"], name=op.f("fk_staff_session_data_key_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_staff_session_organisation_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_session")),
    )
    op.create_index("ix_staff_session_created_at", "staff_session", ["created_at"], unique=False)
    op.create_index(
        "ix_staff_session_subject_hash", "staff_session", ["subject_hash"], unique=False
    )
    op.create_table(
        "failed_attempt",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_failed_attempt")),
    )
    op.create_index("ix_failed_attempt_expires_at", "failed_attempt", ["expires_at"], unique=False)


def _create_the_rest() -> None:
    op.create_table(
        "retention_rule",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("consents_years", sa.Integer(), nullable=False),
        sa.Column("log_years", sa.Integer(), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "consents_years >= 1 AND log_years >= 1", name=op.f("ck_retention_rule_years_positive")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_retention_rule_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_retention_rule")),
    )
    op.create_table(
        "kept_answer",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("replays", sa.Integer(), server_default="0", nullable=False),
        sa.Column("data_key_id", UuidText(), nullable=True),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_kept_answer")),
    )
    op.create_index("ix_kept_answer_created_at", "kept_answer", ["created_at"], unique=False)
