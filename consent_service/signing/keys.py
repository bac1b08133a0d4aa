"""Ed25519 keys: the halves that sign, and the published halves that years later verify.

Each key has one use and is named by its RFC 7638 thumbprint. Times are UTC in whole
seconds, because a JWK carries them as NumericDate (RFC 7519 § 2).
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Protocol, Self, get_args

from cryptography.exceptions import InvalidSignature as _BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from consent_service.errors import ConsentServiceError
from consent_service.signing import base64url
from consent_service.signing.canonical import canonical_json
from consent_service.signing.members import Members

Use = Literal["seal", "promise", "log", "cosignature", "token"]
Status = Literal["active", "retired", "compromised"]

PUBLIC_KEY_BYTES = 32
"""RFC 8032 § 5.1.5."""

ALGORITHMS = ("EdDSA", "Ed25519")
"""The names of the one algorithm: RFC 8037's, which is written, and RFC 9864's, which is read."""

_REQUIRED = ("kty", "crv", "x", "kid", "use", "alg", "consent_use", "nbf", "status")
_OPTIONAL = ("exp", "compromised_at")
_OURS = {"kty": ("OKP",), "crv": ("Ed25519",), "use": ("sig",)}
_NO_OFFSET = timedelta(0)
_LATEST_NUMERIC_DATE = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())

_FIELD = 2**255 - 19
_ORDER_8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_SMALL_ORDER = frozenset({0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8})
"""The y of each point whose order divides 8 (Chalkias et al. 2020, "Taming the many EdDSAs")."""


class InvalidKey(ConsentServiceError):
    """A key, or its description, that this service does not use."""

    code = "invalid_key"


class InvalidSignature(ConsentServiceError):
    """What is signed does not verify; the root of everything a verifier refuses."""

    code = "invalid_signature"


class UnknownKey(InvalidSignature):
    """No published key has that identifier and that use."""

    code = "unknown_key"


class PrivateHalf(Protocol):
    """What signs: a private key in this process, or one that is only reached."""

    def sign(self, data: bytes, /) -> bytes:
        """The 64-byte Ed25519 signature; the same bytes every time (RFC 8032)."""
        ...


@dataclass(frozen=True)
class SigningKey:
    """A private key with its one use, and its public half (32 bytes), of which `kid` is the name.

    `kid` must be the thumbprint of the public half.
    """

    kid: str
    use: Use
    public: bytes
    private: PrivateHalf = field(repr=False, compare=False)

    @classmethod
    def from_seed(cls, seed: bytes, use: Use) -> Self:
        """The key of a 32-byte seed (RFC 8032 § 5.1.5). Raises InvalidKey."""
        try:
            private = Ed25519PrivateKey.from_private_bytes(seed)
        except ValueError:
            raise InvalidKey("an Ed25519 seed has 32 bytes") from None
        public = private.public_key().public_bytes_raw()
        return cls(key_id(public), use, public, private)

    @property
    def is_in_process(self) -> bool:
        """Whether signing again costs less than verifying; elsewhere it is the other way round."""
        return isinstance(self.private, Ed25519PrivateKey)

    def at(self, time: datetime) -> Self:  # noqa: ARG002 - one key signs at every time
        """Itself (`signing.schedule.Signer`)."""
        return self

    def sign(self, data: bytes) -> bytes:
        """The 64-byte signature; the same bytes every time (RFC 8032)."""
        return self.private.sign(data)


@dataclass(frozen=True)
class PublishedKey:
    """The public half with its life: valid from `not_before` until before `not_after`.

    Raises InvalidKey for a weak point (`check_point`), for a time not in UTC or with a fraction
    of a second, for a retired key without an end, and unless exactly the compromised ones say
    since when.
    """

    kid: str
    use: Use
    public: bytes
    not_before: datetime
    not_after: datetime | None = None
    status: Status = "active"
    compromised_at: datetime | None = None

    def __post_init__(self) -> None:
        if len(self.public) != PUBLIC_KEY_BYTES or self.kid != key_id(self.public):
            raise InvalidKey("kid is not the thumbprint of an Ed25519 public key")
        check_point(self.public)
        if self.use not in get_args(Use) or self.status not in get_args(Status):
            raise InvalidKey("unknown use or status")
        for time in (self.not_before, self.not_after, self.compromised_at):
            if time is not None and (time.utcoffset() != _NO_OFFSET or time.microsecond):
                raise InvalidKey("a key's times are UTC in whole seconds")
        if (self.status == "compromised") != (self.compromised_at is not None):
            raise InvalidKey("a compromised key, and no other, says since when")
        if self.status == "retired" and self.not_after is None:
            raise InvalidKey("a retired key has an end")

    def is_valid_at(self, time: datetime) -> bool:
        """Whether `not_before` ≤ time < `not_after`."""
        return self.not_before <= time and (self.not_after is None or time < self.not_after)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raise InvalidSignature unless this key made the signature over the data."""
        try:
            _loaded(self.public).verify(signature, data)
        except _BadSignature:
            raise InvalidSignature("the signature does not verify") from None

    def to_jwk(self) -> dict[str, Any]:
        """The key as a JWK (RFC 7517, RFC 8037) with this service's members for its life."""
        jwk: dict[str, Any] = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64url.encode(self.public),
            "kid": self.kid,
            "use": "sig",
            "alg": "EdDSA",
            "consent_use": self.use,
            "nbf": int(self.not_before.timestamp()),
            "status": self.status,
        }
        if self.not_after is not None:
            jwk["exp"] = int(self.not_after.timestamp())
        if self.compromised_at is not None:
            jwk["compromised_at"] = int(self.compromised_at.timestamp())
        return jwk

    @classmethod
    def from_jwk(cls, jwk: Any) -> Self:
        """Read what `to_jwk` wrote, and ignore other members (RFC 7517 § 4). Raises InvalidKey."""
        if not isinstance(jwk, dict):
            raise InvalidKey("not a JSON object")
        if "d" in jwk:
            raise InvalidKey("a private key is not published")
        known = {name: jwk[name] for name in (*_REQUIRED, *_OPTIONAL) if name in jwk}
        members = Members(known, _REQUIRED, _OPTIONAL, refusal=InvalidKey)
        for name, allowed in (*_OURS.items(), ("alg", ALGORITHMS)):
            members.one_of(name, allowed)
        return cls(
            kid=members.text("kid"),
            use=members.one_of("consent_use", get_args(Use)),
            public=members.base64url("x"),
            not_before=_numeric_date(members, "nbf"),
            not_after=_numeric_date(members, "exp") if "exp" in members else None,
            status=members.one_of("status", get_args(Status)),
            compromised_at=(
                _numeric_date(members, "compromised_at") if "compromised_at" in members else None
            ),
        )


