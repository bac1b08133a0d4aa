"""Links, cookies, forms and logins: what lets somebody in, and what does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.http import parse_cookie

from tests.deployment import Deployment
from tests.integration.stand_in_browser import Page
from tests.web.family import (
    FREDERIK,
    METTE,
    STRANGER,
    Signer,
    acts,
    entries,
    household,
    links,
    words,
)

EMPLOYEE = {"id": "e1", "name": "Karen"}


@pytest.fixture
def tls_home(sqlite_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with household(sqlite_url, tmp_path, "https://samtykke.example") as deployment:
        yield deployment.furnish()


def new_link(home, asked, name="Mette Mor"):
    answer = home.post(f"/v1/consents/{asked['id']}/links", {"performed_by": EMPLOYEE})
    return links(answer.json)[name]


def cookie_of(signer):
    return signer.client.get_cookie("signing", domain="localhost").value


# -- links ------------------------------------------------------------------------------------


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
            "as_of": "2026-11-22",
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
    headers = {tuple(sorted(answer.headers.items())) for answer in answers}
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
    home.clock.forward(minutes=59)
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


def test_too_many_attempts(small_home):
    someone = Signer(small_home)
    answers = [someone.get("/sign/guess") for _ in range(31)]
    assert [answer.status_code for answer in answers] == [404] * 30 + [429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert "Vent et øjeblik" in words(answers[-1])
    assert small_home.app.test_client().get("/healthz").status_code == 200


# -- cookies and headers ----------------------------------------------------------------------


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
    pages["goodbye"] = mette.press("/sign/logout")
    pages["404"] = mette.get("/sign/")
    pages["405"] = mette.get("/sign/grant")
    pages["413"] = mette.post("/sign/grant", {"form_token": "x" * 20_000})
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
@pytest.mark.parametrize("path", ["/sign/", "/sign/receipt", "/sign/callback", "/sign/a-token"])
def test_other_methods_are_refused_with_a_page(small_home, method, path):
    answer = small_home.app.test_client().open(path, method=method)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.mimetype == "text/html"


def test_errors_elsewhere_stay_problem_documents(small_home):
    answer = small_home.app.test_client().get("/v1/nowhere")
    assert answer.mimetype == "application/problem+json"


# -- forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["login", "grant", "decline", "logout"])
@pytest.mark.parametrize("token", [None, "", "0" * 64, "æ\ud800".encode("utf-8", "replace")])
def test_a_form_without_its_sessions_token_does_nothing(small_home, action, token):
    asked = small_home.ask()
    mette = Signer(small_home)
    mette.arrive(links(asked)["Mette Mor"])
    before = entries(small_home, asked["id"])
    data = {"language": "da"} | ({} if token is None else {"form_token": token})
    answer = mette.post(f"/sign/{action}", data)
    assert answer.status_code == 400
    assert "Intet er gemt, og intet er ændret." in words(answer)
    assert entries(small_home, asked["id"]) == before
    assert mette.see().status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:8001"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_sites_form_does_nothing(small_home, headers):
    asked = small_home.ask()
    mette = Signer(small_home)
    mette.arrive(links(asked)["Mette Mor"])
    content = mette.form("/sign/grant").content()
    assert mette.post("/sign/grant", content, headers=headers).status_code == 400
    assert acts(small_home, asked["id"]) == []
    own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert mette.post("/sign/grant", content, headers=own).status_code == 303
    assert acts(small_home, asked["id"]) == ["consent_granted"]


def test_a_page_of_one_child_cannot_sign_for_another(home):
    """Two links in two tabs of one browser: the older tab's form belongs to nobody now."""
    alma = home.ask()
    bo = home.ask(child={"cpr": "0103174399", "name": "Bo", "birth_date": "2017-03-01"})
    mette = Signer(home)
    mette.arrive(links(alma)["Mette Mor"])
    of_alma = mette.form("/sign/grant").content()
    mette.arrive(links(bo)["Mette Mor"])
    assert mette.post("/sign/grant", of_alma).status_code == 400
    assert acts(home, alma["id"]) == acts(home, bo["id"]) == []


@pytest.mark.parametrize("language", ["", "xx", "en\x00"])
def test_a_language_the_page_never_offered_is_refused(small_home, language):
    asked = small_home.ask()
    mette = Signer(small_home)
    mette.arrive(links(asked)["Mette Mor"])
    token = mette.form("/sign/grant").hidden["form_token"]
    data = {"form_token": token, "language": language, "category": "health", "party": "gp-y"}
    assert mette.post("/sign/grant", data).status_code == 400
    assert mette.get(f"/sign/?lang={language}").status_code == 303
    assert mette.see().status_code == 200
    assert acts(small_home, asked["id"]) == []


def test_boxes_that_were_never_on_the_page_add_nothing(small_home):
    asked = small_home.ask()
    mette = Signer(small_home)
    mette.arrive(links(asked)["Mette Mor"])
    token = mette.form("/sign/grant").hidden["form_token"]
    data = {
        "form_token": token,
        "language": "da",
        "category": ["health", "identity", "\x00"],
        "party": ["gp-y", "municipality-z"],
    }
    assert mette.post("/sign/grant", data).status_code == 303
    page = words(mette.see())
    assert "Identity" not in page
    assert "Kommune Z" not in page


# -- two tabs ---------------------------------------------------------------------------------


def test_a_double_click_and_two_tabs_make_one_grant(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    content = mette.form("/sign/grant").content()
    for _ in range(2):
        assert mette.post("/sign/grant", content).status_code == 303
        assert "Tak. Dit samtykke er gemt." in words(mette.see())
    assert acts(home, asked["id"]) == ["consent_granted"]


def test_opening_the_link_in_a_second_tab_keeps_the_first_one_working(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    first = mette.form("/sign/grant").content()
    page = words(mette.open(links(asked)["Mette Mor"]))
    assert "Må oplysninger om Alma Test deles?" in page
    assert mette.post("/sign/grant", first).status_code == 303
    assert acts(home, asked["id"]) == ["consent_granted"]
    assert "Tak." not in words(mette.open(links(asked)["Mette Mor"]))


def test_two_logins_under_way_in_two_tabs(home):
    asked = home.ask()
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    first, second = mette.to_provider(), None
    mette.see()
    second = mette.to_provider()
    answer_to_first = Page(first).press(METTE.name).headers["Location"]
    answer_to_second = Page(second).press(METTE.name).headers["Location"]
    assert "Må oplysninger" in words(mette.come_back(answer_to_first))
    secret = cookie_of(mette)
    assert "Må oplysninger" in words(mette.come_back(answer_to_second))
    assert cookie_of(mette) == secret


# -- logins -----------------------------------------------------------------------------------


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


def test_without_a_provider_that_answers_the_page_says_so(sqlite_url, tmp_path):
    from consent_service.config import SignerProviderSettings
    from tests.deployment import deploy

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
    from tests.deployment import deploy

    home = deploy(sqlite_url, tmp_path).furnish()
    mette = Signer(home)
    mette.open(links(home.ask())["Mette Mor"])
    assert "MitID svarer ikke lige nu" in words(mette.press("/sign/login"))
    home.close()
