"""CPR-shaped text as people write it is found and blotted out; what only looks so is kept."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_service.domain.kernel.cpr import parse_cpr
from consent_service.domain.kernel.cpr_text import contains_cpr, mask_cpr
from tests.unit.domain.random_stories import QUICK

_OTHER_ZEROS = {
    "full-width": 0xFF10,
    "Arabic": 0x0660,
    "Persian": 0x06F0,
    "Devanagari": 0x0966,
    "Bengali": 0x09E6,
    "Thai": 0x0E50,
    "bold": 0x1D7CE,
    "double-struck": 0x1D7D8,
    "monospace": 0x1D7F6,
}
_DASHES = (
    "-\u2010\u2011\u2012\u2013\u2014\u2015\u2043"
    "\u2212\u02d7\u2796\ufe58\ufe63\uff0d\u058a\u301c\u30fc"
)
_SPACES = (
    " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u202f\u205f\u3000\t\n\u2028\u2029\u0085"
)
_UNSEEN = (
    "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u202d\u202e\u2066\u034f\ufe0f\u0332\u20e3"
)

NUMBERS = [
    *(f"010190{dash}1234" for dash in _DASHES),
    *(f"010190{space}1234" for space in _SPACES),
    *(f"010190{unseen}1234" for unseen in _UNSEEN),
    *(f"010190{unseen}-{unseen}1234" for unseen in _UNSEEN),
    *("".join(chr(zero + int(d)) for d in "0101901234") for zero in _OTHER_ZEROS.values()),
    *(
        "".join(chr(zero + int(d)) if d.isdigit() else d for d in "010190-1234")
        for zero in _OTHER_ZEROS.values()
    ),
    "⓪①⓪①⑨⓪-①②③④",
    "⁰¹⁰¹⁹⁰-¹²³⁴",
    "₀₁₀₁₉₀₁₂₃₄",
    "0101901234",
    "010190 - 1234",
    "010190- 1234",
    "010190 -1234",
    "010190 \u2013 1234",
    "010190  1234",
    "010190--1234",
    "010190.1234",
    "010190/1234",
    "010190_1234",
    "010190:1234",
    "01.01.90-1234",
    "01.01.90 1234",
    "01.01.90.1234",
    "01.01.901234",
    "01. 01. 90 - 1234",
    "01-01-90-1234",
    "01/01/90-1234",
    "01/01-90 1234",
    "01 01 90 1234",
    "01 01 90-1234",
    "01\u201101\u201190\u20111234",
    "01\u00a001\u00a090\u00a01234",
    "01.01.1990-1234",
    "01-01-1990-1234",
    "01011990-1234",
    "01/01 1990 \u2013 1234",
    "010117-4321",
    "290200-4123",
    "311299-9999",
    "310217-4321",
    "610513-1234",
    "9112131234",
    "700190 1234",
    "170513-1AZ4",
    "170513-1az4",
    "170513\u20135Ab4",
    "170513 0zz0",
    "1705137AZ4",
    "1705136\uff21\uff3a4",
    "17.05.13-6AZ4",
]
"""Each is one number, however it is written."""

NO_NUMBERS = [
    "+4520304050",
    "+45 20 30 40 50",
    "+45 20304050",
    "(+45) 20304050",
    "0045 20304050",
    "004520304050",
    "20304050",
    "20 30 40 50",
    "20-30-40-50",
    "12 12 12 12",
    "01 02 03 04",
    "+4512121212",
    "+45 12 12 12 12",
    "+3112345678",
    "+31 12 34 5678",
    "+49 3012345678",
    "+49 (0) 3012345678",
    "+46 10 12 34 5678",
    "+1 2125551234",
    "+299 123456",
    "+298 12 34 56",
    "2026001234",
    "2026-001234",
    "2026-0117",
    "2026-01-1234",
    "2012-01-1234",
    "2010-12-3456",
    "26-001234",
    "F-2026-123456-1234",
    "F-2026-129901-1234",
    "SAG-000000-0000",
    "999999-9999",
    "123456-1234",
    "001290-1234",
    "010090-1234",
    "011390-1234",
    "320190-1234",
    "600190-1234",
    "920190-1234",
    "450190-1234",
    "010190-123",
    "010190-12345",
    "010190123",
    "01019012345",
    "5790001234567",
    "0123456789012",
    "12345678",
    "123456789",
    "DK12345678",
    "27.12.04-P27-1-19",
    "27.24.00-G01-5-26",
    "2026-11-28",
    "2026-11-28T10:00:00Z",
    "2026-11-28 10:00",
    "28.11.2026",
    "28.11.2026 kl. 10.30",
    "01.02.2026 1234",
    "20261128",
    "20261128120000",
    "010190",
    "01.01.90",
    "1234",
    "170513-2AZ4",
    "170513-1A24",
    "170513-1\u00c6\u00d84",
    "171313-1AZ4",
    "5f0c1705131ab4f0",
    "a1705136de4c",
    "01a20a7d-4bb5-712e-afda-1031209e51a1",
    "kr. 1.010.190,12",
    "100.000.000",
    "0117-4321",
    "\u00bd\u00bd\u00bd\u00bd\u00bd\u00bd-1234",
    "",
]
"""What is kept as it is."""


AROUND = ["{}", "barnet {}, og", "({})", "a{}b", "F-2026-{}", "\u00e6{}\u00a0\u00f8"]


@pytest.mark.parametrize("number", NUMBERS, ids=ascii)
@pytest.mark.parametrize("around", AROUND)
def test_a_number_is_found_however_it_is_written(number: str, around: str) -> None:
    written = around.format(number)
    assert contains_cpr(written)
    assert mask_cpr(written) == around.format("XXXXXX-XXXX")


@pytest.mark.parametrize("number", NUMBERS, ids=ascii)
def test_a_number_is_found_in_every_normal_form(number: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert contains_cpr(unicodedata.normalize(form, number)), form  # type: ignore[arg-type]  # one of the four


@pytest.mark.parametrize("text", NO_NUMBERS, ids=ascii)
@pytest.mark.parametrize("around", ["{}", "sag {} lukket", "({})"])
def test_what_only_looks_like_one_is_kept(text: str, around: str) -> None:
    written = around.format(text)
    assert not contains_cpr(written)
    assert mask_cpr(written) == written


def test_more_than_a_hundred_of_each_were_asked() -> None:
    assert len(NUMBERS) > 100
    assert len(NO_NUMBERS) > 60


def test_a_plus_sign_hides_no_number() -> None:
    for written in ("+0101901234", "far+170513-1234", "+170513-1234", "+45 0101901234"):
        assert contains_cpr(written), written


def test_every_day_and_month_is_judged_as_the_register_has_them() -> None:
    for day in range(100):
        for month in range(100):
            is_date = (1 <= day <= 31 or 61 <= day <= 91) and 1 <= month <= 12
            assert contains_cpr(f"{day:02}{month:02}90-1234") is is_date


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("child 170513-1234 here", "child XXXXXX-XXXX here", id="a hyphen"),
        pytest.param("child 1705131234 here", "child XXXXXX-XXXX here", id="no hyphen"),
        pytest.param("child 170513 1234 here", "child XXXXXX-XXXX here", id="a space"),
        pytest.param("610513-1234", "XXXXXX-XXXX", id="day + 60"),
        pytest.param("170513-1AZ4", "XXXXXX-XXXX", id="an X-eCPR"),
        pytest.param("1705136AZ4", "XXXXXX-XXXX", id="a D-eCPR"),
        pytest.param("999999-9999", "999999-9999", id="no date"),
        pytest.param("310217-4321", "XXXXXX-XXXX", id="31 February: a slip of the pen"),
        pytest.param("a1705131234b", "aXXXXXX-XXXXb", id="between letters"),
        pytest.param(
            "1705131234,1805131234", "XXXXXX-XXXX,XXXXXX-XXXX", id="two, one after the other"
        ),
        pytest.param("0123456789012", "0123456789012", id="a longer number is left alone"),
        pytest.param("2024-03-01 10:00", "2024-03-01 10:00", id="a time is left alone"),
        pytest.param("", "", id="nothing is left alone"),
    ],
)
def test_masking_blots_out_what_has_the_shape(text: str, masked: str) -> None:
    assert mask_cpr(text) == masked
    assert contains_cpr(text) is (text != masked)


@given(st.text(alphabet="0123456789- AZ,X", max_size=40))
@QUICK
def test_a_masked_text_holds_no_number(text: str) -> None:
    assert not contains_cpr(mask_cpr(text))


@given(
    st.dates(date(1900, 1, 1), date(1999, 12, 31)),
    st.integers(0, 3999),
    st.sampled_from(["", "-", " "]),
    st.text(alphabet="abc æ/:?=", max_size=5),
)
@QUICK
def test_whatever_parses_is_masked(born: date, serial: int, between: str, around: str) -> None:
    written = f"{born:%d%m%y}{between}{serial:04}"
    assert parse_cpr(written).birth_date == born
    assert mask_cpr(f"{around}{written}{around}") == f"{around}XXXXXX-XXXX{around}"
