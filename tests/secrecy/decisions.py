"""What a decision may tell Z of what happened at X: what R5e and R5h allow, and no more.

Z asks under its own consents, which are the same in both worlds, and may know of no other. So
where each of them lacks something itself, the two answers are the same. Where one lacks nothing,
what was said under X's requests may stop it, as one `objection_stands`; what X knows of custody,
as `custody_contradicted`, and only where X is sender or recipient: there a no said to Z by one who
is a holder as X alone knows it stands as well (R5a), and is named as Z's own. And a yes by login at
X may clear a no said to Z. That is all.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tests.secrecy.worlds import Json, Told, X, member_at

HIDDEN = '{"code": "objection_stands"}'
CONTRADICTED = '{"code": "custody_contradicted"}'


@dataclass(frozen=True)
class Asked:
    """What Z wants to pass on or be told, and its own consents for the purpose as it sees them."""

    sender: str
    recipient: str
    categories: frozenset[str]
    own: Sequence[Json]

    @property
    def is_covered(self) -> bool:
        """Whether one of Z's own consents lacks nothing for it."""
        return any(self._covers(one) for one in self.own)

    @property
    def own_noes(self) -> set[str]:
        """Who said no to Z, as a decision names it."""
        return {
            _reason_text({"code": signatory["state"], "role": signatory["role"]})
            for one in self.own
            for signatory in one.get("signatories", [])
            if signatory["state"] in ("declined", "withdrawn")
        }

    def _covers(self, consent: Json) -> bool:
        scope = consent["effective_scope"]
        return (
            scope is not None
            and {self.sender, self.recipient} <= set(scope["parties"])
            and self.categories <= set(scope["categories"])
        )


def check_allowed(asked: Asked, with_x: Json, without_x: Json) -> None:
    """Raise Told where the two answers differ in more than is allowed."""
    here, there = _reasons(with_x), _reasons(without_x)
    allowed = {HIDDEN}
    if X in (asked.sender, asked.recipient):
        allowed |= {CONTRADICTED} | asked.own_noes
    sound = [
        HIDDEN not in there,
        asked.is_covered or here == there,
        # A no said to Z is not named twice, and no other is named at all.
        here - there <= allowed,
        # What is permitted with X and denied without: a yes at X cleared a no said to Z.
        bool(here) or not there or bool(there - {CONTRADICTED}),
    ]
    if not all(sound):
        raise Told(f"{asked}\nwith X: {with_x}\nwithout X: {without_x}\n{sound}")


def _reasons(answer: Json) -> set[str]:
    """Why it is denied; empty where it is permitted."""
    found = member_at(answer, ["reasons"]) or []
    return {_reason_text(reason) for reason in found}


def _reason_text(reason: Json) -> str:
    return json.dumps(reason, sort_keys=True)
