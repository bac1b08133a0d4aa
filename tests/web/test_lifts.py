"""A signer takes their own no back on the page of any request where it stands (R5c)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from consent_service.domain.kernel.facts import Scope
from tests.deployment import COLLEAGUE, EMPLOYEE, PURPOSE, template
from tests.web.family import (
    FREDERIK,
    Signer,
    acts,
    cookie_of,
    entry_types,
    links,
    new_link,
    words,
)
from tests.web.test_paper import sign_paper

SMALL = ["municipality-x", "gp-y"]
OFFER = "Tag mit nej tilbage"


@pytest.fixture
def refused(home):
    """Mette declined a wider request, which stops what both parents had granted."""
    home.in_force(parties=SMALL)
    wider = home.ask()
    home.act(wider["id"], "custody_holder", "decline", nth=0)
    assert home.disclose().status_code == 403
    return wider


def states(home, asked, org="municipality-x"):
    shown = home.get(f"/v1/consents/{asked['id']}", org=org).json
    return shown["status"], [one["state"] for one in shown["signatories"]]


def test_a_no_taken_back_on_a_live_request_is_asked_for_anew(home, refused):
    mette = Signer(home)
    page = words(mette.arrive(links(refused)["Mette Mor"]))
    assert "Så bliver du spurgt igen her" in page
    assert "afsluttet" not in page
    page = words(mette.press("/sign/lift"))
    assert "Dit svar er gemt Dit nej stopper ikke længere noget." in page
    assert "Du har ikke givet samtykke ved at tage det tilbage." in page
    assert "Må oplysninger om Alma Test deles?" in page
    assert OFFER not in page
    assert acts(home, refused["id"]) == ["consent_declined", "consent_lifted"]
    status, (own, other, *_) = states(home, refused)
    assert status == "awaiting_signatures"
    assert own in ("invited", "opened")
    assert other == "invited"
    assert home.disclose().status_code == 201
    assert len(mette.get("/sign/receipt").json["statements"]) == 2
    assert "Tak. Dit samtykke er gemt." in words(mette.press("/sign/grant"))


def test_a_no_taken_back_on_an_ended_request_leaves_it_ended(home, refused):
    home.clock.forward(days=60)
    assert states(home, refused)[0] == "declined"
    mette = Signer(home)
    page = words(mette.arrive(links(refused)["Mette Mor"]))
    assert "Denne anmodning er afsluttet" in page
    page = words(mette.press("/sign/lift"))
    assert "Dit nej stopper ikke længere noget." in page
    assert "Du har ikke givet samtykke Intet må deles" in page
    assert "Giv samtykke" not in page
    assert "Hent din kvittering" in page
    assert OFFER not in page
    assert states(home, refused)[0] == "declined"
    assert home.disclose().status_code == 201

    assert "Sig nej igen" in page
    assert "stopper også" in words(mette.press("/sign/decline"))
    mette.press("/sign/decline")
    assert home.disclose().status_code == 403
    assert acts(home, refused["id"])[1:] == ["consent_lifted", "consent_declined"]


def test_a_withdrawal_taken_back_leaves_the_consent_withdrawn(home):
    home.in_force(parties=SMALL)
    wider = home.in_force()
    mette = Signer(home)
    mette.arrive(new_link(home, wider))
    assert OFFER in words(mette.press("/sign/decline"))
    assert home.disclose().status_code == 403
    page = words(mette.press("/sign/lift"))
    assert "Du har trukket dit samtykke tilbage" in page
    assert "Sig nej igen" in page
    assert OFFER not in page
    assert states(home, wider)[0] == "withdrawn"
    assert home.disclose().status_code == 201


def test_a_login_takes_back_what_was_said_to_another_municipality(home):
    own = home.in_force(parties=SMALL)
    other = home.ask(org="municipality-z", parties=["municipality-z", *SMALL])
    home.act(other["id"], "custody_holder", "decline", nth=0)
    assert home.disclose().status_code == 403
    mette = Signer(home)
    page = words(mette.arrive(new_link(home, own)))
    assert "Stoppet af dig" in page
    assert "Dit samtykke her bliver, som du gav det." in page
    page = words(mette.press("/sign/lift"))
    assert "Stoppet af dig" not in page
    assert "Samtykket gælder" in page
    assert home.disclose().status_code == 201
    assert states(home, other, "municipality-z")[1][0] == "declined", "that request was not named"


def test_what_was_left_out_is_taken_back_elsewhere_alone(home):
    """A grant keeps its scope; what it left out stops other consents no longer."""
    home.in_force(parties=SMALL)
    narrow = home.ask()
    home.act(
        narrow["id"], "custody_holder", nth=0, left_out=Scope(frozenset({"gp-y"}), frozenset())
    )
    assert home.disclose().status_code == 403
    mette = Signer(home)
    mette.arrive(links(narrow)["Mette Mor"])
    page = words(mette.press("/sign/lift"))
    assert "Du har valgt dette fra: Lægehuset Y" in page
    assert home.disclose().status_code == 201
    assert states(home, narrow)[1][0] == "granted"


@pytest.mark.parametrize("days", [0, 60], ids=["live", "ended"])
def test_nothing_of_anothers_no_is_offered_or_told(home, days):
    """Frederik's page reads the same whether Mette refused or is silent."""
    numbers = ("0103174321", "0103174399")
    silent, refused = (
        home.ask(child={"cpr": cpr, "name": "Alma Test", "birth_date": "2017-03-01"})
        for cpr in numbers
    )
    home.act(refused["id"], "custody_holder", "decline", nth=0)
    home.clock.forward(days=days)
    frederik, pages = Signer(home, FREDERIK), []
    for asked in (silent, refused):
        pages.append(words(frederik.arrive(links(asked)["Frederik Far"])))
    assert pages[0] == pages[1]
    for told in (OFFER, "Tag dit nej", "i dit navn", "sagt nej"):
        assert told not in pages[1]


