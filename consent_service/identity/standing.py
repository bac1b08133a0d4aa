"""Whether a caller whose token verifies is still welcome.

What is known of clients counts only for the number that every change of any client raises, and
each request looks at that number. So a revocation that was answered is known to the next request of
every process on every machine.
"""

from consent_service.errors import Unauthenticated
from consent_service.services.access.client import Standing
from consent_service.services.access.ports import Clients
from consent_service.services.kernel.model import Caller


def verify_standing(clients: Clients, caller: Caller) -> None:
    """Refuse a revoked client, and a token that says more than its registered client may.

    Raises Unauthenticated, and ClientsNotVouchedFor where nobody's standing is known.
    """
    standing = clients.standing(caller.issuer, caller.client)
    if standing.suspended:
        raise Unauthenticated("The client is suspended until the operator has confirmed it.")
    if not _is_good(standing, caller):
        raise Unauthenticated("The token does not verify.")


def _is_good(standing: Standing, caller: Caller) -> bool:
    if standing.revoked:
        return False
    if standing.organisation is not None and standing.organisation != caller.organisation:
        return False
    return standing.scopes is None or caller.scopes <= standing.scopes
