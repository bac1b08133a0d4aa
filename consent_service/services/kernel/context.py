"""What every service is handed: the clock, fresh ids, the log, the seal and the configuration."""

from collections.abc import Callable
from dataclasses import dataclass

from consent_service.domain.kernel.deadlines import Periods
from consent_service.services.kernel.journal import Journal
from consent_service.services.kernel.ports import Clock
from consent_service.signing.schedule import Signer


@dataclass(frozen=True)
class Context:
    """Nothing in here is global: tests hand in their own."""

    clock: Clock
    new_id: Callable[[], str]
    new_token: Callable[[], str]
    journal: Journal
    seal_key: Signer
    periods: Periods
    public_url: str
