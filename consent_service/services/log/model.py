"""Entries of the log as they are asked for and read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_service.domain.kernel.cpr import CprNumber

ERASURE = "data_erased"
"""The type of the entry of an erasure, whose header commits to the list of what it erased."""

RETENTION_SET = "retention_set"
"""The type of the entry that vouches for how long a controller keeps things."""

WITHDRAWAL_TAKEN = "withdrawal_taken"
"""The type of the entry of a stop that an organisation took: its own, whatever it stopped (R4)."""

CUSTODY_TO_CHECK = "custody_to_check"
"""The type of the entry that asks an organisation to look custody up again (R5e)."""

CUSTODY_CHANGED = "custody_changed"
"""The type of the entry of a custody change, an event of each of its controller's consents."""

ListedEntry = tuple[str, bytes]
"""An entry's id and its leaf hash, as an erasure's list holds them."""


@dataclass(frozen=True)
class LoggedEntry:
    """An entry of the log, opened; `child` is the id of the child whose key sealed it."""

    id: str
    time: datetime
    controller: str
    child: str | None
    header: bytes
    promise: str
    body: Mapping[str, Any]
    body_bytes: bytes
    salt: bytes


@dataclass(frozen=True)
class EntryFilter:
    """Which entries a reader asks for; None means any.

    `viewer` is the reader's organisation: it sees what it controls and what it did itself, with
    `as_party` also what it received. `before` is an entry id that all found ones precede.
    """

    viewer: str
    as_party: bool = False
    before: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    type: str | None = None
    organisation: str | None = None
    outcome: str | None = None
    about: str | None = None
    child: CprNumber | None = None
    employee: str | None = None
