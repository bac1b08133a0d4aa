"""What has been shared, page by page: the newest with the answer, the older ones behind a link."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from consent_service.persistence.log.log_store import LogStore
from tests.deployment import Deployment
from tests.web.family import FREDERIK, Signer, links, words

LINK = re.compile(r'href="(/sign/shared\?before=[A-Za-z0-9_-]+)"')


def share(home: Deployment, number: int) -> None:
    for _ in range(number):
        assert home.disclose().status_code == 201
        home.clock.forward(seconds=1)


def listed(html: str) -> list[str]:
    return re.findall(r'<time datetime="([^"]+)"', html)


def older(html: str) -> str | None:
    found = LINK.search(html)
    return found[1] if found else None


@contextmanager
def language_of(signer: Signer, language: str) -> Iterator[None]:
    signer.get(f"/sign/?lang={language}")
    yield
    signer.get("/sign/?lang=da")


def test_the_newest_are_on_the_page_and_the_older_ones_behind_a_link(home: Deployment) -> None:
    asked = home.in_force()
    mette = Signer(home)
    share(home, 49)
    assert older(mette.arrive(links(asked)["Mette Mor"]).get_data(as_text=True)) is None
    share(home, 56)
    html = mette.see().get_data(as_text=True)
    shown, sizes = listed(html), [len(listed(html))]
    address = older(html)
    while address is not None:
        answer = mette.see(address)
        assert answer.status_code == 200
        assert "no-store" in answer.headers["Cache-Control"]
        html = answer.get_data(as_text=True)
        assert 'href="/sign/"' in html, "the way back"
        sizes.append(len(listed(html)))
        shown += listed(html)
        address = older(html)
    assert sizes == [50, 50, 5]
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) == 105


def test_the_older_ones_are_in_the_readers_language(small_home: Deployment) -> None:
    asked = small_home.in_force()
    share(small_home, 51)
    mette = Signer(small_home)
    mette.arrive(links(asked)["Mette Mor"])
    for language, link, heading in (
        ("da", "Vis det, der blev delt tidligere", "Det, der blev delt tidligere"),
        ("en", "Show what was shared earlier", "What was shared earlier"),
    ):
        with language_of(mette, language):
            first = mette.see()
            assert link in words(first)
            address = older(first.get_data(as_text=True))
            assert address is not None
            assert heading in words(mette.see(address))


def test_the_address_says_nothing_and_is_good_in_its_own_session_only(
    small_home: Deployment,
) -> None:
    asked = small_home.in_force()
    share(small_home, 51)
    mette, frederik = Signer(small_home), Signer(small_home, FREDERIK)
    page = mette.arrive(links(asked)["Mette Mor"]).get_data(as_text=True)
    frederik.arrive(links(asked)["Frederik Far"])
    address = older(page)
    assert address is not None
    stranger = Signer(small_home)
    not_logged_in = Signer(small_home)
    not_logged_in.open(links(asked)["Mette Mor"])
    assert stranger.get(address).status_code != 200
    for refused in (
        frederik.get(address),
        not_logged_in.get(address),
        mette.get(f"{address}A"),
        mette.get("/sign/shared"),
        mette.get("/sign/shared?before="),
        mette.get("/sign/shared?before=%00%ED"),
        mette.get(f"/sign/shared?before={'A' * 4000}"),
        mette.get("/sign/shared?before=0193-no-cursor"),
    ):
        assert refused.status_code == 303
        assert refused.headers["Location"] == "/sign/"
    assert mette.get(address).status_code == 200
    small_home.clock.forward(minutes=31)
    assert mette.get(address).status_code == 303, "an idle session shows nothing"


def test_reading_the_older_ones_is_logged(small_home: Deployment) -> None:
    asked = small_home.in_force()
    share(small_home, 51)
    mette = Signer(small_home)
    address = older(mette.arrive(links(asked)["Mette Mor"]).get_data(as_text=True))
    assert address is not None

    def looks() -> int:
        query = "/v1/audit/entries?limit=200&type=personal_data_viewed"
        items = small_home.get(query).json["items"]
        return sum(one["body"].get("view") == "family" for one in items)

    before = looks()
    mette.see(address)
    assert looks() == before + 1


def test_a_page_opens_no_more_than_it_shows(
    small_home: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = small_home.in_force()
    share(small_home, 130)
    mette = Signer(small_home)
    mette.arrive(links(asked)["Mette Mor"])
    opened: list[str] = []
    really = LogStore._open

    def note(store: LogStore, row: Any) -> Any:
        opened.append(row.entry_id)
        return really(store, row)

    monkeypatch.setattr(LogStore, "_open", note)
    assert len(listed(mette.see().get_data(as_text=True))) == 50
    # Of the text one more: the entry that vouches for it.
    assert len(opened) == 51 + 1
