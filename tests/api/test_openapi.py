"""The OpenAPI document is valid, agrees with the routes, and what is served agrees with it."""

import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation

from consent_service.signing import base64url
from tests.api.families import BOTH, CHILD, MOTHER_ALONE, SIBLING, YOUNG_PERSON
from tests.deployment import COLLEAGUE, EMPLOYEE, MOTHER, PARTIES, Deployment, template

load_all_checks()

CHECKED = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]
REJECTED = CHECKS.get_one("negative_data_rejection")
EXAMPLES = 25
TURNS = 3
"""An operation that has not succeeded yet is called with other examples: which ones Hypothesis
makes depends on what else the process has imported."""

MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
BY_SECRET = {"auth_method": "client_secret"}
ENDINGS = (
    "/cancellation",
    "/paper-grants/{paper_id}/confirmation",
    "/lifts/{lift_id}/confirmation",
    "/reconfirmations/{reconfirmation_id}/confirmation",
    "/withdrawals",
    "/custody-changes",
    "{client_id}/revocation",
)


def document(service: Deployment) -> dict[str, Any]:
    answer = service.app.test_client().get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return dict(answer.json or {})


def operations(found: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


# -- the document -----------------------------------------------------------------------------


def test_the_document_is_valid(on_sqlite: Deployment) -> None:
    found = document(on_sqlite)
    assert found["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(found).validate()
    for schema in found["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    for reference in _references(found):
        target: Any = found
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def _references(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for name, value in content.items():
            if name == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(content, list):
        for value in content:
            yield from _references(value)


def test_it_names_every_route_of_the_interface_and_no_other(on_sqlite: Deployment) -> None:
    documented = {(path, method) for path, method, _ in operations(document(on_sqlite))}
    routed = {
        (rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}"), method.lower())
        for rule in on_sqlite.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if rule.rule.startswith("/v1/")
    }
    assert documented == routed


def test_every_operation_says_who_may_call_it_and_how_it_is_refused(on_sqlite: Deployment) -> None:
    names = set()
    for path, method, operation in operations(document(on_sqlite)):
        names.add(operation["operationId"])
        bearer, oauth2 = operation["security"]
        assert bearer["bearer"] == oauth2["oauth2"]
        scopes = bearer["bearer"]
        rules = on_sqlite.app.view_functions
        assert rules[operation["operationId"]].declared_auth == f"scope {scopes[0]}"  # type: ignore[attr-defined]
        refusals = {"401", "403"} | ({"400", "413", "415", "422"} if method != "get" else set())
        assert refusals <= set(operation["responses"]), (path, method)
    assert len(names) == len(list(operations(document(on_sqlite))))


def test_the_browser_of_the_interface_needs_no_other_server(on_sqlite: Deployment) -> None:
    client = on_sqlite.app.test_client()
    page = client.get("/docs").get_data(as_text=True)
    assert "//" not in page.replace("<!doctype", "")
    for path in (
        "/docs/start.js",
        "/docs/files/swagger-ui.css",
        "/docs/files/swagger-ui-bundle.js",
    ):
        assert path in page
        with client.get(path) as answer:
            assert answer.status_code == 200
    assert client.get("/docs/files/..%2f..%2fkeys.json").status_code == 404


# -- what is served ---------------------------------------------------------------------------


def _jwk(kid: str) -> dict[str, Any]:
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(os.urandom(32)), "kid": kid}


@pytest.fixture
def lived_in(on_sqlite: Deployment) -> Deployment:
    """A service in which something has happened, so that some guesses find it."""
    asked = on_sqlite.in_force()
    on_sqlite.disclose()
    on_sqlite.disclose(categories=["identity"])
    on_sqlite.disclose("municipality-x", sender="municipality-x", recipient="gp-y")
    body = {
        # The father: excused he can be whatever custody the search makes up, the mother cannot.
        "signatory": asked["signatories"][1]["id"],
        "reason": "other",
        "provision": "§ 1",
        "evidence_reference": "d",
        "performed_by": EMPLOYEE,
    }
    on_sqlite.post(f"/v1/consents/{asked['id']}/exemptions", body)
    for name, proof in (("by-key", {"jwks": {"keys": [_jwk("first")]}}), ("by-secret", BY_SECRET)):
        client = {"id": name, "organisation": "gp-y", "scopes": ["consents:read"], **proof}
        assert on_sqlite.post("/v1/clients", client).status_code == 201
    paper = {
        "signatory": asked["signatories"][0]["id"],
        "decision": "decline",
        "signed_on": "2026-11-23",
        "document": {"reference": "d", "sha256": "0" * 64},
        "identity_checked": "passport",
        "performed_by": EMPLOYEE,
    }
    for _ in ("to confirm", "to reject"):
        on_sqlite.post(f"/v1/consents/{asked['id']}/paper-grants", paper)
    lift = {name: value for name, value in paper.items() if name != "decision"}
    on_sqlite.post(f"/v1/consents/{asked['id']}/lifts", lift)
    on_sqlite.parts.guard.restores = (on_sqlite.clock(),)
    agreed = {"basis": "The case file", "performed_by": EMPLOYEE}
    on_sqlite.post(f"/v1/consents/{asked['id']}/reconfirmations", agreed)
    return on_sqlite


def test_no_server_error_and_no_undocumented_answer(lived_in: Deployment) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", lived_in.app)
    plausible = _plausible(lived_in)
    problems: dict[str, BaseException] = {}
    statuses: dict[str, set[int]] = {}
    found = [result.ok() for result in schema.get_all_operations()]
    # What ends the consent comes last.
    for operation in sorted(found, key=_when_it_is_called):
        seen: set[int] = set()
        for turn in range(TURNS):
            for mode in MODES:
                _explore(lived_in, operation, mode, turn, plausible, problems, seen)
            if seen & {200, 201, 202}:
                break
        statuses[operation.label] = seen
    assert not problems, "\n\n".join(f"{where}\n{error}" for where, error in problems.items())
    # The search was not in vain: every operation succeeded at least once.
    unsuccessful = {label for label, seen in statuses.items() if not seen & {200, 201, 202}}
    # But for a lift: of the day of the no it clears nothing, which is a documented 409.
    lifted = "POST /v1/consents/{consent_id}/lifts/{lift_id}/confirmation"
    assert statuses[lifted] >= {409}
    assert unsuccessful == {lifted}


def _when_it_is_called(operation: Any) -> int:
    """What ends the consent comes last, in an order in which each can still succeed."""
    ending = [number for number, end in enumerate(ENDINGS, 1) if operation.path.endswith(end)]
    return ending[0] if ending else 0


def _explore(
    service: Deployment,
    operation: Any,
    mode: Any,
    turn: int,
    plausible: Callable[[Any, random.Random], None],
    problems: dict[str, BaseException],
    seen: set[int],
) -> None:
    """Call one operation with made-up data, the plausible half of it with what is there."""
    token = f"Bearer {service.token('municipality-x')}"

    @hypothesis.seed(turn)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), seed=st.integers(0, 2**16))
    def call(case: Any, seed: int) -> None:
        chance = random.Random(seed)
        checks = list(CHECKED)
        if mode is schemathesis.GenerationMode.NEGATIVE and not _has_odd_headers(case):
            checks.append(REJECTED)
        if mode is schemathesis.GenerationMode.POSITIVE and chance.random() < 0.7:
            plausible(case, chance)
        answer = case.call_and_validate(headers={"Authorization": token}, checks=checks)
        seen.add(answer.status_code)

    try:
        call()
    except (FailureGroup, Failure) as error:
        problems[f"{operation.label} ({mode.name.lower()})"] = error


def _has_odd_headers(case: Any) -> bool:
    """Whether it is the headers that are wrong: the token is always ours, so it may succeed."""
    component = case.meta.components.get(ParameterLocation.HEADER)
    return component is not None and component.mode is schemathesis.GenerationMode.NEGATIVE


def _plausible(service: Deployment) -> Callable[[Any, random.Random], None]:
    """Puts known ids and numbers in the place of made-up ones."""
    consent = service.get("/v1/consents").json["items"][0]
    disclosures = [item["id"] for item in service.get("/v1/disclosures").json["items"]]
    entries = [item["id"] for item in service.get("/v1/audit/entries").json["items"]]
    exemption = service.get("/v1/audit/entries?type=exemption_recorded").json["items"][0]
    reconfirmed = service.get("/v1/audit/entries?type=reconfirmation_recorded").json["items"][0]
    (secret,) = service.get("/v1/clients/by-secret").json["secrets"]
    papers = service.get("/v1/audit/entries?type=paper_recorded").json["items"]
    paper, mistaken, lift = (entry["body"]["paper"] for entry in papers[:3])
    known: dict[str, list[Any]] = {
        "paper_id": [paper],
        "lift_id": [lift],
        "signed_on": ["2026-11-23"],
        "scope": [None, {"parties": ["municipality-x", "gp-y"], "categories": ["health"]}],
        "corrects": [None],
        "consent_id": [consent["id"]],
        "exemption_id": [exemption["body"]["exemption"]],
        "reconfirmation_id": [reconfirmed["body"]["reconfirmation"]],
        "disclosure_id": disclosures,
        "entry_id": entries,
        "organisation_id": PARTIES,
        # What it is already: a client still confirms papers after it.
        "confirmation": ["any"],
        "template_id": ["joint-action-plan"],
        "version": [1, 2],
        "child": [{"cpr": CHILD.cpr}, {"cpr": SIBLING.cpr}],
        "signer": [{"cpr": MOTHER}],
        "subject": [{"cpr": CHILD.cpr}, {"cpr": SIBLING.cpr}],
        "custody": [BOTH, MOTHER_ALONE],
        "performed_by": [EMPLOYEE, COLLEAGUE],
        "effective_from": ["2026-11-23", "2027-01-01"],
        "template": ["joint-action-plan"],
        "case_reference": ["2026-0117"],
        "signatory": [signatory["id"] for signatory in consent["signatories"][:2]],
        "signatories": [[consent["signatories"][0]["id"]]],
        "parties": [PARTIES, ["municipality-x", "gp-y"]],
        "categories": [["health"], ["health", "school"]],
        "deadline": [None, "2026-12-01"],
        "delivery": ["caller"],
        "renews": [None, consent["id"]],
        "provision": ["§ 1"],
        "evidence_reference": ["d"],
        "valid_until": [None, "2026-12-01"],
        "note": [None, "a note"],
        "sender": ["municipality-x"],
        "recipient": ["gp-y"],
        "purpose": ["joint-action-plan"],
        "document": [None, service.disclosure_body()["document"]],
        "as_of": [None, "2026-11-23T09:01:00Z"],
        "legal_basis": [
            {"type": "consent"},
            {"type": "vital_interest", "provision": "§ 1", "justification": "danger"},
        ],
        "labels": [template()["labels"]],
        "texts": [template()["texts"]],
        "max_validity": ["P1Y", "P90D"],
        "client_id": ["by-key", "by-secret"],
        "kid": ["first"],
        "secret_id": [secret["id"]],
        "client": ["somebody"],
        "organisation": ["gp-y"],
        "scopes": [["consents:read"]],
        "auth_method": ["client_secret"],
        "jwks": [None],
    }
    families = [one.named() for one in (CHILD, SIBLING, YOUNG_PERSON)]

    def replace(content: Any, chance: random.Random) -> None:
        if isinstance(content, dict):
            for name in content:
                if name in known:
                    content[name] = chance.choice(known[name])
                else:
                    replace(content[name], chance)
        elif isinstance(content, list):
            for member in content:
                replace(member, chance)

    def apply(case: Any, chance: random.Random) -> None:
        if case.headers and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"key-{chance.random()}"
        for part in (case.path_parameters, case.body):
            replace(part, chance)
        if case.operation.label.endswith("/rejection"):
            case.path_parameters["paper_id"] = mistaken
        if isinstance(case.body, dict) and case.operation.label.endswith("/keys"):
            case.body = _jwk(f"key-{chance.randrange(100)}")
        # Some operations take more of what other bodies only name, or another document.
        if isinstance(case.body, dict) and case.operation.label.endswith("/lifts"):
            case.body |= {
                "document": {"reference": "d", "sha256": "0" * 64},
                "identity_checked": "passport",
            }
        if isinstance(case.body, dict) and case.operation.label.endswith("/paper-grants"):
            case.body |= {
                "decision": "decline",
                "scope": None,
                "document": {"reference": "d", "sha256": "0" * 64},
                "identity_checked": "passport",
            }
        if isinstance(case.body, dict) and case.operation.label == "POST /v1/consents":
            case.body["child"] = chance.choice(families)
        if isinstance(case.body, dict) and case.operation.label == "POST /v1/templates":
            case.body["categories"] = template()["categories"]

    return apply
