"""CPR numbers as people write them: stored nowhere but where they belong, and not asked for."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.api.families import CHILD, custody, holder
from tests.deployment import EMPLOYEE, FATHER, MOTHER, Deployment, organisation, template

NUMBERS = [
    "010190-1234",
    "010190\u20131234",
    "010190\u00a01234",
    "010190\u2009\u2013\u20091234",
    "\uff10\uff11\uff10\uff11\uff19\uff10\uff0d\uff11\uff12\uff13\uff14",
    "\u0660\u0661\u0660\u0661\u0669\u0660\u0661\u0662\u0663\u0664",
    "01.01.90-1234",
    "01 01 90 1234",
    "010190\u00ad1234",
    "170513-1az4",
]
KEPT = [
    "+4520304050",
    "2026001234",
    "F-2026-123456-1234",
    "27.12.04-P27-1-19",
    "5790001234567",
    "+49 3012345678",
]
MASK = "XXXXXX-XXXX"


def pointers(answer: Any) -> set[str]:
    assert answer.status_code == 422, answer.json
    return {error["pointer"] for error in answer.json["errors"]}


@pytest.mark.parametrize("number", NUMBERS, ids=ascii)
def test_a_number_is_refused_in_references_and_names(shared: Deployment, number: str) -> None:
    with_names = custody(holder(MOTHER, f"Mette {number}"), holder(FATHER, "Frederik Far"))
    child = CHILD.named() | {"name": number}
    asked = shared.request_body(case_reference=number, child=child, custody=with_names)
    answer = shared.post("/v1/consents", asked)
    assert pointers(answer) == {"/case_reference", "/child/name", "/custody/holders/0/name"}
    assert number not in answer.get_data(as_text=True)
    assert pointers(shared.get(f"/v1/consents?case_reference={quote(number)}")) == {
        "/case_reference"
    }
    school = organisation("school-2", "other", f"Skolen {number}")
    told = school | {"descriptions": {"da": number}}
    answer = shared.post("/v1/organisations", told, org="operator")
    assert pointers(answer) == {"/name", "/descriptions/da"}
    words = template()
    words["texts"]["da"] = {**words["texts"]["da"], "body": f"Ring om {number}"}
    assert pointers(shared.post("/v1/templates", words)) == {"/texts/da/body"}


def test_a_number_is_masked_in_free_text_however_it_is_written(service: Deployment) -> None:
    for number in NUMBERS:
        # A soft hyphen is refused in what stands in one line.
        seen = number.replace("\u00ad", "")
        disclosed = service.disclose(
            legal_basis={
                "type": "vital_interest",
                "provision": f"§ 1 {seen}",
                "justification": f"om {number}.",
            },
            performed_by={"id": "e1", "name": f"Karen {seen}"},
        )
        assert disclosed.status_code == 201
        entries = service.get("/v1/audit/entries?limit=200", org="gp-y").json["items"]
        body = next(one["body"] for one in entries if one["id"] == disclosed.json["id"])
        assert body["legal_basis"]["justification"] == f"om {MASK}."
        assert body["legal_basis"]["provision"] == f"§ 1 {MASK}"
        assert body["performed_by"]["name"] == f"Karen {MASK}"


def test_what_only_looks_like_a_number_is_kept(service: Deployment) -> None:
    for reference in KEPT:
        asked = service.post("/v1/consents", service.request_body(case_reference=reference))
        assert asked.json["case_reference"] == reference
        listed = service.get(f"/v1/consents?case_reference={quote(reference)}").json["items"]
        assert [one["id"] for one in listed] == [asked.json["id"]]
        end = {"reason": "other", "note": f"ring {reference}", "performed_by": EMPLOYEE}
        path = f"/v1/consents/{asked.json['id']}"
        assert service.post(f"{path}/cancellation", end).status_code in (200, 201)
        entries = service.get("/v1/audit/entries?type=consent_cancelled&limit=200").json["items"]
        assert f"ring {reference}" in [entry["body"].get("note") for entry in entries]
