"""Danish civil registration (CPR) numbers and the replacement numbers hospitals issue.

Modulus 11 has not held since 2007 and is never checked. Sources: CPR-kontoret,
"Personnummeret i CPR"; Sundhedsdatastyrelsen on X-eCPR and D-eCPR.
"""

import re
from dataclasses import dataclass
from datetime import date

from consent_service.errors import ConsentServiceError

_WRITTEN = re.compile(r"(\d{6})[- ]?([0-9A-Z]{4})", re.ASCII)
_ORDINARY = re.compile(r"\d{10}", re.ASCII)
_ELECTRONIC = re.compile(r"\d{6}[01567][A-Z]{2}\d", re.ASCII)
_LAST_DAY, _LAST_MONTH, _DAY_OFFSET = 31, 12, 60


class InvalidCpr(ConsentServiceError):
    """The text is neither a CPR number nor a replacement number. It is not repeated here."""

    code = "invalid_cpr"


@dataclass(frozen=True, order=True)
class CprNumber:
    """A CPR or replacement number in its one stored form: ten characters, no hyphen."""

    value: str

    def __repr__(self) -> str:
        return "CprNumber(…)"

    __str__ = __repr__

    @property
    def birth_date(self) -> date | None:
        """The birth date the number proves; None for every replacement number."""
        return _birth_date(self.value) if _ORDINARY.fullmatch(self.value) else None


def parse_cpr(text: str) -> CprNumber:
    """Read a number written with or without a hyphen or space. Raises InvalidCpr."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise InvalidCpr("not a CPR number and not a replacement number")
    number = CprNumber(written[1] + written[2])
    if number.birth_date is None and not _is_replacement(number.value):
        raise InvalidCpr("not a CPR number and not a replacement number")
    return number


def _is_replacement(value: str) -> bool:
    day, month = int(value[0:2]), int(value[2:4])
    if not 1 <= month <= _LAST_MONTH:
        return False
    if _ORDINARY.fullmatch(value):
        return _DAY_OFFSET < day <= _DAY_OFFSET + _LAST_DAY
    return _ELECTRONIC.fullmatch(value) is not None and 1 <= day <= _LAST_DAY


def _birth_date(value: str) -> date | None:
    day, month, year = int(value[0:2]), int(value[2:4]), int(value[4:6])
    try:
        return date(_century(int(value[6]), year) + year, month, day)
    except ValueError:
        return None


def _century(seventh: int, year: int) -> int:
    if seventh <= 3:
        return 1900
    if seventh in (4, 9):
        return 2000 if year <= 36 else 1900
    return 2000 if year <= 57 else 1800
