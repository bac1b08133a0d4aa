"""Bad input, row by row: the status, the code, the field, nothing repeated, nothing written."""

import io
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from consent_service.persistence.catalogue.tables import organisation, template_version
from consent_service.persistence.children.tables import fact
from consent_service.persistence.consents.tables import consent
from tests.api.families import (
    ADULT,
    BOTH,
    CHILD,
    EIGHTEEN_TODAY,
    EIGHTEEN_TOMORROW,
    GRANDMOTHER,
    MOTHER_ALONE,
    SIBLING,
    YOUNG_PERSON,
    custody,
    holder,
)
from tests.deployment import EMPLOYEE, FATHER, MOTHER, PARTIES, Deployment, person, template
from tests.deployment import organisation as party
from tests.privacy import SHAPE, texts

Body = Mapping[str, Any]


def counts(service: Deployment) -> dict[str, int]:
    """How much there is of what a refused request must not add to."""
    tables = (consent, fact, organisation, template_version)
    with service.parts.units.engine.connect() as connection:
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in tables
        }


def assert_repeats_nothing(text: str, sent: Any) -> None:
    for value in texts(sent):
        for number in SHAPE.findall(value):
            bare = number.replace("-", "").replace(" ", "")
            assert number not in text
            assert bare not in text


def refused(
    service: Deployment,
    path: str,
    body: Any,
    *,
    status: int = 422,
    code: str = "invalid_input",
    pointers: set[str] | None = None,
    org: str = "municipality-x",
) -> dict[str, Any]:
    """Post a body that must be refused, and check all that every refusal has in common."""
    before = counts(service)
    answer = service.post(path, body, org=org)
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.json
    assert answer.mimetype == "application/problem+json"
    assert answer.json["type"] == f"/problems/{code}"
    if pointers is not None:
        assert {error["pointer"] for error in answer.json["errors"]} == pointers
    assert_repeats_nothing(answer.get_data(as_text=True), body)
    assert counts(service) == before
    return dict(answer.json)


def about(child: Body, holders: Body = BOTH) -> Callable[[Deployment], Body]:
    return lambda service: service.request_body(child=child, custody=holders)


def changed(**changes: Any) -> Callable[[Deployment], Body]:
    return lambda service: service.request_body(**changes)


def in_days(days: int) -> Callable[[Deployment], Body]:
    def body(service: Deployment) -> Body:
        return service.request_body(deadline=str(service.clock.now.date() + timedelta(days=days)))

    return body


NO_DATE = "3102174321"

