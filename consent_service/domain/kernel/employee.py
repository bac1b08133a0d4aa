"""Who an employee is: one person, one id, however it is typed.

An id is of a declared alphabet: letters (ASCII and æ, ø, å), digits, dot, underscore, hyphen, at,
plus, backslash and vertical bar, up to 64, in the composed form (Unicode NFC). Anything else is
refused, not folded into it: other widths, invisible characters and look-alikes are no way to be
somebody else. Two ids that differ only in case are one person.
"""

import re
import unicodedata

from consent_service.domain.kernel.cpr_text import contains_cpr
from consent_service.errors import InvalidInput

LONGEST = 64
EMPLOYEE_ID = re.compile(rf"[A-Za-z0-9æøåÆØÅ._@+\\|-]{{1,{LONGEST}}}")
ALPHABET = "An id has 1 to 64 letters, digits and . _ - @ + \\ | only, in composed form."


def is_employee_id(text: str) -> bool:
    """Whether this can be an employee's id at all."""
    return EMPLOYEE_ID.fullmatch(text) is not None


def verify_employee_id(pointer: str, text: str) -> None:
    """Raise InvalidInput for what is no id, as it was typed, or holds a CPR number."""
    if not is_employee_id(text):
        raise InvalidInput.field(pointer, ALPHABET)
    if contains_cpr(text):
        raise InvalidInput.field(pointer, "This must not hold anything shaped like a CPR number.")


def employee_key(employee: str) -> str:
    """The one form by which an employee is compared and found: the casefold of its NFC.

    Also of what is no id by today's alphabet: the subject of a login, an id from before.
    """
    return unicodedata.normalize("NFC", employee).casefold()


def former_employee_keys(employee: str) -> tuple[str, ...]:
    """The forms by which older versions hashed an employee: as typed, and folded without NFC."""
    return employee, employee.casefold()


def is_same_person(one: str, other: str) -> bool:
    """Whether two ids of one organisation are, or may be, the same employee's.

    Outside the alphabet lies what was recorded before there was one: nobody can tell what of it
    cannot be seen, so it is nobody else's.
    """
    can_tell = is_employee_id(one) and is_employee_id(other)
    return not can_tell or employee_key(one) == employee_key(other)
