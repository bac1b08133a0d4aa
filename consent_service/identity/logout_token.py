"""What a logout token must prove before sessions end by it: pure checks, no network.

Source: OpenID Connect Back-Channel Logout 1.0 §§ 2.4 and 2.6.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from consent_service.identity.id_token import CLOCKS_DIFFER_SECONDS
from consent_service.identity.openid_provider import LoginRefused
from consent_service.services.access.staff import ProviderLogout

TYPE = "logout+jwt"
"""What the token's header must say it is (§ 2.4): no other token can pass for one."""

EVENT = "http://schemas.openid.net/event/backchannel-logout"


def provider_logout(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, now: datetime
) -> ProviderLogout:
    """Whom the claims of a token with a verified signature log out. Raises LoginRefused.

    An ID token never passes: it has a nonce, and no such event.
    """
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=CLOCKS_DIFFER_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True},
        iat={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except JoseError:
        raise _invalid("iss, aud, iat, exp, nbf or jti") from None
    if claims["aud"] not in (client_id, [client_id]):
        raise _invalid("aud")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise _invalid("events")
    if "nonce" in claims:
        raise _invalid("nonce")
    subject, session = _text(claims, "sub"), _text(claims, "sid")
    if subject is None and session is None:
        raise _invalid("neither sub nor sid")
    if isinstance(claims["iat"], bool) or claims["iat"] < 0:
        raise _invalid("iat")
    # The provider's clock may be behind the one that dated the session.
    made_at = datetime.fromtimestamp(claims["iat"] + CLOCKS_DIFFER_SECONDS, UTC)
    return ProviderLogout(issuer, subject, session, min(made_at, now + timedelta(seconds=1)))


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not (isinstance(value, str) and value):
        raise _invalid(name)
    return value


def _invalid(what: str) -> LoginRefused:
    return LoginRefused("id_token_invalid", f"The logout token is not accepted: {what}.")
