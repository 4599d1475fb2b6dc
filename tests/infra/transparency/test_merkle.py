"""The tree and its proofs, held against the recursive definitions of RFC 9162 and against forgeries near by."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.transparency.merkle import (
    EMPTY_ROOT,
    Frontier,
    OutOfRange,
    ProofInvalid,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves of the certificate transparency reference test, and the roots of the first n of them.
LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
ROOT_OF_EIGHT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def definition(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, by recursion."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + definition(leaves[:split]) + definition(leaves[split:])).digest()


def leaves_of(size: int) -> list[bytes]:
    return [index.to_bytes(4, "big") for index in range(size)]


class Tree:
    def __init__(self, size: int) -> None:
        self.leaves = leaves_of(size)

    def __call__(self, level: int, index: int) -> bytes:
        part = self.leaves[index << level : (index + 1) << level]
        assert len(part) == 1 << level, "a proof may only ask for complete subtrees"
        return definition(part)


def test_the_root_of_the_reference_leaves_is_the_published_one() -> None:
    frontier = Frontier()
    for leaf in LEAVES:
        frontier.append(leaf_hash(leaf))
    assert frontier.root().hex() == definition(LEAVES).hex() == ROOT_OF_EIGHT
    assert Frontier().root() == EMPTY_ROOT == definition([])


@given(st.integers(0, 400))
def test_the_frontier_and_the_nodes_lead_to_the_root_by_definition(size: int) -> None:
    frontier = Frontier()
    for leaf in leaves_of(size):
        frontier.append(leaf_hash(leaf))
    assert frontier.root() == definition(leaves_of(size)) == root_hash(Tree(size), size)
    assert Frontier(size, frontier.hashes).root() == frontier.root()


@given(st.integers(1, 300), st.data())
def test_an_inclusion_proof_holds_for_its_leaf_and_place_only(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = definition(leaves_of(size))
    proof = inclusion_proof(Tree(size), index, size)
    leaf = leaf_hash(leaves_of(size)[index])
    verify_inclusion(leaf, index, size, proof, root)
    forgeries = [(leaf_hash(b"other"), index, size, proof), (leaf, index, size, [*proof, root])]
    forgeries += [(leaf, other, size, proof) for other in range(size) if other != index][:40]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        forgeries += [(leaf, index, size, proof[:-1]), (leaf, index, size, proof[:place] + proof[place + 1 :])]
        forgeries.append((leaf, index, size, [*proof[:place], bytes(32), *proof[place + 1 :]]))
    for forged in forgeries:
        with pytest.raises(ProofInvalid):
            verify_inclusion(*forged, root)


@given(st.integers(0, 300), st.data())
def test_a_consistency_proof_holds_for_its_two_roots_only(size: int, data: st.DataObject) -> None:
    old_size = data.draw(st.integers(0, size))
    old_root, root = definition(leaves_of(old_size)), definition(leaves_of(size))
    proof = consistency_proof(Tree(size), old_size, size)
    verify_consistency(old_size, old_root, size, root, proof)
    forgeries = [(old_size, bytes(32), size, root, proof), (old_size, old_root, size, root, [*proof, root])]
    if old_size:
        forgeries.append((old_size, old_root, size, bytes(32), proof))
    if proof:
        forgeries += [(old_size, old_root, size, root, proof[1:]), (old_size, old_root, size, root, proof[:-1])]
    for forged in forgeries:
        with pytest.raises(ProofInvalid):
            verify_consistency(*forged)


def test_what_lies_outside_of_the_tree_has_no_proof() -> None:
    with pytest.raises(OutOfRange):
        inclusion_proof(Tree(3), 3, 3)
    with pytest.raises(OutOfRange):
        consistency_proof(Tree(3), 4, 3)
    with pytest.raises(OutOfRange):
        Frontier(3, [bytes(32)])
    with pytest.raises(ProofInvalid):
        verify_inclusion(bytes(31), 0, 1, [], bytes(32))
