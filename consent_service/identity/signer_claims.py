"""What a signer's login must hold beyond any other: assurance, and a CPR number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from consent_service.domain.cpr import CprNumber, InvalidCpr, parse_cpr
from consent_service.errors import Misconfigured
from consent_service.identity.code_flow import VerifiedLogin
from consent_service.identity.id_token import login_time
from consent_service.identity.openid_provider import LoginRefused
from consent_service.identity.registration import Registration
from consent_service.services.sign import Identity

RANKS: Mapping[str, int] = MappingProxyType({"low": 0, "substantial": 1, "high": 2})
"""Levels of assurance (NSIS), in order."""

_NSIS = "https://data.gov.dk/concept/core/nsis/"
MITID_LOAS: Mapping[str, str] = MappingProxyType(
    {
        "urn:grn:authn:dk:mitid:substantial": "substantial",
        "urn:grn:authn:dk:mitid:high": "high",
        f"{_NSIS}Substantial": "substantial",
        f"{_NSIS}High": "high",
    }
)
"""Them as Danish brokers write them, in `acr` or in `loa`."""


@dataclass(frozen=True)
class SignerProvider:
    """The broker that vouches for signers, and what it calls things. Raises Misconfigured.

    `cpr_claim` and `loa_claim` are members of the ID token, dots and all.
    """

    registration: Registration
    cpr_claim: str
    loa_claim: str = "acr"
    accepted_loas: Mapping[str, str] = field(default_factory=lambda: MITID_LOAS)
    minimum: Literal["substantial", "high"] = "substantial"

    def __post_init__(self) -> None:
        for name in ("cpr_claim", "loa_claim"):
            if not getattr(self, name):
                raise Misconfigured(f"the signers' {name} is empty")
        if not set(self.accepted_loas.values()) <= RANKS.keys():
            raise Misconfigured("the signers' accepted_loas map to low, substantial or high")
        if self.minimum not in ("substantial", "high"):
            raise Misconfigured("the signers' minimum must be substantial or high")


def identity_of(
    login: VerifiedLogin, settings: SignerProvider, started_at: datetime, now: datetime
) -> Identity:
    """Who a verified login vouches for. Raises LoginRefused."""
    claims = login.claims
    return Identity(
        issuer=settings.registration.issuer,
        subject=claims["sub"],
        loa=_assurance(claims.get(settings.loa_claim), settings),
        authenticated_at=login_time(claims, started_at, now),
        cpr=_cpr(claims.get(settings.cpr_claim)),
        id_token=login.id_token,
    )


def _assurance(value: Any, settings: SignerProvider) -> str:
    level = settings.accepted_loas.get(value) if isinstance(value, str) else None
    if level is None or RANKS[level] < RANKS[settings.minimum]:
        raise LoginRefused("assurance_too_low", "The level of assurance is not accepted.")
    return level


def _cpr(value: Any) -> CprNumber:
    try:
        return parse_cpr(value if isinstance(value, str) else "")
    except InvalidCpr:
        raise LoginRefused("no_cpr", "The ID token holds no CPR number.") from None
