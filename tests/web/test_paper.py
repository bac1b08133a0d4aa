"""On the family's page: what was signed on paper, and an answer that stands already."""

from datetime import timedelta
from urllib.parse import urlsplit

from consent_service.domain.kernel.facts import ActKind, Scope
from consent_service.services.signatures.answer_consent import Answered, sign_grant
from consent_service.services.signatures.sign import Identity
from tests.deployment import COLLEAGUE, EMPLOYEE
from tests.web.family import Signer, acts, links, words


def sign_paper(home, asked, name, decision="grant"):
    signatory = next(s["id"] for s in asked["signatories"] if s["name"] == name)
    body = {
        "signatory": signatory,
        "decision": decision,
        "signed_on": "2026-11-23",
        "document": {"reference": "journal-77", "sha256": "ab" * 32},
        "identity_checked": "passport",
        "performed_by": EMPLOYEE,
    }
    path = f"/v1/consents/{asked['id']}/paper-grants"
    paper = home.post(path, body).json["id"]
    answer = home.post(f"{path}/{paper}/confirmation", {"performed_by": COLLEAGUE})
    assert answer.status_code == 200, answer.json


def test_a_paper_is_shown_and_withdrawn_like_any_grant(home):
    asked = home.ask()
    home.act(asked["id"], "custody_holder", nth=1)
    sign_paper(home, asked, "Mette Mor")
    assert home.disclose().status_code == 201
    mette = Signer(home)
    page = words(mette.arrive(links(asked)["Mette Mor"]))
    assert "Du svarede på papir, underskrevet den 23. november 2026." in page
    for word in (EMPLOYEE["name"], COLLEAGUE["name"], "journal-77"):
        assert word not in page
    page = words(mette.press("/sign/decline"))
    assert "trukket tilbage" in page
    assert "på papir" not in page
    assert acts(home, asked["id"])[-1] == "consent_withdrawn"
    assert home.disclose().status_code == 403


def test_pressing_again_in_an_old_tab_says_that_nothing_was_changed(small_home):
    asked = small_home.ask()
    mette = Signer(small_home)
    mette.arrive(links(asked)["Mette Mor"])
    old = mette.form("/sign/grant").content()
    assert "er gemt" in words(mette.press("/sign/grant"))
    less = [(name, value) for name, value in old if value not in ("health", "paediatrics")]
    mette.post("/sign/grant", less)
    page = mette.see()
    assert "Dit svar er, som det var" in words(page)
    assert "er gemt" not in words(page)
    assert acts(small_home, asked["id"]) == ["consent_granted"]


def test_a_grant_with_nothing_left_never_withdraws_what_stands(small_home):
    asked = small_home.in_force()
    token = urlsplit(links(asked)["Mette Mor"]).path.rsplit("/", 1)[1]
    everything = Scope(frozenset(), frozenset({"health", "school"}))
    for left_out in (everything, Scope(frozenset(), frozenset({"school"}))):
        answered = answer_directly(small_home, asked, token, left_out)
        assert answered == Answered(ActKind.GRANT, is_new=False)
    assert acts(small_home, asked["id"]) == ["consent_granted", "consent_granted"]
    assert small_home.disclose().status_code == 201


def test_a_grant_with_nothing_left_is_a_decline_once(small_home):
    asked = small_home.ask()
    token = urlsplit(links(asked)["Mette Mor"]).path.rsplit("/", 1)[1]
    everything = Scope(frozenset(), frozenset({"health", "school"}))
    for is_new in (True, False):
        answered = answer_directly(small_home, asked, token, everything)
        assert answered == Answered(ActKind.DECLINE, is_new)
    assert acts(small_home, asked["id"]) == ["consent_declined"]


def answer_directly(home, asked, token, left_out):
    """What the service itself answers, past the page that asks first."""
    with home.parts.units.writing() as uow:
        link = uow.links.find(token)
        signatory = uow.consents.signatory(link.signatory)
        file = uow.consents.get(asked["id"], "municipality-x")
        details = uow.children.details(file.controller, [signatory.person])
        identity = Identity(
            issuer="https://broker.example",
            subject="subject-1",
            loa="substantial",
            authenticated_at=home.clock() - timedelta(minutes=1),
            cpr=details[signatory.person].cpr,
            id_token="header.payload.signature",
            offered_sha256=file.terms_sha256,
        )
        answered = sign_grant(uow, home.parts.context, link, identity, "da", left_out)
        uow.commit()
    return answered
