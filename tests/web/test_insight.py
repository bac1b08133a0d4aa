"""What each page must not tell (R11, and the landing page before login)."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from consent_service.services.consents.find_consent import child_of
from consent_service.services.kernel.journal import Event
from tests.web.family import (
    FREDERIK,
    METTE,
    SILJE,
    STRANGER,
    Signer,
    links,
    new_link,
    read,
    words,
)

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


FORM_TOKEN = re.compile(r'value="[0-9a-f]{64}"')


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
    # The form's token is by chance, and so can hold any four digits.
    body = FORM_TOKEN.sub("", html.replace("/sign/style.css", ""))
    assert "form_token" in body
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
    page = words(frederik.press("/sign/decline"))
    assert "Samtykket gælder" in page, "he never granted it: it is a no, which stops what it covers"
    assert small_home.disclose().status_code == 403


def test_a_replay_is_no_second_disclosure(small_home):
    asked = small_home.in_force()
    body = small_home.disclosure_body()
    for _ in range(3):
        assert small_home.post("/v1/disclosures", body, "gp-y", "one-key").status_code == 201
    answer = small_home.post(f"/v1/consents/{asked['id']}/links", {"performed_by": EMPLOYEE})
    page = words(Signer(small_home).arrive(links(answer.json)["Mette Mor"]))
    assert page.split("Hvad der er delt")[1].count("Tilladt") == 1


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


# -- whose custody facts let somebody see ------------------------------------------------------

SMALL = ["municipality-x", "gp-y"]
ELSEWHERE = {
    "type": "other_statute",
    "provision": "Sundhedsloven § 43",
    "justification": "Nødvendigt",
}
DUTY = {"type": "notification_duty", "provision": "Barnets lov § 133", "justification": "Bekymring"}


def names_a_stranger(home, **changes):
    """Municipality Z asks about X's child, and calls somebody its only holder."""
    custody = {
        "source": "cpr-register",
        "as_of": "2026-11-22",
        "holders": [{"cpr": STRANGER.cpr, "name": "Sofie Fremmed", "role": "parent", **changes}],
    }
    parties = ["municipality-z", "municipality-x", "gp-y"]
    return home.ask(org="municipality-z", custody=custody, parties=parties)


def shared(page):
    return words(page).split("Hvad der er delt")[1].split("Læs hele teksten")[0]


def test_whoever_another_municipality_calls_a_holder_sees_nothing_of_this_one(home):
    home.in_force()
    assert home.disclose().status_code == 201
    assert home.disclose(recipient="municipality-z").status_code == 403
    assert home.disclose(legal_basis=DUTY).status_code == 201
    assert home.disclose(legal_basis=ELSEWHERE, recipient="paediatrics").status_code == 201
    for recipient in ("gp-y", "municipality-z"):
        sent = home.disclose(
            "municipality-x", sender="municipality-x", recipient=recipient, legal_basis=ELSEWHERE
        )
        assert sent.status_code == 201
    asked = names_a_stranger(home)
    sofie = Signer(home, STRANGER)
    assert "andet samtykke" not in words(sofie.arrive(links(asked)["Sofie Fremmed"]))
    assert "ældre samtykke" not in words(sofie.page)
    sofie.press("/sign/grant")
    # What passes after he has granted passes under X's consent, as Z's is contradicted.
    assert home.disclose().status_code == 201
    page = sofie.see()
    assert "Der er ikke delt noget endnu" in shared(page)
    assert "andet samtykke" not in words(page)
    own = home.disclose(
        "municipality-z", sender="municipality-z", recipient="gp-y", legal_basis=ELSEWHERE
    )
    assert own.status_code == 201
    assert shared(sofie.see()).count("Fra Kommune Z Til Lægehuset Y") == 1
    everything = words(sofie.get("/sign/everything"))
    assert "Fra Kommune X" not in everything
    assert "Fra Lægehuset Y" not in everything
    assert "Fra Kommune Z" in everything


