"""Logins: who counts as logged in, for how long, and what a refused login leaves behind."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from consent_service.config import SignerProviderSettings
from tests.deployment import deploy
from tests.integration.stand_in_browser import Page
from tests.web.family import (
    FREDERIK,
    METTE,
    STRANGER,
    Signer,
    acts,
    cookie_of,
    entries,
    links,
    words,
)


def refusals(home, asked):
    return [b["reason"] for b in entries(home, asked["id"]) if b["type"] == "login_refused"]


def test_a_cancelled_login_is_no_drama(home):
    asked = home.ask()
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    answer = Page(mette.to_provider()).press("Afbryd")
    page = words(mette.come_back(answer.headers["Location"]))
    assert "Du stoppede, før du var logget ind" in page
    assert refusals(home, asked) == ["access_denied"]
    assert "Må oplysninger" in words(mette.log_in())
    assert "Du stoppede" not in words(mette.see())


@pytest.mark.parametrize("other", [STRANGER, FREDERIK])
def test_only_the_invited_person_gets_in(home, other):
    asked = home.ask()
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    secret = cookie_of(mette)
    assert "Der blev brugt en andens MitID" in words(mette.log_in(other))
    assert refusals(home, asked) == ["another_person"]
    assert cookie_of(mette) == secret
    assert mette.get("/sign/receipt").headers["Location"] == "/sign/"
    assert "Må oplysninger" in words(mette.log_in())


def test_an_answer_counts_once(home):
    asked = home.ask()
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    before = cookie_of(mette)
    answer = Page(mette.to_provider()).press(METTE.name).headers["Location"]
    mette.come_back(answer)
    secret = cookie_of(mette)
    assert "Må oplysninger" in words(mette.come_back(answer))
    assert cookie_of(mette) == secret
    assert [b["type"] for b in entries(home, asked["id"])].count("signer_identified") == 1
    mette.client.set_cookie("signing", before, domain="localhost")
    assert mette.come_back(answer).status_code == 404


def test_an_answer_in_another_browser_counts_for_nothing(home):
    asked = home.ask()
    mette, thief = Signer(home), Signer(home)
    link = links(asked)["Mette Mor"]
    mette.open(link)
    thief.open(link)
    answer = Page(mette.to_provider()).press(METTE.name).headers["Location"]
    page = words(thief.come_back(answer))
    assert "Det lykkedes ikke at logge ind" in page
    assert refusals(home, asked) == ["state_mismatch"]
    nobody = Signer(home)
    assert nobody.come_back(answer).status_code == 404
    assert "Må oplysninger" in words(mette.come_back(answer))


def test_a_login_that_is_too_old_keeps_what_was_chosen(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    content = mette.form("/sign/grant").content()
    content = [pair for pair in content if pair != ("category", "school")]
    home.clock.forward(minutes=16)
    assert mette.post("/sign/grant", content).status_code == 303
    page = words(mette.see())
    assert "Log ind igen, og svar så" in page
    assert "Giv ikke samtykke" not in page
    assert acts(home, asked["id"]) == []

    page = words(mette.log_in())
    assert mette.form("/sign/grant").boxes == {
        ("party", "child-psychiatry"): True,
        ("party", "gp-y"): True,
        ("party", "paediatrics"): True,
        ("category", "health"): True,
        ("category", "school"): False,
    }
    mette.press("/sign/grant")
    assert acts(home, asked["id"]) == ["consent_granted"]


def test_a_page_that_is_read_for_long_asks_for_a_login_before_the_answer(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    home.clock.forward(minutes=16)
    page = words(mette.see())
    assert "Du skal" not in page or "logge ind igen" in page
    provider = home.settings.signer_provider.issuer
    assert provider in mette.page.headers["Content-Security-Policy"]
    assert "Giv ikke samtykke" in words(mette.log_in())


def test_a_login_that_nobody_uses_shows_nothing_more(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    mette.press("/sign/grant")
    home.clock.forward(minutes=29)
    assert "Alma" in words(mette.see())
    home.clock.forward(minutes=29)
    assert "Alma" in words(mette.see())  # of use all the while

    mette.arrive(links(asked)["Mette Mor"])
    mette.press("/sign/decline")
    home.clock.forward(minutes=31)
    page = words(mette.see())
    assert "Du er blevet logget ud" in page
    assert "Det lykkedes ikke" not in page
    assert "Alma" not in page
    for path in ("/sign/receipt", "/sign/everything"):
        assert mette.get(path).status_code == 303
    mette.open(links(asked)["Mette Mor"])
    assert "Alma" not in words(mette.see())
    assert "Alma" in words(mette.log_in())


def test_an_answer_in_a_login_that_nobody_used_is_kept_for_the_next(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    form = mette.form("/sign/grant").content()
    form = [pair for pair in form if pair != ("category", "school")]
    home.clock.forward(minutes=31)
    assert mette.post("/sign/decline", form).status_code == 303
    assert mette.post("/sign/grant", form).status_code == 303
    page = words(mette.see())
    assert "Det, du havde valgt, er husket" in page
    assert "Alma" not in page
    assert acts(home, asked["id"]) == []

    mette.log_in()
    assert mette.form("/sign/grant").boxes[("category", "school")] is False
    mette.press("/sign/grant")
    assert acts(home, asked["id"]) == ["consent_granted"]


def test_without_a_provider_that_answers_the_page_says_so(sqlite_url, tmp_path):
    provider = SignerProviderSettings("http://127.0.0.1:9", "id", "secret", "dk.cpr", "acr")
    home = deploy(sqlite_url, tmp_path, provider=provider).furnish()
    asked = home.ask()
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    page = words(mette.press("/sign/login"))
    assert "MitID svarer ikke lige nu" in page
    assert refusals(home, asked) == ["provider_unreachable"]
    home.close()


def test_without_a_provider_at_all(sqlite_url, tmp_path):
    home = deploy(sqlite_url, tmp_path).furnish()
    mette = Signer(home)
    mette.open(links(home.ask())["Mette Mor"])
    assert "MitID svarer ikke lige nu" in words(mette.press("/sign/login"))
    home.close()


def test_one_request_of_a_browser_at_a_time(home):
    """So a login under way that one of them used is there for none of the others."""
    asked = home.ask()
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    secret, units = cookie_of(mette), home.parts.units

    def second():
        with units.writing() as uow:
            return uow.signing_sessions.find(secret).content

    with ThreadPoolExecutor(1) as pool:
        with units.writing() as first:
            assert first.signing_sessions.find(secret).content is None
            waiting = pool.submit(second)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
            first.signing_sessions.save(secret, b"newer")
            first.commit()
        assert waiting.result(timeout=30) == b"newer"
