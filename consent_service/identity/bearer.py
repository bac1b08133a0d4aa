"""Access tokens of municipal systems: JWTs (RFC 9068) verified under the keys of their issuer."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import jwt

from consent_service.errors import Misconfigured, Unauthenticated
from consent_service.identity.jwt_parts import Unreadable, media_type, read_parts, seconds
from consent_service.identity.public_keys import UnusableKey, pinned
from consent_service.services.kernel.model import Caller
from consent_service.signing import jws
from consent_service.signing.canonical import canonical_json
from consent_service.signing.keys import KeySet, SigningKey

LONGEST_TOKEN = 8192
MOST_CACHED = 10_000
FUTURE_SECONDS = 60
"""How far ahead another machine's clock may be, for `iat` and `nbf`; `exp` has no such grace."""

LONGEST_LIFE = timedelta(days=31)
"""From the issue of a token of ours to its end: the longest that `tokens issue` gives."""

LONGEST_EXTERNAL_LIFE = timedelta(hours=24)
"""The same of another issuer: those we know of give minutes or hours. What never ends cannot be
taken back there either."""

ACCESS_TOKEN = "at+jwt"  # noqa: S105 - a media type, RFC 9068 § 2.1
_REQUIRED = ["exp", "iat", "iss", "aud"]


class VerifyingKeys(Protocol):
    """Keys by their kid, each pinned to one algorithm."""

    def get(self, kid: str, /) -> jwt.PyJWK | None:
        """The key, or None: no such key counts now."""
        ...


@dataclass(frozen=True)
class TrustedIssuer:
    """Somebody whose tokens are accepted, and who they say is calling.

    `caller` maps verified claims and raises ValueError, TypeError or KeyError where they name
    nobody. `typ` is in its short form. A token that lives longer than `longest_life` is refused.
    """

    name: str
    audience: str
    keys: VerifyingKeys
    caller: Callable[[Mapping[str, Any]], Caller]
    typ: str = ACCESS_TOKEN
    longest_life: timedelta = LONGEST_EXTERNAL_LIFE


@dataclass(frozen=True)
class _Verified:
    caller: Caller
    expires: float
    issuer: TrustedIssuer
    kid: str


class TokenVerifier:
    """Verifies tokens, and remembers the verified ones until they expire or their key goes."""

    def __init__(
        self, issuers: Mapping[str, TrustedIssuer], clock: Callable[[], float] = time.time
    ) -> None:
        self._issuers = issuers
        self._clock = clock
        self._known: dict[bytes, _Verified] = {}

    def verify(self, token: str) -> Caller:
        """Who is calling. Raises Unauthenticated, without saying which check failed."""
        name = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._known.get(name)
        if (
            known is not None
            and self._clock() < known.expires
            and known.issuer.keys.get(known.kid) is not None
        ):
            return known.caller
        try:
            verified = self._verify(token)
        except (jwt.PyJWTError, Unreadable, KeyError, TypeError, ValueError):
            self._known.pop(name, None)
            raise Unauthenticated("The token does not verify.") from None
        if len(self._known) >= MOST_CACHED:
            self._known.clear()
        self._known[name] = verified
        return verified.caller

    def _verify(self, token: str) -> _Verified:
        """Verify a token not seen before.

        1. Read it strictly. 2. Choose among the configured issuers. 3. Take that issuer's key of
        this kid, which brings its one algorithm, and check the type. 4. Verify the signature, the
        issuer, the audience, the times and how long it lives. 5. Map the claims to a caller.
        """
        parts = read_parts(token, LONGEST_TOKEN)
        issuer = self._issuers[parts.claims["iss"]]
        kid = parts.header["kid"]
        key = issuer.keys.get(kid)
        if key is None or media_type(parts.header) != issuer.typ:
            raise Unreadable("an unknown key or another type")
        claims = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=issuer.name,
            audience=issuer.audience,
            leeway=FUTURE_SECONDS,
            options={"require": _REQUIRED},
        )
        expires, issued = seconds(claims, "exp"), seconds(claims, "iat")
        if self._clock() >= expires:
            raise Unreadable("expired")
        if expires - issued > issuer.longest_life.total_seconds():
            raise Unreadable("lives too long")
        return _Verified(issuer.caller(claims), expires, issuer, kid)


def own_issuer(name: str, audience: str, keys: VerifyingKeys) -> TrustedIssuer:
    """This service as an issuer: its tokens name organisation and scopes themselves."""
    return TrustedIssuer(name, audience, keys, _caller, longest_life=LONGEST_LIFE)


def _caller(claims: Mapping[str, Any]) -> Caller:
    organisation, client, scope = claims["org"], claims["sub"], claims.get("scope", "")
    if not all(isinstance(value, str) for value in (organisation, client, scope)):
        raise TypeError("claims are text")
    return Caller(organisation, client, frozenset(scope.split()))


def load_token_keys(own: KeySet) -> dict[str, jwt.PyJWK]:
    """The keys that may sign our own tokens. Raises Misconfigured."""
    try:
        return {key.kid: pinned(key.to_jwk()) for key in own if key.status != "compromised"}
    except UnusableKey:
        raise Misconfigured("a key for tokens is not one we verify with") from None


def issue_token(
    key: SigningKey,
    *,
    issuer: str,
    audience: str,
    caller: Caller,
    issued_at: datetime,
    expires_at: datetime,
    token_id: str,
) -> str:
    """An access token of our own (RFC 9068 § 2), bound to an organisation and scopes."""
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": caller.client,
        "client_id": caller.client,
        "org": caller.organisation,
        "scope": " ".join(sorted(caller.scopes)),
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
        "jti": token_id,
    }
    return jws.sign(canonical_json(claims), key, ACCESS_TOKEN)