REQUESTS = {
    "cpr-no-date": (about(person(NO_DATE, "Alma Test")), "/child/cpr"),
    "cpr-no-date-with-hyphen": (about(person("310217-4321", "Alma Test")), "/child/cpr"),
    "cpr-month-13": (about(person("0113174321", "Alma Test")), "/child/cpr"),
    "cpr-day-over-91-no-replacement": (about(person("9203174321", "Alma Test")), "/child/cpr"),
    "cpr-too-long": (about(person("01031743210", "Alma Test")), "/child/cpr"),
    "cpr-other-digits": (about(person("٠١٠٣١٧٤٣٢١", "Alma Test")), "/child/cpr"),
    "cpr-holder": (
        about(CHILD.named(), custody(holder(MOTHER, "M"), holder(NO_DATE, "F"))),
        "/custody/holders/1/cpr",
    ),
    "birth-date-contradicts": (about(CHILD.named(birth_date="2017-03-02")), "/child/birth_date"),
    "birth-date-missing-for-replacement-number": (
        about(person("6103174321", "Alma Test")),
        "/child/birth_date",
    ),
    "birth-date-in-the-future": (
        about(person("6103174321", "Alma Test", birth_date="2026-11-24")),
        "/child/birth_date",
    ),
    "no-holder": (about(CHILD.named(), custody()), "/custody/holders"),
    "three-holders": (
        about(
            CHILD.named(),
            custody(holder(MOTHER, "M"), holder(FATHER, "F"), holder(GRANDMOTHER, "G")),
        ),
        "/custody/holders",
    ),
    "no-holder-day-before-18": (about(EIGHTEEN_TOMORROW.named(), custody()), "/custody/holders"),
    "holder-twice": (
        about(CHILD.named(), custody(holder(MOTHER, "M"), holder("010180-1112", "M again"))),
        "/custody/holders/1/cpr",
    ),
    "child-its-own-holder": (
        about(YOUNG_PERSON.named(), custody(holder(YOUNG_PERSON.cpr, "Alma Test"))),
        "/custody/holders/0/cpr",
    ),
    "unknown-party": (changed(parties=[*PARTIES, "nobody"]), "/parties/4"),
    "controller-not-among-the-parties": (changed(parties=["gp-y", "paediatrics"]), "/parties"),
    "one-party": (changed(parties=["municipality-x"]), "/parties"),
    "no-party": (changed(parties=[]), "/parties"),
    "party-twice": (changed(parties=["municipality-x", "gp-y", "gp-y"]), "/parties"),
    "unknown-category": (changed(categories=["health", "income"]), "/categories/1"),
    "no-category": (changed(categories=[]), "/categories"),
    "category-twice": (changed(categories=["health", "health"]), "/categories"),
    "unknown-template": (changed(template="other-plan"), "/template"),
    "language-of-child": (about(CHILD.named(language="de")), "/child/language"),
    "language-of-holder": (
        about(CHILD.named(), custody(holder(MOTHER, "M"), holder(FATHER, "F", language="ar"))),
        "/custody/holders/1/language",
    ),
    "deadline-yesterday": (in_days(-1), "/deadline"),
    "deadline-in-91-days": (in_days(91), "/deadline"),
    "deadline-in-another-form": (changed(deadline="20261206"), "/deadline"),
    "deadline-as-week": (changed(deadline="2026-W50-1"), "/deadline"),
    "deadline-no-day": (changed(deadline="2026-02-30"), "/deadline"),
    "renews-nothing": (changed(renews="01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e"), "/renews"),
    "cpr-in-case-reference": (changed(case_reference="sag 010317-4321"), "/case_reference"),
    "cpr-in-employee-id": (
        changed(performed_by={"id": "0101801112", "name": "K"}),
        "/performed_by/id",
    ),
    "no-employee": (changed(performed_by=None), "/performed_by"),
    "employee-without-name": (changed(performed_by={"id": "e1"}), "/performed_by/name"),
    "unknown-field": (changed(comment="hello"), "/comment"),
    "unknown-field-inside": (about(CHILD.named(nickname="A")), "/child/nickname"),
    "float-for-text": (changed(case_reference=1.5), "/case_reference"),
    "number-for-cpr": (about(person(103174321, "Alma Test")), "/child/cpr"),  # type: ignore[arg-type]
    "text-for-boolean": (about(CHILD.named(name_protected="yes")), "/child/name_protected"),
    "text-for-list": (changed(parties="municipality-x"), "/parties"),
    "list-for-object": (changed(child=[]), "/child"),
    "control-character": (changed(case_reference="a\x1bb"), "/case_reference"),
    "only-spaces": (changed(case_reference="   "), "/case_reference"),
    "delivery-unknown": (changed(delivery="pigeon"), "/delivery"),
}


