"""Forms: only this session's own page changes anything, once, from however many tabs."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from consent_service.web.family import SESSION
from tests.deployment import Deployment
from tests.integration.stand_in_browser import Page
from tests.web.family import FREDERIK, METTE, Signer, acts, cookie_of, entries, links, words


@pytest.mark.parametrize("action", ["login", "grant", "decline", "lift", "logout"])
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


def test_a_double_click_and_two_tabs_make_one_grant(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    content = mette.form("/sign/grant").content()
    for _ in range(2):
        assert mette.post("/sign/grant", content).status_code == 303
        assert "Tak. Dit samtykke er gemt." in words(mette.see())
    assert acts(home, asked["id"]) == ["consent_granted"]


def test_eight_presses_at_the_same_moment_make_one_grant(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    content, secret = mette.form("/sign/grant").content(), cookie_of(mette)

    def press(_: int) -> int:
        tab = Signer(home)
        tab.client.set_cookie("signing", secret, domain="localhost")
        return tab.post("/sign/grant", content).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(press, range(8)))
    assert set(statuses) == {303}
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


GUARDED_OTHERWISE = {
    "/oauth/token": "a system proves itself in the request, and no cookie counts",
    "/staff/backchannel-logout": "a token that the provider signed, and no cookie counts",
    "/staff/login": "tests/web/test_staff.py",
    "/staff/logout": "tests/web/test_staff.py",
    "/staff/logout-everywhere": "tests/web/test_staff.py",
}


def form_routes(deployment: Deployment) -> set[str]:
    """Every address that a page's form may be sent to: what takes a POST and no bearer token.

    Whatever answers every method with an error page takes no form.
    """
    found = set()
    for rule in deployment.app.url_map.iter_rules():
        declared = str(deployment.app.view_functions[rule.endpoint].declared_auth)
        takes_forms = "POST" in (rule.methods or ()) and not declared.startswith("scope ")
        if takes_forms and declared != "public: an error page":
            if rule.rule in GUARDED_OTHERWISE:
                continue
            assert declared == SESSION, f"{rule.rule}: how is its form guarded? Walk it here too."
            found.add(rule.rule)
    return found


def test_no_form_works_without_its_token_or_from_another_site(small_home):
    """Every route there is, so that a new form without a guard fails here."""
    asked = small_home.ask()
    mette = Signer(small_home)
    mette.arrive(links(asked)["Mette Mor"])
    right = dict(mette.form("/sign/grant").hidden)
    before = entries(small_home, asked["id"])
    routes = form_routes(small_home)
    forms = ("login", "grant", "decline", "lift", "logout")
    assert routes == {f"/sign/{name}" for name in forms}
    bad = [
        ({}, {}),
        ({"form_token": ""}, {}),
        ({"form_token": "0" * 64}, {}),
        ({"form_token": right["form_token"][:-1]}, {}),
        (right, {"Origin": "https://evil.example"}),
        (right, {"Origin": "http://localhost:8000.evil.example"}),
        (right, {"Sec-Fetch-Site": "cross-site"}),
        (right, {"Sec-Fetch-Site": "same-site"}),
    ]
    for route in sorted(routes):
        for fields, headers in bad:
            answer = mette.post(route, {"language": "da"} | fields, headers=headers)
            assert answer.status_code == 400, (route, fields, headers)
        # A token in the address, or in JSON, is no form.
        address = f"{route}?form_token={right['form_token']}"
        assert mette.post(address, {"language": "da"}).status_code == 400
        json = mette.client.post(route, base_url=mette.base_url, json=right)
        assert json.status_code == 400
    stranger = Signer(small_home)
    for route in sorted(routes):
        assert stranger.post(route, right).status_code == 404, "without the cookie"
    assert entries(small_home, asked["id"]) == before
    assert "Må oplysninger" in words(mette.see()), "still signed in"


def test_another_sessions_token_opens_no_form(small_home):
    asked = small_home.ask()
    mette, frederik = Signer(small_home), Signer(small_home, FREDERIK)
    mette.arrive(links(asked)["Mette Mor"])
    frederik.arrive(links(asked)["Frederik Far"])
    content = frederik.form("/sign/grant").content()
    assert mette.post("/sign/grant", content).status_code == 400
    assert acts(small_home, asked["id"]) == []
