"""Encryption at rest, and the keyed hashes by which encrypted things are still found.

A sealed value is `format byte ‖ key id (16) ‖ nonce (12) ‖ AES-256-GCM ciphertext and tag`. Its
associated data is the format, table, column, row id and key id, and what the place binds of the
rest of the row, so that a value moved to another place, or whose row says something else by now,
does not open. Each (controller, child) has its own data key; data keys are wrapped in the same way,
each together with whose it is, by a key-encryption key that is never in the database.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Literal, Protocol, Self, get_args
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.employee import employee_key, former_employee_keys
from consent_service.errors import Unreadable

_FORMAT = b"\x01"
_KEY_ID_BYTES, _NONCE_BYTES, KEY_BYTES = 16, 12, 32
_PREFIX = 1 + _KEY_ID_BYTES + _NONCE_BYTES


@dataclass(frozen=True)
class Place:
    """Where a sealed value stands: a value sealed for one place opens at no other.

    `bound` is what else stands in the row (`kernel.row_text`): the value holds for that alone.
    """

    table: str
    column: str
    row: str
    bound: str = ""


class Cipher(Protocol):
    """AES-256-GCM (NIST SP 800-38D) under one key: in this process, or only reached."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """The ciphertext, and the tag of 16 bytes after it."""
        ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """The plaintext. Raises InvalidTag."""
        ...


@dataclass(frozen=True)
class Made:
    """Whose a data key is and since when, which is sealed together with it.

    `child` is None for an organisation's own; `at` is UTC.
    """

    organisation: str
    child: str | None
    at: datetime

    def to_bytes(self) -> bytes:
        """Slugs, ids and instants hold no space."""
        return f"{self.organisation} {self.child or ''} {self.at.isoformat()}".encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises ValueError."""
        organisation, child, at = data.decode().split(" ")
        return cls(organisation, child or None, datetime.fromisoformat(at))


