"""Denied attempts that would tell one signer of another's no, while nobody may know of it (R11).

While a request is incomplete, no signer learns whether another refused or is silent. So an attempt
that was denied for such a refusal is held back until the request is in force or final.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from consent_service.domain.consents.state import Status, state_at
from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.insight.refusers import whose_no
from consent_service.domain.kernel.facts import Act, History

_SAID_NO = frozenset({"declined", "withdrawn", "scope_empty", "objection_stands"})
_LEFT_OUT = frozenset({"party_not_covered", "category_not_covered"})


@dataclass(frozen=True)
class Attempt:
    """A transfer that was denied, or a question that was answered so.

    `instant` is the one decided about, `consent` the one whose reasons were told, `reasons` are
    as the log has them: code, role and what they are about.
    """

    transfer: Transfer
    instant: datetime
    consent: str | None
    reasons: Sequence[Mapping[str, str]]


def secret_refusals(history: History, person: str, instant: datetime) -> frozenset[str]:
    """The consents, live and not in force, that somebody else said no to: one may not know."""
    refused = {
        act.consent
        for act in history.recorded_by(instant).facts
        if isinstance(act, Act)
        and act.person != person
        and act.denies(history.request(act.consent).asked)
    }
    states = {consent: state_at(history, consent, instant) for consent in refused}
    return frozenset(
        consent
        for consent, state in states.items()
        if state.is_live and state.status is not Status.IN_FORCE
    )


def is_held_back(history: History, attempt: Attempt, person: str, secret: frozenset[str]) -> bool:
    """Whether a denied attempt is kept from a signer for now; `secret` as `secret_refusals` says.

    What also rests on the signer's own no is not.
    """
    if not secret or not any(map(_rests_on_a_no, attempt.reasons)):
        return False
    noes = whose_no(history, attempt.transfer, attempt.instant, attempt.consent)
    if any(who == person for who, _ in noes):
        return False
    return any(consent in secret for _, consent in noes)


def _rests_on_a_no(reason: Mapping[str, str]) -> bool:
    """What is not covered names a role only where a signer left it out."""
    return reason["code"] in _SAID_NO or (reason["code"] in _LEFT_OUT and "role" in reason)
