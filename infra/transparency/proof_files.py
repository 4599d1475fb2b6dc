"""Proofs as files that stand by themselves, and their check without any server.

Inclusion is the `.tlog-proof` of C2SP (see `proofs`), its `extra` line carrying the leaf data, so that the file shows
what it proves. Consistency and ranges have files of the same build, ended by the signed checkpoint as that one is:

    tenet/consistency-proof@v1        tenet/range-proof@v1
    old <size> <root>                 range <begin> <end>
    <hash>…                           left <hash>…  leaf <hash>…  right <hash>…
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from infra.transparency.merkle import HASH_SIZE, ProofInvalid, leaf_hash, verify_consistency
from infra.transparency.notes import Checkpoint, NoteUnverified, Verifier, open_note
from infra.transparency.proofs import (
    ConsistencyProof,
    ProofFileMalformed,
    RangeProof,
    base64_line,
    base64_of,
    parse_proof_file,
    verify_range,
)

MAX_PROOF_FILE_BYTES = 64 * 1024 * 1024
CONSISTENCY = "tenet/consistency-proof@v1"
RANGE = "tenet/range-proof@v1"

_OLD = re.compile(r"old (0|[1-9][0-9]{0,17}) ([A-Za-z0-9+/=]+)")
_RANGE = re.compile(r"range (0|[1-9][0-9]{0,17}) ([1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class Proven:
    """What a file proves, in words; `leaf_data` is the entry that an inclusion proof carries with it."""

    kind: Literal["inclusion", "consistency", "range"]
    statement: str
    checkpoint: Checkpoint
    leaf_data: bytes = b""


def encode_consistency(proof: ConsistencyProof, checkpoint: bytes) -> bytes:
    """`checkpoint` is the signed one of the proof's larger size."""
    lines = [CONSISTENCY, f"old {proof.old_size} {base64_of(proof.old_root)}", *map(base64_of, proof.path)]
    return ("\n".join(lines) + "\n\n").encode() + checkpoint


def encode_range(proof: RangeProof, leaves: Sequence[bytes], checkpoint: bytes) -> bytes:
    """`leaves` are the range's leaf hashes."""
    lines = [RANGE, f"range {proof.begin} {proof.end}"]
    for name, hashes in (("left", proof.left), ("leaf", leaves), ("right", proof.right)):
        lines += [f"{name} {base64_of(each)}" for each in hashes]
    return ("\n".join(lines) + "\n\n").encode() + checkpoint


def verify_proof_file(
    data: bytes, log_keys: Sequence[Verifier], witnesses: Sequence[Verifier] = (), leaf: bytes | None = None
) -> Proven:
    """Checks a file of any of the three kinds. Each of `witnesses` must have cosigned its checkpoint.

    `leaf` is the leaf hash that an inclusion proof is about; left out, the leaf data in the file is.
    Raises ProofInvalid, ProofFileMalformed, NoteMalformed, NoteUnverified, CheckpointMalformed.
    """
    if len(data) > MAX_PROOF_FILE_BYTES:
        raise ProofFileMalformed(f"A proof has at most {MAX_PROOF_FILE_BYTES} bytes.")
    head, separator, signed = data.partition(b"\n\n")
    if not separator:
        raise ProofFileMalformed("A proof ends with a checkpoint.")
    note, good = open_note(signed, [*log_keys, *witnesses])
    by = {(each.name, each.key_id) for each in good}
    checkpoint = Checkpoint.parse(note.text)
    if not any((each.name, each.key_id) in by and each.name == checkpoint.origin for each in log_keys):
        raise NoteUnverified("The checkpoint is not signed by the log's key that you named.")
    if silent := [each.name for each in witnesses if (each.name, each.key_id) not in by]:
        raise NoteUnverified(f"The witness {silent[0]} has not cosigned the checkpoint.")
    lines = head.decode("utf-8", "replace").split("\n")
    if lines[0] == CONSISTENCY:
        return _consistency(lines[1:], checkpoint)
    if lines[0] == RANGE:
        return _range(lines[1:], checkpoint)
    return _inclusion(data, leaf, checkpoint)


def _inclusion(data: bytes, leaf: bytes | None, checkpoint: Checkpoint) -> Proven:
    proof = parse_proof_file(data)
    if proof.extra:
        if leaf is not None and leaf != leaf_hash(proof.extra):
            raise ProofInvalid("The entry in the file is not the one with the leaf hash that you gave.")
        leaf = leaf_hash(proof.extra)
    if leaf is None:
        raise ProofFileMalformed("The file carries no entry; give the leaf hash that it is about.")
    proof.verify(leaf)
    statement = f"the entry with leaf hash {leaf.hex()} stands at position {proof.position} of {checkpoint.origin}"
    return Proven("inclusion", statement, checkpoint, proof.extra)


def _consistency(lines: Sequence[str], checkpoint: Checkpoint) -> Proven:
    matched = _OLD.fullmatch(lines[0]) if lines else None
    if matched is None:
        raise ProofFileMalformed("A consistency proof states the old size and root.")
    size, root = int(matched[1]), base64_line(matched[2])
    verify_consistency(size, root, checkpoint.size, checkpoint.root, [base64_line(line) for line in lines[1:]])
    statement = (
        f"{checkpoint.origin} was only appended to from {size} entries with root {root.hex()} to {checkpoint.size}"
    )
    return Proven("consistency", statement, checkpoint)


def _range(lines: Sequence[str], checkpoint: Checkpoint) -> Proven:
    matched = _RANGE.fullmatch(lines[0]) if lines else None
    if matched is None:
        raise ProofFileMalformed("A range proof states where the range begins and ends.")
    begin, end = int(matched[1]), int(matched[2])
    hashes: dict[str, list[bytes]] = {"left": [], "leaf": [], "right": []}
    order = list(hashes)
    last = 0
    for line in lines[1:]:
        name, _, encoded = line.partition(" ")
        if name not in hashes or order.index(name) < last:
            raise ProofFileMalformed("A range proof has the hashes left of the range, its own, and those right of it.")
        last = order.index(name)
        hashes[name].append(base64_line(encoded))
    if any(len(each) != HASH_SIZE for part in hashes.values() for each in part):
        raise ProofFileMalformed("A proof's hashes have 32 bytes.")
    left, right = tuple(hashes["left"]), tuple(hashes["right"])
    verify_range(RangeProof(begin, end, checkpoint.size, checkpoint.root, left, right), hashes["leaf"])
    statement = f"these {end - begin} leaf hashes are all of {checkpoint.origin} from position {begin} to {end - 1}"
    return Proven("range", statement, checkpoint)
