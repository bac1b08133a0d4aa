"""Public keys of others (JWK, RFC 7517): which ones count, and each for one algorithm only."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from consent_service.errors import ConsentServiceError
from consent_service.signing import base64url
from consent_service.signing.keys import check_point

ALGORITHMS = ("EdDSA", "ES256", "RS256", "PS256")
"""All that are ever accepted; what a key is for is said by its type and its `alg`."""

_FITTING: Mapping[tuple[str, str | None], tuple[str, ...]] = MappingProxyType(
    {
        ("OKP", "Ed25519"): ("EdDSA",),
        ("EC", "P-256"): ("ES256",),
        ("RSA", None): ("RS256", "PS256"),
    }
)
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")
_RSA_2048_CHARACTERS = 342  # 256 bytes in base64url


class UnusableKey(ValueError):
    """A key that nothing may be verified with; the message says why and shows none of it."""


def pinned(jwk: Any, allowed: Collection[str] = ALGORITHMS) -> jwt.PyJWK:
    """A key that verifies one algorithm: its `alg`, or else the first allowed one that fits.

    Raises UnusableKey: symmetric or of another type or curve, below 2048 bits (RFC 7518 § 3.3),
    not for signatures, or of an algorithm that is not allowed.
    """
    members = public_members(jwk)
    fitting = [name for name in allowed if name in _fitting(members)]
    algorithm = jwk.get("alg", fitting[0] if fitting else None)
    if algorithm not in fitting:
        raise UnusableKey("its algorithm is not allowed")
    try:
        return jwt.PyJWK(members, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise UnusableKey("not a readable key") from None


def public_members(jwk: Any) -> dict[str, str]:
    """The members that make the public key, without the private ones or anything else.

    Raises UnusableKey.
    """
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        raise UnusableKey("not a key for signatures")
    members = {name: jwk[name] for name in _PUBLIC if name in jwk}
    if not all(isinstance(value, str) for value in members.values()):
        raise UnusableKey("its members are not text")
    _fitting(members)
    if members["kty"] == "RSA" and len(members.get("n", "")) < _RSA_2048_CHARACTERS:
        raise UnusableKey("an RSA key needs 2048 bits")
    if members["kty"] == "OKP":
        _check_point(members.get("x", ""))
    return members


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The RFC 7638 name of a key. Raises UnusableKey."""
    try:
        return JWKRegistry.import_key({**public_members(jwk)}).thumbprint()
    except (JoseError, ValueError, TypeError, KeyError):
        raise UnusableKey("not a readable key") from None


def _check_point(x: str) -> None:
    try:
        check_point(base64url.decode(x))
    except ConsentServiceError as wrong:
        raise UnusableKey(wrong.detail) from None


def _fitting(members: Mapping[str, Any]) -> tuple[str, ...]:
    kind = (str(members.get("kty")), members.get("crv"))
    if kind not in _FITTING:
        raise UnusableKey("only Ed25519, P-256 and RSA keys are accepted")
    return _FITTING[kind]
