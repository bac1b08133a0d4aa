"""What an ID token must prove before anyone counts as logged in: pure checks, no network.

Sources: OpenID Connect Core 1.0 §§ 2 and 3.1.3.7, RFC 8725 (JWT best current practice).
"""

import hmac
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from consent_service.domain.cpr import CprNumber, InvalidCpr, parse_cpr
from consent_service.identity.openid_provider import RANKS, LoginRefused, SignerProvider
from consent_service.services.sign import Identity

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
CLOCKS_DIFFER_SECONDS = 60


@dataclass(frozen=True)
class LoginUnderWay:
    """What must be kept in the signer's own session until the answer comes; used once.

    Whoever reads `code_verifier` and `nonce` can complete the login: keep them off the page.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    started_at: datetime


def verified_claims(id_token: str, keys: KeySet) -> dict[str, Any]:
    """The claims of a token signed with one of the keys and an algorithm of ours.

    Raises InvalidKeyIdError, so that newer keys can be tried, and LoginRefused.
    """
    try:
        return jwt.decode(id_token, keys, registry=_PINNED).claims
    except InvalidKeyIdError:
        raise
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise invalid("its form or its signature") from None


def identity_of(
    claims: Mapping[str, Any],
    id_token: str,
    settings: SignerProvider,
    under_way: LoginUnderWay,
    now: datetime,
) -> Identity:
    """Who the claims of a verified ID token vouch for. Raises LoginRefused."""
    _check_claims(claims, settings, under_way.nonce, now)
    return Identity(
        issuer=settings.issuer,
        subject=claims["sub"],
        loa=_assurance(claims.get(settings.loa_claim), settings),
        authenticated_at=_login_time(claims.get("auth_time"), under_way.started_at, now),
        cpr=_cpr(claims.get(settings.cpr_claim)),
        id_token=id_token,
    )


def _check_claims(
    claims: Mapping[str, Any], settings: SignerProvider, nonce: str, now: datetime
) -> None:
    """Issuer, audience, times and nonce (OpenID Connect Core § 3.1.3.7)."""
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=CLOCKS_DIFFER_SECONDS,
        iss={"essential": True, "value": settings.issuer},
        sub={"essential": True},
        aud={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except JoseError:
        raise invalid("iss, sub, aud, exp, nbf or iat") from None
    # Another audience beside us is one we do not trust, so the token is not ours alone.
    if claims["aud"] not in (settings.client_id, [settings.client_id]):
        raise invalid("aud")
    if claims.get("azp", settings.client_id) != settings.client_id:
        raise invalid("azp")
    received = claims.get("nonce")
    if not isinstance(received, str) or not is_equal(received, nonce):
        raise invalid("nonce")


def _assurance(value: Any, settings: SignerProvider) -> str:
    level = settings.accepted_loas.get(value) if isinstance(value, str) else None
    if level is None or RANKS[level] < RANKS[settings.minimum]:
        raise LoginRefused("assurance_too_low", "The level of assurance is not accepted.")
    return level


def _login_time(value: Any, started_at: datetime, now: datetime) -> datetime:
    """When the person logged in: after this login started, never later than now.

    Clocks may differ by a minute, so a time just ahead of ours counts as now.
    """
    earliest = started_at.timestamp() - CLOCKS_DIFFER_SECONDS
    latest = now.timestamp() + CLOCKS_DIFFER_SECONDS
    if not isinstance(value, int | float) or not earliest <= value <= latest:
        raise LoginRefused("not_fresh", "The provider does not vouch for a login made just now.")
    return min(datetime.fromtimestamp(value, UTC), now)


def _cpr(value: Any) -> CprNumber:
    try:
        return parse_cpr(value if isinstance(value, str) else "")
    except InvalidCpr:
        raise LoginRefused("no_cpr", "The ID token holds no CPR number.") from None


def _pinned(algorithms: Collection[str]) -> JWSRegistry:
    """A registry that knows these algorithms and no other; unknown header members pass.

    The copies do not warn: joserfc does at every use of `EdDSA`, since RFC 9864 renamed it.
    """
    registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
    registry.algorithms = {name: copy(JWSRegistry.algorithms[name]) for name in algorithms}
    for algorithm in registry.algorithms.values():
        algorithm.security_warning = None
    registry.max_header_length = 8192  # some providers send their certificates along
    return registry


_PINNED = _pinned(ALGORITHMS)


def is_equal(received: str, expected: str) -> bool:
    """Compare without telling by the time it takes where the difference lies."""
    return hmac.compare_digest(received.encode("utf-8", "replace"), expected.encode())


def invalid(what: str) -> LoginRefused:
    """The refusal of an ID token, naming the check, never the value."""
    return LoginRefused("id_token_invalid", f"The ID token is not accepted: {what}.")
