"""Where the older exchanges begin: an address that says nothing, and only to its own session."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from consent_service.persistence.keys.positions import open_position, seal_position

_PURPOSE = b"consent-service/older-exchanges/v1"


def seal_cursor(secret: str, entry: str) -> str:
    """An entry's id under a key of this browser's session."""
    return seal_position(_key(secret), entry)


def open_cursor(secret: str, text: str) -> str | None:
    """The entry's id; None for what this session did not make."""
    return open_position(_key(secret), text)


def _key(secret: str) -> bytes:
    """Derived from the session's secret (HKDF, RFC 5869)."""
    return HKDF(hashes.SHA256(), 32, None, _PURPOSE).derive(secret.encode())
