"""Who logged in, and whether an act may rest on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from consent_service.domain.kernel.assurance import Minimum, is_assured
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Conflict

LOGIN_LASTS = timedelta(minutes=15)
"""An act needs a login at most this old, so that no single-sign-on session signs silently."""


@dataclass(frozen=True)
class Identity:
    """Who logged in, as the identity provider vouched for it.

    `offered_sha256` is the hash of the terms that the login's nonce was made for, `approved_text`
    what the provider showed for approval, `evidence` what else goes into the evidence file: the
    provider's keys as of then, the nonce's random bytes, what userinfo told.
    """

    issuer: str
    subject: str
    loa: str
    authenticated_at: datetime
    cpr: CprNumber
    id_token: str = field(repr=False)
    offered_sha256: str | None = None
    approved_text: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict, repr=False)


def check_login(
    identity: Identity, invited: CprNumber, now: datetime, minimum: Minimum = "substantial"
) -> None:
    """Raise Conflict unless the invited person logged in within 15 minutes, well enough assured."""
    if identity.cpr != invited:
        raise Conflict("another_person", "Somebody else than the invited person logged in.")
    if now - identity.authenticated_at > LOGIN_LASTS:
        raise Conflict("login_too_old", "The login is more than 15 minutes old.")
    if not is_assured(identity.loa, minimum):
        raise Conflict("assurance_too_low", "The level of assurance is below the template's.")
