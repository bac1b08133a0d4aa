"""What a signer approves, and what ties a login to the terms."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_service.domain.kernel.assurance import is_assured
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Conflict
from consent_service.services.catalogue.model import TemplateVersion
from consent_service.services.signatures.approval import Answer, approval_text, check_approved
from consent_service.services.signatures.identity import Identity, check_login
from consent_service.signing.nonce import bound_nonce, is_bound

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TERMS = "0123456789abcdef" * 4
WHO = Identity(
    "https://broker.example", "s", "substantial", NOW, CprNumber("0101801112"), "e30.e30.", TERMS
)
PLAIN = TemplateVersion("x", "t", 1, {}, "", NOW)
BOUND = replace(PLAIN, content={"text_bound_login": True})


@given(
    st.text(max_size=300), st.sampled_from(get_args(Answer)), st.sampled_from(["da", "en", "ar"])
)
def test_every_text_fits_in_mitid(controller, answer, language):
    text = approval_text(controller, answer, TERMS, language)
    assert len(text) <= 130
    assert text.endswith("(0123456789abcdef)")
    assert not set("<>%") & set(text)


def test_each_answer_reads_differently():
    texts = {approval_text("Kommune X", one, TERMS, "da") for one in get_args(Answer)}
    assert len(texts) == len(get_args(Answer))
    assert approval_text("Kommune X", "grant", TERMS, "da") == (
        "Kommune X: Du giver samtykke til det, du har læst. (0123456789abcdef)"
    )


@pytest.mark.parametrize(
    ("identity", "template", "code"),
    [
        (WHO, PLAIN, None),
        (replace(WHO, approved_text="yes"), BOUND, None),
        (WHO, BOUND, "text_not_approved"),
        (replace(WHO, approved_text="no"), BOUND, "text_not_approved"),
        (replace(WHO, offered_sha256="ff" * 32), PLAIN, "login_for_other_terms"),
        (replace(WHO, offered_sha256=None), PLAIN, "login_for_other_terms"),
    ],
)
def test_an_act_needs_a_login_made_for_it(identity, template, code):
    if code is None:
        check_approved(identity, template, "yes", TERMS)
        return
    with pytest.raises(Conflict) as caught:
        check_approved(identity, template, "yes", TERMS)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("level", "minimum", "is_enough"),
    [
        ("low", "substantial", False),
        ("substantial", "substantial", True),
        ("high", "substantial", True),
        ("substantial", "high", False),
        ("high", "high", True),
        ("very high", "substantial", False),
    ],
)
def test_assurance(level, minimum, is_enough):
    assert is_assured(level, minimum) is is_enough
    identity = replace(WHO, loa=level)
    if is_enough:
        check_login(identity, WHO.cpr, NOW, minimum)
        return
    with pytest.raises(Conflict) as caught:
        check_login(identity, WHO.cpr, NOW, minimum)
    assert caught.value.code == "assurance_too_low"


def test_the_nonce_is_what_the_decision_says():
    """A golden value: tokens signed today must be read the same way in ten years."""
    nonce = bound_nonce(bytes(range(32)), bytes.fromhex(TERMS))
    assert nonce == "5bCiJOCxHP4aNLg_FhIKFFn3XrFNa-U3IOMzdPACUMA"
    assert is_bound(nonce, bytes(range(32)), bytes.fromhex(TERMS))
    assert not is_bound(nonce, bytes(32), bytes.fromhex(TERMS))
    assert not is_bound(nonce, bytes(range(32)), bytes(32))


@pytest.mark.parametrize(("random", "offered"), [(31, 32), (32, 31), (33, 31), (0, 64)])
def test_the_parts_of_a_nonce_cannot_be_shifted(random, offered):
    with pytest.raises(ValueError, match="32 bytes"):
        bound_nonce(bytes(random), bytes(offered))
