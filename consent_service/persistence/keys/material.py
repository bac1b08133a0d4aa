"""A secret in the key document: its bytes in base64, or the reference of a key in a module.

`{"pkcs11": "<CKA_ID in hexadecimal>"}` stands wherever the bytes could. Only making, using and
destroying differ between the two; what is done with the document is the same.
"""

import base64
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_service.errors import Misconfigured
from consent_service.persistence.keys.module import KeyModule, NoModule
from consent_service.persistence.keys.sealing import (
    KEY_BYTES,
    HashKey,
    LocalHashKey,
    WrappingKey,
)
from consent_service.signing.keys import (
    InvalidKey,
    InvalidSignature,
    PublishedKey,
    SigningKey,
    Use,
    key_id,
)

_MEMBER = "pkcs11"
_REFERENCE = re.compile(r"(?:[0-9a-f]{2}){1,64}", re.ASCII)
_PROBE = b"consent-service: is this the private half of the published key?"


@dataclass(frozen=True)
class Material:
    """Makes keys of what a document holds; without a module only of bytes.

    Everything raises Misconfigured where a reference leads nowhere, and for what is no secret
    at all InvalidKey, TypeError or ValueError.
    """

    module: KeyModule | None = None

    def signing_key(self, secret: Any, published: PublishedKey) -> SigningKey:
        """The private half of a published key, which it must be."""
        reference = reference_of(secret)
        if reference is None:
            key = SigningKey.from_seed(base64.b64decode(secret), published.use)
            if key.kid != published.kid:
                raise InvalidKey("a seed that is not the key's")
            return key
        private = self._there.private_half(reference)
        try:
            published.verify(private.sign(_PROBE), _PROBE)
        except InvalidSignature:
            raise Misconfigured(f"key {reference} of the hardware module is another key") from None
        return SigningKey(published.kid, published.use, published.public, private)

    def wrapping_key(self, secret: Any) -> WrappingKey:
        """A key-encryption key."""
        reference = reference_of(secret)
        if reference is None:
            return WrappingKey.of(key_bytes(secret))
        cipher = self._there.cipher(reference)
        return WrappingKey.elsewhere(bytes.fromhex(reference), cipher)

    def hash_key(self, secret: Any) -> HashKey:
        """An index key, or that of what is kept of secrets."""
        reference = reference_of(secret)
        if reference is None:
            return LocalHashKey(key_bytes(secret))
        return self._there.hash_key(reference)

    @property
    def _there(self) -> KeyModule:
        if self.module is None:
            raise NoModule
        return self.module

    # -- making: in the module under a reference, or as bytes where that is None ------------------

    def new_signing_key(
        self, use: Use, begins: datetime, reference: str | None = None
    ) -> dict[str, Any]:
        """A fresh key of one use, valid from an instant (cut to the second)."""
        seed = secrets.token_bytes(KEY_BYTES)
        if reference is None:
            public = SigningKey.from_seed(seed, use).public
        else:
            public = self._there.make_private_half(reference)
        published = PublishedKey(key_id(public), use, public, begins.replace(microsecond=0))
        secret = _text(seed) if reference is None else _refer(reference)
        return {"seed": secret, "jwk": published.to_jwk()}

    def new_wrapping_key(self, reference: str | None = None) -> Any:
        """A fresh key-encryption key."""
        if reference is None:
            return _text(secrets.token_bytes(KEY_BYTES))
        self._there.make_cipher(reference)
        return _refer(reference)

    def new_hash_key(self, reference: str | None = None) -> Any:
        """A fresh key of keyed hashes."""
        if reference is None:
            return _text(secrets.token_bytes(KEY_BYTES))
        self._there.make_hash_key(reference)
        return _refer(reference)

    def moved_hash_key(self, secret: Any, reference: str) -> Any:
        """The same key of keyed hashes, in the module."""
        self._there.take_hash_key(reference, key_bytes(secret))
        return _refer(reference)


def reference_of(secret: Any) -> str | None:
    """What the key is called in its module; None for bytes. Raises InvalidKey."""
    if not isinstance(secret, Mapping):
        return None
    reference = secret[_MEMBER] if list(secret) == [_MEMBER] else None
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
        raise InvalidKey("a reference is a CKA_ID in hexadecimal")
    return reference


def references_in(document: Any) -> Iterator[str]:
    """Every reference to a module that stands anywhere in a document."""
    if isinstance(document, Mapping) and _MEMBER in document:
        yield str(reference_of(document))
    elif isinstance(document, Mapping):
        for value in document.values():
            yield from references_in(value)
    elif isinstance(document, list):
        for value in document:
            yield from references_in(value)


def key_bytes(text: str) -> bytes:
    """The 256 bits of a key. Raises InvalidKey, ValueError."""
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise InvalidKey("a key of another length")
    return key


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _refer(reference: str) -> dict[str, str]:
    return {_MEMBER: reference}
