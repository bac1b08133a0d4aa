"""Reading a whole log as exported, to place a receipt's entries in it.

One pass, in constant memory but for the few entries and sizes asked about.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from consent_service.audit.checkpoint import Checkpoint, verify_checkpoint
from consent_service.audit.merkle import Frontier, InvalidProof, leaf_hash
from consent_service.signing.keys import KeySet

_BATCH = 1024


@dataclass(frozen=True)
class LogExport:
    """An export: for every leaf in order its header, if we hold it, and its hash.

    `checkpoint` is the signed note over exactly these leaves.
    """

    lines: Iterable[tuple[bytes | None, bytes]] = field(repr=False)
    checkpoint: str


@dataclass(frozen=True)
class PlacedEntries:
    """What the pass found: where leaves stand, and the roots at the sizes asked about."""

    checkpoint: Checkpoint
    positions: Mapping[bytes, int]
    roots: Mapping[int, bytes]


def place_entries(
    export: LogExport,
    keys: KeySet,
    origin: str,
    *,
    leaves: Collection[bytes],
    sizes: Collection[int],
) -> PlacedEntries:
    """Find these leaf hashes, and the roots the tree had at these sizes.

    Raises InvalidCheckpoint, and InvalidProof when the lines do not lead to the export's
    own checkpoint: then it says nothing about anything.
    """
    checkpoint = verify_checkpoint(export.checkpoint, origin, keys)
    frontier, positions = Frontier(), dict[bytes, int]()
    roots = {0: frontier.root()}
    stops = sorted({size for size in sizes if 0 < size < checkpoint.size} | {checkpoint.size})
    lines = _checked_leaves(export.lines)
    for stop in stops:
        while frontier.size < stop:
            batch = list(islice(lines, min(_BATCH, stop - frontier.size)))
            if not batch:
                raise InvalidProof("the export is shorter than its checkpoint")
            found = (one for one in enumerate(batch, frontier.size) if one[1] in leaves)
            positions.update({leaf: index for index, leaf in found})
            frontier = frontier.append(batch)[0]
        roots[stop] = frontier.root()
    if next(lines, None) is not None:
        raise InvalidProof("the export is longer than its checkpoint")
    if frontier.root() != checkpoint.root:
        raise InvalidProof("the export does not lead to the root of its checkpoint")
    return PlacedEntries(checkpoint, positions, roots)


def _checked_leaves(lines: Iterable[tuple[bytes | None, bytes]]) -> Iterator[bytes]:
    for index, (header, leaf) in enumerate(lines):
        if header is not None and leaf_hash(header) != leaf:
            raise InvalidProof(f"header {index} of the export is not the one in the tree")
        yield leaf
