"""Times, digits, media types and bytes as they come in: exactly the forms that are documented."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from marshmallow import ValidationError

from consent_service.api.http.fields import MEDIA_TYPE as MEDIA
from consent_service.api.http.fields import InstantField, LimitField, Pattern
from tests.deployment import Deployment, organisation

INSTANTS = {
    "2026-11-28T12:00:00Z": "2026-11-28T12:00:00+00:00",
    "2026-11-28t12:00:00z": "2026-11-28T12:00:00+00:00",
    "2026-11-28T13:00:00+01:00": "2026-11-28T12:00:00+00:00",
    "2026-11-28T12:00:00-00:00": "2026-11-28T12:00:00+00:00",
    "2026-11-28T12:00:00.5Z": "2026-11-28T12:00:00.500000+00:00",
    "2026-11-28T12:00:00.123456789Z": "2026-11-28T12:00:00.123456+00:00",
}
NO_INSTANTS = [
    *("2026-W48-6T12:00:00Z", "2026-332T12:00:00Z", "20261128T120000Z", "2026-11-28T12Z"),
    *("2026-11-28T12:00Z", "2026-11-28T12:00:00,5Z", "2026-11-28T12:00:00.Z", "2026-11-28"),
    *("2026-11-28 12:00:00Z", "2026-11-28T12:00:00", "2026-11-28T12:00:00+01"),
    "+2026-11-28T12:00:00Z",
    *("2026-11-28T12:00:00+0100", "2026-11-28T12:00:00+01:00:30", "2026-11-28T12:00:00+24:00"),
    *("2026-11-28T12:00:00+01:60", "2026-12-31T23:59:60Z", "2026-11-28T24:00:00Z"),
    *("2026-02-29T12:00:00Z", "2026-11-28T12:60:00Z", "2026-11-28T12:00:00Z "),
    "2026-11-28T12:00:00Z\n",
    *("\uff12\uff10\uff12\uff16-11-28T12:00:00Z", "2026-11-28T12:00:00\u221201:00"),
    *("0000-11-28T12:00:00Z", ""),
    *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-11-28T12:00:00ZZ"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "instant"), INSTANTS.items())
def test_an_instant_of_rfc_3339(text: str, instant: str) -> None:
    assert InstantField().deserialize(text).isoformat() == instant


@pytest.mark.parametrize("text", NO_INSTANTS, ids=ascii)
def test_what_else_iso_8601_knows_is_none(text: str) -> None:
    with pytest.raises(ValidationError):
        InstantField().deserialize(text)


@pytest.mark.parametrize("text", ["application/pdf", "text/plain; charset=utf-8", "image/svg+xml",
                                  "application/vnd.oasis.opendocument.text", "TEXT/HTML",
                                  'text/plain; charset="utf-8"'])  # fmt: skip
def test_a_media_type(text: str) -> None:
    assert Pattern(MEDIA, "no").deserialize(text) == text


NO_MEDIA_TYPES = (
    *("<script>", "pdf", "application/", "/pdf", "a/b/c", "a b/c", "*/*", "application/pdf;"),
    *("application/pdf\n", "æ/ø", "a/<b>", 'a/b; c="\n"', "a/" + "b" * 200, ""),
)


@pytest.mark.parametrize("text", NO_MEDIA_TYPES)
def test_what_is_no_media_type(text: str) -> None:
    with pytest.raises(ValidationError):
        Pattern(MEDIA, "no").deserialize(text)


@pytest.mark.parametrize(
    "text", ["\uff11\uff10", "\u0665", "1_0", "+1", "-1", " 1", "1.0", "1e1", "0x1", "²", ""]
)
def test_a_limit_in_other_digits(text: str) -> None:
    with pytest.raises(ValidationError):
        LimitField().deserialize(text)


OTHER_DIGITS = {
    "/v1/consents?limit=\uff11\uff10": 422,
    "/v1/consents?limit=+1": 422,
    "/v1/templates/joint-action-plan/versions/\uff11": 404,
    "/log/proof?leaf=\uff11": 422,
    "/v1/audit/entries?from=2026-W48-6T12:00:00Z": 422,
    "/v1/audit/entries?from=2026-11-28t12:00:00z": 200,
    "/v1/audit/entries?cursor=%F0%9F%98%80": 422,
    "/v1/consents?cursor=hej": 422,
    "/v1/consents?cursor=": 422,
}


@pytest.mark.parametrize(("path", "status"), OTHER_DIGITS.items(), ids=ascii)
def test_a_query_or_path_in_another_form(shared: Deployment, path: str, status: int) -> None:
    assert shared.get(quote(path, safe="/?=%&:+")).status_code == status


@pytest.mark.parametrize("name", ["cvr", "sor", "ydernummer", "gln"])
def test_a_registered_number_in_other_digits(shared: Deployment, name: str) -> None:
    length = {"cvr": 8, "sor": 8, "ydernummer": 6, "gln": 13}[name]
    school = organisation("school-2", "other", "Skolen") | {
        "identifiers": {name: "\uff11" * length}
    }
    answer = shared.post("/v1/organisations", school, org="operator")
    assert [one["pointer"] for one in answer.json["errors"]] == [f"/identifiers/{name}"]


def posted(service: Deployment, data: bytes, **headers: str) -> Any:
    token = service.token("municipality-x")
    return service.app.test_client().post(
        "/v1/consents/search",
        base_url=service.settings.base_url,
        data=data,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | headers,
    )


def test_a_byte_order_mark_is_passed_over_once(shared: Deployment) -> None:
    body = json.dumps({"child": {"cpr": "0103174321"}}).encode()
    assert posted(shared, b"\xef\xbb\xbf" + body).status_code == 200
    assert posted(shared, b"\xef\xbb\xbf\xef\xbb\xbf" + body).status_code == 400
    assert posted(shared, body.decode().encode("utf-16")).status_code == 400


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity", "x"])
def test_a_body_in_a_coding_is_an_unsupported_media_type(shared: Deployment, coding: str) -> None:
    answer = posted(shared, b"{}", **{"Content-Encoding": coding})
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")


def test_the_identity_is_no_coding(shared: Deployment) -> None:
    body = json.dumps({"child": {"cpr": "0103174321"}}).encode()
    assert posted(shared, body, **{"Content-Encoding": "Identity"}).status_code == 200
