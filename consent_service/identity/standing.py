"""Whether a caller whose token verifies is still welcome.

Every request reads one number, the epoch, which every change of any client raises. What is
remembered counts only for the epoch it was read under, so a revocation that was answered is known
to the next request of every process on every machine.
"""

from consent_service.errors import Unauthenticated
from consent_service.services.access.client import Standing
from consent_service.services.access.ports import Clients
from consent_service.services.kernel.model import Caller

MOST_CACHED = 10_000


class Standings:
    """What this process remembers of callers. May be shared by threads."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, Standing]] = {}

    def check(self, clients: Clients, caller: Caller) -> None:
        """Refuse a revoked client, and a token that says more than its registered client may.

        Raises Unauthenticated.
        """
        epoch = clients.epoch()
        name = (caller.issuer, caller.client)
        known = self._known.get(name)
        # The epoch was read first: what is read after it is that old at the oldest.
        if known is None or known[0] != epoch:
            if len(self._known) >= MOST_CACHED:
                self._known.clear()
            known = self._known[name] = (epoch, clients.standing(*name))
        if not _is_good(known[1], caller):
            raise Unauthenticated("The token does not verify.")


def _is_good(standing: Standing, caller: Caller) -> bool:
    if standing.revoked:
        return False
    if standing.organisation is not None and standing.organisation != caller.organisation:
        return False
    return standing.scopes is None or caller.scopes <= standing.scopes
