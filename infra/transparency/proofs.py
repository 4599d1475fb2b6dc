"""Proofs out of a log's tiles: inclusion, consistency, completeness of a range, and the files that carry them.

Each proof is checked against the signed root before it is handed out, so that damaged tiles are found here and never
by whoever relies on the proof.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from contracts.errors import InvalidArgument, NotFound
from infra.transparency.merkle import (
    HASH_SIZE,
    Nodes,
    OutOfRange,
    ProofInvalid,
    consistency_proof,
    fold,
    inclusion_proof,
    node_hash,
    root_hash,
    subtrees,
    verify_consistency,
    verify_inclusion,
)
from infra.transparency.notes import Checkpoint, parse_note
from infra.transparency.storage import LogCorrupt, LogDirectory, SignedCheckpoint
from infra.transparency.tiles import nodes_of

MAX_RANGE = 1_000_000
"""Entries of one range whose completeness is proven at once."""
TILES_HELD = 64
"""Tiles of 8 KiB that one proof keeps in memory."""

_PROOF_FORMAT = "c2sp.org/tlog-proof@v1"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


class NotSealedYet(NotFound):
    """No checkpoint covers that position yet. Ask again, or wait with `min_position`."""

    reason = "NOT_SEALED_YET"


class ProofFileMalformed(InvalidArgument):
    reason = "PROOF_FILE_MALFORMED"


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """An entry's place in the tree of `size` entries with that root; `path` is RFC 9162's, leaf's sibling first."""

    position: int
    leaf_hash: bytes
    size: int
    root: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    old_size: int
    old_root: bytes
    size: int
    root: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RangeProof:
    """What, with the leaf hashes of begin ≤ position < end, leads to the root of the tree of `size` entries.

    `left` are the roots of the fewest complete subtrees before the range, `right` of those after it, each from left to
    right as `merkle.subtrees` names them. That the range's leaves lead to the root proves that they are all of them.
    """

    begin: int
    end: int
    size: int
    root: bytes
    left: tuple[bytes, ...]
    right: tuple[bytes, ...]


class Proofs:
    """Proofs of one log as its newest checkpoint, `signed`, states it."""

    def __init__(self, directory: LogDirectory, signed: SignedCheckpoint) -> None:
        self.signed = signed
        self._read = lru_cache(maxsize=TILES_HELD)(directory.hashes)

    @classmethod
    def newest(cls, directory: LogDirectory, *, cosigned: bool = False) -> "Proofs":
        """`cosigned` stands on the newest checkpoint that witnesses have cosigned. Raises NotSealedYet."""
        data = directory.cosigned() if cosigned else directory.checkpoint()
        if data is None:
            raise NotSealedYet("No checkpoint of this log has been signed yet.")
        return cls(directory, SignedCheckpoint.parse(data))

    @property
    def size(self) -> int:
        return self.signed.checkpoint.size

    def inclusion(self, position: int, size: int | None = None) -> InclusionProof:
        """In the tree of `size` entries, or of the checkpoint. Raises NotSealedYet, OutOfRange, LogCorrupt."""
        size = self._size(size)
        if not 0 <= position < size:
            raise NotSealedYet("No checkpoint covers that position yet.", metadata={"sealed": str(self.size)})
        nodes = self._nodes(size)
        proof = InclusionProof(
            position, nodes(0, position), size, self._root(size), tuple(inclusion_proof(nodes, position, size))
        )
        try:
            verify_inclusion(proof.leaf_hash, position, size, proof.path, proof.root)
        except ProofInvalid as error:
            raise LogCorrupt("The log's tiles do not lead to its root.") from error
        return proof

    def consistency(self, old_size: int, size: int | None = None) -> ConsistencyProof:
        """From the tree of `old_size` entries to that of `size`. Raises NotSealedYet, OutOfRange, LogCorrupt."""
        size = self._size(size)
        path = tuple(consistency_proof(self._nodes(size), old_size, size))
        proof = ConsistencyProof(old_size, root_hash(self._nodes(old_size), old_size), size, self._root(size), path)
        try:
            verify_consistency(old_size, proof.old_root, size, proof.root, path)
        except ProofInvalid as error:
            raise LogCorrupt("The log's tiles do not lead to its root.") from error
        return proof

    def range(self, begin: int, end: int, size: int | None = None) -> RangeProof:
        """Raises NotSealedYet, OutOfRange."""
        size = self._size(size)
        if not 0 <= begin < end or end - begin > MAX_RANGE:
            raise OutOfRange(f"A range holds at least one entry, and at most {MAX_RANGE}.")
        if end > size:
            raise NotSealedYet("No checkpoint covers the end of the range yet.", metadata={"sealed": str(self.size)})
        nodes = self._nodes(size)
        return RangeProof(
            begin,
            end,
            size,
            self._root(size),
            tuple(nodes(level, index) for level, index in subtrees(0, begin)),
            tuple(nodes(level, index) for level, index in subtrees(end, size)),
        )

    def _size(self, size: int | None) -> int:
        if size is None:
            return self.size
        if size > self.size:
            raise NotSealedYet("No checkpoint covers that size yet.", metadata={"sealed": str(self.size)})
        return size

    def _nodes(self, size: int) -> Nodes:
        return nodes_of(self._read, size)

    def _root(self, size: int) -> bytes:
        """The signed root; of an older tree, the one that its nodes lead to, which are nodes of the signed tree."""
        if size == self.size:
            return self.signed.checkpoint.root
        return root_hash(self._nodes(size), size)


