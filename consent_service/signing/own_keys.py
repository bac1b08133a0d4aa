"""Published keys whose private halves are at hand: their signatures are made again and compared.

Ed25519 is deterministic (RFC 8032 § 5.1.6), and signing costs a quarter of verifying. What differs
from our own signature is verified like any other, so nothing is accepted or refused that would not
be without the private half.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

from consent_service.signing.keys import InvalidKey, KeySet, PublishedKey, SigningKey
from consent_service.signing.schedule import Schedule


@dataclass(frozen=True)
class OwnKey(PublishedKey):
    """A published key with its private half, which stays in this process.

    Raises InvalidKey for the half of another key.
    """

    half: SigningKey | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.half is not None and self.half.public != self.public:
            raise InvalidKey("a private half that is not the published key's")

    def verify(self, signature: bytes, data: bytes) -> None:
        if self.half is None or not compare_digest(self.half.sign(data), signature):
            super().verify(signature, data)

    def __reduce__(self) -> Any:
        members = (self.kid, self.use, self.public, self.not_before, self.not_after)
        return PublishedKey, (*members, self.status, self.compromised_at)


def own_keys(published: KeySet, schedules: Iterable[Schedule]) -> KeySet:
    """The published keys, those of the schedules with their private halves in this process."""
    scheduled = (one for schedule in schedules for one in schedule)
    halves = {one.life.kid: one.key for one in scheduled if one.key.is_in_process}
    return KeySet(_own(key, halves[key.kid]) if key.kid in halves else key for key in published)


def _own(key: PublishedKey, half: SigningKey) -> OwnKey:
    life = (key.not_before, key.not_after, key.status, key.compromised_at)
    return OwnKey(key.kid, key.use, key.public, *life, half)
