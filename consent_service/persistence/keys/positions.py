"""Where a list goes on, sealed: a cursor tells nothing, and opens under its own key alone.

A list may end a page at something that its reader may not know of. So what stands in a cursor is
nobody's to read, and nobody but the service makes one.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent_service.signing import base64url

_NONCE_BYTES = 12


def seal_position(key: bytes, position: str) -> str:
    """A position as a cursor: AES-256-GCM under a key of 32 bytes, in base64url."""
    nonce = os.urandom(_NONCE_BYTES)
    return base64url.encode(nonce + AESGCM(key).encrypt(nonce, position.encode(), None))


def open_position(key: bytes, cursor: str) -> str | None:
    """The position; None for what was not sealed under this key."""
    try:
        sealed = base64url.decode(cursor)
        opened = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
    except (base64url.NotBase64Url, InvalidTag, ValueError):
        return None
    return opened.decode()
