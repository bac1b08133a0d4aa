"""Access tokens of municipal systems: JWTs (RFC 9068) verified against a configured key set."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt

from consent_service.errors import Misconfigured, Unauthenticated
from consent_service.services.model import Caller
from consent_service.signing.keys import KeySet, SigningKey

ALGORITHMS = frozenset({"EdDSA", "ES256", "RS256", "PS256"})
LONGEST_TOKEN = 8192
MOST_CACHED = 10_000
_TYPES = ("at+jwt", "application/at+jwt")


class TokenVerifier:
    """Verifies tokens, and remembers the verified ones until they expire."""

    def __init__(
        self,
        keys: Mapping[str, jwt.PyJWK],
        issuer: str,
        audience: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._verified: dict[bytes, tuple[Caller, float, str]] = {}

    def verify(self, token: str) -> Caller:
        """Who is calling. Raises Unauthenticated, without saying which check failed."""
        name = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._verified.get(name)
        # A key may end while its tokens are remembered.
        if known is not None and self._clock() < known[1] and known[2] in self._keys:
            return known[0]
        caller, expires, kid = self._verify(token)
        if len(self._verified) >= MOST_CACHED:
            self._verified.clear()
        self._verified[name] = (caller, expires, kid)
        return caller

    def _verify(self, token: str) -> tuple[Caller, float, str]:
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated("The token is too long.")
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys[header["kid"]]
            if str(header.get("typ", "")).lower() not in _TYPES:
                raise Unauthenticated("The token is no access token.")
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
            return _caller(claims), float(claims["exp"]), header["kid"]
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            raise Unauthenticated("The token does not verify.") from None


def _caller(claims: dict[str, Any]) -> Caller:
    organisation, client, scope = claims["org"], claims["sub"], claims.get("scope", "")
    if not all(isinstance(value, str) for value in (organisation, client, scope)):
        raise TypeError("claims are text")
    return Caller(organisation, client, frozenset(scope.split()))


def load_token_keys(own: KeySet, jwks_file: Path | None) -> dict[str, jwt.PyJWK]:
    """The keys that may sign tokens: our own issuer's, and those of a configured file.

    Raises Misconfigured for a file that is no key set, or a key of another algorithm.
    """
    jwks = [key.to_jwk() for key in own if key.status != "compromised"]
    if jwks_file is not None:
        try:
            jwks += json.loads(jwks_file.read_text())["keys"]
        except (OSError, ValueError, KeyError, TypeError):
            raise Misconfigured("CONSENT_TOKEN_JWKS_FILE is not a JWK set") from None
    return dict(_load(jwks))


def _load(jwks: Iterable[dict[str, Any]]) -> Iterable[tuple[str, jwt.PyJWK]]:
    for jwk in jwks:
        key = jwt.PyJWK(jwk)
        if key.algorithm_name not in ALGORITHMS or not key.key_id:
            raise Misconfigured("a token key needs a kid and one of the allowed algorithms")
        yield key.key_id, key


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
    """An access token for a small installation without an authorization server of its own."""
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
    headers = {"typ": "at+jwt", "kid": key.kid}
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers=headers)
