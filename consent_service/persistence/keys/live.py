"""The keys of a running process, read again when they change: a rotation needs no restart.

A unit of work that begins sees the keys as they were at most `RELOAD_EVERY` before. A document
that cannot be read, or that lacks a key once published, is refused with an alarm, and the process
goes on with the keys it has.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from consent_service.errors import Misconfigured, Unavailable
from consent_service.logs import Alarm
from consent_service.persistence.keys.document import Keys, KeySource
from consent_service.persistence.keys.sealing import KeyRing
from consent_service.signing.keys import KeySet, SigningKey, Use

RELOAD_EVERY = timedelta(seconds=2)

log = logging.getLogger(__name__)


class LiveKeys:
    """The keys of this process, and the ring of its key-encryption keys, kept up to date."""

    def __init__(self, source: KeySource, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Raises Misconfigured: no process starts with keys that cannot be read."""
        self._source = source
        self._monotonic = monotonic
        self._lock = threading.Lock()
        # The fingerprint is taken first: a change between the two is then seen at the next look.
        self._fingerprint = source.fingerprint()
        self._keys = source.read()
        self.ring = KeyRing(self._keys.key_encryption, self.refresh)
        self._next_look = monotonic() + RELOAD_EVERY.total_seconds()
        self._alarm = Alarm(log, monotonic)

    def current(self) -> Keys:
        """The keys, looked for again when the last look was a while ago."""
        if self._monotonic() >= self._next_look and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._keys

    def refresh(self) -> Keys:
        """The keys as they are at this moment."""
        with self._lock:
            self._look()
        return self._keys

    def _look(self) -> None:
        try:
            fingerprint = self._source.fingerprint()
            if fingerprint != self._fingerprint:
                self._accept(self._source.read())
                self._fingerprint = fingerprint
        except (Misconfigured, Unavailable) as refused:
            self._alarm.sound("the changed keys are not used: %s", refused.detail)
        self._next_look = self._monotonic() + RELOAD_EVERY.total_seconds()

    def _accept(self, keys: Keys) -> None:
        # A published key is never taken back, so a document without one is another deployment's.
        for old, new in (
            (self._keys.published, keys.published),
            (self._keys.token_keys, keys.token_keys),
        ):
            if not {key.kid for key in old} <= {key.kid for key in new}:
                raise Misconfigured("the new key file lacks a key that was published")
        self.ring.renew(keys.key_encryption)
        self._keys = keys
        log.info("the keys were read again")


@dataclass(frozen=True)
class LiveSigner:
    """Signs with whatever key of one use is the right one (`signing.schedule.Signer`)."""

    keys: LiveKeys
    use: Use

    def at(self, time: datetime) -> SigningKey:
        """The key that signs what is of this time. Raises NoKey."""
        return self.keys.current().schedules[self.use].at(time)


class LiveTokenKeys(Mapping[str, Any]):
    """The keys that access tokens verify under, by kid: what `load_keys` makes of ours.

    A key ends at its `exp` or when it is compromised, for tokens issued before as well.
    """

    def __init__(
        self,
        keys: LiveKeys,
        load_keys: Callable[[KeySet], Mapping[str, Any]],
        clock: Callable[[], datetime],
    ) -> None:
        """Raises Misconfigured as `load_keys` does."""
        self._live = keys
        self._load_keys = load_keys
        self._clock = clock
        self._own = keys.current().token_keys
        self._loaded = load_keys(self._own)

    def __getitem__(self, kid: str) -> Any:
        own = self._live.current().token_keys
        if own is not self._own:
            self._loaded, self._own = self._load_keys(own), own
        for key in self._own:
            if key.kid == kid and key.not_after is not None and key.not_after <= self._clock():
                raise KeyError(kid)
        return self._loaded[kid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)