def test_the_parents_go_on_seeing_what_was_sent_on_another_basis(home):
    asked = home.in_force()
    assert home.disclose(legal_basis=DUTY).status_code == 201
    assert home.disclose(legal_basis=ELSEWHERE, recipient="paediatrics").status_code == 201
    mette = Signer(home)
    page = shared(mette.arrive(new_link(home, asked)))
    assert "Fra Lægehuset Y Til Kommune X" in page
    assert "Fra Lægehuset Y Til Børneafdelingen" in page
    # Among those who have no facts themselves, one that contradicts is enough.
    names_a_stranger(home)
    page = shared(mette.see())
    assert "Fra Lægehuset Y Til Kommune X" in page
    assert "Børneafdelingen" not in page


def contradicted(home, asked):
    """An attempt of the GP's that was denied since X and Z do not know the same holders."""
    with home.parts.units.writing() as uow:
        file = uow.consents.controlled(asked["id"], "municipality-z")
        event = Event(
            "disclosure",
            "municipality-z",
            "gp-y",
            child=child_of(uow, file),
            recipient="municipality-x",
            outcome="denied",
            consent=asked["id"],
            details={
                "purpose": "joint-action-plan",
                "categories": ["health"],
                "legal_basis": {"type": "consent"},
                "channel": "phone",
                "reasons": [{"code": "custody_contradicted"}],
            },
        )
        home.parts.context.journal.write(uow, event, home.clock())
        uow.commit()


def test_what_custody_stopped_is_seen_by_those_whom_all_concerned_know(home):
    x = home.in_force()
    z = names_a_stranger(home)
    home.act(z["id"], "custody_holder")
    contradicted(home, z)
    sofie, mette = Signer(home, STRANGER), Signer(home)
    assert "Stoppet" not in shared(sofie.arrive(links(z)["Sofie Fremmed"]))
    mette.arrive(new_link(home, x))
    assert "Stoppet" not in shared(mette.see())
    change = {
        "child": {"cpr": "0103174321"},
        "custody": family() | {"as_of": "2026-11-23"},
        "effective_from": "2026-11-23",
        "performed_by": EMPLOYEE,
    }
    assert home.post("/v1/custody-changes", change, org="municipality-z").status_code == 201
    assert "Stoppet" in shared(mette.see())
    assert sofie.see().status_code == 404


# -- another's no ------------------------------------------------------------------------------


def everything(signer):
    """The export as a page, without when it was made."""
    page = words(signer.get("/sign/everything"))
    return page.split("CPR-nummer", 1)[1].split("Links og log ind")[0]


def test_an_attempt_that_another_stopped_is_held_back_while_nobody_may_know(home):
    asked = home.in_force(parties=SMALL)
    newer = home.ask()
    mette, frederik = Signer(home), Signer(home, FREDERIK)
    mette.arrive(new_link(home, asked))
    frederik.arrive(links(newer)["Frederik Far"])
    before = words(mette.see()), everything(mette)
    home.act(newer["id"], "custody_holder", "decline", nth=1)
    assert home.disclose().status_code == 403
    question = {
        name: value
        for name, value in home.disclosure_body().items()
        if name not in ("document", "channel")
    }
    assert home.post("/v1/decisions", question, org="gp-y").json["decision"] == "denied"
    assert (words(mette.see()), everything(mette)) == before
    assert "Stoppet" in shared(frederik.see())
    home.clock.set(datetime.fromisoformat("2026-12-14T22:59:00+00:00"))
    mette, link = Signer(home), new_link(home, asked)
    assert "Stoppet" not in shared(mette.arrive(link))
    home.clock.set(datetime.fromisoformat("2026-12-14T23:00:01+00:00"))
    page = mette.see()
    assert "Stoppet: det var ikke tilladt" in shared(page)
    assert "Spørgsmål om, hvorvidt noget måtte deles" in everything(mette)
    for word in ("Frederik", "declined"):
        assert word not in shared(page)


def test_what_also_rests_on_ones_own_no_is_shown_at_once(home):
    asked = home.in_force(parties=SMALL)
    newer = home.ask()
    for nth in (0, 1):
        home.act(newer["id"], "custody_holder", "decline", nth=nth)
    assert home.disclose().status_code == 403
    mette = Signer(home)
    assert "Stoppet" in shared(mette.arrive(new_link(home, asked)))


