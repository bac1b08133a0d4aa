"""Cursors tell nothing, and are good for one organisation and one list alone."""

import base64
from typing import Any

import pytest

from consent_service.services.consents import list_consents
from tests.deployment import Deployment

X, PARTY = "municipality-x", "paediatrics"
LISTS = {
    "/v1/consents": X,
    "/v1/disclosures": "gp-y",
    "/v1/audit/entries": X,
    "/v1/organisations": X,
}


@pytest.fixture
def long(service: Deployment) -> Deployment:
    """Two of everything."""
    service.in_force()
    service.ask(parties=[X, PARTY])
    service.disclose()
    service.disclose()
    return service


def first_page(service: Deployment, path: str, org: str) -> Any:
    page = service.get(f"{path}?limit=1", org=org).json
    assert len(page["items"]) == 1
    assert page["next"]
    return page


def assert_refused(answer: Any) -> None:
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/cursor"]


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_goes_on_where_the_page_ended_and_names_nothing(
    long: Deployment, path: str
) -> None:
    org = LISTS[path]
    page = first_page(long, path, org)
    raw = base64.urlsafe_b64decode(page["next"] + "==")
    assert page["items"][0]["id"].encode() not in raw
    again = first_page(long, path, org)
    assert again["next"] != page["next"], "the same place looks otherwise each time"
    following = [
        long.get(f"{path}?limit=1&cursor={one['next']}", org=org).json["items"]
        for one in (page, again)
    ]
    assert following[0] == following[1] != page["items"]


@pytest.mark.parametrize("path", LISTS)
def test_anothers_or_another_lists_cursor_is_none(long: Deployment, path: str) -> None:
    cursor = first_page(long, path, LISTS[path])["next"]
    assert_refused(long.get(f"{path}?cursor={cursor}", org="municipality-z"))
    for other, org in LISTS.items():
        if other != path:
            assert_refused(long.get(f"{other}?cursor={cursor}", org=org))


def test_what_nobody_sealed_is_no_cursor(long: Deployment) -> None:
    cursor = first_page(long, "/v1/consents", X)["next"]
    (known,) = long.get("/v1/consents?limit=1").json["items"]
    changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    made = base64.urlsafe_b64encode(known["id"].encode()).decode().rstrip("=")
    for wrong in (changed, cursor[:-4], made, "", "A" * 200):
        assert_refused(long.get(f"/v1/consents?cursor={wrong}"))


def test_a_page_that_ends_at_a_consent_the_party_may_not_know_does_not_tell_which(
    service: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is in force, a party may not learn that a family is asked (R5h)."""
    monkeypatch.setattr(list_consents, "MOST_WALKED", 2)
    monkeypatch.setattr(list_consents, "_READ_AT_LEAST", 2)
    hidden = [service.ask(parties=[X, PARTY, extra])["id"] for extra in ("gp-y", "municipality-z")]
    known = service.in_force(parties=[X, PARTY])["id"]
    page = service.get("/v1/consents?limit=1", org=PARTY).json
    assert page["items"] == []
    raw = base64.urlsafe_b64decode(page["next"] + "==")
    for one in hidden:
        assert one.encode() not in raw
        assert bytes.fromhex(one.replace("-", "")) not in raw
    following = service.get(f"/v1/consents?limit=1&cursor={page['next']}", org=PARTY).json
    assert [item["id"] for item in following["items"]] == [known]


def test_a_timeline_is_read_in_pages(service: Deployment) -> None:
    asked = service.in_force()
    path = f"/v1/consents/{asked['id']}/timeline"
    whole = service.get(f"{path}?limit=200").json
    assert whole["next"] is None
    pages, cursor = [], ""
    while True:
        page = service.get(f"{path}?limit=3{cursor}").json
        pages.append(page["items"])
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    # Looking is an event too: what is shown after the first whole look ends with it.
    events = [item["entry"] for one in pages for item in one]
    assert events[: len(whole["items"])] == [item["entry"] for item in whole["items"]]
    assert all(len(one) <= 3 for one in pages)
    other = service.ask(parties=[X, "gp-y"])["id"]
    assert_refused(service.get(f"/v1/consents?{cursor[1:]}"))
    assert service.get(f"/v1/consents/{other}/timeline?limit=201").status_code == 422
