"""The consent page's values in a reader's words; the templates only lay them out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext

from consent_service.domain.consents.state import Status
from consent_service.domain.kernel.facts import ActKind, Role, Scope
from consent_service.services.insight.insight import KIND, SharedPage
from consent_service.services.signatures.signing_page import ConsentPage, Signer
from consent_service.web.frame.language import direction, period
from consent_service.web.frame.rendering import isolated
from consent_service.web.signatures.older import seal_cursor
from consent_service.web.signatures.state_words import state_words
from consent_service.web.signatures.visit import Visit


@dataclass(frozen=True)
class Choice:
    """A box the signer can untick; a party's `note` says who it is."""

    id: str
    words: str
    note: str
    ticked: bool


@dataclass(frozen=True)
class Shared:
    """One disclosure as the family reads it."""

    time: Any
    sender: str
    recipient: str
    categories: Sequence[str]
    basis: str
    outcome: str
    is_denied: bool


def consent_view(visit: Visit, page: ConsentPage) -> dict[str, Any]:
    """Everything the consent page shows."""
    signer, language = visit.signer, visit.text_language
    labels = signer.template.content["labels"][language]
    return {
        "page": page,
        "state": state_words(page, signer),
        "controller": isolated(signer.terms.controller.name),
        "phone": signer.controller.contact.get("phone"),
        "child": isolated(signer.terms.child.name),
        "is_child": signer.signatory.role is Role.CHILD,
        "text": signer.text(language),
        "text_direction": direction(language),
        "purpose": labels["purpose"],
        "parties": [isolated(party.name) for party in signer.terms.parties],
        "categories": [labels["categories"][name] for name in signer.terms.categories],
        "period": period(signer.request.validity),
        "granular": signer.request.granular,
        "party_choices": _party_choices(visit, language),
        "category_choices": _category_choices(visit, labels),
        "recorded_by": _recorded_by(visit, page),
        "noes_recorded_by": [_organisation(visit, one) for one in page.noes_recorded_by],
        "left_out": _left_out_words(signer, page, labels),
        "effective": _effective(signer, page, labels),
        "others": _others(page),
        **shared_view(visit, page.shared),
        "login_is_fresh": visit.login_is_fresh,
        "text_bound": signer.template.text_bound_login,
        "has_ended": page.status not in _OPEN,
        "ActKind": ActKind,
        "Status": Status,
    }


_OPEN = frozenset({Status.AWAITING_SIGNATURES, Status.IN_FORCE, Status.INCOMPLETE, Status.DECLINED})


def _party_choices(visit: Visit, language: str) -> list[Choice]:
    left_out = visit.content.left_out
    return [
        Choice(
            party.id,
            isolated(party.name),
            party.descriptions.get(language) or party.descriptions.get("da", ""),
            left_out is None or party.id not in left_out.parties,
        )
        for party in visit.signer.terms.parties
        if party.id != visit.signer.terms.controller.id
    ]


def _category_choices(visit: Visit, labels: Mapping[str, Any]) -> list[Choice]:
    left_out = visit.content.left_out
    return [
        Choice(
            name,
            labels["categories"][name],
            "",
            left_out is None or name not in left_out.categories,
        )
        for name in visit.signer.terms.categories
    ]


def _left_out_words(signer: Signer, page: ConsentPage, labels: Mapping[str, Any]) -> list[str]:
    """What the signer's own grant leaves out."""
    kept = page.own_kept
    if kept is None:
        return []
    names = [isolated(party.name) for party in signer.terms.parties if party.id not in kept.parties]
    omitted = [name for name in signer.terms.categories if name not in kept.categories]
    return names + [labels["categories"][name] for name in omitted]


def _effective(
    signer: Signer, page: ConsentPage, labels: Mapping[str, Any]
) -> tuple[list[str], list[str]] | None:
    scope: Scope | None = page.effective_scope
    if scope is None:
        return None
    parties: list[str] = [
        isolated(party.name) for party in signer.terms.parties if party.id in scope.parties
    ]
    categories = [labels["categories"][name] for name in sorted(scope.categories)]
    return parties, categories


def _others(page: ConsentPage) -> list[tuple[str, str | None]]:
    """The role and, where it may be shown, the name of whoever else must sign."""
    return [
        (_role_words(other.role), isolated(other.name) if other.name else None)
        for other in page.others
    ]


def _role_words(role: Role) -> str:
    words: dict[Role, str] = {
        Role.CUSTODY_HOLDER: gettext("Parent with custody"),
        Role.GUARDIAN: gettext("Guardian"),
        Role.CHILD: gettext("The young person, who must sign from the age of 15"),
    }
    return words[role]


def shared_view(visit: Visit, page: SharedPage) -> dict[str, Any]:
    """A page of what was shared, and what the address of the older ones ends with, if any."""
    labels = visit.signer.template.content["labels"][visit.text_language]
    return {
        "shared": [_shared(visit, entry, labels) for entry in page.exchanges],
        "older": seal_cursor(visit.secret, page.older) if page.older else None,
        "text_language": visit.text_language,
    }


def _shared(visit: Visit, entry: Mapping[str, Any], labels: Mapping[str, Any]) -> Shared:
    return Shared(
        time=entry["time"],
        sender=_organisation(visit, entry["sender"]),
        recipient=_organisation(visit, entry["recipient"]),
        categories=[labels["categories"].get(name, name) for name in entry["categories"]],
        basis=_basis(entry),
        outcome=_outcome(entry["outcome"]),
        is_denied=entry["outcome"] == "denied",
    )


def _recorded_by(visit: Visit, page: ConsentPage) -> str | None:
    """Who recorded the signer's latest act in their name."""
    return _organisation(visit, page.own_recorded_by) if page.own_recorded_by else None


def _organisation(visit: Visit, organisation: str) -> str:
    """An organisation's name, as it was when the family was asked; or the words for its kind."""
    if organisation.startswith(KIND):
        return _kind_words(organisation.removeprefix(KIND))
    for party in visit.signer.terms.parties:
        if party.id == organisation:
            return isolated(party.name)
    found = visit.uow.catalogue.organisation(organisation)
    return isolated(found.name if found else organisation)


def _kind_words(kind: str) -> str:
    words: dict[str, str] = {
        "municipality": gettext("a municipality"),
        "general_practice": gettext("a practice"),
        "child_psychiatry": gettext("a psychiatric clinic for children"),
        "paediatrics": gettext("a hospital’s children’s ward"),
    }
    return words.get(kind) or gettext("another organisation")


def _basis(entry: Mapping[str, Any]) -> str:
    words = {
        "consent": gettext("Your family’s consent"),
        "current_treatment": gettext("The law on treatment that is under way"),
        "other_statute": gettext("Another law"),
        "notification_duty": gettext("The duty to notify the municipality"),
        "vital_interest": gettext("Danger to life or health"),
        "oral_consent": gettext("Consent given in conversation"),
    }.get(entry["legal_basis"], entry["legal_basis"])
    provision = entry.get("provision")
    return f"{words} ({provision})" if provision else words


def _outcome(outcome: str) -> str:
    words: dict[str, str] = {
        "permitted": gettext("Allowed"),
        "denied": gettext("Stopped: it was not allowed"),
        "recorded": gettext("Noted: done on another basis than consent"),
    }
    return words.get(outcome, outcome)
