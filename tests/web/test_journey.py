"""A family's whole way through the pages, over a real login and on both databases."""

import base64
import json
from datetime import datetime

import pytest

from consent_service.domain.kernel.facts import Scope
from tests.deployment import CATEGORIES, template
from tests.web.family import (
    FREDERIK,
    SILJE,
    STRANGER,
    Signer,
    acts,
    entry_types,
    links,
    new_link,
    words,
)


def test_both_parents_grant_then_one_withdraws(home):
    asked = home.ask()
    mette = Signer(home)

    assert "Log ind med MitID" in words(mette.open(links(asked)["Mette Mor"]))
    page = words(mette.log_in())
    assert "Må oplysninger om Alma Test deles?" in page
    assert "Det er frivilligt" in page
    assert "Kommune X: Kommune X på dansk" in page

    page = words(mette.press("/sign/grant"))
    assert "Tak. Dit samtykke er gemt." in page
    assert "Det gælder ikke endnu" in page
    assert home.disclose().status_code == 403

    frederik = Signer(home, FREDERIK)
    frederik.arrive(links(asked)["Frederik Far"])
    page = words(frederik.press("/sign/grant"))
    assert "Samtykket gælder" in page
    assert "Det udløber af sig selv senest den 23. november 2027." in page
    assert home.disclose().status_code == 201

    page = words(mette.see())
    assert "Samtykket gælder" in page
    assert "Lægehuset Y" in page
    assert "Tilladt" in page

    page = words(mette.press("/sign/decline"))
    assert "Dit samtykke er trukket tilbage." in page
    assert home.disclose().json["reasons"][0]["code"] == "withdrawn"
    assert "Samtykket er trukket tilbage" in words(frederik.see())
    assert acts(home, asked["id"]) == ["consent_granted", "consent_granted", "consent_withdrawn"]


