"""What an attacker with the database could try, done to a copy of it."""

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from consent_service.audit.finding import VerifyReport
from consent_service.config import Settings
from consent_service.demo.running import Running
from consent_service.persistence.access.tables import client_epoch
from consent_service.persistence.children.tables import fact
from consent_service.persistence.kernel.database import engine_options, prepare
from consent_service.persistence.kernel.migrate import upgrade
from consent_service.persistence.keys.document import KeyFile
from consent_service.persistence.keys.sealing import KeyRing
from consent_service.persistence.keys.tables import key_state
from consent_service.persistence.log.tables import log_sequencer
from consent_service.persistence.schema import metadata
from consent_service.persistence.signatures.tables import statement
from consent_service.persistence.verification.log_reader import verify_database


def verify_own_log(running: Running) -> VerifyReport:
    """Verify the log of the running demo, bodies and facts included."""
    engine = _engine(Settings.from_environment(running.environment).database_url)
    try:
        return _verify(running, engine)
    finally:
        engine.dispose()


def tampered_copy_is_detected(running: Running) -> str:
    """Delete a withdrawal from a copy of the database; where verification found it, or ''."""
    path = running.folder / "tampered-copy.db"
    url = f"sqlite:///{path}"
    _copy(Settings.from_environment(running.environment).database_url, path, url)
    engine = _engine(url)
    try:
        with engine.connect().execution_options(writes=True) as connection:
            # Whoever owns the database can take its triggers away.
            connection.exec_driver_sql("DROP TRIGGER fact_refuses_delete")
            withdrawn = sa.select(fact.c.entry_id).where(fact.c.kind == "withdraw")
            connection.execute(sa.delete(statement).where(statement.c.entry_id.in_(withdrawn)))
            connection.execute(sa.delete(fact).where(fact.c.kind == "withdraw"))
            connection.commit()
        report = _verify(running, engine)
    finally:
        engine.dispose()
    return report.findings[0].place if report.findings else ""


FILLED_BY_MIGRATIONS = (client_epoch, key_state, log_sequencer)
"""Tables of one row, which a new database has already."""


def _copy(source_url: str, path: Path, url: str) -> None:
    """Every row of every table into a new SQLite file."""
    path.unlink(missing_ok=True)
    upgrade(url)
    source, target = _engine(source_url), _engine(url)
    try:
        with (
            source.connect() as reading,
            target.connect().execution_options(writes=True) as writing,
        ):
            for table in metadata.sorted_tables:
                rows = [dict(row._mapping) for row in reading.execute(sa.select(table))]
                if rows and table not in FILLED_BY_MIGRATIONS:
                    writing.execute(sa.insert(table), rows)
            writing.commit()
    finally:
        source.dispose()
        target.dispose()


def _engine(url: str) -> Engine:
    return prepare(sa.create_engine(url, **engine_options(url)))


def _verify(running: Running, engine: Engine) -> VerifyReport:
    settings = Settings.from_environment(running.environment)
    keys = KeyFile(settings.keys_file).read()
    return verify_database(
        engine,
        KeyRing(keys.key_encryption),
        keys.index,
        keys.published,
        settings.log_origin,
        datetime.now(UTC),
    )
