"""What any ID token must prove before somebody counts as logged in: pure checks, no network.

Sources: OpenID Connect Core 1.0 §§ 2 and 3.1.3.7, RFC 8725 (JWT best current practice).
"""

import hmac
from collections.abc import Collection, Mapping
from copy import copy
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from consent_service.identity.jwt_parts import Unreadable, media_type, verify_text
from consent_service.identity.openid_provider import LoginRefused

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
CLOCKS_DIFFER_SECONDS = 60
LONGEST_SUBJECT = 255
"""Characters (OpenID Connect Core § 2)."""


def verified_claims(token: str, keys: KeySet, type_: str | None = None) -> dict[str, Any]:
    """The claims of a token signed with one of the keys and an algorithm of ours.

    `type_` is the media type its header must name (RFC 8725 § 3.11), or None for any. Raises
    InvalidKeyIdError, so that newer keys can be tried, and LoginRefused.
    """
    try:
        read = jwt.decode(token, keys, registry=_PINNED)
    except InvalidKeyIdError:
        raise
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise invalid("its form or its signature") from None
    try:
        verify_text(read.claims)
    except (Unreadable, RecursionError):
        raise invalid("its text") from None
    if type_ is not None and media_type(read.header) != type_:
        raise invalid("typ")
    return read.claims


def check_claims(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: datetime
) -> None:
    """Issuer, audience, times and nonce (OpenID Connect Core § 3.1.3.7). Raises LoginRefused."""
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=CLOCKS_DIFFER_SECONDS,
        iss={"essential": True, "value": issuer},
        sub={"essential": True},
        aud={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except JoseError:
        raise invalid("iss, sub, aud, exp, nbf or iat") from None
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= LONGEST_SUBJECT:
        raise invalid("sub")
    # Another audience beside us is one we do not trust, so the token is not ours alone.
    if claims["aud"] not in (client_id, [client_id]):
        raise invalid("aud")
    if claims.get("azp", client_id) != client_id:
        raise invalid("azp")
    received = claims.get("nonce")
    if not isinstance(received, str) or not is_equal(received, nonce):
        raise invalid("nonce")


def login_time(claims: Mapping[str, Any], not_before: datetime, now: datetime) -> datetime:
    """When the person logged in: at the earliest then, and never later than now.

    Clocks may differ by a minute, so a time just ahead of ours counts as now. Raises
    LoginRefused (`not_fresh`).
    """
    value = claims.get("auth_time")
    earliest = not_before.timestamp() - CLOCKS_DIFFER_SECONDS
    latest = now.timestamp() + CLOCKS_DIFFER_SECONDS
    if not isinstance(value, int | float) or not earliest <= value <= latest:
        raise LoginRefused("not_fresh", "The provider does not vouch for so recent a login.")
    return min(datetime.fromtimestamp(value, UTC), now)


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
