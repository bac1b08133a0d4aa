"""After an erasure: what the database's files still hold of deleted rows goes as well.

SQLite overwrites deleted content (`secure_delete`); VACUUM writes the file anew and the write-ahead
log is cut to nothing. On PostgreSQL deleted rows lie in the tables' files until a VACUUM, which
only the tables' owner may run; its write-ahead log and every backup keep them for as long as they
are kept, under the key-encryption key of their time.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from consent_service.persistence.children.tables import child, fact, person, person_details
from consent_service.persistence.consents.tables import consent, consent_party, link, signatory
from consent_service.persistence.idempotency.tables import kept_answer
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body
from consent_service.persistence.signatures.tables import signing_session, statement

ERASED_FROM = (
    child, consent, consent_party, data_key, fact, kept_answer, link, log_body, person,
    person_details, signatory, signing_session, statement,
)  # fmt: skip
"""The tables that an erasure deletes rows from."""


def scrub(engine: Engine) -> str | None:
    """Clean the files; in words, what somebody still has to do, or None."""
    outside = engine.execution_options(isolation_level="AUTOCOMMIT")
    if engine.dialect.name == "postgresql":
        return _vacuum_postgresql(outside)
    return _vacuum_sqlite(engine)


def _vacuum_postgresql(engine: Engine) -> str | None:
    tables = ", ".join(table.name for table in ERASED_FROM)
    with engine.connect() as connection:
        owner = sa.text(
            "SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = 'fact'::regclass"
        )
        if not connection.scalar(owner):
            return f"As the tables' owner, run: VACUUM {tables};"
        connection.exec_driver_sql(f"VACUUM {tables}")
    return None


def _vacuum_sqlite(engine: Engine) -> str | None:
    pooled = engine.raw_connection()
    try:
        # Straight to the driver: a VACUUM inside a transaction is refused, and ours begins them.
        pooled.cursor().execute("VACUUM")
        busy, _, _ = pooled.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        pooled.close()
    if busy:
        return "Somebody is reading the database: stop the service, and erase or verify once more."
    return None
