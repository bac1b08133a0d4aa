"""Named attacks on a signer's login at a certified provider: no signature, one log entry each.

Each runs in one of the dialects, in turn. Attacks that need a provider which signs wrongly (`none`,
foreign keys, other audiences) are in `tests/integration/test_signer_login.py`: a certified one
cannot be made to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.brokers.visit import (
    LOGIN,
    YES,
    Home,
    answer_of,
    at_broker,
    caught,
    changed,
    log_in,
    open_link,
    parameter,
    phone,
    press,
)
from tests.web.family import FREDERIK, METTE

LINK_FAILED = "Det lykkedes ikke at logge ind"
NOT_SAVED = "Dit svar blev ikke gemt"
UNUSABLE = "Dette login kan ikke bruges her"
CONSENT_PAGE = "Må oplysninger om Alma Test deles?"


@dataclass
class Scene:
    """Where an attack happens: Mette's browser with her link open, and others to come."""

    home: Home
    browser: Browser
    asked: dict[str, Any]
    page: Page

    def to_provider(self) -> None:
        press(self.page, LOGIN)

    def start_again(self) -> None:
        """Log out and follow the link once more; the provider's session stays."""
        press(self.page, "Log ud")
        open_link(self.page, self.asked)


def another_persons_mitid(scene):
    log_in(scene.page, FREDERIK.name)


def a_login_of_low_assurance(scene):
    scene.home.provider.shall(level="low")
    log_in(scene.page)


def substantial_where_high_is_demanded(scene):
    scene.home.provider.shall(level="substantial")
    log_in(scene.page)


def an_old_login_passed_off_as_new(scene):
    scene.home.provider.shall(ageSeconds=3600)
    log_in(scene.page)


def a_single_sign_on_session_that_answers_silently(scene):
    log_in(scene.page)
    scene.home.clock.forward(minutes=2)
    scene.start_again()
    address = caught(scene.page, LOGIN)
    scene.page.goto(changed(address, prompt=None, max_age=None))


def an_answer_replayed(scene):
    scene.to_provider()
    answer = answer_of(scene.page)
    scene.page.goto(answer)
    scene.page.goto(answer)


def an_answer_in_another_browser(scene):
    scene.to_provider()
    answer = answer_of(scene.page)
    with phone(scene.browser) as thief:
        open_link(thief, scene.asked)
        thief.goto(answer)
        expect(thief.get_by_text(LINK_FAILED)).to_be_visible()


def a_forged_state(scene):
    scene.to_provider()
    scene.page.goto(changed(answer_of(scene.page), state="A" * 43))


def the_answer_of_another_provider(scene):
    scene.to_provider()
    scene.page.goto(changed(answer_of(scene.page), iss="https://other.example"))


def an_answer_that_hides_its_provider(scene):
    scene.to_provider()
    scene.page.goto(changed(answer_of(scene.page), iss=None))


def an_answer_at_another_providers_address(scene):
    scene.to_provider()
    answer = answer_of(scene.page)
    scene.page.goto(answer.replace(f"/callback/{scene.home.broker}", "/callback/other"))


def anothers_code_injected(scene):
    scene.to_provider()
    answer = answer_of(scene.page)
    with phone(scene.browser) as other:
        open_link(other, scene.asked, FREDERIK.name)
        press(other, LOGIN)
        injected = parameter(answer_of(other, FREDERIK.name), "code")
    scene.page.goto(changed(answer, code=injected))


def a_code_used_twice(scene):
    scene.to_provider()
    used = answer_of(scene.page)
    scene.page.goto(used)
    scene.start_again()
    state = parameter(caught(scene.page, LOGIN), "state")
    scene.page.goto(changed(used, state=state))


def a_nonce_changed_on_the_way(scene):
    scene.page.goto(changed(caught(scene.page, LOGIN), nonce="A" * 43))
    press(scene.page, METTE.name)


def proof_of_possession_stripped(scene):
    address = caught(scene.page, LOGIN)
    scene.page.goto(changed(address, code_challenge=None, code_challenge_method=None))


def a_login_without_a_number(scene):
    scene.home.provider.shall(withoutCpr=True)
    log_in(scene.page)


def an_answer_long_after_the_login(scene):
    log_in(scene.page)
    scene.home.clock.forward(minutes=16)
    press(scene.page, YES)


def another_person_approves_the_answer(scene):
    log_in(scene.page)
    press(scene.page, YES)
    press(scene.page, FREDERIK.name)
    press(scene.page, "Continue")  # the provider logs the other person out first


def an_approval_cancelled(scene):
    log_in(scene.page)
    press(scene.page, YES)
    press(scene.page, "Afbryd")


BOUND = {"text_bound_login": True}
HIGH = {"minimum_assurance": "high"}
Attack = Callable[[Scene], None]
# attack → dialect, what the log says, words on Mette's page (None: nothing changed there), demands
ATTACKS: dict[Attack, tuple[str, str, str | None, dict[str, Any]]] = {
    another_persons_mitid: ("idura", "another_person", "en andens MitID", {}),
    a_login_of_low_assurance: ("signaturgruppen", "assurance_too_low", UNUSABLE, {}),
    substantial_where_high_is_demanded: ("signicat", "assurance_too_low", UNUSABLE, HIGH),
    an_old_login_passed_off_as_new: ("idura", "not_fresh", LINK_FAILED, {}),
    a_single_sign_on_session_that_answers_silently: (
        "signaturgruppen",
        "not_fresh",
        LINK_FAILED,
        {},
    ),
    an_answer_replayed: ("signicat", "state_mismatch", CONSENT_PAGE, {}),
    an_answer_in_another_browser: ("idura", "state_mismatch", None, {}),
    a_forged_state: ("signaturgruppen", "state_mismatch", LINK_FAILED, {}),
    the_answer_of_another_provider: ("signicat", "state_mismatch", LINK_FAILED, {}),
    an_answer_that_hides_its_provider: ("idura", "state_mismatch", LINK_FAILED, {}),
    an_answer_at_another_providers_address: (
        "signaturgruppen",
        "state_mismatch",
        LINK_FAILED,
        {},
    ),
    anothers_code_injected: ("signicat", "provider_refused", LINK_FAILED, {}),
    a_code_used_twice: ("idura", "provider_refused", LINK_FAILED, {}),
    a_nonce_changed_on_the_way: ("signaturgruppen", "id_token_invalid", LINK_FAILED, {}),
    proof_of_possession_stripped: ("signicat", "provider_refused", LINK_FAILED, {}),
    a_login_without_a_number: ("signaturgruppen", "no_cpr", UNUSABLE, {}),
    an_answer_long_after_the_login: ("idura", "login_too_old", "Log ind igen", {}),
    another_person_approves_the_answer: ("signicat", "another_person", NOT_SAVED, BOUND),
    an_approval_cancelled: (
        "signaturgruppen",
        "access_denied",
        NOT_SAVED,
        BOUND,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_no_signature_and_one_entry(
    broker_packages, browser, sqlite_url, tmp_path: Path, attack: Attack
):
    dialect, code, words, demands = ATTACKS[attack]
    with at_broker(dialect, sqlite_url, tmp_path) as home:
        asked = home.ask(**demands)
        with phone(browser) as page:
            open_link(page, asked)
            attack(Scene(home, browser, asked, page))
            if words is not None:
                expect(page.get_by_text(words).first).to_be_visible()
        assert home.acts(asked) == []
        assert home.refusals(asked) == [code]
        with home.deployment.parts.units.reading() as uow:
            assert list(uow.statements.of_consent(asked["id"])) == []