@pytest.mark.parametrize(("body", "pointer"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_that_breaks_a_rule(
    shared: Deployment, body: Callable[[Deployment], Body], pointer: str
) -> None:
    refused(shared, "/v1/consents", body(shared), pointers={pointer})


@pytest.mark.parametrize("child", [ADULT, EIGHTEEN_TODAY], ids=["twenty", "eighteen-today"])
def test_an_adult_has_no_custody_holders(shared: Deployment, child: Any) -> None:
    body = shared.request_body(child=child.named(), custody=MOTHER_ALONE)
    refused(shared, "/v1/consents", body, code="child_is_adult", pointers={"/custody/holders"})


def test_every_broken_field_is_named_at_once(shared: Deployment) -> None:
    body = shared.request_body(parties=["nobody", "municipality-x"], categories=["income"])
    refused(shared, "/v1/consents", body, pointers={"/parties/0", "/categories/0"})


@pytest.mark.parametrize("days", [0, 90])
def test_the_first_and_the_last_possible_deadline(service: Deployment, days: int) -> None:
    body = in_days(days)(service)
    assert service.post("/v1/consents", body).json["deadline"] == body["deadline"]


def test_a_number_as_a_member_name_is_not_repeated(shared: Deployment) -> None:
    for number in ("010317-4321", "0103174321"):
        refused(shared, "/v1/consents", shared.request_body() | {number: "?"})
        refused(shared, "/v1/consents", shared.request_body(child={number: number}))
    names = party("somewhere", "other", "S") | {"descriptions": {"010317-4321": "S"}}
    refused(shared, "/v1/organisations", names, org="operator")
    answer = shared.get("/v1/consents?010317-4321=1")
    assert answer.status_code == 422
    assert "010317-4321" not in answer.get_data(as_text=True)


# -- a second request, and a renewal ----------------------------------------------------------


def test_a_second_live_request_is_a_conflict_with_the_first_ones_id(service: Deployment) -> None:
    first = service.ask()
    again = service.request_body(parties=PARTIES[::-1], categories=["identity"])
    answer = refused(service, "/v1/consents", again, status=409, code="already_requested")
    assert answer["consent"] == first["id"]


def test_what_differs_from_a_second_live_request(service: Deployment) -> None:
    first = service.ask()
    service.ask(parties=PARTIES[:3])
    service.ask(child=SIBLING.named())
    service.ask(org="municipality-z", parties=["municipality-z", "gp-y"])
    assert service.post("/v1/templates", template(id="second-plan")).status_code == 201
    service.ask(template="second-plan")
    service.ask(renews=first["id"])


def test_an_ended_request_is_no_obstacle(service: Deployment) -> None:
    first = service.ask()
    cancelled = {"reason": "mistake", "performed_by": EMPLOYEE}
    path = f"/v1/consents/{first['id']}/cancellation"
    assert service.post(path, cancelled).status_code == 200
    assert service.ask()["id"] != first["id"]


@pytest.mark.parametrize("whose", ["child", "controller", "template"])
def test_a_renewal_of_anothers_consent(service: Deployment, whose: str) -> None:
    changes: dict[str, Any] = {}
    org = "municipality-x"
    if whose == "child":
        changes["child"] = SIBLING.named()
    elif whose == "template":
        assert service.post("/v1/templates", template(id="second-plan")).status_code == 201
        changes["template"] = "second-plan"
    else:
        org, changes["parties"] = "municipality-z", ["municipality-z", "gp-y"]
    others = service.ask(org, **changes)
    body = service.request_body(renews=others["id"])
    problem = refused(service, "/v1/consents", body, pointers={"/renews"})
    unknown = refused(service, "/v1/consents", body | {"renews": "nothing"}, pointers={"/renews"})
    assert problem == unknown


# -- bodies that are hardly JSON --------------------------------------------------------------

POSTS = (
    "/v1/consents",
    "/v1/consents/search",
    "/v1/consents/01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e/withdrawals",
    "/v1/consents/01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e/paper-grants",
    "/v1/consents/x/paper-grants/01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e/confirmation",
    "/v1/withdrawals",
    "/v1/custody-changes",
    "/v1/disclosures",
    "/v1/decisions",
    "/v1/audit/search",
    "/v1/templates",
    "/v1/organisations",
)

RAW = {
    "nothing": (b"", 400, "malformed_json"),
    "not-json": (b"{child:", 400, "malformed_json"),
    "trailing-comma": (b'{"a": 1,}', 400, "malformed_json"),
    "not-utf-8": (b'{"a": "\xff"}', 400, "malformed_json"),
    "utf-16": ('{"a": "b"}'.encode("utf-16"), 400, "malformed_json"),
    "nul-escaped": (rb'{"a": "\u0000"}', 400, "malformed_json"),
    "nul-escaped-in-a-name": (rb'{"\u0000": "a"}', 400, "malformed_json"),
    "nul-raw": (b'{"a": "\x00"}', 400, "malformed_json"),
    "lone-surrogate": (rb'{"a": "\ud800"}', 400, "malformed_json"),
    "lone-surrogate-in-a-name": (rb'{"\udfff": "a"}', 400, "malformed_json"),
    "1e999": (b'{"a": 1e999}', 400, "malformed_json"),
    "-1e999": (b'{"a": [-1e999]}', 400, "malformed_json"),
    "nan": (b'{"a": NaN}', 400, "malformed_json"),
    "integer-of-5000-digits": (b'{"a": ' + b"9" * 5000 + b"}", 400, "malformed_json"),
    "duplicate-keys": (b'{"a": 1, "a": 2}', 400, "malformed_json"),
    "duplicate-keys-inside": (b'{"a": {"b": 1, "b": 1}}', 400, "malformed_json"),
    "deep-list": (b"[" * 100_000 + b"]" * 100_000, 400, "malformed_json"),
    "deep-object": (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, 400, "malformed_json"),
    "a-list": (b"[]", 422, "invalid_input"),
    "a-text": (b'"hello"', 422, "invalid_input"),
    "null": (b"null", 422, "invalid_input"),
    "one-megabyte": (b'{"a": "' + b"x" * 1024 * 1024 + b'"}', 413, "too_large"),
}


@pytest.mark.parametrize(("raw", "status", "code"), RAW.values(), ids=RAW)
def test_a_body_that_is_hardly_json(shared: Deployment, raw: bytes, status: int, code: str) -> None:
    before = counts(shared)
    for path in POSTS:
        answer = post_raw(shared, path, raw)
        assert (answer.status_code, answer.json["code"]) == (status, code), path
        assert answer.mimetype == "application/problem+json"
    assert counts(shared) == before


def post_raw(
    service: Deployment, path: str, raw: bytes, media_type: str = "application/json"
) -> Any:
    return service.app.test_client().post(
        path,
        data=raw,
        headers={
            "Authorization": f"Bearer {service.token('municipality-x')}",
            "Content-Type": media_type,
            "Idempotency-Key": str(uuid4()),
        },
    )


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""]
)
def test_another_media_type(shared: Deployment, media_type: str) -> None:
    before = counts(shared)
    for path in POSTS:
        answer = post_raw(shared, path, json.dumps(shared.request_body()).encode(), media_type)
        assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type"), path
    assert counts(shared) == before