@dataclass(frozen=True, repr=False)
class DataKey:
    """A 256-bit key under its id (a UUID), and what was sealed together with it."""

    id: str
    cipher: Cipher
    made: Made

    def is_of(self, organisation: str, child: str | None) -> bool:
        """Whether it was made for this controller and child."""
        return (self.made.organisation, self.made.child) == (organisation, child)

    def seal(self, plaintext: bytes, place: Place) -> bytes:
        """Encrypt for one place."""
        return _seal(self._id_bytes, self.cipher, plaintext, place)

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Decrypt what was sealed for this place under this key. Raises Unreadable."""
        try:
            key_id = self._id_bytes
        except ValueError:
            raise Unreadable(f"the key of {place.table}.{place.column} has no id") from None
        return _open(key_id, self.cipher, sealed, place)

    @cached_property
    def _id_bytes(self) -> bytes:
        return UUID(self.id).bytes


def _seal(key_id: bytes, cipher: Cipher, plaintext: bytes, place: Place) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + key_id + nonce + cipher.encrypt(nonce, plaintext, _associated(key_id, place))


def _open(key_id: bytes, cipher: Cipher, sealed: bytes, place: Place) -> bytes:
    if sealed[:1] != _FORMAT or sealed[1 : 1 + _KEY_ID_BYTES] != key_id:
        raise Unreadable(f"{place.table}.{place.column} is not sealed under its key")
    nonce, ciphertext = sealed[1 + _KEY_ID_BYTES : _PREFIX], sealed[_PREFIX:]
    try:
        return cipher.decrypt(nonce, ciphertext, _associated(key_id, place))
    except (InvalidTag, ValueError):
        # ValueError: not even a nonce is there.
        raise Unreadable(f"{place.table}.{place.column} does not decrypt") from None


def _associated(key_id: bytes, place: Place) -> bytes:
    parts = [_FORMAT, key_id, _column(place.table, place.column), _sized(place.row)]
    if place.bound:
        parts.append(_sized(place.bound))
    return b"".join(parts)


@lru_cache(maxsize=64)
def _column(table: str, column: str) -> bytes:
    return _sized(table) + _sized(column)


def _sized(part: str) -> bytes:
    return len(part).to_bytes(2) + part.encode()


@dataclass(frozen=True, repr=False)
class WrappingKey:
    """A key-encryption key under its name of 16 bytes (`wrapped_by`)."""

    id: bytes
    cipher: Cipher

    @classmethod
    def of(cls, key: bytes) -> Self:
        """A key in this process: its name is a hash of it."""
        return cls(_name(b"key-encryption-key" + key), AESGCM(key))

    @classmethod
    def elsewhere(cls, reference: bytes, cipher: Cipher) -> Self:
        """A key whose bytes nobody sees: its name is a hash of what it is called there."""
        return cls(_name(b"key-encryption-key elsewhere" + reference), cipher)


class KeyRing:
    """The key-encryption keys: the first wraps, all of them unwrap."""

    def __init__(
        self, keys: Iterable[WrappingKey], look_again: Callable[[], object] = lambda: None
    ) -> None:
        """`look_again` may renew the ring, when something is under a key it does not have."""
        self._unwrapped = lru_cache(maxsize=20_000)(self._unwrap)
        self._look_again = look_again
        self.renew(keys)

    def renew(self, keys: Iterable[WrappingKey]) -> None:
        """Go over to other keys, in a process that runs; units under way notice nothing."""
        ciphers = {key.id: key.cipher for key in keys}
        # One assignment: no reader sees a current key that is not among the keys.
        self._wrapping = next(iter(ciphers.items())), ciphers

    @property
    def current_id(self) -> bytes:
        """The id of the key that wraps, as it stands in what it wrapped."""
        return self._wrapping[0][0]

    @property
    def ids(self) -> frozenset[bytes]:
        """The ids of all of them."""
        return frozenset(self._wrapping[1])

    def new_data_key(self, key_id: str, made: Made) -> tuple[DataKey, bytes]:
        """A fresh data key, and its wrapped form for storage."""
        raw = os.urandom(KEY_BYTES)
        return DataKey(key_id, AESGCM(raw), made), self._wrap(key_id, raw + made.to_bytes())

    def rewrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The same data key, wrapped by the current key. Raises Unreadable."""
        return self._wrap(key_id, self._open_wrapped(key_id, wrapped))

    def unwrap(self, key_id: str, wrapped: bytes) -> DataKey:
        """The data key in its wrapped form. Raises Unreadable."""
        return self._unwrapped(key_id, wrapped)

    def _unwrap(self, key_id: str, wrapped: bytes) -> DataKey:
        opened = self._open_wrapped(key_id, wrapped)
        try:
            made = Made.from_bytes(opened[KEY_BYTES:])
        except ValueError:
            raise Unreadable("data_key.wrapped does not say whose it is") from None
        return DataKey(key_id, AESGCM(opened[:KEY_BYTES]), made)

    def _wrap(self, key_id: str, content: bytes) -> bytes:
        (current, cipher), _ = self._wrapping
        return _seal(current, cipher, content, _wrapping_place(key_id))

    def _open_wrapped(self, key_id: str, wrapped: bytes) -> bytes:
        wrapping = wrapped_by(wrapped)
        cipher = self._wrapping[1].get(wrapping)
        if cipher is None:
            self._look_again()
            cipher = self._wrapping[1].get(wrapping)
        if cipher is None:
            raise Unreadable("data_key.wrapped is under an unknown key-encryption key")
        return _open(wrapping, cipher, wrapped, _wrapping_place(key_id))


def wrapped_by(wrapped: bytes) -> bytes:
    """The id of the key-encryption key over a wrapped data key."""
    return wrapped[1 : 1 + _KEY_ID_BYTES]


def _name(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:_KEY_ID_BYTES]


def _wrapping_place(key_id: str) -> Place:
    return Place("data_key", "wrapped", key_id)


Slot = Literal["a", "b"]
"""A keyed hash has two columns: one is in use, the other is filled while the key is rotated."""

SLOTS: tuple[Slot, Slot] = get_args(Slot)
Hashes = Mapping[Slot, bytes]