def test_a_form_of_ones_own_takes_no_no_of_anothers_back(home, refused):
    frederik = Signer(home, FREDERIK)
    frederik.arrive(links(refused)["Frederik Far"])
    assert OFFER not in words(frederik.page)
    assert frederik.post("/sign/lift", frederik.form("/sign/decline").content()).status_code == 303
    assert acts(home, refused["id"]) == ["consent_declined"]
    assert home.disclose().status_code == 403


def test_only_a_login_takes_a_no_back(home, refused):
    mette = Signer(home)
    mette.open(links(refused)["Mette Mor"])
    landing = dict(mette.form("/sign/login").hidden) | {"language": "da"}
    answer = mette.post("/sign/lift", landing)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign/")
    mette.log_in()
    form = mette.form("/sign/lift").content()
    home.clock.forward(minutes=16)
    mette.post("/sign/lift", form)
    page = words(mette.see())
    assert "Log ind igen, og svar så" in page
    assert "Dit nej stopper ikke længere" not in page
    home.clock.forward(minutes=31)
    mette.post("/sign/lift", form)
    assert "Log ind med MitID" in words(mette.see())
    assert acts(home, refused["id"]) == ["consent_declined"]
    assert entry_types(home, refused["id"]).count("login_refused") == 2
    assert home.disclose().status_code == 403
    mette.log_in()
    mette.press("/sign/lift")
    assert home.disclose().status_code == 201


def test_a_get_takes_nothing_back(home, refused):
    mette = Signer(home)
    mette.arrive(links(refused)["Mette Mor"])
    assert mette.get("/sign/lift").status_code == 405
    assert acts(home, refused["id"]) == ["consent_declined"]


def test_a_double_click_and_many_tabs_take_a_no_back_once(home, refused):
    mette = Signer(home)
    mette.arrive(links(refused)["Mette Mor"])
    form, secret = mette.form("/sign/lift").content(), cookie_of(mette)

    def press(_: int) -> int:
        tab = Signer(home)
        tab.client.set_cookie("signing", secret, domain="localhost")
        return tab.post("/sign/lift", form).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(press, range(4))) == {303}
    assert mette.post("/sign/lift", form).status_code == 303
    assert "Dit nej stopper ikke længere noget." in words(mette.see())
    assert acts(home, refused["id"]) == ["consent_declined", "consent_lifted"]


