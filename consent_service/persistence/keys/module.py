"""The port to a hardware module: keys are made, used and destroyed there, and never leave it.

An object of a module is called by a reference: what the key document holds instead of a key.
"""

import secrets
from typing import Protocol

from consent_service.errors import Misconfigured, Unavailable
from consent_service.persistence.keys.sealing import Cipher, HashKey
from consent_service.signing.keys import PrivateHalf

_REFERENCE_BYTES = 16


class ModuleUnavailable(Unavailable):
    """The module does not answer, or lacks a key that it had: nothing was signed or opened."""

    def __init__(self) -> None:
        super().__init__("key_module_unavailable", "The keys cannot be used now.")


class NoModule(Misconfigured):
    """The document needs a module, and the settings name none."""

    def __init__(self) -> None:
        super().__init__("CONSENT_PKCS11_MODULE is not set, and keys are in a hardware module")


class KeyModule(Protocol):
    """A module. What it gives out raises ModuleUnavailable when it is used and cannot be.

    Everything here raises Misconfigured where the settings do not lead to the module.
    """

    def private_half(self, reference: str, /) -> PrivateHalf:
        """An Ed25519 key that is there. Raises Misconfigured where it is not."""
        ...

    def cipher(self, reference: str, /) -> Cipher:
        """An AES-256 key that is there. Raises Misconfigured where it is not."""
        ...

    def hash_key(self, reference: str, /) -> HashKey:
        """An HMAC key that is there. Raises Misconfigured where it is not."""
        ...

    def make_private_half(self, reference: str, /) -> bytes:
        """A fresh Ed25519 key; its public half, of 32 bytes."""
        ...

    def make_cipher(self, reference: str, /) -> None:
        """A fresh AES-256 key."""
        ...

    def make_hash_key(self, reference: str, /) -> None:
        """A fresh HMAC key of 256 bits."""
        ...

    def take_hash_key(self, reference: str, key: bytes, /) -> None:
        """Keep an HMAC key that was outside until now."""
        ...

    def destroy(self, reference: str, /) -> None:
        """Destroy whatever has this reference; nothing where there is nothing."""
        ...

    def close(self) -> None:
        """Leave the module, before this process becomes another program."""
        ...


def new_reference() -> str:
    """What an object that is made now is called: random, in hexadecimal."""
    return secrets.token_hex(_REFERENCE_BYTES)
