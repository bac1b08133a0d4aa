"""Encryption at rest, and the keyed hashes by which encrypted things are still found.

A sealed value is `format byte ‖ key id (16) ‖ nonce (12) ‖ AES-256-GCM ciphertext and tag`. Its
associated data is the format, table, column, row id and key id, so that a value moved to another
place does not open. Each (controller, child) has its own data key; data keys are wrapped in the
same way by a key-encryption key that is never in the database.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent_service.domain.cpr import CprNumber
from consent_service.errors import Unreadable

_FORMAT = b"\x01"
_KEY_ID_BYTES, _NONCE_BYTES, KEY_BYTES = 16, 12, 32
_PREFIX = 1 + _KEY_ID_BYTES + _NONCE_BYTES


@dataclass(frozen=True)
class Place:
    """Where a sealed value stands: a value sealed for one place opens at no other."""

    table: str
    column: str
    row: str


@dataclass(frozen=True, repr=False)
class DataKey:
    """A 256-bit key under its id (a UUID)."""

    id: str
    cipher: AESGCM

    def seal(self, plaintext: bytes, place: Place) -> bytes:
        """Encrypt for one place."""
        return _seal(UUID(self.id).bytes, self.cipher, plaintext, place)

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Decrypt what was sealed for this place under this key. Raises Unreadable."""
        return _open(UUID(self.id).bytes, self.cipher, sealed, place)


def _seal(key_id: bytes, cipher: AESGCM, plaintext: bytes, place: Place) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + key_id + nonce + cipher.encrypt(nonce, plaintext, _associated(key_id, place))


def _open(key_id: bytes, cipher: AESGCM, sealed: bytes, place: Place) -> bytes:
    if sealed[:1] != _FORMAT or sealed[1 : 1 + _KEY_ID_BYTES] != key_id:
        raise Unreadable(f"{place.table}.{place.column} is not sealed under its key")
    nonce, ciphertext = sealed[1 + _KEY_ID_BYTES : _PREFIX], sealed[_PREFIX:]
    try:
        return cipher.decrypt(nonce, ciphertext, _associated(key_id, place))
    except InvalidTag:
        raise Unreadable(f"{place.table}.{place.column} does not decrypt") from None


def _associated(key_id: bytes, place: Place) -> bytes:
    parts = (place.table, place.column, place.row)
    return _FORMAT + key_id + b"".join(len(p).to_bytes(2) + p.encode() for p in parts)


class KeyRing:
    """The key-encryption keys: the first wraps, all of them unwrap."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = {_key_id(key): AESGCM(key) for key in keys}
        self._current = next(iter(self._keys))
        self._unwrapped = lru_cache(maxsize=20_000)(self._unwrap)

    def new_data_key(self, key_id: str) -> tuple[DataKey, bytes]:
        """A fresh data key, and its wrapped form for storage."""
        raw = os.urandom(KEY_BYTES)
        cipher = self._keys[self._current]
        wrapped = _seal(self._current, cipher, raw, _wrapping_place(key_id))
        return DataKey(key_id, AESGCM(raw)), wrapped

    def unwrap(self, key_id: str, wrapped: bytes) -> DataKey:
        """The data key in its wrapped form. Raises Unreadable."""
        return self._unwrapped(key_id, wrapped)

    def _unwrap(self, key_id: str, wrapped: bytes) -> DataKey:
        wrapping = wrapped[1 : 1 + _KEY_ID_BYTES]
        cipher = self._keys.get(wrapping)
        if cipher is None:
            raise Unreadable("data_key.wrapped is under an unknown key-encryption key")
        return DataKey(key_id, AESGCM(_open(wrapping, cipher, wrapped, _wrapping_place(key_id))))


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key-encryption-key" + key).digest()[:_KEY_ID_BYTES]


def _wrapping_place(key_id: str) -> Place:
    return Place("data_key", "wrapped", key_id)


@dataclass(frozen=True, repr=False)
class Index:
    """Keyed hashes (HMAC-SHA-256) under a key that is never in the database."""

    key: bytes

    def child(self, cpr: CprNumber) -> bytes:
        """Finds the child's one row in the deployment."""
        return self._hash(b"child", cpr.value)

    def person(self, child_id: str, cpr: CprNumber) -> bytes:
        """Tells the people around one child apart; the same person differs between children."""
        return self._hash(b"person", child_id, cpr.value)

    def tenant_child(self, controller: str, cpr: str) -> bytes:
        """Finds one controller's log entries about a child."""
        return self._hash(b"tenant-child", controller, cpr)

    def employee(self, organisation: str, employee: str) -> bytes:
        """Finds what an organisation's employee did."""
        return self._hash(b"employee", organisation, employee)

    def token(self, token: str) -> bytes:
        """Finds a signing link or a session by its secret."""
        return self._hash(b"token", token)

    def staff(self, issuer: str, name: str) -> bytes:
        """Finds the sessions of one member of staff, or of one session at their provider."""
        return self._hash(b"staff", issuer, name)

    def attempt(self, counter: str) -> bytes:
        """Names a counter of failed attempts, which holds an address."""
        return self._hash(b"attempt", counter)

    def idempotency(self, *parts: str) -> bytes:
        """Names a request that must happen once."""
        return self._hash(b"idempotency", *parts)

    def request_body(self, body: bytes) -> bytes:
        """Tells whether a repeated request carries the same body."""
        return hmac.digest(self.key, b"request-body\0" + body, "sha256")

    def _hash(self, purpose: bytes, *parts: str) -> bytes:
        # Lengths stand before the parts, so that no two lists of parts look alike.
        message = purpose + b"".join(
            b"\0" + len(encoded := part.encode()).to_bytes(4) + encoded for part in parts
        )
        return hmac.digest(self.key, message, "sha256")
