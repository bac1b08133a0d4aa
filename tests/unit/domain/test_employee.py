"""One employee, one id: what cannot be one is refused, and case makes nobody somebody else."""

import unicodedata

import pytest

from consent_service.domain.kernel.employee import (
    employee_key,
    is_employee_id,
    is_same_person,
    verify_employee_id,
)
from consent_service.errors import InvalidInput


@pytest.mark.parametrize(
    "text",
    ["kx-042", "KX-042", "a", "x" * 64, "åse.ørn", "Ærø+1", "kbh\\kx042", "a|b", "me@example.org"],
)
def test_an_id(text: str) -> None:
    assert is_employee_id(text)
    verify_employee_id("/performed_by", text)


NO_IDS = {
    "empty": "",
    "too long": "x" * 65,
    "space within": "kx 042",
    "space before": " kx-042",
    "space after": "kx-042 ",
    "line break after": "kx-042\n",
    "tab": "kx\t042",
    "no-break space after": "kx-042\u00a0",
    "NUL after": "kx-042\u0000",
    "lone surrogate": "kx-042\ud800",
    "zero-width space": "kx\u200b-042",
    "zero-width joiner after": "kx-042\u200d",
    "byte order mark before": "\ufeffkx-042",
    "soft hyphen": "kx\u00ad-042",
    "word joiner": "kx\u2060-042",
    "variation selector": "kx-042\ufe0f",
    "right-to-left override": "\u202ekx-042",
    "tag character": "kx-042\U000e0041",
    "Hangul filler": "kx-042\u3164",
    "full width": "\uff4b\uff58-042",
    "full-width hyphen": "kx\uff0d042",
    "full-width digit": "kx-\uff1042",
    "Arabic digit": "kx-\u066042",
    "mathematical letter": "\U0001d424x-042",
    "Cyrillic ka": "\u043ax-042",
    "Cyrillic kha": "k\u0445-042",
    "Kelvin sign, of which NFC makes a K": "\u212ax-042",
    "ångström sign, of which NFC makes an å": "\u212bse",
    "å in two": "a\u030ase",
    "ø with a stroke in two": "o\u0338rn",
    "æ with an accent": "\u01fdr\u00f8",
    "sharp s, of which folding makes ss": "stra\u00dfe",
    "capital sharp s": "STRA\u1e9eE",
    "long s, of which folding makes s": "\u017fx",
    "dotted capital i": "\u0130b",
    "dotless i": "\u0131b",
    "ligature fi": "\ufb01n",
    "o with diaeresis": "ö",
    "em dash": "kx\u2014042",
    "slash": "kx/042",
    "comma": "kx,042",
    "semicolon": "kx;042",
    "smiling face": "\U0001f642",
}


@pytest.mark.parametrize("text", NO_IDS.values(), ids=NO_IDS)
def test_no_id(text: str) -> None:
    assert not is_employee_id(text)
    with pytest.raises(InvalidInput) as refused:
        verify_employee_id("/approved_by", text)
    assert [error.pointer for error in refused.value.errors] == ["/approved_by"]


@pytest.mark.parametrize("text", ["0101801112", "010180-1112", "kx-010180-1112"])
def test_a_cpr_number_is_nobodys_id(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        verify_employee_id("/performed_by", text)
    assert text not in refused.value.detail


SAME = [
    ("kx-042", "KX-042"),
    ("kx-042", "kX-042"),
    ("Åse", "åSE"),
    ("ÆØÅ", "æøå"),
    (r"KBH\kx042", r"kbh\KX042"),
    ("Me@Example.org", "me@example.ORG"),
]

# From before there was an alphabet, or the subject of a login: what it hides nobody can tell.
CANNOT_TELL = [("kx-042", other) for other in ("kx-042 ", "kx\u200b-042", "\uff4bx-042", "z/9")]

ANOTHER = [
    ("kx-042", "kx-043"),
    ("kx-042", "kx_042"),
    ("kx-042", "kx042"),
    # To be seen by whoever reads the log, as any made-up id is.
    ("kx-042", "kx-042."),
    ("kx-042", ".kx-042"),
    ("kx-042", "kx--042"),
    ("kx-042", "kx-O42"),
    ("åse", "aase"),
    ("ærø", "aerø"),
]


@pytest.mark.parametrize(("one", "other"), [*SAME, *CANNOT_TELL])
def test_the_same_person(one: str, other: str) -> None:
    assert is_same_person(one, other)
    assert is_same_person(other, one)


@pytest.mark.parametrize(("one", "other"), ANOTHER)
def test_another_person(one: str, other: str) -> None:
    assert not is_same_person(one, other)
    assert not is_same_person(other, one)


@pytest.mark.parametrize(
    "one", [*(other for _, other in SAME), "\u212bse", "\u0130b", "STRA\u1e9eE"]
)
def test_the_key_is_one_however_the_id_is_typed(one: str) -> None:
    typed = {one, one.upper(), one.lower(), unicodedata.normalize("NFD", one)}
    if "\u0130" in one:
        # The lower case of a dotted capital I has a dot of its own, and its upper case another I.
        typed = {one, unicodedata.normalize("NFD", one)}
    assert {employee_key(form) for form in typed} == {employee_key(one)}
