"""How to fill every route of the interface for the tenancy test: one entry a route.

A new route needs an entry here, or the test fails and names it. Path parameters are filled by
their name from `tenancy_world.Case.ids`. A `door` names who may be answered otherwise than about
something that does not exist (`Case.doors`); None says that the route knows no resource, so that
every answer is only searched for canaries.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.api.families import BOTH
from tests.api.tenancy_world import Case, plan_of, public_key
from tests.deployment import CATEGORIES, COLLEAGUE, PURPOSE, organisation, person, template

Body = Callable[[Case, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Fill:
    """One way to call a route: `body` and `query` are made for a case and a caller.

    `order` puts those that end a case, or leave traces in a later answer, last. `named` says by
    which id of the case a parameter is filled, where that is not its own name.
    """

    door: str | None = None
    body: Body | None = None
    query: Body | None = None
    order: int = 0
    named: Mapping[str, str] = field(default_factory=dict)


_NUMBERS = count(1)
_BY = {"performed_by": {"id": "caller-employee", "name": "Ansat"}}


def _holders(case: Case) -> dict[str, Any]:
    own = [person("0303611114", "Ny Forælder", role="parent")]
    return {"source": "cpr-register", "as_of": "2026-11-23", "holders": own}


def _consent_request(case: Case, caller: str) -> dict[str, Any]:
    return {
        "template": plan_of(caller),
        "case_reference": "new-reference",
        "renews": case.ids["consent_id"],
        "child": person(case.ids["cpr"], "Et Barn"),
        "custody": BOTH,
        "parties": sorted({caller, "gp-y", "child-psychiatry"}),
        "categories": ["health"],
        "deadline": None,
        "delivery": "caller",
        **_BY,
    }


def _question(case: Case, caller: str) -> dict[str, Any]:
    return {
        "child": {"cpr": case.ids["cpr"]},
        "sender": caller,
        "recipient": "gp-y" if caller != "gp-y" else "child-psychiatry",
        "purpose": PURPOSE,
        "categories": ["health"],
        "legal_basis": {"type": "consent"},
        **_BY,
    }


def _stop(case: Case, caller: str) -> dict[str, Any]:
    return {
        "child": {"cpr": case.ids["cpr"]},
        "signer": {"cpr": case.ids["cpr"]},
        "channel": "letter",
        **_BY,
    }


def _exemption(case: Case, caller: str) -> dict[str, Any]:
    return {
        "signatory": case.ids["signatory"],
        "reason": "other",
        "provision": "§ 1",
        "evidence_reference": "ref",
        **_BY,
    }


def _paper(case: Case, caller: str) -> dict[str, Any]:
    return {
        "signatory": case.ids["signatory"],
        "decision": "decline",
        "signed_on": "2026-11-23",
        "document": {"reference": "ref", "sha256": "0" * 64},
        "identity_checked": "seen at the counter",
        **_BY,
    }


def _lift(case: Case, caller: str) -> dict[str, Any]:
    return {name: value for name, value in _paper(case, caller).items() if name != "decision"}


def _client(case: Case, caller: str) -> dict[str, Any]:
    return {
        "id": f"new-{next(_NUMBERS)}",
        "organisation": "gp-y",
        "scopes": ["consents:read"],
        "auth_method": "client_secret",
    }


def _scopes(case: Case, caller: str) -> dict[str, Any]:
    return {"scopes": ["consents:read"]}


def _public_key(case: Case, caller: str) -> dict[str, Any]:
    return public_key(f"key-{next(_NUMBERS)}")


def _nothing(case: Case, caller: str) -> dict[str, Any]:
    return {}


def _everything(case: Case, caller: str) -> dict[str, Any]:
    return {"limit": 200}


def _by_colleague(case: Case, caller: str) -> dict[str, Any]:
    return {"performed_by": COLLEAGUE}


def _child(case: Case, caller: str) -> dict[str, Any]:
    return {"child": {"cpr": case.ids["cpr"]}, "limit": 200}


LISTED = Fill(query=_everything)

FILLS: dict[str, tuple[Fill, ...]] = {
    "POST /v1/organisations": (
        Fill(body=lambda case, caller: organisation(f"new-{next(_NUMBERS)}", "other", "Ny")),
    ),
    "GET /v1/organisations": (LISTED,),
    "GET /v1/organisations/{organisation_id}": (Fill(),),
    # What it is already: whatever is asked after it still meets the same.
    "PATCH /v1/organisations/{organisation_id}": (
        Fill(body=lambda case, caller: {"confirmation": "any"}),
    ),
    "POST /v1/templates": (Fill(body=lambda case, caller: template(id=f"new-{next(_NUMBERS)}")),),
    "GET /v1/templates": (LISTED,),
    "GET /v1/templates/{template_id}": (Fill("controller"),),
    "GET /v1/templates/{template_id}/versions/{version}": (Fill("controller"),),
    "POST /v1/consents": (Fill("controller", body=_consent_request, order=1),),
    "GET /v1/consents": (
        LISTED,
        Fill(query=lambda case, caller: {"limit": 1}),
        Fill(query=lambda case, caller: {"limit": 200, "deadline_before": "2027-06-01"}),
        Fill(query=lambda case, caller: {"limit": 200, "status": "in_force"}),
        Fill(
            "controller",
            query=lambda case, caller: {"case_reference": case.ids["case_reference"]},
        ),
    ),
    "POST /v1/consents/search": (Fill("child", body=_child),),
    "GET /v1/consents/{consent_id}": (Fill("knows"),),
    "POST /v1/consents/{consent_id}/links": (
        Fill("controller", body=lambda case, caller: _BY),
        Fill(
            "controller",
            body=lambda case, caller: {"signatories": [case.ids["signatory"]], **_BY},
        ),
    ),
    "POST /v1/consents/{consent_id}/cancellation": (
        Fill("controller", body=lambda case, caller: {"reason": "other", **_BY}, order=3),
    ),
    "POST /v1/consents/{consent_id}/withdrawals": (
        Fill(
            "knows",
            body=lambda case, caller: {
                "signatory": case.ids["signatory"],
                "channel": "oral",
                **_BY,
            },
            order=2,
        ),
    ),
    "POST /v1/withdrawals": (Fill(body=_stop, order=4),),
    "POST /v1/consents/{consent_id}/exemptions": (Fill("controller", body=_exemption),),
    "POST /v1/consents/{consent_id}/exemptions/{exemption_id}/confirmation": (
        Fill("controller", body=_by_colleague),
    ),
    "POST /v1/consents/{consent_id}/exemptions/{exemption_id}/revocation": (
        Fill("controller", body=_by_colleague, order=1),
    ),
    "POST /v1/consents/{consent_id}/paper-grants": (Fill("controller", body=_paper),),
    "POST /v1/consents/{consent_id}/paper-grants/{paper_id}/confirmation": (
        Fill("controller", body=_by_colleague, order=2),
    ),
    "POST /v1/consents/{consent_id}/paper-grants/{paper_id}/rejection": (
        Fill("controller", body=_by_colleague, named={"paper_id": "mistaken_paper_id"}),
    ),
    "POST /v1/consents/{consent_id}/lifts": (Fill("controller", body=_lift),),
    "POST /v1/consents/{consent_id}/lifts/{lift_id}/confirmation": (
        Fill("controller", body=_by_colleague, order=3),
    ),
    "POST /v1/consents/{consent_id}/reconfirmations": (
        Fill("controller", body=lambda case, caller: {"basis": "The case file", **_BY}),
    ),
    "POST /v1/consents/{consent_id}/reconfirmations/{reconfirmation_id}/confirmation": (
        Fill("controller", body=_by_colleague, order=3),
    ),
    "GET /v1/consents/{consent_id}/receipt": (Fill("knows"),),
    "GET /v1/consents/{consent_id}/timeline": (Fill("controller"),),
    "POST /v1/custody-changes": (
        Fill(
            "child_controller",
            body=lambda case, caller: {
                "child": {"cpr": case.ids["cpr"]},
                "custody": _holders(case),
                "effective_from": "2026-11-23",
                **_BY,
            },
            order=2,
        ),
    ),
    "GET /v1/work": (LISTED, Fill(query=lambda case, caller: {"limit": 1})),
    "POST /v1/disclosures": (
        Fill(
            "child",
            body=lambda case, caller: _question(case, caller) | {"channel": "phone"},
            order=1,
        ),
    ),
    "GET /v1/disclosures": (LISTED, Fill(query=lambda case, caller: {"limit": 1})),
    "GET /v1/disclosures/{disclosure_id}": (Fill("disclosure"),),
    "POST /v1/disclosures/{disclosure_id}/outcome": (
        Fill("sender", body=lambda case, caller: {"outcome": "sent", **_BY}),
    ),
    "POST /v1/decisions": (
        Fill("child", body=_question, order=1),
        Fill(
            "child",
            body=lambda case, caller: _question(case, caller) | {"categories": CATEGORIES},
            order=1,
        ),
    ),
    "GET /v1/audit/entries": (
        LISTED,
        Fill(query=lambda case, caller: {"limit": 200, "type": "disclosure"}),
        Fill(
            query=lambda case, caller: {
                "limit": 200,
                "organisation": case.ids["organisation_id"],
            }
        ),
    ),
    "POST /v1/audit/search": (
        Fill("child", body=_child),
        Fill(
            "controller",
            body=lambda case, caller: {"employee": case.ids["employee"], "limit": 200},
        ),
        Fill(
            "controller",
            body=lambda case, caller: {
                "employee": case.ids["employee"],
                "organisation": "municipality-x",
                "limit": 200,
            },
        ),
    ),
    "GET /v1/audit/entries/{entry_id}": (Fill("controller"),),
    "GET /v1/audit/entries/{entry_id}/proof": (Fill("controller"),),
    "GET /v1/audit/export": (LISTED,),
    "POST /v1/audit/subject-export": (
        Fill(
            "child",
            body=lambda case, caller: {"subject": {"cpr": case.ids["cpr"]}, **_BY},
        ),
    ),
    # The operator's: clients name systems, and nothing of a tenant's cases.
    "POST /v1/clients": (Fill(body=_client),),
    "GET /v1/clients": (LISTED,),
    "GET /v1/clients/{client_id}": (Fill(),),
    "POST /v1/clients/{client_id}/scopes": (Fill(body=_scopes),),
    "POST /v1/clients/{client_id}/keys": (Fill(body=_public_key),),
    "POST /v1/clients/{client_id}/keys/{kid}/removal": (Fill(body=_nothing, order=1),),
    "POST /v1/clients/{client_id}/secrets": (Fill(body=_nothing),),
    "POST /v1/clients/{client_id}/secrets/{secret_id}/revocation": (Fill(body=_nothing, order=1),),
    "POST /v1/clients/{client_id}/revocation": (Fill(body=_nothing, order=3),),
    "POST /v1/client-revocations": (
        Fill(
            body=lambda case, caller: {
                "client": f"gone-{next(_NUMBERS)}",
                "organisation": "gp-y",
            },
        ),
    ),
}