def test_a_body_without_an_announced_length_is_bounded_too(shared: Deployment) -> None:
    answer = shared.app.test_client().post(
        "/v1/consents",
        input_stream=io.BytesIO(b" " * 2 * 1024 * 1024),
        headers={
            "Authorization": f"Bearer {shared.token('municipality-x')}",
            "Content-Type": "application/json",
            "Transfer-Encoding": "chunked",
            "Idempotency-Key": "k",
        },
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")


# -- the other bodies -------------------------------------------------------------------------


def disclosure(**changes: Any) -> Callable[[Deployment], Body]:
    return lambda service: (
        service.disclosure_body(sender="municipality-x", recipient="gp-y") | (changes)
    )


def decision(**changes: Any) -> Callable[[Deployment], Body]:
    def body(service: Deployment) -> Body:
        asked = disclosure()(service)
        left = {name: asked[name] for name in asked if name not in ("channel", "document")}
        return left | changes

    return body


def custody_change(**changes: Any) -> Callable[[Deployment], Body]:
    return lambda _service: (
        {
            "child": {"cpr": CHILD.cpr},
            "custody": MOTHER_ALONE,
            "effective_from": "2026-11-23",
            "performed_by": EMPLOYEE,
        }
        | changes
    )


PAPERS = "/v1/consents/01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e/paper-grants"


def paper(**changes: Any) -> Callable[[Deployment], Body]:
    return lambda _service: (
        {
            "signatory": "01a20a4c-b6e9-75e7-ba77-6830ce5b6d2e",
            "decision": "grant",
            "scope": None,
            "signed_on": "2026-11-23",
            "document": {"reference": "journal-1", "sha256": "0" * 64},
            "identity_checked": "passport",
            "performed_by": EMPLOYEE,
        }
        | changes
    )


def document(**changes: Any) -> dict[str, Any]:
    return {"reference": "d", "sha256": "0" * 64, "media_type": "application/pdf"} | changes


OTHER = {
    "disclosure-cpr": ("/v1/disclosures", disclosure(child={"cpr": NO_DATE}), "/child/cpr"),
    "disclosure-document-reference": (
        "/v1/disclosures",
        disclosure(document=document(reference="010317-4321.pdf")),
        "/document/reference",
    ),
    "disclosure-document-hash": (
        "/v1/disclosures",
        disclosure(document=document(sha256="F" * 64)),
        "/document/sha256",
    ),
    "disclosure-employee-id": (
        "/v1/disclosures",
        disclosure(performed_by={"id": "010180-1112", "name": "K"}),
        "/performed_by/id",
    ),
    "disclosure-no-category": ("/v1/disclosures", disclosure(categories=[]), "/categories"),
    "disclosure-unknown-channel": ("/v1/disclosures", disclosure(channel="fax"), "/channel"),
    "disclosure-to-itself": (
        "/v1/disclosures",
        disclosure(recipient="municipality-x"),
        "/recipient",
    ),
    "disclosure-to-nobody": ("/v1/disclosures", disclosure(recipient="nobody"), "/recipient"),
    "disclosure-unknown-basis": (
        "/v1/disclosures",
        disclosure(legal_basis={"type": "curiosity"}),
        "/legal_basis/type",
    ),
    "disclosure-basis-without-justification": (
        "/v1/disclosures",
        disclosure(legal_basis={"type": "vital_interest", "provision": "§ 1"}),
        "/legal_basis",
    ),
    "disclosure-consent-with-justification": (
        "/v1/disclosures",
        disclosure(legal_basis={"type": "consent", "justification": "because"}),
        "/legal_basis",
    ),
    "disclosure-without-employee": (
        "/v1/disclosures",
        lambda s: {k: v for k, v in disclosure()(s).items() if k != "performed_by"},
        "/performed_by",
    ),
    "decision-cpr": ("/v1/decisions", decision(child={"cpr": NO_DATE}), "/child/cpr"),
    "decision-with-a-document": ("/v1/decisions", decision(document=document()), "/document"),
    "decision-with-a-channel": ("/v1/decisions", decision(channel="phone"), "/channel"),
    "decision-in-the-future": ("/v1/decisions", decision(as_of="2027-01-01T00:00:00Z"), "/as_of"),
    "decision-without-a-zone": ("/v1/decisions", decision(as_of="2026-11-01T00:00:00"), "/as_of"),
    "decision-before-the-calendar": (
        "/v1/decisions",
        decision(as_of="0001-01-01T00:00:00+14:00"),
        "/as_of",
    ),
    "custody-change-cpr": (
        "/v1/custody-changes",
        custody_change(child={"cpr": NO_DATE}),
        "/child/cpr",
    ),
    "custody-change-holder": (
        "/v1/custody-changes",
        custody_change(custody=custody(holder(NO_DATE, "M"))),
        "/custody/holders/0/cpr",
    ),
    "custody-change-three-holders": (
        "/v1/custody-changes",
        custody_change(
            custody=custody(holder(MOTHER, "M"), holder(FATHER, "F"), holder(GRANDMOTHER, "G"))
        ),
        "/custody/holders",
    ),
    "custody-change-unknown-child": (
        "/v1/custody-changes",
        custody_change(child={"cpr": SIBLING.cpr}),
        "/child/cpr",
    ),
    "custody-change-corrects-a-number": (
        "/v1/custody-changes",
        custody_change(corrects=7),
        "/corrects",
    ),
    "paper-decision": (PAPERS, paper(decision="withdraw"), "/decision"),
    "paper-day": (PAPERS, paper(signed_on="23-11-2026"), "/signed_on"),
    "paper-day-of-another-century": (PAPERS, paper(signed_on="0001-01-01"), "/signed_on"),
    "paper-document": (PAPERS, paper(document=None), "/document"),
    "paper-document-hash": (
        PAPERS,
        paper(document={"reference": "d", "sha256": "0" * 63}),
        "/document/sha256",
    ),
    "paper-document-reference": (
        PAPERS,
        paper(document={"reference": "010317-4321", "sha256": "0" * 64}),
        "/document/reference",
    ),
    "paper-identity-unchecked": (PAPERS, paper(identity_checked=""), "/identity_checked"),
    "paper-scope-unknown-member": (
        PAPERS,
        paper(scope={"parties": ["gp-y"], "categories": ["health"], "purposes": []}),
        "/scope/purposes",
    ),
    "paper-scope-without-parties": (
        PAPERS,
        paper(scope={"categories": ["health"]}),
        "/scope/parties",
    ),
    "paper-employee": (
        PAPERS,
        paper(performed_by={"id": "010180-1112", "name": "K"}),
        "/performed_by/id",
    ),
    "paper-confirmed-by-nobody": (f"{PAPERS}/p/confirmation", lambda _: {}, "/performed_by"),
    "search-cpr": ("/v1/consents/search", lambda _: {"child": {"cpr": NO_DATE}}, "/child/cpr"),
    "search-limit": (
        "/v1/consents/search",
        lambda _: {"child": {"cpr": CHILD.cpr}, "limit": 201},
        "/limit",
    ),
    "search-cursor": (
        "/v1/consents/search",
        lambda _: {"child": {"cpr": CHILD.cpr}, "cursor": "ÆØÅ"},
        "/cursor",
    ),
    "audit-search-cpr": ("/v1/audit/search", lambda _: {"child": {"cpr": NO_DATE}}, "/child/cpr"),
    "audit-search-employee": ("/v1/audit/search", lambda _: {"employee": MOTHER}, "/employee"),
    "template-language-without-words": (
        "/v1/templates",
        lambda _: template(labels={"da": template()["labels"]["da"]}),
        "/labels/en",
    ),
    "template-validity-no-period": (
        "/v1/templates",
        lambda _: template(max_validity="a year"),
        "/max_validity",
    ),
    "template-unknown-rule": (
        "/v1/templates",
        lambda _: template(signer_rule="nobody"),
        "/signer_rule",
    ),
    "template-no-category": ("/v1/templates", lambda _: template(categories=[]), None),
    "organisation-id-no-slug": (
        "/v1/organisations",
        lambda _: party("Kommune", "municipality", "X"),
        "/id",
    ),
    "organisation-unknown-kind": (
        "/v1/organisations",
        lambda _: party("kommune", "bank", "X"),
        "/kind",
    ),
    "organisation-cvr": (
        "/v1/organisations",
        lambda _: party("kommune", "other", "X") | {"identifiers": {"cvr": "12"}},
        "/identifiers/cvr",
    ),
}


@pytest.mark.parametrize(("path", "body", "pointer"), OTHER.values(), ids=OTHER)
def test_another_body_that_breaks_a_rule(
    shared: Deployment, path: str, body: Callable[[Deployment], Body], pointer: str | None
) -> None:
    refused(shared, path, body(shared), pointers=None if pointer is None else {pointer})


@pytest.mark.parametrize("period", ["P2Y", "P13M", "P366D", "P53W", "P1Y1D"])
def test_a_template_for_more_than_a_year(shared: Deployment, period: str) -> None:
    body = template(max_validity=period)
    pointers = {"/max_validity"}
    refused(shared, "/v1/templates", body, code="validity_too_long", pointers=pointers)


# -- dates at the ends of the calendar, and what stands in a path or a query ------------------


def test_a_custody_change_from_the_first_day_of_the_calendar(service: Deployment) -> None:
    service.ask()
    body = custody_change(effective_from="0001-01-01")(service)
    assert service.post("/v1/custody-changes", body).status_code in (201, 422)


def test_an_exemption_until_the_last_day_of_the_calendar(service: Deployment) -> None:
    asked = service.ask()
    body = {
        "signatory": asked["signatories"][0]["id"],
        "reason": "deceased",
        "provision": "§ 1",
        "evidence_reference": "d",
        "valid_until": "9999-12-31",
        "performed_by": EMPLOYEE,
    }
    answer = service.post(f"/v1/consents/{asked['id']}/exemptions", body)
    assert answer.status_code in (201, 422)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_disclosure_shown_to_the_family_at_an_end_of_the_calendar(
    service: Deployment, day: str
) -> None:
    from consent_service.services.insight.insight import family_disclosures, insight_of

    asked = service.ask()
    basis = {
        "type": "vital_interest",
        "provision": "§ 1",
        "justification": "because",
        "family_visibility": {"from": day, "reason": "safety"},
    }
    assert service.disclose(legal_basis=basis).status_code in (201, 422)
    with service.parts.units.reading() as uow:
        file = uow.consents.get(asked["id"], "municipality-x")
        assert file is not None
        now, history = service.clock(), uow.children.snapshot(file.child).history
        insight = insight_of(uow, history, file.child, file.child, now)
        family_disclosures(uow, insight, now)


HOSTILE = ["%00", "a%00b", "%F0%9F%98%80", "%ED%A0%80", "%C3%28", "x" * 3000, "%0A", "' OR 1=1 --"]
READ = (
    "/v1/consents/{}",
    "/v1/consents/{}/receipt",
    "/v1/consents/{}/timeline",
    "/v1/organisations/{}",
    "/v1/templates/{}",
    "/v1/disclosures/{}",
    "/v1/audit/entries/{}",
    "/v1/audit/entries/{}/proof",
)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: text[:9])
def test_a_hostile_path_names_nothing(shared: Deployment, hostile: str) -> None:
    for path in READ:
        answer = shared.get(path.format(hostile))
        assert (answer.status_code, answer.json["code"]) == (404, "not_found"), path