class HashKey(Protocol):
    """A key of HMAC-SHA-256 (RFC 2104): in this process, or only reached."""

    @property
    def id(self) -> bytes:
        """Its name, of 16 bytes, which only this key has."""
        ...

    def digest(self, message: bytes) -> bytes:
        """The 32 bytes of the message's keyed hash."""
        ...


@dataclass(frozen=True, repr=False)
class LocalHashKey:
    """A key in this process: its name is a hash of it."""

    key: bytes

    @property
    def id(self) -> bytes:
        return _name(b"index-key" + self.key)

    def digest(self, message: bytes) -> bytes:
        return hmac.digest(self.key, message, "sha256")


@dataclass(frozen=True, repr=False)
class Index:
    """Keyed hashes (HMAC-SHA-256) under keys that are never in the database.

    `keys` are the index key of each slot, two during a rotation: people are found by them.
    `secret` is the key for what is kept of secrets and requests (links, sessions, repeated
    requests, cursors), and vouches for the clients; nobody could compute most of those again, so it
    is not rotated: they end by themselves.
    """

    keys: Mapping[Slot, HashKey]
    secret: HashKey

    @classmethod
    def of(cls, key: bytes) -> Self:
        """One key for everything, in the first slot."""
        local = LocalHashKey(key)
        return cls({"a": local}, local)

    def key_id(self, slot: Slot) -> bytes | None:
        """The name of a slot's key: 16 bytes; None where there is no key for the slot."""
        key = self.keys.get(slot)
        return None if key is None else key.id

    def child(self, cpr: CprNumber) -> Hashes:
        """Finds the child's one row in the deployment."""
        return self._hashes(b"child", cpr.value)

    def person(self, child_id: str, cpr: CprNumber) -> Hashes:
        """Tells the people around one child apart; the same person differs between children."""
        return self._hashes(b"person", child_id, cpr.value)

    def employee(self, organisation: str, employee: str) -> Hashes:
        """Finds what an organisation's employee did, however the id is typed."""
        return self._hashes(b"employee", organisation, employee_key(employee))

    def former_employee(self, organisation: str, employee: str) -> tuple[Hashes, ...]:
        """What older versions wrote in its place."""
        former = former_employee_keys(employee)
        return tuple(self._hashes(b"employee", organisation, one) for one in former)

    def token(self, token: str) -> bytes:
        """Finds a signing link or a session by its secret."""
        return _hash(self.secret, b"token", token)

    def staff(self, issuer: str, name: str) -> bytes:
        """Finds the sessions of one member of staff, or of one session at their provider."""
        return _hash(self.secret, b"staff", issuer, name)

    def attempt(self, counter: str) -> bytes:
        """Names a counter of failed attempts, which holds an address."""
        return _hash(self.secret, b"attempt", counter)

    def clients(self, epoch: int, digest: bytes) -> bytes:
        """Vouches for all clients and revocations under the number of their last change."""
        return _hash(self.secret, b"clients", str(epoch), digest.hex())

    def idempotency(self, *parts: str) -> bytes:
        """Names a request that must happen once."""
        return _hash(self.secret, b"idempotency", *parts)

    def kept_answer(self, *parts: str) -> bytes:
        """The key that seals the answer of such a request; stored nowhere."""
        return _hash(self.secret, b"kept-answer", *parts)

    def cursor(self, *parts: str) -> bytes:
        """The key that seals the cursors of one list; stored nowhere."""
        return _hash(self.secret, b"cursor", *parts)

    def request_body(self, body: bytes) -> bytes:
        """Tells whether a repeated request carries the same body."""
        return self.secret.digest(b"request-body\0" + body)

    def _hashes(self, purpose: bytes, *parts: str) -> Hashes:
        return {slot: _hash(key, purpose, *parts) for slot, key in self.keys.items()}


def _hash(key: HashKey, purpose: bytes, *parts: str) -> bytes:
    # Lengths stand before the parts, so that no two lists of parts look alike.
    message = purpose + b"".join(
        b"\0" + len(encoded := part.encode()).to_bytes(4) + encoded for part in parts
    )
    return key.digest(message)
