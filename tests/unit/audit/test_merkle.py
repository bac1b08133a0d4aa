"""The Merkle tree against RFC 9162's recursive definitions and published vectors."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_service.audit.merkle import (
    EMPTY_ROOT,
    Coordinate,
    Frontier,
    InvalidProof,
    consistency_plan,
    fold,
    frontier_coordinates,
    inclusion_plan,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

# The leaves, roots and paths of the certificate-transparency reference tests
# (google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc).
CT_LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_INCLUSION = {
    (0, 1): [],
    (0, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (5, 8): ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}  # fmt: skip
CT_CONSISTENCY = {
    (1, 1): [],
    (1, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (6, 8): ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 5): ["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}  # fmt: skip


def split(count):
    k = 1
    while k * 2 < count:
        k *= 2
    return k


def mth(leaves):
    """RFC 9162 § 2.1.1, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m, leaves):
    """RFC 9162 § 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m, leaves, whole):
    """RFC 9162 § 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def hashes(count):
    return [leaf_hash(index.to_bytes(4, "big")) for index in range(count)]


def grown(leaves):
    """The nodes a store would hold after appending these leaves, and the frontier."""
    frontier, completed = Frontier().append(leaves)
    nodes = {Coordinate(0, index): leaf for index, leaf in enumerate(leaves)}
    return frontier, nodes | dict(completed)


def proof(plan, nodes):
    return [fold([nodes[coordinate] for coordinate in element]) for element in plan]


def test_published_roots():
    leaves = [leaf_hash(data) for data in CT_LEAVES]
    for size, root in enumerate(CT_ROOTS):
        assert Frontier().append(leaves[:size])[0].root().hex() == root
    assert EMPTY_ROOT.hex() == CT_ROOTS[0]


@pytest.mark.parametrize(("index", "size"), CT_INCLUSION)
def test_published_inclusion_paths(index, size):
    leaves = [leaf_hash(data) for data in CT_LEAVES[:size]]
    made = proof(inclusion_plan(index, size), grown(leaves)[1])
    assert [one.hex() for one in made] == CT_INCLUSION[index, size]
    verify_inclusion(leaves[index], index, size, made, bytes.fromhex(CT_ROOTS[size]))


@pytest.mark.parametrize(("old", "new"), CT_CONSISTENCY)
def test_published_consistency_paths(old, new):
    made = proof(consistency_plan(old, new), grown([leaf_hash(d) for d in CT_LEAVES[:new]])[1])
    assert [one.hex() for one in made] == CT_CONSISTENCY[old, new]
    roots = [bytes.fromhex(root) for root in CT_ROOTS]
    verify_consistency(old, roots[old], new, roots[new], made)


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 100])
def test_every_inclusion_path(size):
    leaves = hashes(size)
    frontier, nodes = grown(leaves)
    assert frontier.root() == mth(leaves)
    for index in range(size):
        made = proof(inclusion_plan(index, size), nodes)
        assert made == path(index, leaves)
        verify_inclusion(leaves[index], index, size, made, frontier.root())


@pytest.mark.parametrize("new", [*range(1, 34), 64, 65])
def test_every_consistency_path(new):
    leaves = hashes(new)
    nodes = grown(leaves)[1]
    for old in range(1, new + 1):
        made = proof(consistency_plan(old, new), nodes)
        assert made == subproof(old, leaves, True)
        verify_consistency(old, mth(leaves[:old]), new, mth(leaves), made)


@given(st.lists(st.integers(0, 9), max_size=12))
def test_batches_do_not_matter(batches):
    leaves = hashes(sum(batches))
    frontier, completed, taken = Frontier(), [], 0
    for count in batches:
        frontier, more = frontier.append(leaves[taken : taken + count])
        completed += more
        taken += count
    assert (frontier, completed) == Frontier().append(leaves)
    assert frontier.root() == mth(leaves)


@given(st.integers(0, 300))
def test_completed_nodes_are_every_perfect_subtree_once(size):
    leaves = hashes(size)
    completed = Frontier().append(leaves)[1]
    expected = {
        Coordinate(level, index): mth(leaves[index << level : (index + 1) << level])
        for level in range(1, 10)
        for index in range(size >> level)
    }
    assert dict(completed) == expected
    assert len(completed) == len(expected)
    order = [((at.index + 1) << at.level, at.level) for at, _ in completed]
    assert order == sorted(order)


