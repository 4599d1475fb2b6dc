"""The Merkle tree of RFC 6962 and RFC 9162 (section 2.1) over leaf hashes, with inclusion and consistency proofs.

Hashes are 32 bytes of SHA-256. A `Nodes` function gives the hash of the complete subtree at a level (0 for leaves) and
index, which covers the leaves from `index << level` to `(index + 1) << level`; all proofs are built from such nodes
alone, so they can come from tiles. The functions that verify take nothing on trust and raise ProofInvalid.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from contracts.errors import InvalidArgument

Nodes = Callable[[int, int], bytes]
"""`nodes(level, index)`: the hash of a complete subtree."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
HASH_SIZE = 32


class ProofInvalid(InvalidArgument):
    reason = "PROOF_INVALID"


class OutOfRange(InvalidArgument):
    reason = "PROOF_OUT_OF_RANGE"


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtrees(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The fewest complete subtrees, left to right as (level, index), that cover the leaves begin ≤ i < end."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level, begin >> level
        begin += 1 << level


def range_hash(nodes: Nodes, begin: int, end: int) -> bytes:
    """MTH(D[begin:end]) where `begin` is a multiple of the largest power of two below `end - begin`, as in a proof."""
    return fold(nodes(level, index) for level, index in subtrees(begin, end))


def fold(hashes: Iterable[bytes]) -> bytes:
    """The hash over complete subtrees of falling size, left to right: the right ones are joined first."""
    rest = list(hashes)
    if not rest:
        return EMPTY_ROOT
    result = rest.pop()
    while rest:
        result = node_hash(rest.pop(), result)
    return result


def root_hash(nodes: Nodes, size: int) -> bytes:
    return range_hash(nodes, 0, size)


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The audit path of RFC 9162, 2.1.3.1. Raises OutOfRange unless 0 ≤ index < size."""
    if not 0 <= index < size:
        raise OutOfRange(f"A tree of {size} leaves has no leaf {index}.")
    path = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(range_hash(nodes, middle, end))
            end = middle
        else:
            path.append(range_hash(nodes, begin, middle))
            begin = middle
    return path[::-1]


def consistency_proof(nodes: Nodes, old_size: int, size: int) -> list[bytes]:
    """The proof of RFC 9162, 2.1.4.1. Raises OutOfRange unless 0 ≤ old_size ≤ size."""
    if not 0 <= old_size <= size:
        raise OutOfRange(f"A tree of {size} leaves has no earlier state of {old_size} leaves.")
    if old_size in (0, size):
        return []
    path: list[bytes] = []
    begin, end, whole = 0, size, True
    while old_size != end:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            path.append(range_hash(nodes, middle, end))
            end = middle
        else:
            path.append(range_hash(nodes, begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append(range_hash(nodes, begin, end))
    return path[::-1]


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an audit path leads to (RFC 9162, 2.1.3.2). Raises ProofInvalid when its length cannot be right."""
    if not 0 <= index < size:
        raise ProofInvalid(f"A tree of {size} leaves has no leaf {index}.")
    _check_hashes([leaf, *proof])
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("The inclusion proof is too long.")
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofInvalid("The inclusion proof is too short.")
    return result


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raises ProofInvalid unless the leaf is at this index of the tree with this size and root."""
    if root_from_inclusion(leaf, index, size, proof) != root:
        raise ProofInvalid("The inclusion proof leads to another root.")


def verify_consistency(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Raises ProofInvalid unless the tree of `size` leaves extends that of `old_size` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old_size <= size:
        raise ProofInvalid(f"A tree of {size} leaves cannot extend one of {old_size}.")
    if old_size in (0, size):
        _verify_without_proof(old_size, old_root, size, root, proof)
        return
    _check_hashes([old_root, root, *proof])
    hashes = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not hashes:
        raise ProofInvalid("The consistency proof is too short.")
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofInvalid("The consistency proof is too long.")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofInvalid("The consistency proof is too short.")
    if old != old_root or new != root:
        raise ProofInvalid("The consistency proof leads to another root.")


class Frontier:
    """The right edge of a growing tree: the roots of its complete subtrees, the largest first. Log-sized state."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise OutOfRange(f"The frontier of {size} leaves has {size.bit_count()} hashes.")

    def append(self, leaf: bytes) -> None:
        merged, size = leaf, self.size
        while size & 1:
            merged = node_hash(self.hashes.pop(), merged)
            size >>= 1
        self.hashes.append(merged)
        self.size += 1

    def root(self) -> bytes:
        return fold(self.hashes)


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _verify_without_proof(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofInvalid("Between these sizes there is nothing to prove.")
    if old_size == size:
        if old_root != root:
            raise ProofInvalid("The two roots do not agree.")
        return
    _check_hashes([root])
    if old_root != EMPTY_ROOT:
        raise ProofInvalid("The empty tree has another root.")


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(each) != HASH_SIZE for each in hashes):
        raise ProofInvalid("A hash does not have 32 bytes.")
