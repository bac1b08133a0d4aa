"""Levels of assurance of an identification (NSIS 2.0 § 3), and which is at least which."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Minimum = Literal["substantial", "high"]
"""What may be demanded of a signer; nothing below substantial is ever enough."""

RANKS: Mapping[str, int] = MappingProxyType({"low": 0, "substantial": 1, "high": 2})
"""The levels, in order."""


def is_assured(level: str, minimum: Minimum) -> bool:
    """Whether a level reaches a minimum; one we do not know does not."""
    return level in RANKS and RANKS[level] >= RANKS[minimum]