@given(st.integers(0, 2**40))
def test_frontier_coordinates_cover_the_tree_in_order(size):
    end = 0
    levels = []
    for level, index in frontier_coordinates(size):
        assert index << level == end
        end = (index + 1) << level
        levels.append(level)
    assert end == size
    assert levels == sorted(set(levels), reverse=True)


@given(st.integers(1, 200), st.data())
def test_wrong_inclusion_is_refused(size, data):
    leaves = hashes(size)
    index = data.draw(st.integers(0, size - 1))
    made, root = path(index, leaves), mth(leaves)
    wrong = leaf_hash(b"wrong")
    attempts = [
        (wrong, index, size, made, root),
        (leaves[index], index, size, made, wrong),
        (leaves[index], index, size, [*made, wrong], root),
        (leaves[index], size, size, made, root),
        (leaves[index], -1, size, made, root),
        (leaves[index], index, size, [b"short", *made[1:]], root),
    ]
    if made:
        attempts.append((leaves[index], index, size, made[:-1], root))
        attempts.append((leaves[index], index, size, [*made[:-1], wrong], root))
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        attempts.append((leaves[index], other, size, made, root))
    for attempt in attempts:
        with pytest.raises(InvalidProof):
            verify_inclusion(*attempt)


@given(st.integers(2, 200), st.data())
def test_wrong_consistency_is_refused(new, data):
    leaves = hashes(new)
    old = data.draw(st.integers(1, new - 1))
    made = subproof(old, leaves, True)
    old_root, new_root, wrong = mth(leaves[:old]), mth(leaves), leaf_hash(b"wrong")
    at = data.draw(st.integers(0, len(made) - 1))
    for attempt in (
        (old, wrong, new, new_root, made),
        (old, old_root, new, wrong, made),
        (old, old_root, new, new_root, [*made, wrong]),
        (old, old_root, new, new_root, made[:-1]),
        (old, old_root, new, new_root, []),
        (old, old_root, new, new_root, [*made[:at], wrong, *made[at + 1 :]]),
        (new, new_root, old, old_root, made),
        (new, old_root, new, new_root, []),
        (0, wrong, new, new_root, []),
        (0, EMPTY_ROOT, new, new_root, made),
    ):
        with pytest.raises(InvalidProof):
            verify_consistency(*attempt)


def test_the_empty_tree_is_the_beginning_of_every_tree():
    verify_consistency(0, EMPTY_ROOT, 3, mth(hashes(3)), [])
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    with pytest.raises(InvalidProof):
        verify_consistency(0, mth(hashes(1)), 0, mth(hashes(1)), [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_no_plan_for_a_leaf_outside(index, size):
    with pytest.raises(InvalidProof):
        inclusion_plan(index, size)


@pytest.mark.parametrize(("old", "new"), [(2, 1), (-1, 1)])
def test_no_plan_backwards(old, new):
    with pytest.raises(InvalidProof):
        consistency_plan(old, new)


def test_a_frontier_has_one_hash_for_each_bit():
    with pytest.raises(InvalidProof):
        Frontier(3, (EMPTY_ROOT,))


def test_leaves_and_nodes_are_told_apart():
    left, right = hashes(2)
    assert leaf_hash(left + right) != node_hash(left, right)


def test_paths_of_another_length_are_refused_even_where_the_hashes_fit():
    one, two, three = hashes(3)
    pair = node_hash(one, two)
    for attempt in ((one, 0, 2, [], one), (one, 0, 1, [two], node_hash(two, one))):
        with pytest.raises(InvalidProof):
            verify_inclusion(*attempt)
    for attempt in (
        (1, one, 4, pair, [two]),
        (3, node_hash(one, node_hash(pair, three)), 4,
         node_hash(one, node_hash(pair, node_hash(three, two))), [three, two, pair, one]),
    ):  # fmt: skip
        with pytest.raises(InvalidProof):
            verify_consistency(*attempt)
