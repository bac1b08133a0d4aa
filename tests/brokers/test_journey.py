"""The full signing journey at a certified provider in each broker's dialect."""

import json

from joserfc import jwt
from joserfc.jwk import KeySet
from playwright.sync_api import expect

from consent_service.signing.nonce import is_bound
from tests.brokers.visit import YES, log_in, open_link, phone, press
from tests.deployment import MOTHER
from tests.web.family import METTE


def test_a_parent_logs_in_and_grants(home, browser):
    asked = home.ask()
    with phone(browser) as page:
        open_link(page, asked)
        page.get_by_role("button", name="Log ind med MitID").click()
        expect(page.get_by_text("Niveau: substantial")).to_be_visible()
        page.get_by_role("button", name=METTE.name).click()
        press(page, YES)
        expect(page.get_by_role("status")).to_contain_text("Dit samtykke er gemt.")
    assert home.acts(asked) == ["consent_granted"]
    assert home.refusals(asked) == []


def test_the_evidence_shows_what_the_login_was_for(home, browser):
    """Years later: the token verifies with the keys kept beside it, and names these terms."""
    asked = home.ask()
    with phone(browser) as page:
        open_link(page, asked)
        log_in(page)
        press(page, YES)
        expect(page.get_by_role("status")).to_contain_text("Dit samtykke er gemt.")
    evidence = home.evidence(asked)
    token = jwt.decode(evidence["id_token"], KeySet.import_key_set(evidence["keys"]), ["RS256"])
    random = bytes.fromhex(evidence["nonce"]["random"])
    assert evidence["nonce"]["offered_sha256"] == evidence["terms_sha256"]
    assert is_bound(token.claims["nonce"], random, bytes.fromhex(evidence["terms_sha256"]))
    assert not is_bound(token.claims["nonce"], random, bytes(32))
    told = evidence.get("userinfo", token.claims)
    assert MOTHER in (told.get("cprNumberIdentifier"), told.get("dk.cpr"), told.get("nin"))
    assert ("userinfo" in evidence) is (home.broker != "idura")
    assert "approved_text" not in evidence


def test_an_answer_approved_in_a_login_of_its_own(home, browser):
    asked = home.ask(text_bound_login=True, minimum_assurance="high")
    with phone(browser) as page:
        open_link(page, asked)
        log_in(page)
        press(page, YES)
        expect(page.get_by_text("Niveau: high")).to_be_visible()
        shown = page.get_by_role("status").inner_text()  # <output> has the role
        assert shown.startswith("Kommune X: Du giver samtykke til det, du har læst. (")
        assert len(shown) <= 130
        assert asked["terms_sha256"][:16] in shown
        assert home.acts(asked) == []
        page.get_by_role("button", name=METTE.name).click()
        expect(page.get_by_role("status")).to_contain_text("Dit samtykke er gemt.")
    assert home.acts(asked) == ["consent_granted"]
    evidence = home.evidence(asked)
    assert evidence["approved_text"] == shown
    token = jwt.decode(evidence["id_token"], KeySet.import_key_set(evidence["keys"]), ["RS256"])
    assert (
        token.claims["acr" if home.broker != "signaturgruppen" else "loa"].lower().endswith("high")
    )

    with phone(browser) as page:
        open_link(page, asked)
        log_in(page)
        press(page, "Tag mit ja tilbage")
        expect(page.get_by_text("Du giver ikke samtykke.")).to_be_visible()
        page.get_by_role("button", name=METTE.name).click()
        expect(page.get_by_role("status")).to_contain_text("Dit nej er gemt.")
    assert home.acts(asked) == ["consent_granted", "consent_declined"]
    assert json.dumps(home.deployment.get(f"/v1/consents/{asked['id']}").json).count(MOTHER) == 0