class KeySet:
    """An unchanging collection of published keys, each kid once. Raises InvalidKey."""

    def __init__(self, keys: Iterable[PublishedKey]) -> None:
        self._keys: dict[str, PublishedKey] = {}
        for key in keys:
            if key.kid in self._keys:
                raise InvalidKey("two published keys with one kid: a key has one use")
            self._keys[key.kid] = key

    def __iter__(self) -> Iterator[PublishedKey]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: str, use: str) -> PublishedKey:
        """The key of that name, if it has that use. Raises UnknownKey."""
        key = self._keys.get(kid)
        if key is None or key.use != use:
            raise UnknownKey(f"no published {use} key has this kid")
        return key

    def of_use(self, use: Use) -> tuple[PublishedKey, ...]:
        """Every key of one use, in the order given."""
        return tuple(key for key in self if key.use == use)

    def as_jwks(self) -> dict[str, Any]:
        """The set as a JWK Set (RFC 7517 § 5)."""
        return {"keys": [key.to_jwk() for key in self]}

    @classmethod
    def from_jwks(cls, jwks: Any) -> Self:
        """Read what `as_jwks` wrote, and what later versions may add to it (RFC 7517 § 5).

        Ignored are other members of the set, and keys of other types, curves and uses: none
        of them can make what was signed before unverifiable. Raises InvalidKey for a
        damaged key of ours, and for one that is there twice.
        """
        keys = jwks.get("keys") if isinstance(jwks, dict) else None
        if not isinstance(keys, list):
            raise InvalidKey("not a JWK Set")
        return cls(PublishedKey.from_jwk(jwk) for jwk in keys if not _is_anothers(jwk))


def key_id(public: bytes) -> str:
    """The RFC 7638 thumbprint of an Ed25519 public key, base64url (RFC 8037, appendix A.3)."""
    required = {"crv": "Ed25519", "kty": "OKP", "x": base64url.encode(public)}
    return base64url.encode(hashlib.sha256(canonical_json(required)).digest())


def check_point(public: bytes) -> None:
    """Raise InvalidKey for a public key under which signatures by nobody verify.

    That are the points of small order, in each spelling; and no spelling of a point counts that
    RFC 8032 § 5.1.3 does not decode.
    """
    y = int.from_bytes(public, "little") & ~(1 << 255)
    if y % _FIELD in _SMALL_ORDER:
        raise InvalidKey("a point of small order is no key")
    if y >= _FIELD:
        raise InvalidKey("not the encoding of a point")


def _is_anothers(jwk: Any) -> bool:
    """Whether a JWK is of another type, curve or use than ours, and so nothing to us."""
    if not isinstance(jwk, dict):
        return False
    uses = _OURS | {"consent_use": get_args(Use)}
    return any(
        name not in jwk or (isinstance(jwk[name], str) and jwk[name] not in known)
        for name, known in uses.items()
    )


def _numeric_date(members: Members, name: str) -> datetime:
    seconds = members.integer(name)
    if seconds > _LATEST_NUMERIC_DATE:
        raise InvalidKey(f"{name} is beyond the calendar")
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=64)
def _loaded(public: bytes) -> Ed25519PublicKey:
    """The library's key object, kept: a log is a million signatures by a handful of keys."""
    return Ed25519PublicKey.from_public_bytes(public)
