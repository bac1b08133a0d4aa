"""Which of several keys of one use signs at an instant: a pure function of the keys and the time.

A new key is published before it signs, and the old one can still sign until its end; so every
process that knows both picks the same key for the same instant, and nobody has to be told when.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from consent_service.signing.keys import InvalidKey, PublishedKey, SigningKey


class NoKey(InvalidKey):
    """No private half is there for that instant: nothing is signed."""

    code = "no_signing_key"


class Signer(Protocol):
    """What signs as of an instant: one key, a schedule, or a schedule that is kept up to date."""

    def at(self, time: datetime) -> SigningKey:
        """The key that signs what is of this time (UTC). Raises NoKey."""
        ...


@dataclass(frozen=True)
class Scheduled:
    """A private half beside its published life."""

    life: PublishedKey
    key: SigningKey


class Schedule:
    """The private halves of one use. A compromised key is never among them."""

    def __init__(self, keys: Iterable[Scheduled]) -> None:
        usable = (one for one in keys if one.life.status != "compromised")
        self._keys = sorted(usable, key=lambda one: one.life.not_before)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Scheduled]:
        return iter(self._keys)

    def at(self, time: datetime) -> SigningKey:
        """The newest key whose life holds this time. Raises NoKey."""
        for one in reversed(self._keys):
            if one.life.is_valid_at(time):
                return one.key
        raise NoKey("no key of this use is valid at that time")

    def at_or_after(self, time: datetime) -> tuple[SigningKey, datetime]:
        """The key of this time, or the next one to begin; with the time to sign as of.

        For what was left unsigned while its key's private half was destroyed. Raises NoKey.
        """
        try:
            return self.at(time), time
        except NoKey:
            for one in self._keys:
                if one.life.not_before > time:
                    return one.key, one.life.not_before
            raise

    def newest(self, now: datetime) -> SigningKey:
        """The key begun last, or the first to begin. Raises NoKey where there is none."""
        begun = [one.key for one in self._keys if one.life.not_before <= now]
        if not self._keys:
            raise NoKey("no key of this use")
        return begun[-1] if begun else self._keys[0].key
