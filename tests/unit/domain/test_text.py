"""Text from outside: refused where nobody sees what it does, and otherwise in one normal form."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_service.domain.kernel.text import RefusedText, clean_text
from tests.unit.domain.random_stories import QUICK

CONTROLS = [chr(n) for n in (*range(9), 11, 12, *range(14, 32), *range(127, 160)) if n != 0x85]
TURNING = [chr(n) for n in (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
NOTHING = [
    *("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\ufe0f", "\u180e"),
    *("\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u0301", "\U000e0061", "\ufffc"),
    *("\u200b \u200b", "\u200d\ufe0f", "\u2800 \u2800", "\u00a0\u200b", "\ue000"),
]
IN_SIGHT = [
    "Mette Mor",
    "Jens-Åge Ørsted",
    "O’Brien",
    "王小明",
    "محمد",
    "מרים",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "क्\u200dष",
    "👩\u200d👧",
    "❤\ufe0f",
    "5",
    "?",
    "Sag-Å-77",
]
HIDDEN = ["\u200b", "\u2060", "\ufeff", "\u00ad", "\u180e", "\U000e0041"]


@pytest.mark.parametrize("sign", [*CONTROLS, *TURNING], ids=ascii)
@pytest.mark.parametrize("lines", [False, True])
def test_controls_and_what_turns_the_text_is_refused(sign: str, lines: bool) -> None:
    for text in (f"Mette{sign}Mor", f"{sign}Mette", f"Mette{sign}"):
        if text.strip() == "Mette":
            # Separators of information are space to Python, and cut with it at the ends.
            continue
        with pytest.raises(RefusedText) as refused:
            clean_text(text, lines=lines)
        assert "Mette" not in str(refused.value)


@pytest.mark.parametrize("text", NOTHING, ids=ascii)
@pytest.mark.parametrize("lines", [False, True])
def test_a_text_in_which_nothing_can_be_seen_is_refused(text: str, lines: bool) -> None:
    with pytest.raises(RefusedText):
        clean_text(text, lines=lines)


@pytest.mark.parametrize("text", ["\ud800", "a\udc00b", "\ufffe", "a\ufdd0", "a\ufff9b"], ids=ascii)
def test_what_no_text_is_made_of_is_refused(text: str) -> None:
    with pytest.raises(RefusedText):
        clean_text(text, lines=True)


@pytest.mark.parametrize("text", IN_SIGHT, ids=ascii)
def test_what_people_are_called_is_kept(text: str) -> None:
    for lines in (False, True):
        assert clean_text(f"  {text} ", lines=lines) == unicodedata.normalize("NFC", text)
        assert clean_text(unicodedata.normalize("NFD", text), lines=lines) == text


@pytest.mark.parametrize("sign", [*HIDDEN, "\n", "\r", "\t", "\u2028", "\u2029"], ids=ascii)
def test_one_line_hides_nothing_and_is_one(sign: str) -> None:
    with pytest.raises(RefusedText):
        clean_text(f"Mette{sign}Mor")
    assert clean_text(f"Mette{sign}Mor", lines=True) == f"Mette{sign}Mor"


def test_an_empty_text_is_clean() -> None:
    assert clean_text("  ") == clean_text("") == ""


@given(st.text(max_size=30), st.booleans())
@QUICK
def test_what_is_clean_is_clean_again(text: str, lines: bool) -> None:
    try:
        clean = clean_text(text, lines=lines)
    except RefusedText:
        return
    assert clean_text(clean, lines=lines) == clean
    assert unicodedata.is_normalized("NFC", clean)
