"""Text from outside: what of it is refused, and the one normal form in which it is kept and sought.

Refused is what nobody can see and what changes how the rest is read: controls, the signs that
turn the direction of writing (Unicode's Bidi_Control), halves of pairs, and text in which nothing
can be seen at all. What stands in one line, a name or a reference, must not hide anything either:
two that look the same are the same. Joiners within words (Persian, emoji) are text like any other.
"""

import re
import unicodedata

_TURNING = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# What no text is made of: deprecated format characters, interlinear annotations, non-characters.
_NO_TEXT = "\u206a-\u206f\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff\U000e0001"
_HALVES = "\ud800-\udfff"
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_HIDDEN = "\u00ad\u034f\u180e\u200b\u2060-\u2064\ufeff\U000e0020-\U000e007f"
_IN_LINES = re.compile(f"[{_CONTROLS}{_TURNING}{_NO_TEXT}{_HALVES}]")
_IN_ONE_LINE = re.compile(f"[{_CONTROLS}\t\n\r\u2028\u2029{_HIDDEN}{_TURNING}{_NO_TEXT}{_HALVES}]")
# Letters and signs by their category, of which nothing is ever drawn.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u00ad\U0001d159\ufffc")


class RefusedText(ValueError):
    """The text cannot be taken; its words say why, and never repeat it."""


def clean_text(text: str, *, lines: bool = False) -> str:
    """The text in its one form: Unicode NFC, without space around it. Raises RefusedText.

    With `lines` it may have line breaks and tabs. An empty text is clean.
    """
    trimmed = unicodedata.normalize("NFC", text).strip() if _is_whole(text) else text
    if (_IN_LINES if lines else _IN_ONE_LINE).search(trimmed):
        raise RefusedText("This holds control characters, or others that nobody sees.")
    if trimmed and not is_visible(trimmed):
        raise RefusedText("Nothing of this can be seen.")
    return trimmed


def is_visible(text: str) -> bool:
    """Whether there is anything to see in it: a letter, digit, sign or symbol."""
    return any(unicodedata.category(sign)[0] in "LNPS" and sign not in _BLANK for sign in text)


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)
