"""Where the older exchanges begin: an address that says nothing, and only to its own session."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from consent_service.signing import base64url

_PURPOSE = b"consent-service/older-exchanges/v1"
_NONCE_BYTES = 12


def seal_cursor(secret: str, entry: str) -> str:
    """An entry's id under a key of this browser's session (HKDF, RFC 5869)."""
    nonce = os.urandom(_NONCE_BYTES)
    return base64url.encode(nonce + _cipher(secret).encrypt(nonce, entry.encode(), _PURPOSE))


def open_cursor(secret: str, text: str) -> str | None:
    """The entry's id; None for what this session did not make."""
    try:
        sealed = base64url.decode(text)
        opened = _cipher(secret).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _PURPOSE)
    except (base64url.NotBase64Url, InvalidTag, ValueError):
        return None
    return opened.decode()


def _cipher(secret: str) -> AESGCM:
    return AESGCM(HKDF(hashes.SHA256(), 32, None, _PURPOSE).derive(secret.encode()))
