"""Text as it comes in: what nobody sees is refused, and one normal form is kept and found."""

import unicodedata
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.families import CHILD, custody, holder
from tests.deployment import EMPLOYEE, FATHER, MOTHER, Deployment, organisation, template

REFUSED = {
    "control": "Mette\x1bMor",
    "C1 control": "Mette\x85\x9bMor",
    "turned round": "Mette \u202eroM",
    "turned by a mark": "Mette\u200f Mor",
    "isolate": "\u2066Mette\u2069",
    "zero-width space alone": "\u200b",
    "joiners alone": "\u200d\u200c",
    "Hangul filler alone": "\u3164",
    "blank Braille alone": "\u2800",
    "hidden inside": "Mette\u200bMor",
    "two lines": "Mette\nMor",
}
KEPT = [
    "\u0645\u062d\u0645\u062f",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Mette 👩\u200d👧",
    "Jens-Åge",
]


def pointers(answer: Any) -> set[str]:
    assert answer.status_code == 422, answer.json
    return {error["pointer"] for error in answer.json["errors"]}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_names_and_references_that_hide_something(shared: Deployment, text: str) -> None:
    people = custody(holder(MOTHER, text), holder(FATHER, "Frederik Far"))
    asked = shared.request_body(
        child=CHILD.named() | {"name": text},
        custody=people,
        case_reference=text,
        performed_by={"id": "e1", "name": text},
    )
    answer = shared.post("/v1/consents", asked)
    assert pointers(answer) == {
        "/child/name",
        "/custody/holders/0/name",
        "/case_reference",
        "/performed_by/name",
    }
    query = f"/v1/consents?case_reference={quote(text)}"
    assert pointers(shared.get(query)) == {"/case_reference"}
    school = organisation("school-2", "other", text)
    assert pointers(shared.post("/v1/organisations", school, org="operator")) >= {"/name"}
    words = template()
    words["texts"] = {**words["texts"], "da": {**words["texts"]["da"], "title": text}}
    assert pointers(shared.post("/v1/templates", words)) == {"/texts/da/title"}


@pytest.mark.parametrize("text", ["a\u202eb", "a\x07b", "\u200b", "\u2066a\u2069"], ids=ascii)
def test_long_texts_that_turn_or_show_nothing(shared: Deployment, text: str) -> None:
    basis = {"type": "vital_interest", "provision": "§ 1", "justification": text}
    assert pointers(shared.post("/v1/disclosures", shared.disclosure_body(legal_basis=basis),
                                org="gp-y")) == {"/legal_basis/justification"}  # fmt: skip
    words = template()
    words["texts"] = {**words["texts"], "da": {**words["texts"]["da"], "body": text}}
    assert pointers(shared.post("/v1/templates", words)) == {"/texts/da/body"}


def test_lines_where_there_may_be_lines(service: Deployment) -> None:
    justification = "Første linje.\n\tAnden linje.\r\nTredje \u00ad linje."
    basis = {"type": "vital_interest", "provision": "§ 1", "justification": justification}
    told = service.disclose(legal_basis=basis)
    assert told.status_code == 201
    entries = service.get("/v1/audit/entries?limit=200", org="gp-y").json["items"]
    body = next(one["body"] for one in entries if one["id"] == told.json["id"])
    assert body["legal_basis"]["justification"] == justification


def test_names_of_every_script_are_kept(service: Deployment) -> None:
    for name in KEPT:
        people = custody(holder(MOTHER, name), holder(FATHER, "Frederik Far"))
        asked = service.post("/v1/consents", service.request_body(custody=people))
        assert name in [one["name"] for one in asked.json["signatories"]]
        end = {"reason": "other", "performed_by": EMPLOYEE}
        assert service.post(f"/v1/consents/{asked.json['id']}/cancellation", end).status_code == 200


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_what_is_stored_in_one_form_is_found_in_any(service: Deployment, stored: Any) -> None:
    reference = "Sag-Å-77 é"
    body = service.request_body(case_reference=unicodedata.normalize(stored, reference))
    asked = service.post("/v1/consents", body).json
    assert asked["case_reference"] == reference
    forms: tuple[Any, ...] = ("NFC", "NFD")
    for form in forms:
        query = quote(unicodedata.normalize(form, reference))
        found = service.get(f"/v1/consents?case_reference={query}").json["items"]
        assert [one["id"] for one in found] == [asked["id"]]


def test_one_name_in_two_forms_is_one_template(service: Deployment) -> None:
    shas = []
    forms: tuple[Any, ...] = ("NFC", "NFD")
    for form in forms:
        words = template()
        title = unicodedata.normalize(form, "Må vi dele på tværs?")
        words["texts"] = {**words["texts"], "da": {**words["texts"]["da"], "title": title}}
        published = service.post("/v1/templates", words)
        assert published.status_code == 201
        version = published.json["version"]
        kept = service.get(f"/v1/templates/{words['id']}/versions/{version}").json
        shas.append(kept["texts"]["da"]["title"])
    assert shas[0] == shas[1] == "Må vi dele på tværs?"
