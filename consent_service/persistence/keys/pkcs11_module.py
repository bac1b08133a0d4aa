"""Keys in a hardware module, by PKCS #11: the port's one implementation (`keys.module`).

| what | mechanism |
| --- | --- |
| signatures | CKM_EDDSA over Ed25519 (PKCS #11 v3.0 § 2.3.14) |
| wrapping of data keys | CKM_AES_GCM, 256 bits, a tag of 16 bytes, our nonce |
| keyed hashes | CKM_SHA256_HMAC, a generic secret of 256 bits |

Every key is sensitive and not extractable, or is not used. Its CKA_ID is the document's reference.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pkcs11
from cryptography.exceptions import InvalidTag
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import MultipleObjectsReturned, NoSuchKey, PKCS11Error
from pkcs11.util.ec import encode_named_curve_parameters

from consent_service.errors import Misconfigured
from consent_service.module_settings import ModuleSettings
from consent_service.persistence.keys.module import ModuleUnavailable
from consent_service.persistence.keys.pkcs11_session import Opened, TokenSession, is_kept_inside
from consent_service.persistence.keys.sealing import KEY_BYTES
from consent_service.signing.keys import PUBLIC_KEY_BYTES

T = TypeVar("T")

_LABEL = "consent-service"
_ED25519 = encode_named_curve_parameters("1.3.101.112")
"""RFC 8410 § 3."""

_INSIDE = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
_TAG_BITS = 128
_NAME_BYTES = 16
_NONCE_BYTES = 12


class Pkcs11Module:
    """The token of a deployment (`keys.module.KeyModule`)."""

    def __init__(self, settings: ModuleSettings) -> None:
        self._token = TokenSession(settings)

    # -- use ----------------------------------------------------------------------------------

    def private_half(self, reference: str) -> "_PrivateHalf":
        self._check(ObjectClass.PRIVATE_KEY, reference)
        return _PrivateHalf(_Key(self._token, ObjectClass.PRIVATE_KEY, reference))

    def cipher(self, reference: str) -> "_Cipher":
        self._check(ObjectClass.SECRET_KEY, reference)
        return _Cipher(_Key(self._token, ObjectClass.SECRET_KEY, reference))

    def hash_key(self, reference: str) -> "_HashKey":
        self._check(ObjectClass.SECRET_KEY, reference)
        key = _Key(self._token, ObjectClass.SECRET_KEY, reference)
        # Something only this key can say: a reference could lead to another key one day.
        return _HashKey(key, key.run(lambda it: _hmac(it, b"index-key"))[:_NAME_BYTES])

    def close(self) -> None:
        self._token.close()

    # -- change -------------------------------------------------------------------------------

    def make_private_half(self, reference: str) -> bytes:
        def make(session: pkcs11.Session) -> bytes:
            curve = session.create_domain_parameters(
                KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _ED25519}, local=True
            )
            public, _ = curve.generate_keypair(
                mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                store=True,
                id=bytes.fromhex(reference),
                label=_LABEL,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                private_template=_INSIDE,
                # The document has it: in the token it would be one more thing to destroy.
                public_template={Attribute.TOKEN: False},
            )
            return _point(public[Attribute.EC_POINT])

        return self._token.change(make)

    def make_cipher(self, reference: str) -> None:
        able = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
        self._make(KeyType.AES, reference, able, Mechanism.AES_KEY_GEN)

    def make_hash_key(self, reference: str) -> None:
        made_by = Mechanism.GENERIC_SECRET_KEY_GEN
        self._make(KeyType.GENERIC_SECRET, reference, MechanismFlag.SIGN, made_by)

    def take_hash_key(self, reference: str, key: bytes) -> None:
        attributes = {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
            Attribute.VALUE: key,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: True,
            Attribute.SIGN: True,
            Attribute.ID: bytes.fromhex(reference),
            Attribute.LABEL: _LABEL,
            **_INSIDE,
        }
        self._token.change(lambda session: session.create_object(attributes))

    def destroy(self, reference: str) -> None:
        def destroy(session: pkcs11.Session) -> None:
            for found in list(session.get_objects({Attribute.ID: bytes.fromhex(reference)})):
                found.destroy()

        self._token.change(destroy)

    def _make(self, kind: KeyType, reference: str, able: MechanismFlag, made_by: Mechanism) -> None:
        self._token.change(
            lambda session: session.generate_key(
                kind,
                KEY_BYTES * 8,
                id=bytes.fromhex(reference),
                label=_LABEL,
                store=True,
                capabilities=able,
                mechanism=made_by,
                template=_INSIDE,
            )
        )

    def _check(self, kind: ObjectClass, reference: str) -> None:
        """Raise Misconfigured unless the key is there, as large as it must be, and stays there."""

        def check(opened: Opened) -> bool:
            key = opened.find(kind, reference)
            is_whole = kind == ObjectClass.PRIVATE_KEY or key[Attribute.VALUE_LEN] == KEY_BYTES
            return is_whole and is_kept_inside(key)

        try:
            if not self._token.run(check):
                raise Misconfigured(f"key {reference} of the hardware module is not safe to use")
        except NoSuchKey:
            raise Misconfigured(
                f"the token (CONSENT_PKCS11_TOKEN) lacks key {reference} of the key file"
            ) from None
        except MultipleObjectsReturned:
            raise Misconfigured(f"two keys of the hardware module are called {reference}") from None


@dataclass(frozen=True)
class _Key:
    """An object, found again in whatever session there is when it is used."""

    token: TokenSession
    kind: ObjectClass
    reference: str

    def run(self, act: Callable[[Any], T]) -> T:
        """Use it. Raises ModuleUnavailable."""
        try:
            return self.token.run(lambda opened: act(opened.find(self.kind, self.reference)))
        except (NoSuchKey, MultipleObjectsReturned):
            raise ModuleUnavailable from None


@dataclass(frozen=True, repr=False)
class _PrivateHalf:
    """`signing.keys.PrivateHalf`."""

    key: _Key

    def sign(self, data: bytes) -> bytes:
        return self.key.run(lambda key: bytes(key.sign(data, mechanism=Mechanism.EDDSA)))


@dataclass(frozen=True, repr=False)
class _Cipher:
    """`keys.sealing.Cipher`."""

    key: _Key

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        return self.key.run(
            lambda key: bytes(key.encrypt(data, **_gcm(nonce, associated_data or b"")))
        )

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        def decrypt(key: Any) -> bytes:
            try:
                return bytes(key.decrypt(data, **_gcm(nonce, associated_data or b"")))
            except PKCS11Error:
                # Libraries say "general error" of a wrong tag too: only if the key does its work
                # otherwise is it the data's fault. What cannot be reached is not damaged.
                probe = _gcm(os.urandom(_NONCE_BYTES), b"")
                key.decrypt(key.encrypt(b"probe", **probe), **probe)
                raise InvalidTag from None

        return self.key.run(decrypt)


@dataclass(frozen=True, repr=False)
class _HashKey:
    """`keys.sealing.HashKey`."""

    key: _Key
    id: bytes

    def digest(self, message: bytes) -> bytes:
        return self.key.run(lambda key: _hmac(key, message))


def _hmac(key: Any, message: bytes) -> bytes:
    return bytes(key.sign(message, mechanism=Mechanism.SHA256_HMAC))


def _gcm(nonce: bytes, associated: bytes) -> Mapping[str, Any]:
    return {
        "mechanism": Mechanism.AES_GCM,
        "mechanism_param": GCMParams(nonce=nonce, aad=associated, tag_bits=_TAG_BITS),
    }


def _point(encoded: bytes) -> bytes:
    """The public half in a CKA_EC_POINT: bare, or in a DER string (PKCS #11 v3.0 § 2.3.3)."""
    if len(encoded) not in (PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + 2, PUBLIC_KEY_BYTES + 3):
        raise Misconfigured("the hardware module made a key of another kind")
    return bytes(encoded[-PUBLIC_KEY_BYTES:])
