"""An act on paper, compared with the recording it confirms: the same person, day and scope.

A paper that nobody recorded, or another one than was recorded, can only have been written past
the service.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Row

from consent_service.signing.canonical import NotCanonical, parse_canonical


class PaperChecks:
    """The papers of one child at a time: facts come in the order of children and acts."""

    def __init__(self) -> None:
        self._child = ""
        self._recorded: dict[str, tuple[Row[Any], Mapping[str, Any]]] = {}
        self._confirmed: set[str] = set()

    def wrong(self, row: Row[Any]) -> str | None:
        """What is wrong with the next fact as far as papers go, or None."""
        if row.child_id != self._child:
            self._child, self._recorded, self._confirmed = row.child_id, {}, set()
        if '"paper"' not in row.payload:
            return None
        try:
            payload = parse_canonical(row.payload.encode())
            paper = payload.get("paper") if isinstance(payload, dict) else None
            return None if paper is None else self._wrong_paper(row, payload, str(paper))
        except (NotCanonical, KeyError):
            return "its payload cannot be read"

    def _wrong_paper(self, row: Row[Any], payload: Mapping[str, Any], paper: str) -> str | None:
        if row.kind == "paper_recorded":
            self._recorded[paper] = (row, payload)
            return None
        if paper not in self._recorded:
            return "it confirms a paper that nobody recorded"
        if paper in self._confirmed:
            return "it confirms a paper once more"
        self._confirmed.add(paper)
        recorded, stated = self._recorded[paper]
        # What was recorded as a decline may by then be a withdrawal.
        same = (
            (recorded.consent_id, recorded.person_id) == (row.consent_id, row.person_id)
            and (stated["signed_at"], stated["kept"]) == (payload["given_at"], payload["kept"])
            and (stated["decision"] == "grant") == (row.kind == "grant")
        )
        return None if same else "it says something else than the paper that was recorded"
