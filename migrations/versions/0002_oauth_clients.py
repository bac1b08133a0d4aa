"""Clients of the token endpoint, revocations, and the assertions that were used.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

from consent_service.persistence.kernel.column_types import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_tables()
    op.execute("INSERT INTO client_epoch (id, epoch) VALUES (1, 1)")
    if op.get_bind().dialect.name == "postgresql":
        _refuse_changes_on_postgresql()
    else:
        _refuse_changes_on_sqlite()


def _refuse_changes_on_postgresql() -> None:
    op.execute(
        "CREATE TRIGGER client_revocation_is_append_only BEFORE UPDATE OR DELETE"
        " ON client_revocation FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER client_revocation_is_not_emptied BEFORE TRUNCATE"
        " ON client_revocation FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    role = sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'consent_app'")
    if op.get_bind().scalar(role):
        op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON client_revocation FROM consent_app")


def _refuse_changes_on_sqlite() -> None:
    refuse = "SELECT RAISE(ABORT, 'client_revocation is append-only')"
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER client_revocation_refuses_{change.lower()}"
            f" BEFORE {change} ON client_revocation BEGIN {refuse}; END"
        )
    # INSERT OR REPLACE deletes without asking the trigger above.
    op.execute(
        "CREATE TRIGGER client_revocation_refuses_replacing BEFORE INSERT ON client_revocation"
        " WHEN EXISTS (SELECT 1 FROM client_revocation"
        f" WHERE issuer = NEW.issuer AND client_id = NEW.client_id) BEGIN {refuse}; END"
    )


def _create_tables() -> None:
    op.create_table(
        "client",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("auth_method", sa.String(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
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
        sa.Column("id", sa.String(length=36), nullable=False),
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