def test_every_step_is_logged(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    mette.press("/sign/grant")
    mette.get("/sign/receipt")
    assert entry_types(home, asked["id"])[3:] == [
        "link_opened",
        "signer_identified",
        "personal_data_viewed",
        "consent_granted",
        "personal_data_viewed",
        "personal_data_viewed",
    ]


def test_the_receipt_holds_the_words_that_were_on_the_page(home):
    asked = home.ask()
    mette = Signer(home)
    page = words(mette.arrive(links(asked)["Mette Mor"]))
    assert mette.get("/sign/receipt").headers["Location"] == "/sign/"
    mette.press("/sign/grant")
    answer = mette.get("/sign/receipt")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.mimetype == "application/json"
    (statement,) = json.loads(answer.data)["statements"]
    text = statement["shown"]["text"]
    assert statement["shown"]["language"] == "da"
    for line in text.splitlines():
        assert line in page
    payload = statement["seal"].split(".")[1]
    sealed = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert sealed["decision"] == "grant"


def test_a_parent_declines_and_changes_their_mind(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    page = words(mette.press("/sign/decline"))
    assert "Dit nej er gemt." in page
    assert "Du har ikke givet samtykke" in page
    page = words(mette.press("/sign/grant"))
    assert "Tak. Dit samtykke er gemt." in page
    assert acts(home, asked["id"]) == ["consent_declined", "consent_granted"]


def test_narrowing_is_kept_and_shown(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    assert ("party", "municipality-x") not in mette.form("/sign/grant").boxes
    assert all(mette.form("/sign/grant").boxes.values())
    page = words(mette.press("/sign/grant", without=("gp-y", "school")))
    assert "Du har valgt dette fra: Lægehuset Y School" in page
    home.act(asked["id"], "custody_holder", nth=1)
    page = words(mette.see()).split("Hvem samtykket gælder")[1].split("Hent din kvittering")[0]
    assert "Lægehuset Y" not in page
    assert "School" not in page
    assert "Health" in page


def test_narrowing_to_nothing_is_a_decline_once_it_is_said_so(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    page = words(mette.press("/sign/grant", without=("health", "school")))
    assert "Du har valgt så meget fra, at det betyder nej" in page
    assert "Intet er gemt endnu." in page
    assert acts(home, asked["id"]) == []
    mette.see()
    assert not mette.form("/sign/grant").boxes["category", "health"]

    mette.press("/sign/grant")
    page = words(mette.press("/sign/decline"))
    assert "Dit nej er gemt." in page
    assert acts(home, asked["id"]) == ["consent_declined"]


def test_enter_in_a_box_is_no_answer(home):
    """A browser then presses the form's first button, which only keeps the ticks."""
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    html = mette.page.get_data(as_text=True)
    assert html.index('name="only" value="keep"') < html.index("Giv samtykke</button>")
    kept = [pair for pair in mette.form("/sign/grant").content() if pair[1] != "school"]
    answer = mette.post("/sign/grant", [*kept, ("only", "keep")])
    assert answer.headers["Location"] == "/sign/#answer"
    assert acts(home, asked["id"]) == []
    mette.see()
    assert not mette.form("/sign/grant").boxes["category", "school"]


def test_a_template_that_is_whole_or_not_at_all(small_home):
    whole = {"granular": False, "id": "whole"}
    assert small_home.post("/v1/templates", template(**whole)).status_code == 201
    asked = small_home.ask(template="whole")
    mette = Signer(small_home)
    page = words(mette.arrive(links(asked)["Mette Mor"]))
    assert "Du kan vælge noget fra" not in page
    assert mette.form("/sign/grant").boxes == {}
    mette.press("/sign/grant")
    assert acts(small_home, asked["id"]) == ["consent_granted"]


def test_declining_what_also_stops_an_older_consent_is_asked_twice(home):
    older = home.in_force()
    newer = home.ask(parties=["municipality-x", "gp-y"])
    mette = Signer(home)
    page = words(mette.arrive(links(newer)["Mette Mor"]))
    assert "Der er et ældre samtykke, som gælder nu" in page
    assert page.index("ældre samtykke") < page.index("Giv ikke samtykke Du kan straks")

    page = words(mette.press("/sign/decline"))
    assert "Dit nej stopper også et ældre samtykke" in page
    assert acts(home, newer["id"]) == []
    assert home.disclose().status_code == 201

    page = words(mette.press("/sign/decline"))
    assert "Dit nej er gemt." in page
    assert "ældre samtykke, som gælder nu" not in page
    assert home.disclose().status_code == 403

    again = Signer(home)
    page = words(again.arrive(new_link(home, older)))
    assert "Stoppet af dig" in page


@pytest.mark.parametrize("days", [1, 30], ids=["live", "ended"])
def test_a_no_can_be_said_again_after_a_yes_elsewhere(home, days):
    older = home.ask()
    home.act(older["id"], "custody_holder", "decline", nth=0)
    home.clock.forward(days=days)
    page = words(Signer(home).arrive(links(older)["Mette Mor"]))
    assert "Du har ikke givet samtykke" in page
    assert "Tag mit ja tilbage" not in page
    home.in_force(parties=["municipality-x", "gp-y"])
    mette = Signer(home)
    page = words(mette.arrive(links(older)["Mette Mor"]))
    assert "Tag mit ja tilbage" in page
    mette.press("/sign/decline")
    assert "Dit nej er gemt." in words(mette.press("/sign/decline"))
    assert home.disclose().status_code == 403
    assert "Tag mit ja tilbage" not in words(Signer(home).arrive(links(older)["Mette Mor"]))


def test_withdrawing_takes_one_press_also_where_it_stops_an_older_consent(home):
    home.in_force()
    newer = home.in_force(parties=["municipality-x", "gp-y"])
    mette = Signer(home)
    page = words(mette.arrive(new_link(home, newer)))
    assert "Det stopper også." in page
    assert "Dit samtykke er trukket tilbage." in words(mette.press("/sign/decline"))
    assert acts(home, newer["id"])[-1] == "consent_withdrawn"


def test_a_young_person_of_15_signs_too(home):
    child = {"cpr": SILJE.cpr, "name": "Silje Test", "birth_date": "2011-03-10"}
    asked = home.ask(child=child)
    silje = Signer(home, SILJE)
    page = words(silje.arrive(links(asked)["Silje Test"]))
    assert "Må oplysninger om dig deles?" in page
    assert "Dit samtykke er gemt" in words(silje.press("/sign/grant"))
    mette = Signer(home)
    page = words(mette.arrive(links(asked)["Mette Mor"]))
    assert "Silje Test Den unge selv, som skal skrive under fra 15 år" in page


def test_after_the_lapse_nothing_can_be_given_and_the_page_says_why(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    home.clock.forward(days=30)
    mette = Signer(home)
    page = words(mette.arrive(links(asked)["Mette Mor"]))
    assert "Fristen for at svare er udløbet" in page
    assert "Giv samtykke" not in page


def test_the_lapse_between_reading_and_pressing_loses_nothing(home):
    asked = home.ask()
    lapses = "2026-12-14T22:55:00+00:00"
    home.clock.set(datetime.fromisoformat(lapses))
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    home.clock.forward(minutes=6)
    page = words(mette.press("/sign/grant"))
    assert "Dit svar blev ikke gemt" in page
    assert "Fristen for at svare er udløbet" in page
    assert acts(home, asked["id"]) == []


def test_a_cancelled_consent_says_so(home):
    asked = home.in_force()
    body = {"reason": "case_closed", "performed_by": {"id": "e1", "name": "Karen"}}
    link = new_link(home, asked)
    assert home.post(f"/v1/consents/{asked['id']}/cancellation", body).status_code == 200
    mette = Signer(home)
    page = words(mette.arrive(link))
    assert "Kommune X beder ikke længere om dette samtykke." in page
    assert "case_closed" not in page


def test_english_everywhere_once_it_is_chosen(home):
    asked = home.ask()
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    page = words(mette.see("/sign/?lang=en"))
    assert mette.page.status_code == 303
    page = words(mette.see())
    assert "Log in with MitID" in page
    page = words(mette.log_in())
    assert "May information about Alma Test be shared?" in page
    assert "Kommune X: Kommune X in English" in page
    mette.press("/sign/grant")
    receipt = json.loads(mette.get("/sign/receipt").data)
    assert receipt["statements"][0]["shown"]["language"] == "en"
    assert "23 November 2026, 10:00" in words(mette.see())


def test_the_language_that_was_on_the_page_is_the_one_that_is_sealed(home):
    asked = home.ask()
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    mette.get("/sign/?lang=en")  # in another tab
    mette.press("/sign/grant")
    receipt = json.loads(mette.get("/sign/receipt").data)
    assert receipt["statements"][0]["shown"]["language"] == "da"


def test_a_signer_whose_language_only_the_template_has(home):
    base = template()
    text = {**base["texts"]["da"], "title": "موافقة"}
    labels = {"categories": {name: name for name in CATEGORIES}, "purpose": "خطة مشتركة"}
    arabic = template(
        id="arabic",
        texts={**base["texts"], "ar": text},
        labels={**base["labels"], "ar": labels},
    )
    assert home.post("/v1/templates", arabic).status_code == 201
    holder = {"cpr": "0101801112", "name": "Mette Mor", "role": "parent", "language": "ar"}
    custody = {"source": "cpr-register", "as_of": "2026-11-23", "holders": [holder]}
    asked = home.ask(template="arabic", custody=custody)
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    html = mette.page.get_data(as_text=True)
    assert '<html lang="en" dir="ltr">' in html
    assert '<article class="consent-text" lang="ar" dir="rtl">' in html
    assert "موافقة" in html
    assert "Give consent" in html
    mette.press("/sign/grant")
    receipt = json.loads(mette.get("/sign/receipt").data)
    assert receipt["statements"][0]["shown"]["language"] == "ar"


def test_effective_scope_is_what_all_kept(home):
    asked = home.ask()
    home.act(asked["id"], "custody_holder", nth=1, left_out=Scope(frozenset({"gp-y"}), frozenset()))
    mette = Signer(home)
    mette.arrive(links(asked)["Mette Mor"])
    page = words(mette.press("/sign/grant"))
    covered = page.split("Hvem samtykket gælder")[1].split("Om hvad")[0]
    assert covered.strip() == "Børne- og Ungdomspsykiatrien Kommune X Børneafdelingen"


def test_a_stranger_sees_nothing(home):
    asked = home.ask()
    stranger = Signer(home, STRANGER)
    page = words(stranger.arrive(links(asked)["Mette Mor"]))
    assert "Der blev brugt en andens MitID" in page
    assert "Alma" not in page
    assert "Log ind med MitID" in page
    assert stranger.post("/sign/grant", {}).status_code == 400
    assert entry_types(home, asked["id"])[-1] == "login_refused"
