"""The keys of an external issuer, fetched from its JWKS address and kept with care.

A dead or lying address never opens a door: what it last published counts on for a day, then
nothing does. Source: RFC 7517 § 5.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import jwt

from consent_service.identity.fetched_json import NoDocument, fetch_json
from consent_service.identity.public_keys import UnusableKey, pinned

REFRESH_SECONDS = 3600.0
"""A key that the issuer takes back is refused after this at the latest."""

PAUSE_SECONDS = 30.0
"""Between two attempts, however many unknown kids turn up and whether or not one succeeds."""

KEPT_SECONDS = 24 * 3600.0
TIMEOUT_SECONDS = 3.0
MOST_KEYS = 100

log = logging.getLogger(__name__)


class NoKeys(ValueError):
    """The address gave no usable key set. The message never repeats what it gave."""


class FetchedKeys:
    """Keys from an address. May be shared by threads; at most one of them fetches at a time.

    `monotonic` is in seconds; `fetch` answers the JWK set or raises NoKeys.
    """

    def __init__(
        self,
        url: str,
        algorithms: Sequence[str],
        monotonic: Callable[[], float] = time.monotonic,
        fetch: Callable[[str], Any] | None = None,
    ) -> None:
        self._url = url
        self._algorithms = algorithms
        self._monotonic = monotonic
        self._fetch = fetch or fetch_jwks
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._lock = threading.Lock()

    def get(self, kid: str, /) -> jwt.PyJWK | None:
        """The key of this kid, if it counts now; asks the issuer where it might know more."""
        if kid not in self._keys or self._age() >= REFRESH_SECONDS:
            self._refresh()
        return self._keys.get(kid) if self._age() < KEPT_SECONDS else None

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._monotonic() - self._fetched

    def _refresh(self) -> None:
        # Who comes while another fetches does without, but for the very first keys.
        if not self._lock.acquire(timeout=TIMEOUT_SECONDS if self._fetched is None else 0):
            return
        try:
            now = self._monotonic()
            if self._tried is not None and now - self._tried < PAUSE_SECONDS:
                return
            self._tried = now
            self._keys = usable_keys(self._fetch(self._url), self._algorithms)
            self._fetched = now
        except NoKeys as why:
            log.error("keys of an external issuer: %s", why)
        finally:
            self._lock.release()


def usable_keys(jwks: Any, algorithms: Sequence[str]) -> dict[str, jwt.PyJWK]:
    """The keys of a set that may sign, by kid. Raises NoKeys where there is none.

    A key we cannot use says nothing about the others; two under one kid are both refused.
    """
    members = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(members, list) or len(members) > MOST_KEYS:
        raise NoKeys("no JWK set")
    kids = [one.get("kid") for one in members if isinstance(one, dict)]
    found = {}
    for member in members:
        try:
            key = pinned(member, algorithms)
        except UnusableKey:
            continue
        kid = member.get("kid")
        if isinstance(kid, str) and kid and kids.count(kid) == 1:
            found[kid] = key
    if not found:
        raise NoKeys("no key in the set can be used")
    return found


def fetch_jwks(url: str) -> Any:
    """GET a key set, as `fetch_json` does. Raises NoKeys."""
    try:
        return fetch_json(url, TIMEOUT_SECONDS)
    except NoDocument as why:
        raise NoKeys(str(why)) from None
