"""The parts of the service put together from settings, without a web framework's request."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.engine import Engine

from consent_service.config import Settings
from consent_service.domain.kernel.deadlines import Periods
from consent_service.identity.attempts import Attempts
from consent_service.persistence.access.attempt_store import AttemptStore
from consent_service.persistence.access.epoch import KnownClients
from consent_service.persistence.keys.document import KeyFile, Keys, KeySource, KeyText
from consent_service.persistence.keys.live import LiveKeys, LiveSigner
from consent_service.persistence.keys.open_module import module_at
from consent_service.persistence.keys.sealing import Index
from consent_service.persistence.log.anchor import Anchor
from consent_service.persistence.log.guard import Guard
from consent_service.persistence.log.log_identity import LogIdentity
from consent_service.persistence.log.sequencer import MOST_AT_ONCE, Sequencer
from consent_service.persistence.log.signer import Signer
from consent_service.persistence.units import SqlUnits, new_id
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Journal

TOKEN_BYTES = 32


def utc_now() -> datetime:
    """The process's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """Everything that lives as long as the process."""

    settings: Settings
    live_keys: LiveKeys
    units: SqlUnits
    log_identity: Callable[[], LogIdentity]
    sequencer: Sequencer
    anchor: Anchor
    guard: Guard
    signer: Signer
    context: Context
    attempts: Attempts

    @property
    def keys(self) -> Keys:
        """The keys as they are now."""
        return self.live_keys.current()

    @property
    def index(self) -> Index:
        """The keyed hashes as they are made now."""
        return self.keys.index

    def grow(self) -> int:
        """Integrate what waits and, where this process signs, sign the newest head; how many.

        What runs beside the requests does this, again and again; no request does.
        """
        integrated = 0
        # Again at once only where more was waiting than one turn takes: what came in meanwhile can
        # wait for the next turn, and many small turns cost far more than a few large ones.
        while some := self.sequencer.run_once():
            integrated += some
            if some < MOST_AT_ONCE:
                break
        self.signer.run_once()
        return integrated

    def close(self) -> None:
        """Close every connection, and let another process sign."""
        self.signer.close()
        self.units.dispose()


def key_source(settings: Settings) -> KeySource:
    """Where this deployment's keys come from. Raises Misconfigured."""
    module = module_at(settings.key_module)
    if settings.keys_text is not None:
        return KeyText(settings.keys_text, module)
    return KeyFile(settings.keys_file, module)


def log_identity(settings: Settings, keys: Keys) -> LogIdentity:
    """Under which name and by which keys this deployment's log is signed."""
    log, cosigners = keys.schedules["log"], keys.schedules["cosignature"]
    promise = keys.schedules["promise"]
    return LogIdentity(settings.log_origin, log, cosigners, promise, keys.published)


def assemble(settings: Settings, engine: Engine, clock: Callable[[], datetime] = utc_now) -> Parts:
    """Read the keys and put the parts together. Raises Misconfigured."""
    live = LiveKeys(key_source(settings))

    def identity() -> LogIdentity:
        return log_identity(settings, live.current())

    sequencer = Sequencer(engine, identity, clock)
    anchor = Anchor(settings.anchor_file)
    known_clients = KnownClients()
    guard = Guard(engine, anchor, identity, clock, known_clients.expect)
    signer = Signer(engine, anchor, guard, identity, clock)
    units = SqlUnits(engine, live, sequencer, guard, anchor.journal, known_clients, clock)
    context = Context(
        clock=clock,
        new_id=new_id,
        new_token=lambda: secrets.token_urlsafe(TOKEN_BYTES),
        journal=Journal(settings.log_origin, LiveSigner(live, "promise"), new_id),
        seal_key=LiveSigner(live, "seal"),
        periods=Periods(oldest_lookup_days=settings.oldest_lookup_days),
        public_url=settings.base_url,
    )
    attempts = Attempts(AttemptStore(engine, live.current().index))
    return Parts(
        settings, live, units, identity, sequencer, anchor, guard, signer, context, attempts
    )
