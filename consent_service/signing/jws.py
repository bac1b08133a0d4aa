"""Compact JWS (RFC 7515) with exactly one algorithm, EdDSA over Ed25519 (RFC 8037, RFC 9864).

The token cannot choose anything: the algorithm is pinned, `typ` is what the caller expects
(RFC 8725 § 3.11), the key is one we published for this use, and a header with any other
member is refused.
"""

from dataclasses import dataclass
from functools import lru_cache

from consent_service.signing import base64url
from consent_service.signing.canonical import canonical_json
from consent_service.signing.keys import (
    ALGORITHMS,
    InvalidSignature,
    KeySet,
    PublishedKey,
    SigningKey,
)
from consent_service.signing.members import Members
from consent_service.signing.strict_json import NotJson, parse_json

LONGEST_TOKEN = 65_536
"""Characters; far above any statement, far below a nuisance."""


class InvalidJws(InvalidSignature):
    """The token is not a compact JWS of the one form accepted here."""

    code = "invalid_jws"


@dataclass(frozen=True)
class VerifiedJws:
    """The payload exactly as received, and the published key that signed it."""

    payload: bytes
    key: PublishedKey


def sign(payload: bytes, key: SigningKey, typ: str) -> str:
    """The compact JWS of a payload. The same input gives the same token."""
    signed = f"{_protected_header(key.kid, typ)}.{base64url.encode(payload)}"
    return f"{signed}.{base64url.encode(key.sign(signed.encode('ascii')))}"


def verify(token: str, keys: KeySet, typ: str, use: str) -> VerifiedJws:
    """The payload of a token signed by a published key of that use.

    Says nothing about when the key was valid: that depends on the payload. Raises
    InvalidJws, UnknownKey, or InvalidSignature, of which both are kinds.
    """
    if len(token) > LONGEST_TOKEN:
        raise InvalidJws("the token is too long")
    signed, _, signature_text = token.rpartition(".")
    header_text, dot, payload_text = signed.partition(".")
    if not dot:
        raise InvalidJws("not a compact JWS")
    try:
        kid, actual_typ = _read_header(header_text)
        payload = base64url.decode(payload_text)
        signature = base64url.decode(signature_text)
    except base64url.NotBase64Url as wrong:
        raise InvalidJws(wrong.detail) from None
    if actual_typ != typ:
        raise InvalidJws(f"typ is not {typ}")
    key = keys.find(kid, use)
    key.verify(signature, signed.encode("ascii"))
    return VerifiedJws(payload, key)


@lru_cache(maxsize=256)
def _protected_header(kid: str, typ: str) -> str:
    """The encoded header: one for each key and type, so worked out once."""
    return base64url.encode(canonical_json({"alg": "EdDSA", "kid": kid, "typ": typ}))


@lru_cache(maxsize=256)
def _read_header(text: str) -> tuple[str, str]:
    """The kid and typ of an encoded header that holds them, `alg` and nothing else.

    Member order is free, for tokens made by other libraries; a repeated member is not.
    """
    try:
        header = parse_json(base64url.decode(text))
    except NotJson:
        raise InvalidJws("the header is not JSON") from None
    members = Members(header, ("alg", "kid", "typ"), refusal=InvalidJws)
    members.one_of("alg", ALGORITHMS)
    return members.text("kid"), members.text("typ")
