"""Erasing: the lists of what was erased, the rules for how long things are kept.

A fact may be deleted once an erasure that stands in the tree lists its entry, and in no other way.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

from consent_service.persistence.kernel.column_types import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What a foreign key asks before a row goes, and what a child's entries are found by.
INDEXES = {
    "consent": ("data_key_id",),
    "consent_party": ("consent_id",),
    "fact": ("person_id",),
    "log_body": ("data_key_id",),
    "person_details": ("data_key_id", "person_id"),
    "signatory": ("person_id",),
    "statement": ("data_key_id", "signatory_id"),
}

LISTED = (
    "EXISTS (SELECT 1 FROM log_erased JOIN log_leaf ON log_leaf.entry_id = log_erased.erasure_id"
    " WHERE log_erased.entry_id = OLD.entry_id)"
)


def upgrade() -> None:
    op.create_table(
        "log_erased",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("erasure_id", sa.String(length=36), nullable=False),
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
    op.create_table(
        "retention_rule",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("consents_years", sa.Integer(), nullable=False),
        sa.Column("log_years", sa.Integer(), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "consents_years >= 1 AND log_years >= 1",
            name=op.f("ck_retention_rule_years_positive"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_retention_rule_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_retention_rule")),
    )
    op.add_column("kept_answer", sa.Column("data_key_id", sa.String(length=36), nullable=True))
    for table, columns in INDEXES.items():
        for column in columns:
            op.create_index(f"ix_{table}_{column}", table, [column], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_postgresql()
    else:
        _guard_on_sqlite()


def _guard_on_postgresql() -> None:
    # A path of its own: a caller's temporary table must not pass for one of ours.
    path = f'"{op.get_bind().scalar(sa.text("SELECT current_schema()"))}", pg_temp'
    for event, each, name in (
        ("UPDATE OR DELETE", "ROW", "is_append_only"),
        ("TRUNCATE", "STATEMENT", "is_not_emptied"),
    ):
        op.execute(
            f"CREATE TRIGGER log_erased_{name} BEFORE {event} ON log_erased"
            f" FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        f"""
        CREATE FUNCTION refuse_change_unless_erased() RETURNS trigger LANGUAGE plpgsql
        SET search_path = {path} AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND {LISTED} THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    op.execute("DROP TRIGGER fact_is_append_only ON fact")
    op.execute(
        "CREATE TRIGGER fact_is_append_only BEFORE UPDATE OR DELETE ON fact"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change_unless_erased()"
    )
    # The application's role may delete no fact; the owner's function does, by the list alone.
    op.execute(
        f"""
        CREATE FUNCTION erase_facts(erasure text) RETURNS bigint LANGUAGE sql SECURITY DEFINER
        SET search_path = {path} AS $$
            WITH gone AS (
                DELETE FROM fact USING log_erased
                WHERE log_erased.entry_id = fact.entry_id AND log_erased.erasure_id = erasure
                RETURNING 1
            )
            SELECT count(*) FROM gone
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION erase_facts(text) FROM PUBLIC")
    if op.get_bind().scalar(sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'consent_app'")):
        op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON log_erased FROM consent_app")
        op.execute("GRANT EXECUTE ON FUNCTION erase_facts(text) TO consent_app")


def _guard_on_sqlite() -> None:
    refuse = "SELECT RAISE(ABORT, '{} is append-only')".format
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER log_erased_refuses_{change.lower()} BEFORE {change} ON log_erased"
            f" BEGIN {refuse('log_erased')}; END"
        )
    op.execute(
        "CREATE TRIGGER log_erased_refuses_replacing_entry_id BEFORE INSERT ON log_erased"
        " WHEN EXISTS (SELECT 1 FROM log_erased WHERE entry_id = NEW.entry_id)"
        f" BEGIN {refuse('log_erased')}; END"
    )
    op.execute("DROP TRIGGER fact_refuses_delete")
    op.execute(
        f"CREATE TRIGGER fact_refuses_delete BEFORE DELETE ON fact WHEN NOT {LISTED}"
        f" BEGIN {refuse('fact')}; END"
    )
