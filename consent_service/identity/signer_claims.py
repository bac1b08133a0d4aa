"""What a signer's login must hold beyond any other: assurance, and a CPR number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consent_service.domain.kernel.assurance import RANKS, Minimum, is_assured
from consent_service.domain.kernel.cpr import CprNumber, InvalidCpr, parse_cpr
from consent_service.errors import Misconfigured
from consent_service.identity.brokers import MITID_LOAS, ClaimSource, TextStyle
from consent_service.identity.openid_provider import LoginRefused
from consent_service.identity.registration import Registration


@dataclass(frozen=True)
class SignerProvider:
    """The broker that vouches for signers, and what it calls things. Raises Misconfigured.

    `cpr_claim` and `loa_claim` are members of what the broker tells, dots and all; the assurance
    always comes from the ID token, which is signed, the number from it or from userinfo.
    `text`, `signs_text` and `form_origins` are as in `brokers.Broker`.
    """

    registration: Registration
    cpr_claim: str
    loa_claim: str = "acr"
    accepted_loas: Mapping[str, str] = field(default_factory=lambda: MITID_LOAS)
    cpr_from: ClaimSource = "id_token"
    text: TextStyle = "none"
    signs_text: bool = False
    form_origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("cpr_claim", "loa_claim"):
            if not getattr(self, name):
                raise Misconfigured(f"the signers' {name} is empty")
        if not set(self.accepted_loas.values()) <= RANKS.keys():
            raise Misconfigured("the signers' accepted_loas map to low, substantial or high")


def assurance_of(claims: Mapping[str, Any], settings: SignerProvider, minimum: Minimum) -> str:
    """The level of assurance in an ID token. Raises LoginRefused below the minimum."""
    value = claims.get(settings.loa_claim)
    level = settings.accepted_loas.get(value) if isinstance(value, str) else None
    if level is None or not is_assured(level, minimum):
        raise LoginRefused("assurance_too_low", "The level of assurance is not accepted.")
    return level


def cpr_of(claims: Mapping[str, Any], settings: SignerProvider) -> CprNumber:
    """The CPR number among the claims that hold it. Raises LoginRefused."""
    value = claims.get(settings.cpr_claim)
    try:
        return parse_cpr(value if isinstance(value, str) else "")
    except InvalidCpr:
        raise LoginRefused("no_cpr", "The provider tells no CPR number.") from None
