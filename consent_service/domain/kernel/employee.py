"""Who an employee is: one person, one id, however it is typed.

An id is of a declared alphabet: letters (ASCII and æ, ø, å), digits, dot, underscore, hyphen, at,
plus, backslash and vertical bar, up to 64, in the composed form (Unicode NFC). Anything else is
refused, not folded into it: other widths, invisible characters and look-alikes are no way to be
somebody else. Two ids that differ only in case are one person.
"""

import re

LONGEST = 64
EMPLOYEE_ID = re.compile(rf"[A-Za-z0-9æøåÆØÅ._@+\\|-]{{1,{LONGEST}}}")


def is_employee_id(text: str) -> bool:
    """Whether this can be an employee's id at all."""
    return EMPLOYEE_ID.fullmatch(text) is not None


def folded(employee: str) -> str:
    """The one form by which an employee is compared and found."""
    return employee.casefold()


def is_same_person(one: str, other: str) -> bool:
    """Whether two ids of one organisation are the same employee's."""
    return folded(one) == folded(other)
