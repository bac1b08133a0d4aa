"""Reading variables of the environment, one function a kind of value. All raise Misconfigured."""

import re
from collections.abc import Mapping
from datetime import timedelta

from consent_service.errors import Misconfigured

HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f.]*:[0-9a-f:.]+")
"""A host name, an IPv4 address, or an IPv6 address without its brackets."""

_LONGEST_NUMBER = 9


def required(environment: Mapping[str, str], name: str) -> str:
    """A text that nothing stands in for."""
    value = environment.get(name, "")
    if not value:
        raise Misconfigured(f"{name} is not set")
    return value


def count(environment: Mapping[str, str], name: str, most: int) -> int:
    """A number from 0, which it is unless given."""
    found = _number(environment.get(name, "0"))
    if found is None or found > most:
        raise Misconfigured(f"{name} is a number from 0 to {most}")
    return found


def minutes(environment: Mapping[str, str], name: str, default: int, most: int) -> timedelta:
    """A time of a minute or more."""
    found = _number(environment.get(name, str(default)))
    if found is None or not 1 <= found <= most:
        raise Misconfigured(f"{name} is a number of minutes from 1 to {most}")
    return timedelta(minutes=found)


def days(environment: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A number of days, one or more."""
    found = _number(environment.get(name, str(default)))
    if found is None or not 1 <= found <= most:
        raise Misconfigured(f"{name} is a number of days from 1 to {most}")
    return found


def seconds(environment: Mapping[str, str], name: str, default: int | None) -> int | None:
    """A number of seconds; `none` says that there is none."""
    text = environment.get(name, "")
    if not text or text == "none":
        return None if text else default
    found = _number(text)
    if found is None:
        raise Misconfigured(f"{name} is a number of seconds, or none")
    return found


def yes(environment: Mapping[str, str], name: str) -> bool:
    """Yes or no, which it is unless given."""
    text = environment.get(name, "no").lower()
    if text not in ("yes", "no"):
        raise Misconfigured(f"{name} is yes or no")
    return text == "yes"


def hosts(environment: Mapping[str, str], name: str) -> frozenset[str]:
    """Names or addresses with commas between them; an IPv6 address may stand in brackets."""
    found = frozenset(
        host.strip().lower().removeprefix("[").removesuffix("]")
        for host in environment.get(name, "").split(",")
        if host.strip()
    )
    if any(HOST.fullmatch(host) is None for host in found):
        raise Misconfigured(f"{name} is a list of host names, without ports")
    return found


def _number(text: str) -> int | None:
    """What digits say, or None; longer ones than any of ours are none."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number else None
