"""How we prove to a provider's token endpoint that we are the client we say we are.

Sources: RFC 6749 § 2.3.1 (client secrets), RFC 7523 §§ 2.2 and 3 (signed assertions).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from urllib.parse import quote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeyParameters, RSAKey
from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from consent_service.errors import Misconfigured

ASSERTION_SECONDS = 60
"""How long a signed assertion counts; it is made for one request."""

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class TokenRequest:
    """The request that is to be authenticated: whose, where to, and when."""

    client_id: str
    issuer: str
    endpoint: str
    now: datetime


@dataclass(frozen=True)
class Proof:
    """What is added to a token request, to its headers and to its body."""

    headers: AuthBase = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)


class ClientAuthentication(Protocol):
    """One way of proving who we are."""

    def prove(self, request: TokenRequest) -> Proof:
        """The proof for one request."""
        ...


class _NoHeaders(AuthBase):
    """Adds nothing; and keeps `requests` from looking for a password in ~/.netrc."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


@dataclass(frozen=True)
class ClientSecretBasic:
    """`client_secret_basic`: the secret in the Authorization header. Raises Misconfigured."""

    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_secret(self.secret)

    def prove(self, request: TokenRequest) -> Proof:
        # Authlib leaves out the form encoding that RFC 6749 wants, and some client ids are URNs,
        # full of colons.
        return Proof(HTTPBasicAuth(quote_plus(request.client_id), quote_plus(self.secret)), {})


@dataclass(frozen=True)
class ClientSecretPost:
    """`client_secret_post`: the secret in the body. Raises Misconfigured."""

    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_secret(self.secret)

    def prove(self, request: TokenRequest) -> Proof:
        body = {"client_id": request.client_id, "client_secret": self.secret}
        return Proof(_NoHeaders(), body)


@dataclass(frozen=True)
class ClientKey:
    """Our own key at a provider, which knows its public half."""

    key: RSAKey | ECKey = field(repr=False)
    algorithm: str

    def sign(self, claims: Mapping[str, Any], type_: str, now: datetime) -> str:
        """A JWT that counts once, for a minute."""
        issued_at = int(now.timestamp())
        lasting = {
            "jti": secrets.token_urlsafe(32),
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + ASSERTION_SECONDS,
        }
        header = {"alg": self.algorithm, "typ": type_, "kid": self.key.kid}
        return jwt.encode(header, {**claims, **lasting}, self.key, [self.algorithm])

    @classmethod
    def from_pem(cls, pem: bytes, kid: str | None = None) -> "ClientKey":
        """Read an RSA or P-256 private key; the kid is the RFC 7638 thumbprint unless given.

        Raises Misconfigured for anything else.
        """
        parameters: KeyParameters = {"kid": kid} if kid else {}
        for kind, algorithm in ((RSAKey, "RS256"), (ECKey, "ES256")):
            try:
                key = kind.import_key(pem, parameters)
            except (JoseError, ValueError, TypeError):
                continue
            if key.is_private and not (isinstance(key, ECKey) and key.curve_name != "P-256"):
                key.ensure_kid()
                return cls(key, algorithm)
        raise Misconfigured("the client's key is no RSA or P-256 private key in PEM")


@dataclass(frozen=True)
class PrivateKeyJwt:
    """`private_key_jwt`: an assertion signed with our key.

    Its audience is the issuer, so that no other provider can use it (as the revision of RFC 7523
    wants it), unless the provider only takes its token endpoint's address.
    """

    key: ClientKey
    audience: Literal["issuer", "token_endpoint"] = "issuer"

    def prove(self, request: TokenRequest) -> Proof:
        audience = request.issuer if self.audience == "issuer" else request.endpoint
        claims = {"iss": request.client_id, "sub": request.client_id, "aud": audience}
        body = {
            "client_id": request.client_id,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self.key.sign(claims, "JWT", request.now),
        }
        return Proof(_NoHeaders(), body)


def _check_secret(secret: str) -> None:
    if not secret:
        raise Misconfigured("the client's secret is empty")
