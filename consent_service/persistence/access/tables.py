"""Clients and staff, and what keeps a stranger from trying for ever."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Id, Slug, metadata, one_of

client = sa.Table(
    "client",
    metadata,
    sa.Column("id", Slug, primary_key=True),
    sa.Column("organisation_id", Slug, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False, doc="separated by spaces, as in a token"),
    sa.Column("auth_method", sa.String(32), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("suspended_at", Instant, doc="until the operator confirms it"),
    one_of("auth_method", "private_key_jwt", "client_secret"),
)


client_key = sa.Table(
    "client_key",
    metadata,
    sa.Column("client_id", Slug, sa.ForeignKey("client.id"), primary_key=True),
    sa.Column("kid", Slug, primary_key=True),
    sa.Column("jwk", sa.JSON, nullable=False, doc="public members only"),
    sa.Column("added_at", Instant, nullable=False),
)


client_secret = sa.Table(
    "client_secret",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("client_id", Slug, sa.ForeignKey("client.id"), nullable=False),
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
    sa.Column("mac", sa.LargeBinary, doc="over the epoch and the rows above; none before any"),
    sa.CheckConstraint("id = 1", name="one_row"),
)


used_assertion = sa.Table(
    "used_assertion",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_used_assertion_expires_at", "expires_at"),
)


staff_login = sa.Table(
    "staff_login",
    metadata,
    sa.Column("state_hash", sa.LargeBinary, primary_key=True),
    sa.Column("browser_hash", sa.LargeBinary, nullable=False),
    sa.Column("data_key_id", Id, sa.ForeignKey("data_key.id"), nullable=False),
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
    sa.Column("organisation_id", Slug, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("roles", sa.String(64), nullable=False, doc="parted by spaces"),
    sa.Column("data_key_id", Id, sa.ForeignKey("data_key.id"), nullable=False),
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
