"""What a log verification has to say: findings, each with its place."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "header_invalid", "leaf_mismatch", "leaf_missing", "header_missing", "promise_missing",
    "promise_invalid", "promise_broken", "node_mismatch", "root_mismatch", "head_invalid",
    "checkpoint_invalid", "log_cut", "body_mismatch", "body_missing", "body_unreadable",
    "body_not_erased", "columns_mismatch", "erasure_mismatch", "fact_mismatch",
    "integrated_late", "key_compromised", "origin_mismatch", "checkpoint_missing",
    "schema_changed",
]  # fmt: skip

NOTICES: frozenset[Kind] = frozenset({"integrated_late", "key_compromised", "checkpoint_missing"})
"""Reported, but no lie: the log was slow or stopped in between, or nobody can tell any more."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where, and why. Never personal data."""

    kind: Kind
    place: str
    detail: str


@dataclass(frozen=True)
class VerifyReport:
    """What was verified and what was found, in the order of the log.

    `bodies_checked` counts bodies whose commitment was recomputed; `erased` counts entries
    listed by an erasure. `is_complete` is False when there were too many findings to go on.
    """

    entries: int
    pending: int
    bodies_checked: int
    erased: int
    findings: tuple[Finding, ...]
    notices: tuple[Finding, ...]
    checked: tuple[str, ...]
    is_complete: bool

    @property
    def exit_code(self) -> int:
        """1 where anything is wrong, else 0."""
        return 1 if self.findings else 0