@pytest.mark.parametrize("hostile", ["%00", "a%00b", "%ED%A0%80"], ids=str)
def test_an_act_on_a_hostile_path_names_nothing(shared: Deployment, hostile: str) -> None:
    acts: dict[str, Body] = {
        "/v1/consents/{}/links": {},
        "/v1/consents/{}/cancellation": {"reason": "mistake"},
        "/v1/consents/{}/withdrawals": {"signatory": "s", "channel": "oral"},
        "/v1/disclosures/{}/outcome": {"outcome": "sent"},
    }
    for path, body in acts.items():
        answer = shared.post(path.format(hostile), {**body, "performed_by": EMPLOYEE})
        assert (answer.status_code, answer.json["code"]) == (404, "not_found"), path


QUERIES = {
    "/v1/consents?status=happy": "/status",
    "/v1/consents?case_reference=010317-4321": "/case_reference",
    "/v1/consents?case_reference=%00": "/case_reference",
    "/v1/consents?deadline_before=tomorrow": "/deadline_before",
    "/v1/consents?expires_before=2026-11-23": "/expires_before",
    "/v1/consents?limit=0": "/limit",
    "/v1/consents?limit=201": "/limit",
    "/v1/consents?limit=many": "/limit",
    "/v1/consents?cursor=%00": "/cursor",
    "/v1/consents?cursor=AAAA": "/cursor",
    "/v1/consents?child=1": "/child",
    "/v1/audit/entries?from=yesterday": "/from",
    "/v1/audit/entries?outcome=maybe": "/outcome",
    "/v1/audit/entries?type=%00": "/type",
    "/v1/audit/entries?cursor=_": "/cursor",
    "/log/proof": "/leaf",
    "/log/proof?leaf=abc": "/leaf",
    "/log/consistency?old=1": "/new",
    "/log/consistency?old=-1&new=1": "/old",
    "/log/consistency?old=2&new=1": "/old",
    "/log/consistency?old=1&new=999999999999": "/old",
}


@pytest.mark.parametrize(("path", "pointer"), QUERIES.items(), ids=QUERIES)
def test_a_query_that_breaks_a_rule(shared: Deployment, path: str, pointer: str) -> None:
    answer = shared.get(path)
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json["errors"]} == {pointer}


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_a_query_at_the_ends_of_the_calendar(shared: Deployment, instant: str) -> None:
    for query in (f"audit/entries?from={instant}", f"audit/entries?to={instant}"):
        assert shared.get(f"/v1/{query}").status_code in (200, 422)
    assert shared.get(f"/v1/consents?expires_before={instant}").status_code in (200, 422)
    for day in ("0001-01-01", "9999-12-31"):
        assert shared.get(f"/v1/consents?deadline_before={day}").status_code in (200, 422)
