"""Failed attempts, counted by where they come from: guessing is slowed down, and nobody shut out.

Only failures count. Whoever brings a link, token or secret that holds is served however many
failures came from the same address, so nobody can lock out a parent, not even from the same
school's network. Past the limit a failure is answered with 429; from then on this process
remembers the address until its window ends, so that a flood of guesses is no flood of writes.
"""

import math
import threading
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Literal

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from consent_service.errors import TooManyAttempts

Kind = Literal["link", "login", "staff", "stray", "client", "token"]

LIMITS: dict[Kind, RateLimitItem] = {
    "link": parse("30 per minute"),
    "login": parse("30 per minute"),
    # Refused logins of staff are each in the log. An answer to no login of ours is not, so it is
    # counted apart: whoever wants the log to miss a refusal must fill it with their own first.
    "staff": parse("30 per minute"),
    "stray": parse("30 per minute"),
    "client": parse("30 per minute"),
    # A system with many threads and an expired token fails often, and must be told 401 to renew it.
    "token": parse("600 per minute"),
}
MOST_REMEMBERED = 10_000


class Attempts:
    """Counts failures in a store that all processes share. May be used by many threads."""

    def __init__(self, storage: Storage, clock: Callable[[], float] = time.time) -> None:
        self._limiter = FixedWindowRateLimiter(storage)
        self._clock = clock
        self._refused: dict[tuple[Kind, str], float] = {}
        self._lock = threading.Lock()

    def failed(self, kind: Kind, address: str) -> None:
        """Count a failure, after the check that failed and outside of any transaction.

        Raises TooManyAttempts past the limit, and the storage's own errors: where nothing can be
        counted the answer is no ordinary refusal either.
        """
        place = place_of(address)
        until = self._refused.get((kind, place), 0.0)
        if until <= self._clock():
            limit = LIMITS[kind]
            if self._limiter.hit(limit, kind, place):
                return
            until = self._limiter.get_window_stats(limit, kind, place).reset_time
            self._remember(kind, place, until)
        raise TooManyAttempts(max(1, math.ceil(until - self._clock())))

    def _remember(self, kind: Kind, place: str, until: float) -> None:
        with self._lock:
            if len(self._refused) >= MOST_REMEMBERED:
                now = self._clock()
                self._refused = {who: end for who, end in self._refused.items() if end > now}
            if len(self._refused) >= MOST_REMEMBERED:
                self._refused.clear()
            self._refused[kind, place] = until


def place_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or the /64 network that one IPv6 line has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed), 64), strict=False))
    return str(parsed)
