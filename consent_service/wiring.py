"""The parts of the service put together from settings, without a web framework's request."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.engine import Engine

from consent_service.config import Settings
from consent_service.domain.deadlines import Periods
from consent_service.identity.attempts import Attempts
from consent_service.persistence.attempt_store import AttemptStore
from consent_service.persistence.keystore import Keys, load
from consent_service.persistence.sealing import Index, KeyRing
from consent_service.persistence.sequencer import LogIdentity, Sequencer
from consent_service.persistence.units import SqlUnits, new_id
from consent_service.services.context import Context
from consent_service.services.journal import Journal

TOKEN_BYTES = 32


def utc_now() -> datetime:
    """The process's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """Everything that lives as long as the process."""

    settings: Settings
    keys: Keys
    index: Index
    units: SqlUnits
    sequencer: Sequencer
    context: Context
    attempts: Attempts


def assemble(settings: Settings, engine: Engine, clock: Callable[[], datetime] = utc_now) -> Parts:
    """Read the keys and put the parts together. Raises Misconfigured."""
    keys = load(settings.keys_file)
    index = Index(keys.index)
    identity = LogIdentity(
        settings.log_origin, keys.signing["log"], keys.signing["promise"], keys.published
    )
    sequencer = Sequencer(engine, identity, clock)
    units = SqlUnits(engine, KeyRing(keys.key_encryption), index, sequencer, clock)
    context = Context(
        clock=clock,
        new_id=new_id,
        new_token=lambda: secrets.token_urlsafe(TOKEN_BYTES),
        journal=Journal(settings.log_origin, keys.signing["promise"], new_id),
        seal_key=keys.signing["seal"],
        periods=Periods(),
        public_url=settings.base_url,
    )
    attempts = Attempts(AttemptStore(engine, index))
    return Parts(settings, keys, index, units, sequencer, context, attempts)
