"""Reading the whole tree that an export holds, to place a receipt's entries in it.

One pass, in constant memory but for the few entries and sizes asked about. The export's own
entries are not judged here: `export_checks` does that.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from consent_service.audit.export_lines import (
    CheckpointLine,
    EntryLine,
    InvalidExport,
    LeavesLine,
    Line,
    read_line,
)
from consent_service.audit.leaf_tree import LeafTree
from consent_service.audit.origins import Origins
from consent_service.signing.keys import KeySet

_BATCH = 1024


@dataclass(frozen=True)
class LogExport:
    """An export: the hash of every leaf in order, and the signed note over exactly these.

    `others` are the notes that its entries' proofs lead to.
    """

    leaves: Iterable[bytes] = field(repr=False)
    checkpoint: str
    others: Collection[str] = ()


def read_log_export(lines: Iterable[bytes]) -> LogExport:
    """The tree in an export's lines, read as it is asked for. Raises InvalidExport.

    So does whoever reads its leaves, where a line is none.
    """
    remaining = map(read_line, lines)
    others: dict[str, None] = {}
    for line in remaining:
        if isinstance(line, CheckpointLine):
            return LogExport(_leaves(remaining), line.note, tuple(others))
        if isinstance(line, EntryLine) and (note := _note(line.members.raw("evidence"))):
            others[note] = None
    raise InvalidExport("the export has no leaf hashes: ask for it with leaves=true")


def place_entries(
    export: LogExport,
    keys: KeySet,
    origins: Origins,
    *,
    leaves: Collection[bytes],
    sizes: Collection[int],
) -> LeafTree:
    """Find these leaf hashes, and the roots the tree had at these sizes.

    Raises InvalidCheckpoint, and InvalidProof when the lines do not lead to the export's
    own checkpoint: then it says nothing about anything.
    """
    tree = LeafTree(origins.verify(export.checkpoint, keys), sizes, leaves)
    remaining = iter(export.leaves)
    while batch := list(islice(remaining, _BATCH)):
        tree.grow(batch)
    tree.check_whole()
    return tree


def _leaves(lines: Iterable[Line]) -> Iterator[bytes]:
    position = 0
    for line in lines:
        if not isinstance(line, LeavesLine) or line.first != position:
            raise InvalidExport("leaf hashes come after their checkpoint, in order")
        yield from line.leaves
        position += len(line.leaves)


def _note(evidence: Any) -> str | None:
    """The checkpoint that an entry's proof names, where there is one."""
    proof = evidence.get("proof") if isinstance(evidence, dict) else None
    note = proof.get("checkpoint") if isinstance(proof, dict) else None
    return note if isinstance(note, str) else None
