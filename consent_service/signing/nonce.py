"""The nonce of a signer's login, which ties the identity token to what the signer was offered.

The broker signs the nonce into the identity token. So whoever holds the token, the random bytes
and the terms can show, years later, that this login was made for these terms and no others; and
without the random bytes the token tells nobody what they were (the terms could be guessed).
"""

import hashlib
import hmac

from consent_service.signing.base64url import encode

RANDOM_BYTES = 32


def bound_nonce(random: bytes, offered_sha256: bytes) -> str:
    """base64url(SHA-256(random ‖ SHA-256 of what is offered)), without padding.

    Both have 32 bytes, so the two cannot be cut apart in another way. Raises ValueError.
    """
    if len(random) != RANDOM_BYTES or len(offered_sha256) != hashlib.sha256().digest_size:
        raise ValueError("the random bytes and the hash have 32 bytes each")
    return encode(hashlib.sha256(random + offered_sha256).digest())


def is_bound(nonce: str, random: bytes, offered_sha256: bytes) -> bool:
    """Whether a token's nonce was made for what is offered."""
    return hmac.compare_digest(nonce.encode(), bound_nonce(random, offered_sha256).encode())
