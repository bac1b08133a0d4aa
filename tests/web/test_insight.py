"""What each page must not tell (R11, and the landing page before login)."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.web.family import FREDERIK, METTE, SILJE, Signer, links, read, words

EMPLOYEE = {"id": "e1", "name": "Karen Sagsbehandler"}
SECRETS_OF_FREDERIK = [FREDERIK.cpr, "frederik@example.org", "+45 99 88 77 66", "020279"]


def family(**father):
    return {
        "source": "cpr-register",
        "as_of": "2026-11-23",
        "holders": [
            {"cpr": METTE.cpr, "name": "Mette Mor", "role": "parent"},
            {
                "cpr": FREDERIK.cpr,
                "name": "Frederik Far",
                "role": "parent",
                "email": "frederik@example.org",
                "phone": "+45 99 88 77 66",
                **father,
            },
        ],
    }


def stripped(signer):
    """The page without what differs by chance."""
    return words(signer.see())


@pytest.mark.parametrize("language", ["da", "en", None])
def test_before_login_there_is_nothing_about_anybody(small_home, language):
    asked = small_home.ask(custody=family())
    mette = Signer(small_home, language=language)
    html = mette.open(links(asked)["Mette Mor"]).get_data(as_text=True)
    assert "Kommune X" in html
    assert "+45 12 34 56 78" in html
    forbidden = ["Alma", "Mette", "Frederik", "barn", "child", "psyk", "psych", "Læge", "samtykke"]
    forbidden += ["consent", "Health", "School", "2017", "0117", METTE.cpr, *SECRETS_OF_FREDERIK]
    body = html.replace("/sign/style.css", "")
    for word in forbidden:
        assert word.lower() not in body.lower(), word


def test_the_browser_decides_the_language_until_login_then_the_person_does(small_home):
    english = {"cpr": METTE.cpr, "name": "Mette Mor", "role": "parent", "language": "en"}
    asked = small_home.ask(custody=family() | {"holders": [english]})
    mette = Signer(small_home, language="da")
    assert "Log ind med MitID" in words(mette.open(links(asked)["Mette Mor"]))
    assert "Give consent" in words(mette.log_in())


def test_no_page_shows_what_belongs_to_another_signer(small_home):
    asked = small_home.ask(custody=family())
    mette = Signer(small_home)
    pages = [mette.arrive(links(asked)["Mette Mor"]), mette.press("/sign/grant")]
    small_home.act(asked["id"], "custody_holder", nth=1)
    pages.append(mette.see())
    pages.append(mette.get("/sign/receipt"))
    small_home.act(asked["id"], "custody_holder", "decline", nth=1)
    pages.append(mette.see())
    for page in pages:
        html = page.get_data(as_text=True)
        for secret in SECRETS_OF_FREDERIK:
            assert secret not in html
    for page in pages[:3]:
        html = page.get_data(as_text=True)
        assert METTE.cpr not in html
        assert "0103174321" not in html
        assert "010317-4321" not in html
        assert "Alma" not in read(page).title


def test_a_protected_name_is_not_shown(small_home):
    asked = small_home.ask(custody=family(name_protected=True))
    mette = Signer(small_home)
    pages = [mette.arrive(links(asked)["Mette Mor"]), mette.press("/sign/grant")]
    small_home.act(asked["id"], "custody_holder", nth=1)
    pages += [mette.see(), mette.get("/sign/receipt")]
    for page in pages:
        assert "Frederik" not in page.get_data(as_text=True)
    assert "Andre, der skal skrive under Forælder med forældremyndighed" in words(pages[0])


@pytest.mark.parametrize("own", [None, "grant"])
@pytest.mark.parametrize("later", [0, 10, 40])
def test_a_refusal_and_silence_look_the_same(small_home, own, later, tmp_path: Path):
    """Side by side: in one family the father said no, in the other he said nothing."""
    told = []
    for number, refuses in (("0103174321", True), ("0103174399", False)):
        child = {"cpr": number, "name": "Alma Test", "birth_date": "2017-03-01"}
        small_home.clock.set(datetime.fromisoformat("2026-11-23T09:00:00+00:00"))
        asked = small_home.ask(child=child)
        if own:
            small_home.act(asked["id"], "custody_holder", own, nth=0)
        if refuses:
            small_home.act(asked["id"], "custody_holder", "decline", nth=1)
        small_home.clock.forward(days=later)
        mette = Signer(small_home)
        told.append(words(mette.arrive(links(asked)["Mette Mor"])))
    assert told[0] == told[1]


@pytest.mark.parametrize("later", [0, 20])
def test_a_new_signers_refusal_and_silence_look_the_same(small_home, later):
    """A consent that was in force: the child turns 15 and says no, or nothing."""
    told = []
    for number, refuses in (("0112114321", True), ("0112114399", False)):
        small_home.clock.set(datetime.fromisoformat("2026-11-23T09:00:00+00:00"))
        child = {"cpr": number, "name": "Silje Test", "birth_date": "2011-12-01"}
        asked = small_home.in_force(child=child)
        small_home.clock.set(datetime.fromisoformat("2026-12-02T09:00:00+00:00"))
        if refuses:
            small_home.act(asked["id"], "child", "decline")
        small_home.clock.forward(days=later)
        mette = Signer(small_home)
        told.append(words(mette.arrive(links(asked)["Mette Mor"])))
    assert told[0] == told[1]
    assert "Samtykket gælder ikke lige nu" in told[0]


def test_who_was_excused_and_why_is_not_told(small_home):
    asked = small_home.ask()
    father = next(s["id"] for s in asked["signatories"] if s["name"] == "Frederik Far")
    body = {
        "signatory": father,
        "reason": "unknown_whereabouts",
        "provision": "Forældreansvarsloven § 3",
        "evidence_reference": "sag 12",
        "performed_by": EMPLOYEE,
    }
    path = f"/v1/consents/{asked['id']}/exemptions"
    answer = small_home.post(path, body)
    assert answer.status_code == 201, answer.json
    exemption = answer.json["exemptions"][0]["id"] if "exemptions" in answer.json else None
    exemption = exemption or answer.json["id"]
    confirm = {"performed_by": {"id": "e2", "name": "Jens"}}
    answer = small_home.post(f"{path}/{exemption}/confirmation", confirm)
    assert answer.status_code in (200, 201), answer.json
    mette = Signer(small_home)
    page = words(mette.arrive(links(asked)["Mette Mor"]))
    for word in ("Forældreansvarsloven", "sag 12", "unknown", "Frederik"):
        assert word not in page
    mette.press("/sign/grant")
    frederik = Signer(small_home, FREDERIK)
    page = words(frederik.arrive(links(asked)["Frederik Far"]))
    assert "Samtykket gælder" in page
    assert "Samtykket gælder uden din underskrift." in page
    assert "Giv ikke samtykke" not in page
    for word in ("Forældreansvarsloven", "sag 12", "unknown"):
        assert word not in page
    assert "trukket tilbage" in words(frederik.press("/sign/decline"))


def test_every_disclosure_is_shown_without_employees_and_reasons(home):
    asked = home.in_force()
    home.disclose()
    home.disclose(org="paediatrics", sender="paediatrics", categories=["identity"])
    home.disclose(
        legal_basis={
            "type": "notification_duty",
            "provision": "Barnets lov § 133",
            "justification": "Skolen er bekymret",
        }
    )
    home.disclose(
        legal_basis={
            "type": "vital_interest",
            "provision": "Sundhedsloven § 43",
            "justification": "Fare",
            "family_visibility": {"from": "2026-12-10", "reason": "Efterforskning"},
        }
    )
    mette = Signer(home)
    answer = home.post(f"/v1/consents/{asked['id']}/links", {"performed_by": EMPLOYEE})
    link = links(answer.json)["Mette Mor"]
    page = words(mette.arrive(link)).split("Hvad der er delt")[1]
    newest_first = ["Pligten til at underrette kommunen (Barnets lov § 133)", "Stoppet", "Tilladt"]
    assert [page.index(text) for text in newest_first] == sorted(
        page.index(text) for text in newest_first
    )
    assert "23. november 2026 kl. 10.00" in page
    assert "Fra Lægehuset Y Til Kommune X Om Health Grundlag Jeres samtykke" in page
    assert "Fra Børneafdelingen Til Kommune X Om Identity" in page
    for word in ("Lise Læge", "bekymret", "category_not_covered", "doc-1", "liv eller helbred"):
        assert word not in page
    home.clock.set(datetime.fromisoformat("2026-12-10T09:00:00+00:00"))
    mette = Signer(home)
    assert "Fare for liv eller helbred" in words(mette.arrive(link))
    assert "Efterforskning" not in words(mette.see())


def test_from_18_the_parents_page_is_closed(home):
    child = {"cpr": SILJE.cpr, "name": "Silje Test", "birth_date": "2011-03-10"}
    asked = home.ask(child=child)
    mette, silje = Signer(home), Signer(home, SILJE)
    mette.arrive(links(asked)["Mette Mor"])
    home.clock.set(datetime.fromisoformat("2029-03-09T22:30:00+00:00"))
    answer = home.post(f"/v1/consents/{asked['id']}/links", {"performed_by": EMPLOYEE})
    assert answer.status_code == 409
    mette = Signer(home)
    assert mette.open(links(asked)["Mette Mor"]).status_code == 200
    home.clock.set(datetime.fromisoformat("2029-03-09T23:00:00+00:00"))
    assert mette.see().status_code == 404
    assert "Log ind" in words(silje.open(links(asked)["Silje Test"]))


def test_the_receipt_is_the_signers_own(home):
    asked = home.in_force()
    answer = home.post(f"/v1/consents/{asked['id']}/links", {"performed_by": EMPLOYEE})
    mette = Signer(home)
    mette.arrive(links(answer.json)["Mette Mor"])
    receipt = json.loads(mette.get("/sign/receipt").data)
    assert [one["opening"]["cpr"] for one in receipt["statements"]] == [METTE.cpr]
