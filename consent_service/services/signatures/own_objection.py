"""Whether a signer's own no, said under another consent, stops part of this one (R5)."""

from datetime import datetime
from itertools import combinations

from consent_service.domain.disclosures.objections import Transfer, standing_objections
from consent_service.domain.kernel.facts import History, Request, Scope


def own_objection_stands(
    history: History, request: Request, scope: Scope, person: str, instant: datetime
) -> bool:
    """Whether anything in a scope is stopped by this very person's standing denial.

    Nobody else's is looked at: while another consent is incomplete, nobody learns who refused it
    (R11). A denial covers both directions, so each pair of parties is asked once.
    """
    return any(
        objection.denial.act.person == person
        for sender, recipient in combinations(sorted(scope.parties), 2)
        for objection in standing_objections(
            history,
            Transfer(sender, recipient, request.purpose, scope.categories),
            instant,
            deciding=request,
        )
    )
