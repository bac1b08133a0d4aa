"""A whole tree grown from an export's leaf hashes, to be compared with what somebody holds.

One pass in constant memory, but for the few leaves and sizes asked about.
"""

from collections.abc import Collection, Iterable, Sequence

from consent_service.audit.checkpoint import Checkpoint
from consent_service.audit.merkle import Frontier, InvalidProof


class LeafTree:
    """A tree that leads to a checkpoint; nothing of it counts before `check_whole`.

    `roots` holds the root of every stop that was reached, and `positions` where the sought
    leaf hashes stand.
    """

    def __init__(
        self, checkpoint: Checkpoint, stops: Iterable[int], sought: Collection[bytes] = ()
    ) -> None:
        self.checkpoint = checkpoint
        self._frontier = Frontier()
        self._stops = sorted({size for size in stops if 0 < size <= checkpoint.size}, reverse=True)
        self._sought = sought
        self.roots: dict[int, bytes] = {0: self._frontier.root()}
        self.positions: dict[bytes, int] = {}

    @property
    def size(self) -> int:
        """How many leaves it has so far."""
        return self._frontier.size

    @property
    def is_trusted(self) -> bool:
        """Whether the key that signed its checkpoint is sound: a compromised one proves nothing."""
        return self.checkpoint.key.status != "compromised"

    def grow(self, leaves: Sequence[bytes]) -> None:
        """Append leaf hashes. Raises InvalidProof beyond the checkpoint."""
        if self.size + len(leaves) > self.checkpoint.size:
            raise InvalidProof("the export is longer than its checkpoint")
        if self._sought:
            found = (one for one in enumerate(leaves, self.size) if one[1] in self._sought)
            self.positions.update((leaf, index) for index, leaf in found)
        taken = 0
        while self._stops and self._stops[-1] <= self.size + len(leaves) - taken:
            stop = self._stops.pop()
            until = taken + stop - self.size
            self._frontier = self._frontier.append(leaves[taken:until])[0]
            self.roots[stop] = self._frontier.root()
            taken = until
        self._frontier = self._frontier.append(leaves[taken:])[0]

    def check_whole(self) -> None:
        """Raise InvalidProof unless the leaves lead to the checkpoint."""
        if self.size < self.checkpoint.size:
            raise InvalidProof("the export is shorter than its checkpoint")
        if self._frontier.root() != self.checkpoint.root:
            raise InvalidProof("the export does not lead to the root of its checkpoint")
