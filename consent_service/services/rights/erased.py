"""The values an erasure is planned and carried out with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ErasableEntry:
    """An entry whose body is there: `fact` is the kind it vouches for, if it vouches for one."""

    id: str
    leaf: bytes
    time: datetime
    fact: str | None
    fact_consent: str | None


@dataclass(frozen=True)
class LostErasure:
    """An erasure that a restored database has forgotten: what it listed, and the keys it took."""

    erasure: str
    entries: Sequence[str]
    keys: Sequence[str]


@dataclass(frozen=True)
class StillThere:
    """What of lost erasures a restored database has again, at one controller.

    `child` is None for entries about no child. `is_whole`: the data key was destroyed.
    """

    controller: str
    child: str | None
    entries: tuple[ErasableEntry, ...]
    is_whole: bool


@dataclass(frozen=True)
class Forgotten:
    """What goes of one child at one controller, besides the listed entries.

    `people` are those around the child whom the controller still has to know; `is_whole` says
    that nothing is left, so that the data key goes too.
    """

    child: str
    consents: frozenset[str]
    people: frozenset[str]
    is_whole: bool


@dataclass(frozen=True)
class ErasedRows:
    """How much went."""

    entries: int
    consents: int
    people: int
    data_keys: int