def verify_range(proof: RangeProof, leaves: Iterable[bytes]) -> None:
    """Raises ProofInvalid unless these leaf hashes are exactly those of the range, in a tree of that root."""
    begin, end, size = proof.begin, proof.end, proof.size
    if not 0 <= begin < end <= size:
        raise ProofInvalid(f"A tree of {size} leaves has no range from {begin} to {end}.")
    stack: list[tuple[int, int, bytes]] = []
    _push_all(stack, subtrees(0, begin), proof.left)
    count = 0
    for offset, leaf in enumerate(leaves):
        _push(stack, 0, begin + offset, leaf)
        count += 1
    if count != end - begin:
        raise ProofInvalid(f"The range has {end - begin} entries, not {count}.")
    _push_all(stack, subtrees(end, size), proof.right)
    if fold(each for _, _, each in stack) != proof.root:
        raise ProofInvalid("The range leads to another root.")


def _push_all(stack: list[tuple[int, int, bytes]], places: Iterable[tuple[int, int]], hashes: Sequence[bytes]) -> None:
    expected = list(places)
    if len(expected) != len(hashes):
        raise ProofInvalid(f"The range's proof has {len(hashes)} hashes where {len(expected)} belong.")
    for (level, index), each in zip(expected, hashes, strict=True):
        _push(stack, level, index, each)


def _push(stack: list[tuple[int, int, bytes]], level: int, index: int, each: bytes) -> None:
    """Adds a complete subtree and joins it with its left siblings, so that the stack stays logarithmic."""
    if len(each) != HASH_SIZE:
        raise ProofInvalid("A hash does not have 32 bytes.")
    while index & 1 and stack and stack[-1][:2] == (level, index - 1):
        each = node_hash(stack.pop()[2], each)
        level, index = level + 1, index >> 1
    stack.append((level, index, each))


def encode_proof_file(position: int, path: Sequence[bytes], checkpoint: bytes, extra: bytes = b"") -> bytes:
    """A `.tlog-proof` file (C2SP tlog-proof). Nothing vouches for `extra`."""
    lines = [_PROOF_FORMAT]
    if extra:
        lines.append(f"extra {base64_of(extra)}")
    lines.append(f"index {position}")
    lines += [base64_of(each) for each in path]
    return ("\n".join(lines) + "\n\n").encode() + checkpoint


@dataclass(frozen=True, slots=True)
class ProofFile:
    position: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def verify(self, leaf: bytes) -> Checkpoint:
        """The checkpoint whose tree holds the leaf there; its signatures are the caller's to check.

        Raises ProofInvalid, NoteMalformed, CheckpointMalformed.
        """
        checkpoint = Checkpoint.parse(parse_note(self.checkpoint).text)
        verify_inclusion(leaf, self.position, checkpoint.size, self.path, checkpoint.root)
        return checkpoint


def parse_proof_file(data: bytes) -> ProofFile:
    """Raises ProofFileMalformed for anything that the format does not allow."""
    head, separator, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise ProofFileMalformed("A proof's lines are ASCII.") from error
    if not separator or lines.pop(0) != _PROOF_FORMAT:
        raise ProofFileMalformed(f"A proof begins with {_PROOF_FORMAT} and ends with a checkpoint.")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = base64_line(lines.pop(0).removeprefix("extra "))
    keyword, _, number = lines.pop(0).partition(" ") if lines else ("", "", "")
    if keyword != "index" or _NUMBER.fullmatch(number) is None:
        raise ProofFileMalformed("A proof states its index as a decimal number.")
    path = tuple(base64_line(line) for line in lines)
    if any(len(each) != HASH_SIZE for each in path):
        raise ProofFileMalformed("A proof's hashes have 32 bytes.")
    return ProofFile(int(number), path, checkpoint, extra)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def base64_line(text: str) -> bytes:
    """Raises ProofFileMalformed for anything but the one form of base64."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProofFileMalformed("A line of the proof is not base64.") from error
    if base64_of(raw) != text:
        raise ProofFileMalformed("A line of the proof is not in the one form of base64.")
    return raw