def test_in_english(small_home):
    asked = small_home.ask()
    small_home.act(asked["id"], "custody_holder", "decline", nth=0)
    mette = Signer(small_home)
    mette.arrive(links(asked)["Mette Mor"])
    mette.get("/sign/?lang=en")
    assert "Take my no back" in words(mette.see())
    assert "Your answer has been saved Your no no longer stops" in words(mette.press("/sign/lift"))
    everything = words(mette.get("/sign/everything"))
    assert "A no taken back" in everything


def test_an_attested_no_is_shown_as_recorded_in_the_signers_name(home):
    home.in_force(parties=SMALL)
    asked = home.ask()
    home.clock.forward(days=1)
    sign_paper(home, asked, "Mette Mor", "decline")
    mette = Signer(home)
    page = words(mette.arrive(links(asked)["Mette Mor"]))
    assert "Der er registreret et nej i dit navn Intet må deles" in page
    assert "Der er registreret et nej i dit navn den 24. november 2026" in page
    assert "Det er registreret af: Kommune X." in page
    assert "Der er registreret et nej i dit navn af: Kommune X." in page
    for word in (EMPLOYEE["name"], COLLEAGUE["name"], "journal-77"):
        assert word not in page
    frederik = words(Signer(home, FREDERIK).arrive(links(asked)["Frederik Far"]))
    assert "registreret" not in frederik
    mette.press("/sign/lift")
    assert home.disclose().status_code == 201


def test_a_stop_told_to_a_party_is_shown_with_who_recorded_it(home):
    asked = home.in_force()
    link = new_link(home, asked)
    body = {
        "signatory": next(s["id"] for s in asked["signatories"] if s["name"] == "Mette Mor"),
        "channel": "oral",
        "performed_by": EMPLOYEE,
    }
    answer = home.post(f"/v1/consents/{asked['id']}/withdrawals", body, org="gp-y")
    assert answer.status_code == 201, answer.json
    mette = Signer(home)
    page = words(mette.arrive(link))
    assert "Dit samtykke er trukket tilbage i dit navn" in page
    assert "Det er registreret af: Lægehuset Y." in page
    assert EMPLOYEE["name"] not in page
    items = home.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    word = {i["type"]: i["detail"].get("attested_by") for i in items if "consent_" in i["type"]}
    assert word == {
        "consent_requested": None,
        "consent_granted": None,
        "consent_withdrawn": "gp-y",
    }
    mette.press("/sign/lift")
    items = home.get(f"/v1/consents/{asked['id']}/timeline").json["items"]
    (lifted,) = [item for item in items if item["type"] == "consent_lifted"]
    assert (lifted["by_role"], "attested_by" in lifted["detail"]) == ("custody_holder", False)


# -- another purpose, which overlaps or does not (R5g) -------------------------------------------


def for_another_purpose(home, *overlaps):
    older = home.in_force(parties=SMALL)
    home.register("follow-up", *overlaps)
    plan = template(id="follow-up-plan", purpose="follow-up")
    assert home.post("/v1/templates", plan).status_code == 201
    return older, home.ask(template="follow-up-plan")


def test_a_no_for_a_purpose_that_overlaps_is_shown_and_taken_back_there_too(small_home):
    older, asked = for_another_purpose(small_home, PURPOSE)
    mette = Signer(small_home)
    assert "Der er et ældre samtykke" in words(mette.arrive(links(asked)["Mette Mor"]))
    assert "stopper også" in words(mette.press("/sign/decline"))
    mette.press("/sign/decline")
    assert small_home.disclose().status_code == 403

    assert OFFER in words(mette.arrive(new_link(small_home, older)))
    mette.press("/sign/lift")
    assert small_home.disclose().status_code == 201
    assert small_home.disclose(purpose="follow-up").status_code == 403


def test_a_no_for_a_purpose_that_does_not_stops_nothing_and_says_nothing(small_home):
    older, asked = for_another_purpose(small_home)
    mette = Signer(small_home)
    assert "ældre samtykke" not in words(mette.arrive(links(asked)["Mette Mor"]))
    mette.press("/sign/decline")
    assert acts(small_home, asked["id"]) == ["consent_declined"]
    assert small_home.disclose().status_code == 201
    assert OFFER not in words(mette.arrive(new_link(small_home, older)))
