"""The values an erasure is planned and carried out with."""

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
