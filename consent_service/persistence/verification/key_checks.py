"""Every data key is of whom it was made for, and since then; the rotation stands where it can.

1. A data key opens, and what was sealed with it is the organisation, child and time of its row. No
   erasure destroyed it: whoever puts one back could read what was forgotten, had they a copy.
2. The row that says where the rotation of keys stands is there, and fits the keys of the file.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.finding import Finding
from consent_service.errors import Unreadable
from consent_service.persistence.keys.index_slots import IndexState, index_state_of
from consent_service.persistence.keys.sealing import Index, Made
from consent_service.persistence.keys.tables import data_key, key_state
from consent_service.persistence.verification.checks import DatabaseChecks
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import GONE, covered


class KeyChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = covered(data_key, *data_key.columns.keys()) | covered(
        key_state, *key_state.columns.keys(), GONE
    )

    def findings(self) -> Iterator[Finding]:
        if self._checks.opened is None:
            return
        keys = self._reading.rows(sa.select(data_key), "columns_mismatch", "data key")
        for row, wrong in self._spread.each(wrong_key, keys):
            self._checked += 1
            if row.id in self._checks.destroyed:
                detail = "destroyed by an erasure, and there again"
                yield Finding("columns_mismatch", f"data key {row.id}", detail)
            if wrong is not None:
                yield Finding("columns_mismatch", f"data key {row.id}", wrong)
        ring, index = self._checks.opened
        states = list(self._reading.rows(sa.select(key_state), "columns_mismatch", "key state"))
        if not states:
            yield Finding("columns_mismatch", "key state", "is not there")
        for row in states:
            if row.wrapping_key not in (None, *ring.ids):
                yield Finding("columns_mismatch", "key state", "names a key that nobody has")
            if not _is_a_state(index_state_of(row), index):
                yield Finding("columns_mismatch", "key state", "does not fit the index keys")

    def checked(self) -> Iterator[str]:
        if self._opens:
            yield f"{self._checked} data keys and whose they are"


def wrong_key(checks: DatabaseChecks, row: Row[Any]) -> str | None:
    """What is wrong with one data key, or None."""
    if checks.opened is None:
        return None
    try:
        made = checks.opened[0].unwrap(row.id, row.wrapped).made
    except (Unreadable, ValueError):
        return "does not open"
    if made != Made(row.organisation_id, row.child_id, row.created_at):
        return "of another controller, child or time than it was made for"
    return None


def _is_a_state(state: IndexState, index: Index) -> bool:
    """Whether a rotation can stand there with these keys."""
    if not state.is_reached_by(index):
        return False
    if state.phase == "filling":
        filled = index.key_id(state.other)
        return None not in (state.current_key, filled) and state.filling_key == filled
    return state.filling_key is None and (state.phase == "steady" or state.current_key is not None)
