"""`private_key_jwt`: a client proves itself with a JWT under its registered key (RFC 7523 § 3).

What Authlib leaves to the server is stricter here than the RFC asks: one algorithm for each key,
an assertion lives for five minutes at most, names nobody else as its audience, and counts once.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion

from consent_service.identity.jwt_parts import Unreadable, media_type, read_parts, seconds
from consent_service.identity.public_keys import UnusableKey, pinned
from consent_service.services.access.client import ClientKey
from consent_service.services.access.ports import Clients

LONGEST_ASSERTION = 4096
LONGEST_JTI = 255
LONGEST_LIFE = timedelta(minutes=5)
CLOCK_SKEW = timedelta(seconds=60)
_TYPES = ("", "jwt", "client-authentication+jwt")


class ClientAssertion(JWTBearerClientAssertion):
    """Authlib's method with our keys, times and memory. Every refusal is InvalidClientError."""

    CLIENT_AUTH_METHOD = "private_key_jwt"  # type: ignore[misc]  # the documented way; stub: Final

    def __init__(self, clients: Clients, audiences: Sequence[str], now: datetime) -> None:
        super().__init__(None, validate_jti=True, leeway=int(CLOCK_SKEW.total_seconds()))
        self._clients = clients
        self._audiences = audiences
        self._now = now

    def __call__(self, query_client: Any, request: Any) -> Any:
        client = super().__call__(query_client, request)  # type: ignore[no-untyped-call]  # the stub's
        # RFC 7521 § 4.2: a client_id sent along must be the one that was proven.
        if client is not None and request.form.get("client_id", client.client.id) != (
            client.client.id
        ):
            raise InvalidClientError
        return client

    def get_audiences(self) -> list[str]:
        return list(self._audiences)

    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            parts = read_parts(assertion, LONGEST_ASSERTION)
        except Unreadable:
            raise InvalidClientError from None
        if media_type(parts.header) not in _TYPES:
            raise InvalidClientError
        return parts.header, parts.claims

    def resolve_client_public_key(self, client: Any) -> Sequence[ClientKey]:
        keys: Sequence[ClientKey] = client.client.keys
        return keys

    def process_assertion_claims(
        self, assertion: str, resolve_key: Sequence[ClientKey]
    ) -> dict[str, Any]:
        kid = read_parts(assertion, LONGEST_ASSERTION).header.get("kid")
        for key in resolve_key:
            if kid in (None, key.kid) and (claims := self._verified(assertion, key)) is not None:
                self._check_life(claims)
                self.verify_claims(claims)
                return claims
        raise InvalidClientError

    def validate_jti(self, claims: Mapping[str, Any], jti: Any) -> bool:
        if not isinstance(jti, str) or not 1 <= len(jti) <= LONGEST_JTI:
            return False
        digest = hashlib.sha256(f"{len(claims['sub'])}:{claims['sub']}{jti}".encode()).digest()
        # Expired by both machines' clocks before it is forgotten.
        forget = datetime.fromtimestamp(claims["exp"], UTC) + 2 * CLOCK_SKEW
        return self._clients.use_assertion(digest, forget)

    def _verified(self, assertion: str, key: ClientKey) -> dict[str, Any] | None:
        try:
            public = pinned(dict(key.jwk))
            # Who it is for and until when is checked by `verify_claims`.
            claims: dict[str, Any] = jwt.decode(
                assertion,
                public,
                algorithms=[public.algorithm_name],
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False},
                leeway=CLOCK_SKEW,
            )
        except (jwt.PyJWTError, UnusableKey, ValueError, TypeError):
            return None
        return claims

    def _check_life(self, claims: Mapping[str, Any]) -> None:
        now, audience = self._now + CLOCK_SKEW, claims.get("aud")
        try:
            expires = seconds(claims, "exp")
            issued = seconds(claims, "iat") if "iat" in claims else self._now.timestamp()
        except Unreadable:
            raise InvalidClientError from None
        if expires > (now + LONGEST_LIFE).timestamp() or issued > now.timestamp():
            raise InvalidClientError
        if issued < (self._now - LONGEST_LIFE - CLOCK_SKEW).timestamp():
            raise InvalidClientError
        # One of several audiences could use the assertion against us.
        named = audience if isinstance(audience, list) else [audience]
        if len(named) != 1:
            raise InvalidClientError
