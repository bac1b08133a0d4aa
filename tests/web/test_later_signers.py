"""Whoever must sign later has a deadline of their own, and reads what a no does (R9)."""

from datetime import datetime

import pytest

from tests.deployment import EMPLOYEE
from tests.web.family import ASTA, METTE, STRANGER, Signer, links, new_link, words

ASTA_TURNS_15 = {"cpr": ASTA.cpr, "name": ASTA.name, "birth_date": "2012-02-15"}
DISCLOSED = {"child": {"cpr": ASTA.cpr}}
ONLY_A_NO_OF_HERS = "Hvis du siger nej"


@pytest.fixture
def asta(home):
    """Asked for on 11 January and in force; she turned 15 on 15 February, her link came then."""
    home.clock.set(datetime.fromisoformat("2027-01-11T09:00:00+00:00"))
    asked = home.in_force(child=ASTA_TURNS_15)
    home.clock.set(datetime.fromisoformat("2027-02-16T09:00:00+00:00"))
    return asked, new_link(home, asked, ASTA.name)


def test_a_young_person_reads_her_own_deadline_and_what_a_no_does(home, asta):
    asked, link = asta
    child = Signer(home, ASTA)
    page = words(child.arrive(link))
    assert "Svar senest 2. marts 2027" in page
    assert "25. januar" not in page
    assert "Du kan ændre det til og med den 2. marts 2027. Derefter er det endeligt." in page

    page = words(child.press("/sign/decline"))
    assert "Dit nej er gemt." in page
    assert "Det kan du til og med den 2. marts 2027. Derefter er dit nej endeligt." in page
    assert home.disclose(**DISCLOSED).status_code == 403
    assert "Dit samtykke er gemt" in words(child.press("/sign/grant"))
    assert home.disclose(**DISCLOSED).status_code == 201
    assert home.get(f"/v1/consents/{asked['id']}").json["status"] == "in_force"


def test_the_last_day_is_a_day_on_which_a_no_can_be_changed(home, asta):
    _, link = asta
    child = Signer(home, ASTA)
    child.arrive(link)
    child.press("/sign/decline")
    home.clock.set(datetime.fromisoformat("2027-03-02T22:55:00+00:00"))
    child.arrive(link)
    assert "Dit samtykke er gemt" in words(child.press("/sign/grant"))


def test_a_no_is_final_once_the_last_day_is_over(home, asta):
    asked, link = asta
    child = Signer(home, ASTA)
    child.arrive(link)
    child.press("/sign/decline")
    home.clock.set(datetime.fromisoformat("2027-03-02T23:05:00+00:00"))
    page = words(child.arrive(link))
    assert "Fristen for at svare er udløbet. Du behøver ikke gøre mere." in page
    assert "til og med" not in page
    assert home.get(f"/v1/consents/{asked['id']}").json["status"] == "declined"


def test_who_was_silent_reads_that_a_no_is_final_at_once(home, asta):
    asked, link = asta
    home.clock.set(datetime.fromisoformat("2027-03-02T23:05:00+00:00"))
    child = Signer(home, ASTA)
    page = words(child.arrive(link))
    assert "Svar senest" not in page
    assert "Du skulle have svaret senest den 2. marts 2027." in page
    assert "er det endeligt med det samme" in page
    child.press("/sign/decline")
    assert "Giv samtykke" not in words(child.see())
    assert home.get(f"/v1/consents/{asked['id']}").json["status"] == "declined"


def test_a_new_holder_has_a_window_too_and_the_others_are_told_nothing_of_it(home):
    asked = home.in_force()
    home.clock.forward(days=40)
    body = {
        "child": {"cpr": "0103174321"},
        "custody": {
            "source": "cpr-register",
            "as_of": home.clock.now.date().isoformat(),
            "holders": [
                {"cpr": one.cpr, "name": one.name, "role": "parent"} for one in (METTE, STRANGER)
            ],
        },
        "effective_from": home.clock.now.date().isoformat(),
        "performed_by": EMPLOYEE,
    }
    assert home.post("/v1/custody-changes", body).status_code == 201
    home.clock.forward(days=1)
    link = new_link(home, asked, STRANGER.name)
    page = words(Signer(home, STRANGER).arrive(link))
    assert "Svar senest 17. januar 2027" in page
    assert "Du kan ændre det til og med den 17. januar 2027." in page
    page = words(Signer(home).arrive(new_link(home, asked)))
    assert "januar" not in page


def test_whoever_was_asked_from_the_start_keeps_the_requests_deadline(home):
    asked = home.ask()
    mette = Signer(home)
    page = words(mette.arrive(links(asked)[METTE.name]))
    assert "Svar senest 7. december 2026" in page
    assert ONLY_A_NO_OF_HERS not in page
    page = words(mette.press("/sign/decline"))
    assert "Det kan du til og med den 14. december 2026. Derefter er dit nej endeligt." in page


def test_who_becomes_required_before_it_was_in_force_keeps_it_too(home):
    """A consent never in force lapses on its day, whoever came later."""
    child = ASTA_TURNS_15 | {"birth_date": "2011-11-30", "cpr": "3011114321"}
    asked = home.ask(child=child | {"name": ASTA.name})
    home.clock.forward(days=8)
    mette = words(Signer(home).arrive(links(asked)[METTE.name]))
    assert "Svar senest 7. december 2026" in mette
    assert ONLY_A_NO_OF_HERS not in mette
