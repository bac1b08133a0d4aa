"""Links and cookies: what lets somebody in, what does not, and how every page is hardened."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from werkzeug.http import parse_cookie

from consent_service.persistence.log.tables import log_body
from tests.deployment import Deployment
from tests.web.family import (
    METTE,
    Signer,
    acts,
    cookie_of,
    entries,
    household,
    links,
    new_link,
    words,
)

EMPLOYEE = {"id": "e1", "name": "Karen"}


@pytest.fixture
def tls_home(furnished_sqlite_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with household(furnished_sqlite_url, tmp_path, "https://samtykke.example") as deployment:
        yield deployment


def test_every_link_that_leads_nowhere_gets_one_and_the_same_answer(home):
    asked = home.ask()
    replaced = links(asked)["Mette Mor"]
    new_link(home, asked)
    other = home.ask(child={"cpr": "0103174399", "name": "Bo", "birth_date": "2017-03-01"})
    gone = links(other)["Frederik Far"]
    change = {
        "child": {"cpr": "0103174399"},
        "custody": {
            "source": "cpr-register",
            "as_of": "2026-11-23",
            "holders": [{"cpr": METTE.cpr, "name": "Mette Mor", "role": "parent"}],
        },
        "effective_from": "2026-11-23",
        "performed_by": EMPLOYEE,
    }
    assert home.post("/v1/custody-changes", change).status_code == 201

    someone = Signer(home)
    wrong = "A" * 43
    paths = [f"/sign/{wrong}", "/sign/short", "/sign/", "/sign/no/such/page", "/sign/%00%ff"]
    paths += [link.removeprefix("http://localhost:8000") for link in (replaced, gone)]
    answers = [someone.get(path) for path in paths]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.data for answer in answers}) == 1
    headers = {
        tuple(sorted((name, value) for name, value in answer.headers if name != "X-Request-Id"))
        for answer in answers
    }
    assert len(headers) == 1
    assert "Set-Cookie" not in answers[0].headers
    assert "Linket virker ikke" in words(answers[0])


def test_an_open_page_ends_with_its_link_or_its_holders_standing(home):
    asked = home.ask()
    mette, stranger = Signer(home), Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    form = mette.form("/sign/grant").content()
    new_link(home, asked)
    answer = mette.post("/sign/grant", form)
    assert answer.status_code == 404
    assert answer.data == stranger.get("/sign/wrong").data
    assert acts(home, asked["id"]) == []


def test_a_session_is_useless_after_an_hour(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    form = mette.form("/sign/grant").content()
    home.clock.forward(minutes=29)
    assert mette.see().status_code == 200
    home.clock.forward(minutes=30)
    assert mette.see().status_code == 200
    home.clock.forward(minutes=2)
    assert mette.see().status_code == 404
    assert mette.post("/sign/grant", form).status_code == 404


def test_following_a_link_changes_nothing_but_the_session(home):
    asked = home.ask()
    before = len(entries(home, asked["id"]))
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    mette.see()
    assert len(entries(home, asked["id"])) == before
    states = home.get(f"/v1/consents/{asked['id']}").json["signatories"]
    assert {one["state"] for one in states if one["required"]} == {"invited"}


def test_the_cookie_on_this_machine(small_home):
    asked = small_home.ask()
    mette = Signer(small_home)
    path = links(asked)["Mette Mor"].removeprefix(mette.base_url)
    answer = mette.get(path)
    header = answer.headers["Set-Cookie"]
    assert header.startswith("signing=")
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Path=/" in header
    assert "Secure" not in header
    assert path.split("/")[-1] not in answer.get_data(as_text=True) + header
    assert len(next(parse_cookie(header).values())) == 43


def test_the_cookie_over_tls(tls_home):
    asked = tls_home.ask()
    mette = Signer(tls_home)
    answer = mette.get(links(asked)["Mette Mor"].removeprefix(mette.base_url))
    header = answer.headers["Set-Cookie"]
    assert header.startswith("__Host-signing=")
    assert "Secure" in header
    assert "Domain" not in header
    mette.see()
    assert "Må oplysninger" in words(mette.log_in())
    assert mette.page.headers["Strict-Transport-Security"]


def test_the_secret_changes_at_login_and_the_old_one_is_dead(home):
    asked = home.ask()
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    before = cookie_of(mette)
    mette.log_in()
    assert cookie_of(mette) != before
    thief = Signer(home)
    thief.client.set_cookie("signing", before, domain="localhost")
    assert thief.get("/sign/").status_code == 404


def test_logging_out_ends_the_session(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    secret = cookie_of(mette)
    assert "Du er logget ud" in words(mette.press("/sign/logout"))
    assert mette.client.get_cookie("signing", domain="localhost") is None
    mette.client.set_cookie("signing", secret, domain="localhost")
    assert mette.get("/sign/").status_code == 404


def test_every_page_is_hardened(small_home):
    asked = small_home.ask()
    mette = Signer(small_home)
    provider = small_home.settings.signer_provider.issuer
    pages = {"landing": mette.open(links(asked)["Mette Mor"])}
    pages["consent"] = mette.log_in()
    pages["granted"] = mette.press("/sign/grant")
    pages["receipt"] = mette.get("/sign/receipt")
    pages["413"] = mette.post("/sign/grant", {"form_token": "x" * 20_000})
    mette.see()
    pages["goodbye"] = mette.press("/sign/logout")
    pages["404"] = mette.get("/sign/")
    pages["405"] = mette.get("/sign/grant")
    pages["style"] = mette.get("/sign/style.css")
    for name, page in pages.items():
        policy = page.headers["Content-Security-Policy"]
        login = f" {provider}" if name == "landing" else ""
        assert f"form-action 'self'{login};" in policy, name
        assert "default-src 'none'" in policy, name
        assert "frame-ancestors 'none'" in policy, name
        assert "unsafe" not in policy, name
        assert "script-src" not in policy, name
        assert page.headers["Referrer-Policy"] == "no-referrer", name
        assert page.headers["X-Content-Type-Options"] == "nosniff", name
        if name != "style":
            assert page.headers["Cache-Control"] == "no-store", name
        html = page.get_data(as_text=True)
        assert "<script" not in html, name
        assert "style=" not in html, name
        assert "http://" not in html.replace("http://www.w3.org", ""), name
    statuses = {name: page.status_code for name, page in pages.items()}
    assert statuses["404"] == 404
    assert statuses["405"] == 405
    assert pages["405"].headers["Allow"] == "POST"
    assert statuses["413"] == 413


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    "path", ["/sign/", "/sign/receipt", "/sign/callback/mitid", "/sign/a-token"]
)
def test_other_methods_are_refused_with_a_page(small_home, method, path):
    answer = small_home.app.test_client().open(path, method=method)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.mimetype == "text/html"


def test_errors_elsewhere_stay_problem_documents(small_home):
    answer = small_home.app.test_client().get("/v1/nowhere")
    assert answer.mimetype == "application/problem+json"


def test_when_we_cannot_answer_now_the_page_says_so(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    home.clock.forward(minutes=-2)
    page = mette.see()
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "5"
    assert "Noget virker ikke hos os" in words(page)
    home.clock.forward(minutes=2)
    assert mette.see().status_code == 200


def test_a_page_whose_template_nobody_published_says_so(home, caplog):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    with home.parts.units.engine.begin() as connection:
        gone = log_body.c.type == "template_published"
        connection.execute(sa.delete(log_body).where(gone))
    page = mette.see()
    assert page.status_code == 503
    assert "Retry-After" not in page.headers
    assert "Noget kan ikke læses" in words(page)
    assert "Samtykke" not in words(page)
    assert any(
        one.levelname == "CRITICAL" and one.getMessage().startswith("not_vouched_for: template ")
        for one in caplog.records
    )


def test_a_fault_of_ours_shows_and_logs_nothing_about_anybody(small_home, monkeypatch, caplog):
    asked = small_home.ask()
    mette = Signer(small_home)
    mette.arrive(links(asked)["Mette Mor"])

    def broken(*_: object) -> None:
        raise RuntimeError("Mette Mor, 0101801112")

    monkeypatch.setattr("consent_service.web.signatures.pages.consent_page", broken)
    page = mette.see()
    assert page.status_code == 500
    html = page.get_data(as_text=True)
    assert "Du har ikke gjort noget forkert." in html
    for word in ("Mette", "0101801112", "Traceback", "RuntimeError"):
        assert word not in html
    assert "unexpected RuntimeError" in caplog.text
    assert "0101801112" not in caplog.text
