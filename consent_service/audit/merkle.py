"""The Merkle tree of RFC 9162 § 2.1: hashes, roots, and what a proof is made of.

A tree of any size is a row of perfect subtrees, largest first, one for each bit of the
size. They and their insides are the only nodes ever stored; everything else is folded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from consent_service.errors import ConsentServiceError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves (RFC 9162 § 2.1.1)."""


class InvalidProof(ConsentServiceError):
    """The path does not prove what it is said to prove."""

    code = "invalid_proof"


class Coordinate(NamedTuple):
    """A perfect subtree over the leaves [index << level, (index + 1) << level)."""

    level: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls here


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data) (RFC 9162 § 2.1.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right) (RFC 9162 § 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash over adjoining perfect subtrees, largest first; EMPTY_ROOT over none."""
    if not hashes:
        return EMPTY_ROOT
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


def frontier_coordinates(size: int) -> list[Coordinate]:
    """The perfect subtrees that make up a tree of that many leaves, largest first."""
    return _perfect_subtrees(0, size)


@dataclass(frozen=True)
class Frontier:
    """All a tree needs to grow: its size and its perfect subtrees' hashes, largest first.

    Raises InvalidProof unless there is one hash for each bit of the size.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise InvalidProof("a frontier has one hash for each bit of its size")

    def append(self, leaves: Sequence[bytes]) -> tuple["Frontier", list[tuple[Coordinate, bytes]]]:
        """The frontier after these leaf hashes, and every node of level ≥ 1 they completed.

        The nodes come in the order in which they became complete.
        """
        hashes = list(self.hashes)
        completed: list[tuple[Coordinate, bytes]] = []
        for index, leaf in enumerate(leaves, self.size):
            folded, level = leaf, 0
            # Each low bit set in the index is a waiting left sibling of that level.
            while index >> level & 1:
                folded = sha256(b"\x01" + hashes.pop() + folded).digest()
                level += 1
                completed.append((Coordinate(level, index >> level), folded))
            hashes.append(folded)
        return Frontier(self.size + len(leaves), tuple(hashes)), completed

    def root(self) -> bytes:
        """The root of the tree (RFC 9162 § 2.1.1)."""
        return fold(self.hashes)


def inclusion_plan(index: int, size: int) -> list[list[Coordinate]]:
    """What the inclusion path of one leaf consists of, nearest the leaf first.

    Each element is the fold of its perfect subtrees (RFC 9162 § 2.1.3.1). Raises
    InvalidProof unless the leaf is in the tree.
    """
    if not 0 <= index < size:
        raise InvalidProof("the leaf is not in a tree of that size")
    path: list[list[Coordinate]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_perfect_subtrees(middle, end))
            end = middle
        else:
            path.append(_perfect_subtrees(start, middle))
            start = middle
    return path[::-1]


def consistency_plan(old: int, new: int) -> list[list[Coordinate]]:
    """What the proof that one tree is the beginning of another consists of.

    Each element is the fold of its perfect subtrees (RFC 9162 § 2.1.4.1); empty from the
    empty tree and to the same tree. Raises InvalidProof unless 0 ≤ old ≤ new.
    """
    if not 0 <= old <= new:
        raise InvalidProof("a tree is only consistent with a later one")
    if old in (0, new):
        return []
    path: list[list[Coordinate]] = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_perfect_subtrees(middle, end))
            end = middle
        else:
            path.append(_perfect_subtrees(start, middle))
            start = middle
    if start > 0:
        path.append(_perfect_subtrees(start, end))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Raise InvalidProof unless the leaf hash is at that index under that root.

    RFC 9162 § 2.1.3.2, whose names `fn`, `sn` and `r` these are.
    """
    if not 0 <= index < size:
        raise InvalidProof("the leaf is not in a tree of that size")
    _check_lengths([leaf, root, *path])
    fn, sn, r = index, size - 1, leaf
    for element in path:
        if sn == 0:
            raise InvalidProof("the inclusion path is too long")
        if fn & 1 or fn == sn:
            r = node_hash(element, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, element)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise InvalidProof("the inclusion path is too short")
    if r != root:
        raise InvalidProof("the inclusion path does not lead to the root")


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Raise InvalidProof unless the old tree is the beginning of the new one.

    RFC 9162 § 2.1.4.2; the RFC leaves out the empty tree and equal sizes, where the path
    must be empty and the roots must say so.
    """
    if not 0 <= old_size <= new_size:
        raise InvalidProof("a tree is only consistent with a later one")
    _check_lengths([old_root, new_root, *path])
    if old_size in (0, new_size):
        expected = new_root if old_size == new_size else EMPTY_ROOT
        if path or old_root != expected or (new_size == 0 and new_root != EMPTY_ROOT):
            raise InvalidProof("the roots contradict each other")
        return
    if not path:
        raise InvalidProof("the consistency path is too short")
    _walk_consistency(old_size, old_root, new_size, new_root, list(path))


def _walk_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: list[bytes]
) -> None:
    """RFC 9162 § 2.1.4.2, steps 2 to 8, for 0 < old_size < new_size and a path."""
    if old_size.bit_count() == 1:
        path.insert(0, old_root)
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for element in path[1:]:
        if sn == 0:
            raise InvalidProof("the consistency path is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(element, fr), node_hash(element, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, element)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise InvalidProof("the consistency path is too short")
    if fr != old_root or sr != new_root:
        raise InvalidProof("the consistency path does not lead to both roots")


def _split(count: int) -> int:
    """The largest power of two smaller than a count of at least 2 (RFC 9162 § 2.1.1)."""
    return 1 << (count - 1).bit_length() - 1


def _perfect_subtrees(start: int, end: int) -> list[Coordinate]:
    """The perfect subtrees over [start, end), where start is aligned to the largest."""
    coordinates = []
    for level in reversed(range((end - start).bit_length())):
        if end - start >> level & 1:
            coordinates.append(Coordinate(level, start >> level))
            start += 1 << level
    return coordinates


def _check_lengths(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise InvalidProof("a hash has 32 bytes")
