"""Staff at a certified provider: in, out everywhere, and attacks, in a real Chromium.

One service and one provider for all of them, each in a browser of its own. What a certified
provider cannot be made to sign is in `tests/web/test_staff.py`.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from joserfc.jwk import ECKey
from playwright.sync_api import Browser, Page, expect

from tests.brokers.desk import (
    LOGIN,
    NEIGHBOUR,
    Office,
    at_provider,
    cookies,
    desk,
    log_in,
    log_out_at_provider,
)
from tests.brokers.visit import answer_of, caught, changed, phone, press
from tests.deployment import deploy_with
from tests.web.workplace import BODIL, DORTHE, INGRID

INSIDE = "Du er logget ind"
OUTSIDE = "Log ind som medarbejder"
TOO_OLD = "Dit login var for gammelt"
FAILED = "Det lykkedes ikke at logge ind"
TOLD = '"route": "/staff/backchannel-logout", "status": '


def was_told(caplog: pytest.LogCaptureFixture, status: int) -> bool:
    """Whether the provider said that somebody logged out; it does in its own time."""
    for _ in range(100):
        if f"{TOLD}{status}" in caplog.text:
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def office(
    broker_packages: None, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    shutil.copyfile(sqlite_template, folder / "consent.db")
    with at_provider(f"sqlite:///{folder / 'consent.db'}", folder) as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_new(office: Office) -> None:
    office.news()


def says(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


# -- in and out ---------------------------------------------------------------------------------


def test_in_as_what_the_claims_say_and_out_everywhere(office: Office, browser: Browser) -> None:
    with desk(browser, office) as page, desk(browser, office) as other:
        page.context.add_cookies([{"name": "staff", "value": "planted", "url": office.base_url}])
        before = cookies(page)
        log_in(page)
        says(page, INSIDE)
        assert page.url == f"{office.base_url}/staff"
        expect(page.get_by_text(DORTHE.name)).to_be_visible()
        expect(page.get_by_text("Databeskyttelsesrådgiver (DPO)")).to_be_visible()
        expect(page.get_by_text("Driftsansvarlig")).to_have_count(0)
        after = cookies(page)
        assert after.keys() == {"staff"}
        assert after["staff"] not in before.values()

        log_in(other)
        press(other, "Log ud alle steder")
        says(other, "Log ud her også?")
        press(other, "Ja, log ud")
        assert other.url == f"{office.base_url}/staff/goodbye"
        assert cookies(other) == {}
        page.reload()
        says(page, OUTSIDE)
        expect(page.get_by_text("Dit login blev afsluttet")).to_be_visible()
        # Out at the provider as well: nobody is let in by what is left there.
        other.goto(f"{office.base_url}/staff")
        press(other, LOGIN)
        expect(other.get_by_role("button", name=DORTHE.name)).to_be_visible()
    logged = office.news()
    assert logged[0]["performed_by"] == {"id": DORTHE.subject, "name": DORTHE.name}
    assert logged[0]["roles"] == ["dpo"]
    types = [one["type"] for one in logged]
    assert types == ["staff_logged_in", "staff_logged_in", "staff_logged_out"]


def test_logging_out_at_the_provider_ends_what_it_began(
    office: Office, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """In the browser that logged out there; and not what it began for another client."""
    with desk(browser, office) as page, desk(browser, office) as other:
        for one in (page, other):
            log_in(one, BODIL.name)
        log_out_at_provider(page, office)
        page.goto(f"{office.base_url}/staff")
        says(page, OUTSIDE)
        other.reload()
        says(other, INSIDE)
        expect(other.get_by_text("Driftsansvarlig")).to_be_visible()
        assert office.steps() == ["staff_logged_in"] * 2 + ["staff_logged_out provider"]
        assert was_told(caplog, 200)

        page.goto(changed(caught(page, LOGIN, "**/staff/*"), client_id=NEIGHBOUR))
        press(page, BODIL.name)
        log_out_at_provider(page, office)
        assert was_told(caplog, 400)
        other.reload()
        says(other, INSIDE)
        assert office.steps() == ["staff_login_refused"]


# -- attacks ------------------------------------------------------------------------------------


@dataclass
class Scene:
    office: Office
    browser: Browser
    page: Page

    def to_provider(self) -> str:
        """Where our button would have led."""
        return caught(self.page, LOGIN, "**/staff/*")

    def answer(self, who: str = DORTHE.name) -> str:
        """Log in at the provider; the answer, unused."""
        press(self.page, LOGIN)
        return answer_of(self.page, who)


def nobody_of_this_service(scene):
    log_in(scene.page, INGRID.name)


def an_answer_replayed(scene):
    answer = scene.answer()
    scene.page.goto(answer)
    scene.page.goto(answer)  # back and forth of who is in: nothing happens
    says(scene.page, INSIDE)
    press(scene.page, "Log ud")
    scene.page.goto(answer)


def an_answer_in_another_browser(scene):
    answer = scene.answer()
    with phone(scene.browser) as victim:
        victim.goto(answer)
        says(victim, FAILED)
        assert "staff" not in cookies(victim)
    scene.page.goto(changed(answer, state="A" * 43))  # and a forged state is no entry


def an_answer_of_another_provider(scene):
    scene.page.goto(changed(scene.answer(), iss="https://other.example"))


def an_old_login_passed_off_as_new(scene):
    """By the provider itself; then by its single sign-on, with our wish taken out on the way."""
    scene.office.provider.shall(ageSeconds=3600)
    log_in(scene.page)
    says(scene.page, TOO_OLD)
    assert scene.office.refusals() == ["not_fresh"]
    scene.page.goto(changed(scene.to_provider(), max_age=None))


def a_token_for_another_client(scene):
    scene.office.provider.shall(forNeighbour=True)
    log_in(scene.page)


def a_code_made_for_another_client(scene):
    scene.page.goto(changed(scene.to_provider(), client_id=NEIGHBOUR))
    press(scene.page, DORTHE.name)


Attack = Callable[[Scene], None]
# attack → what the log says, and the page
ATTACKS: dict[Attack, tuple[str, str]] = {
    nobody_of_this_service: ("no_role", "Du har ikke adgang"),
    an_answer_replayed: ("state_mismatch", FAILED),
    an_answer_in_another_browser: ("state_mismatch", FAILED),
    an_answer_of_another_provider: ("state_mismatch", FAILED),
    an_old_login_passed_off_as_new: ("not_fresh", TOO_OLD),
    a_token_for_another_client: ("id_token_invalid", FAILED),
    a_code_made_for_another_client: ("provider_refused", FAILED),
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_no_session_and_one_entry(office: Office, browser: Browser, attack: Attack) -> None:
    reason, words = ATTACKS[attack]
    with desk(browser, office) as page:
        attack(Scene(office, browser, page))
        says(page, words)
        assert page.url == f"{office.base_url}/staff/refused/{reason}"
        assert "staff" not in cookies(page)
        assert office.refusals() == [reason]


def test_a_client_that_signs_with_another_key(
    office: Office, browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "another.pem"
    file.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    settings = office.deployment.settings
    staff = replace(settings.staff, client_key_file=str(file))
    another = deploy_with(replace(settings, staff=staff), office.deployment.clock)
    office.server.app = another.app
    try:
        with desk(browser, office) as page:
            log_in(page)
            says(page, FAILED)
            assert office.refusals() == ["provider_refused"]
    finally:
        office.server.app = office.deployment.app
        another.close()
