"""Proofs verify exactly when they are right, and the files that carry them have one form only."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.transparency.edge import Edge
from infra.transparency.merkle import (
    Frontier,
    OutOfRange,
    ProofInvalid,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from infra.transparency.notes import Checkpoint, Note, Signer
from infra.transparency.proofs import (
    NotSealedYet,
    ProofFileMalformed,
    Proofs,
    RangeProof,
    encode_proof_file,
    parse_proof_file,
    verify_range,
)
from infra.transparency.storage import LogCorrupt, LogDirectory, SignedCheckpoint
from infra.transparency.tiles import WIDTH, Tile

SIGNER = Signer("tenet.example/log/clinic", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def a_log(path: Path, size: int) -> LogDirectory:
    directory, edge = LogDirectory(path), Edge()
    for tile, data in edge.append(leaves_of(size)) + edge.partial_tiles():
        directory.write(tile, data)
    note = Note(Checkpoint(SIGNER.name, size, edge.root()).text())
    directory.publish(note.signed(SIGNER.sign(note.text)).encode())
    return directory


def root_of(leaves: list[bytes]) -> bytes:
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


@given(parts=st.lists(st.integers(0, 600), max_size=6))
def test_an_edge_has_the_root_of_its_leaves_however_they_came(parts: list[int]) -> None:
    leaves, edge, filled = leaves_of(sum(parts)), Edge(), 0
    for part in parts:
        filled += sum(tile.level == 0 for tile, _ in edge.append(leaves[edge.size : edge.size + part]))
    assert (edge.root(), edge.size, filled) == (root_of(leaves), len(leaves), len(leaves) // WIDTH)


def test_an_edge_is_the_same_when_it_is_read_from_tiles(tmp_path: Path) -> None:
    for size in (0, 1, 256, 257, 65_536, 65_537, 66_000):
        directory = a_log(tmp_path / str(size), size)
        assert Edge.read(directory.hashes, size).root() == root_of(leaves_of(size))


@pytest.fixture(scope="module")
def log_of_1000(tmp_path_factory: pytest.TempPathFactory) -> LogDirectory:
    return a_log(tmp_path_factory.mktemp("log"), 1_000)


@settings(max_examples=60)
@given(data=st.data())
def test_inclusion_and_consistency_hold_for_every_size(log_of_1000: LogDirectory, data: st.DataObject) -> None:
    proofs = Proofs.newest(log_of_1000)
    size = data.draw(st.integers(1, 1_000))
    position = data.draw(st.integers(0, size - 1))
    old_size = data.draw(st.integers(0, size))
    proof = proofs.inclusion(position, size)
    assert proof.root == root_of(leaves_of(size))
    verify_inclusion(leaves_of(size)[position], position, size, proof.path, proof.root)
    consistency = proofs.consistency(old_size, size)
    assert consistency.old_root == root_of(leaves_of(old_size))
    verify_consistency(old_size, consistency.old_root, size, consistency.root, consistency.path)


@settings(max_examples=80)
@given(data=st.data())
def test_a_range_verifies_with_exactly_its_own_leaves(log_of_1000: LogDirectory, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 1_000))
    begin = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(begin + 1, size))
    proof, leaves = Proofs.newest(log_of_1000).range(begin, end, size), leaves_of(size)
    verify_range(proof, leaves[begin:end])
    wrong = data.draw(
        st.sampled_from(
            [
                leaves[begin : end - 1],
                [*leaves[begin:end], leaf_hash(b"one more")],
                [leaf_hash(b"other"), *leaves[begin + 1 : end]],
                [*leaves[begin : end - 1], leaf_hash(b"other")],
            ]
        )
    )
    with pytest.raises(ProofInvalid):
        verify_range(proof, wrong)


@settings(max_examples=60)
@given(data=st.data())
def test_a_range_does_not_verify_with_any_other_hash_or_place(log_of_1000: LogDirectory, data: st.DataObject) -> None:
    proof, leaves = Proofs.newest(log_of_1000).range(300, 613, 1_000), leaves_of(1_000)[300:613]
    left, right = list(proof.left), list(proof.right)
    hashes = data.draw(st.sampled_from([left, right]))
    place = data.draw(st.integers(0, len(hashes) - 1))
    match data.draw(st.sampled_from(["alter", "drop", "repeat", "shift"])):
        case "alter":
            hashes[place] = leaf_hash(b"other")
        case "drop":
            del hashes[place]
        case "repeat":
            hashes.insert(place, hashes[place])
        case "shift":
            proof = RangeProof(301, 614, proof.size, proof.root, proof.left, proof.right)
    altered = RangeProof(proof.begin, proof.end, proof.size, proof.root, tuple(left), tuple(right))
    with pytest.raises(ProofInvalid):
        verify_range(altered, leaves)


def test_what_no_checkpoint_covers_is_not_proven(log_of_1000: LogDirectory) -> None:
    proofs = Proofs.newest(log_of_1000)
    for refused in (
        lambda: proofs.inclusion(1_000),
        lambda: proofs.inclusion(5, 1_001),
        lambda: proofs.consistency(1, 1_001),
        lambda: proofs.range(5, 1_001),
        lambda: Proofs.newest(LogDirectory(log_of_1000.path / "elsewhere")),
    ):
        with pytest.raises(NotSealedYet):
            refused()
    with pytest.raises(OutOfRange):
        proofs.range(5, 5)


@pytest.mark.parametrize(("tile", "position"), [(Tile(0, 1), 300), (Tile(0, 3, 232), 0), (Tile(1, 0, 3), 0)])
def test_damaged_tiles_yield_no_proof(tmp_path: Path, tile: Tile, position: int) -> None:
    directory = a_log(tmp_path, 1_000)
    path = directory.path / tile.path
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(LogCorrupt):
        Proofs.newest(directory).inclusion(position)
    path.write_bytes(bytes(data[:-1]))
    with pytest.raises(LogCorrupt):
        Proofs.newest(directory).inclusion(position)


def test_a_proof_file_carries_what_verifies_an_entry_offline(log_of_1000: LogDirectory) -> None:
    proofs = Proofs.newest(log_of_1000)
    proof = proofs.inclusion(613)
    data = encode_proof_file(613, proof.path, proofs.signed.note.encode(), b"extra")
    lines = data.decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra ZXh0cmE=", "index 613"]
    assert lines[3] == base64.b64encode(proof.path[0]).decode()
    parsed = parse_proof_file(data)
    assert (parsed.position, parsed.path, parsed.extra) == (613, proof.path, b"extra")
    assert parsed.verify(leaves_of(1_000)[613]).size == 1_000
    assert SignedCheckpoint.parse(parsed.checkpoint).checkpoint.root == proof.root
    with pytest.raises(ProofInvalid):
        parsed.verify(leaves_of(1_000)[612])


def test_a_proof_file_of_a_tree_of_one_leaf_has_no_path(tmp_path: Path) -> None:
    proofs = Proofs.newest(a_log(tmp_path, 1))
    data = encode_proof_file(0, proofs.inclusion(0).path, proofs.signed.note.encode())
    assert parse_proof_file(data).verify(leaves_of(1)[0]).size == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"proof@v1", b"proof@v2"),
        (b"index 613", b"index 0613"),
        (b"index 613", b"index -1"),
        (b"index 613", b"613"),
        (b"\n\n", b"\n"),
        (b"extra ZXh0cmE=", b"extra ZXh0cmE"),
        (b"index 613\n", b"index 613\nAAAA\n"),
        (b"index 613\n", "index 613\nä\n".encode()),
    ],
)
def test_a_proof_file_of_another_form_is_refused(log_of_1000: LogDirectory, old: bytes, new: bytes) -> None:
    proofs = Proofs.newest(log_of_1000)
    data = encode_proof_file(613, proofs.inclusion(613).path, proofs.signed.note.encode(), b"extra")
    data = data.replace(b"\n\n", b"\n") if old == b"\n\n" else data.replace(old, new, 1)
    with pytest.raises(ProofFileMalformed):
        parse_proof_file(data)
