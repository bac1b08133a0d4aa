"""Templates that want each answer approved in a login of its own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consent_service.domain.kernel.facts import Scope
from consent_service.errors import Conflict
from consent_service.services.signatures.answer_consent import sign_grant, sign_lift, sign_refusal
from consent_service.services.signatures.identity import Identity
from consent_service.web.signatures.session_content import SessionContent
from tests.deployment import Deployment, deploy
from tests.integration.stand_in_browser import Page, query_of
from tests.web.family import (
    FREDERIK,
    METTE,
    Signer,
    acts,
    cookie_of,
    entries,
    household,
    links,
    words,
)


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    """A household whose provider shows texts; its template wants them approved."""
    with household(database_url, tmp_path) as plain:
        provider = replace(plain.settings.signer_provider, text="login_hint")
        home = deploy(database_url, tmp_path, provider=provider, clock=plain.clock)
        yield home.furnish(text_bound_login=True)
        home.close()


def refusals(home: Deployment, asked: dict) -> list[str]:
    return [b["reason"] for b in entries(home, asked["id"]) if b["type"] == "login_refused"]


def arrived(home: Deployment) -> tuple[dict, Signer]:
    asked = home.ask()
    mette = Signer(home)
    assert "åbner MitID en gang til" in words(mette.arrive(links(asked)["Mette Mor"]))
    return asked, mette


def to_approval(mette: Signer, action: str = "/sign/grant", **kwargs) -> str:
    answer = mette.press(action, then=False, **kwargs)
    assert answer.status_code == 303
    return answer.headers["Location"]


def approved(mette: Signer, address: str, who=METTE):
    return mette.come_back(Page(address).press(who.name).headers["Location"])


def test_the_answer_counts_once_it_is_approved(home):
    asked, mette = arrived(home)
    address = to_approval(mette)
    assert query_of(address)["login_hint"].startswith("action:approve message:")
    assert acts(home, asked["id"]) == []
    before = cookie_of(mette)
    assert "Dit samtykke er gemt" in words(approved(mette, address))
    assert acts(home, asked["id"]) == ["consent_granted"]
    assert cookie_of(mette) != before

    assert "Dit nej er gemt" in words(approved(mette, to_approval(mette, "/sign/decline")))
    assert acts(home, asked["id"]) == ["consent_granted", "consent_declined"]
    assert refusals(home, asked) == []


def test_what_was_left_out_waits_with_the_answer(home):
    asked, mette = arrived(home)
    address = to_approval(mette, without=("school",))
    assert "Dit samtykke er gemt" in words(approved(mette, address))
    with home.parts.units.reading() as uow:
        file = uow.consents.get(asked["id"], "municipality-x")
        (act,) = uow.children.snapshot(file.child).history.acts(asked["id"])
    assert act.kept.categories == {"health"}


def test_a_login_that_is_only_a_login_carries_no_answer(home):
    asked, mette = arrived(home)
    home.clock.forward(minutes=16)
    mette.see()
    plain = mette.to_provider()
    assert "login_hint" not in query_of(plain)
    assert "Dit samtykke er gemt" not in words(approved(mette, plain))
    assert acts(home, asked["id"]) == []


def test_a_no_is_taken_back_once_that_is_approved(home):
    asked, mette = arrived(home)
    approved(mette, to_approval(mette, "/sign/decline"))
    address = to_approval(mette, "/sign/lift")
    assert acts(home, asked["id"]) == ["consent_declined"]
    assert "Dit nej stopper ikke længere noget." in words(approved(mette, address))
    assert acts(home, asked["id"]) == ["consent_declined", "consent_lifted"]
    page = words(approved(mette, to_approval(mette)))
    assert "Dit samtykke er gemt" in page
    assert refusals(home, asked) == []


def test_another_person_cannot_approve(home):
    asked, mette = arrived(home)
    page = words(approved(mette, to_approval(mette), FREDERIK))
    assert "Dit svar blev ikke gemt" in page
    assert acts(home, asked["id"]) == []
    assert refusals(home, asked) == ["another_person"]


def test_an_approval_counts_once(home):
    asked, mette = arrived(home)
    answer = Page(to_approval(mette)).press(METTE.name).headers["Location"]
    mette.come_back(answer)
    mette.come_back(answer)
    assert acts(home, asked["id"]) == ["consent_granted"]
    assert refusals(home, asked) == ["state_mismatch"]


def test_an_approval_is_of_what_it_comes_to_by_now(home):
    """Pressed as a no to what never applied; approved when it would be a withdrawal."""
    asked, mette = arrived(home)
    approved(mette, to_approval(mette))
    address = to_approval(mette, "/sign/decline")
    home.act(asked["id"], "custody_holder", nth=1)
    assert "Dit svar blev ikke gemt" in words(approved(mette, address))
    assert acts(home, asked["id"]) == ["consent_granted", "consent_granted"]
    assert refusals(home, asked) == ["text_not_approved"]


def test_the_first_login_signs_nothing_whoever_asks(home):
    """The services hold it too, not the pages alone."""
    asked, mette = arrived(home)
    with home.parts.units.writing() as uow:
        session = uow.signing_sessions.find(cookie_of(mette))
        identity = SessionContent.from_bytes(session.content).identity
        assert isinstance(identity, Identity)
        nothing = Scope(frozenset(), frozenset())
        context = home.parts.context
        with pytest.raises(Conflict) as caught:
            sign_grant(uow, context, session.link, identity, "da", nothing)
        assert caught.value.code == "text_not_approved"
        yes = replace(identity, approved_text="Kommune X: Du giver samtykke")
        with pytest.raises(Conflict) as caught:
            sign_refusal(uow, context, session.link, yes, "da")
        assert caught.value.code == "text_not_approved"
        with pytest.raises(Conflict) as caught:
            sign_lift(uow, context, session.link, yes, "da")
        assert caught.value.code == "text_not_approved"
    assert acts(home, asked["id"]) == []


def test_a_provider_that_shows_no_text_signs_nothing(sqlite_url, tmp_path):
    with household(sqlite_url, tmp_path) as home:
        home.furnish(text_bound_login=True)
        asked, mette = arrived(home)
        assert "Dette login kan ikke bruges her" in words(mette.press("/sign/grant"))
        assert acts(home, asked["id"]) == []
        assert refusals(home, asked) == ["text_not_supported"]