@pytest.mark.parametrize("own", ["grant", "decline", None])
def test_the_page_of_a_consent_in_force_tells_nothing_of_another_request(small_home, own):
    """Side by side: on the newer request the father says yes, no, or nothing."""
    told = []
    for number, answer in (
        ("0103174321", None),
        ("0103174399", "decline"),
        ("0103174372", "grant"),
    ):
        child = {"cpr": number, "name": "Alma Test", "birth_date": "2017-03-01"}
        small_home.clock.set(datetime.fromisoformat("2026-11-23T09:00:00+00:00"))
        asked = small_home.in_force(child=child, parties=["municipality-x", "gp-y"])
        newer = small_home.ask(child=child)
        if own:
            small_home.act(newer["id"], "custody_holder", own, nth=0)
        if answer:
            small_home.act(newer["id"], "custody_holder", answer, nth=1)
        small_home.clock.forward(hours=1)
        mette = Signer(small_home)
        told.append(words(mette.arrive(new_link(small_home, asked))))
    assert told[0] == told[1] == told[2]
    assert "Samtykket gælder" in told[0]
    assert ("Det stopper også." in told[0]) == (own == "grant")


def test_nobody_learns_that_another_took_a_receipt_or_an_export(home):
    asked = home.ask()
    mette, frederik = Signer(home), Signer(home, FREDERIK)
    mette.arrive(links(asked)["Mette Mor"])
    before = everything(mette)
    frederik.arrive(links(asked)["Frederik Far"])
    frederik.press("/sign/decline")
    assert frederik.get("/sign/receipt").status_code == 200
    assert frederik.get("/sign/everything").status_code == 200
    assert everything(mette) == before


# -- protected people --------------------------------------------------------------------------


def elsewhere(home):
    """Two places that are no parties of the small consent, and one with one that is."""
    for sender, recipient in (
        ("municipality-z", "child-psychiatry"),
        ("gp-y", "paediatrics"),
        ("gp-y", "municipality-x"),
    ):
        sent = home.disclose(sender, sender=sender, recipient=recipient, legal_basis=ELSEWHERE)
        assert sent.status_code == 201


PLACES = ("Kommune Z", "Børneafdelingen", "Børne- og Ungdomspsykiatrien", "municipality-z")


@pytest.mark.parametrize("who", ["child", "mother"])
@pytest.mark.parametrize(
    ("language", "from_", "to", "practice", "municipality"),
    [
        ("da", "Fra", "Til", "en lægepraksis", "en kommune"),
        ("en", "From", "To", "a practice", "a municipality"),
    ],
)
def test_a_protected_family_reads_of_other_places_by_their_kind(
    home, who, language, from_, to, practice, municipality
):
    people = family(language=language)
    child = {"cpr": "0103174321", "name": "Alma Test", "birth_date": "2017-03-01"}
    (child if who == "child" else people["holders"][0])["name_protected"] = True
    asked = home.in_force(parties=SMALL, custody=people, child=child)
    elsewhere(home)
    frederik = Signer(home, FREDERIK)
    page = words(frederik.arrive(new_link(home, asked, "Frederik Far")))
    assert f"{from_} Lægehuset Y {to} Kommune X" in page
    assert f"{from_} {practice} {to}" in page
    assert f"{from_} {municipality} {to}" in page
    export = frederik.get("/sign/everything").get_data(as_text=True)
    assert f"{from_} Lægehuset Y {to} Kommune X" in words(frederik.get("/sign/everything"))
    for text in (page, export, frederik.get("/sign/receipt").get_data(as_text=True)):
        assert not [place for place in PLACES if place in text]
    assert ("Mette" in page) == (who == "child")
    # Her own protection hides nothing from herself.
    mette = Signer(home)
    own = words(mette.arrive(new_link(home, asked)))
    assert ("Kommune Z" in own) == (who == "mother")


def test_whoever_marked_a_name_it_is_protected_everywhere(home):
    asked = home.in_force(parties=SMALL, custody=family())
    newer = family() | {"as_of": "2026-11-23"}
    newer["holders"][0]["name_protected"] = True
    home.ask(org="municipality-z", custody=newer, parties=["municipality-z", "paediatrics"])
    elsewhere(home)
    frederik = Signer(home, FREDERIK)
    page = words(frederik.arrive(new_link(home, asked, "Frederik Far")))
    assert "Mette" not in page
    assert "Mette" not in words(frederik.get("/sign/everything"))
    # He was asked by Z as well, so he has read its name; but not together with others'.
    assert "Fra en kommune Til en psykiatrisk afdeling for børn" in page
