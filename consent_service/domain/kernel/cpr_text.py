"""CPR-shaped text inside a longer text, however people and their programs write it.

A text is looked at folded: other digits and letters as ASCII (Unicode NFKC), every dash as a
hyphen, every space as a space, small letters as capitals, and what cannot be seen left out. Six
digits count only as a date (days 61 to 91 are those of replacement numbers) that four digits, or
what electronic replacement numbers have there, follow.
"""

import re
import unicodedata
from collections.abc import Iterator

MASK = "XXXXXX-XXXX"

_DAY = r"(?:0[1-9]|[12][0-9]|3[01]|6[1-9]|[78][0-9]|9[01])"
_MONTH = r"(?:0[1-9]|1[0-2])"
_PART = r" {0,2}[-./]? {0,2}"
_GAP = r" {0,3}[-./_:]{0,2} {0,3}"
_SIX = rf"{_DAY}{_MONTH}[0-9]{{2}}"
_APART = rf"{_DAY}(?=[-./ ]){_PART}{_MONTH}(?=[-./ ]){_PART}[0-9]{{2}}"
# A date with its century is no number's beginning, but for the hyphen that only numbers have.
_CENTURY = rf"{_DAY}[-./ ]?{_MONTH}[-./ ]?(?:18|19|20)[0-9]{{2}} {{0,2}}- {{0,2}}[0-9]{{4}}"
_SHAPE = re.compile(
    rf"(?<![0-9])(?:(?P<date>{_SIX}|{_APART})(?P<gap>{_GAP})(?P<last>[0-9]{{4}}|[01567][A-Z]{{2}}[0-9])"
    rf"|{_CENTURY})(?![0-9])"
)
# +45 is left out: no Danish telephone number has ten digits.
_ABROAD = re.compile(r"\+(?!45)[1-9][0-9]{0,2}(?: ?\(0\))?[ ().-]{0,3}$")
_DIALLED = re.compile(r"\+$")
_DASHES = frozenset("\u2043\u2212\u02d7\u2796\u30fc\uff70\u00ac")
_SPACE_LIKE = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2800\u3164\u115f\u1160\uffa0")


def contains_cpr(text: str) -> bool:
    """Whether a text holds something shaped like a CPR number."""
    return next(_places(text), None) is not None


def mask_cpr(text: str) -> str:
    """The text with everything shaped like a CPR number blotted out, and the rest as it was."""
    kept, end = [], 0
    for start, stop in _places(text):
        kept += [text[end:start], MASK]
        end = stop
    return "".join([*kept, text[end:]])


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Where CPR-shaped text begins and ends, from left to right."""
    folded, origin = _folded(text)
    for found in _SHAPE.finditer(folded):
        if not _is_telephone(folded, found) and not _is_within_a_word(text, folded, origin, found):
            yield origin[found.start()], origin[found.end() - 1] + 1


def _is_telephone(folded: str, found: re.Match[str]) -> bool:
    """Whether these are the digits after a foreign country code, or a whole number with its +."""
    if found["gap"] is None or found["gap"].strip() == "-":
        return False
    before = folded[max(0, found.start() - 12) : found.start()]
    whole = _DIALLED.search(before) is not None and folded[found.start()] != "0"
    return whole or _ABROAD.search(before) is not None


def _is_within_a_word(text: str, folded: str, origin: list[int], found: re.Match[str]) -> bool:
    """Whether it has small letters, no gap, and stands inside a word: a hexadecimal digest."""
    written = text[origin[found.start()] : origin[found.end() - 1] + 1]
    around = folded[found.start() - 1 : found.start()] + folded[found.end() : found.end() + 1]
    is_small = found["gap"] == "" and written != written.upper()
    return is_small and any(sign.isalnum() for sign in around)


def _folded(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each sign of it where in the text it comes from."""
    if text.isascii() and text.isprintable():
        return text.upper(), list(range(len(text)))
    pairs = [(sign, at) for at, written in enumerate(text) for sign in _fold(written)]
    return "".join(sign for sign, _ in pairs), [at for _, at in pairs]


def _fold(written: str) -> str:
    """One character as none or more ASCII signs, where it can be taken for them."""
    if written in _SPACE_LIKE:
        return " "
    return "".join(map(_fold_one, unicodedata.normalize("NFKC", written)))


def _fold_one(sign: str) -> str:
    digit = unicodedata.digit(sign, None)
    category = unicodedata.category(sign)
    if digit is not None:
        return str(digit)
    if category == "Pd" or sign in _DASHES:
        return "-"
    if category.startswith("Z"):
        return " "
    # Format characters, controls, and marks over or around the sign before.
    return "" if category in ("Cf", "Cc", "Mn", "Me") else sign.upper()
