"""Files of proofs: what they state is checked offline, and whatever is changed in them is refused."""

import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from contracts.errors import TenetError
from contracts.ids import TenantId
from infra.cli.__main__ import app
from infra.transparency.merkle import leaf_hash
from infra.transparency.notes import COSIGNATURE_V1, NoteUnverified, Signer, Verifier, parse_note
from infra.transparency.proof_files import encode_consistency, encode_range, verify_proof_file
from infra.transparency.proofs import ProofFileMalformed, Proofs, encode_proof_file
from tests.fixtures.audit_bundles import MadeLedger

SIZE, BEGIN, END, POSITION, OLD_SIZE = 700, 250, 270, 613, 300
LEDGER = MadeLedger(TenantId("clinic"), SIZE)
KEY = LEDGER.signer.verifier
DATA = LEDGER.entries[POSITION].recorded_at_us.to_bytes(8, "big") + LEDGER.entries[POSITION].entry


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    proofs = Proofs.newest(LEDGER.log(tmp_path_factory.mktemp("log")))
    signed = proofs.signed.note.encode()
    leaves = [each.leaf_hash for each in LEDGER.entries[BEGIN:END]]
    return {
        "inclusion": encode_proof_file(POSITION, proofs.inclusion(POSITION).path, signed, DATA),
        "consistency": encode_consistency(proofs.consistency(OLD_SIZE), signed),
        "range": encode_range(proofs.range(BEGIN, END), leaves, signed),
    }


def test_each_kind_of_file_says_what_it_proves(files: dict[str, bytes]) -> None:
    for kind, data in files.items():
        proven = verify_proof_file(data, [KEY])
        assert (proven.kind, proven.checkpoint.size) == (kind, SIZE)
        assert LEDGER.signer.name in proven.statement
    assert verify_proof_file(files["inclusion"], [KEY]).leaf_data == DATA


def test_a_proof_without_its_entry_needs_the_leaf_hash(files: dict[str, bytes]) -> None:
    lines = files["inclusion"].split(b"\n")
    bare = b"\n".join(line for line in lines if not line.startswith(b"extra "))
    with pytest.raises(ProofFileMalformed, match="leaf hash"):
        verify_proof_file(bare, [KEY])
    assert verify_proof_file(bare, [KEY], leaf=leaf_hash(DATA)).leaf_data == b""
    for data in (bare, files["inclusion"]):
        with pytest.raises(TenetError):
            verify_proof_file(data, [KEY], leaf=leaf_hash(b"another entry"))


def test_another_key_or_a_witness_that_has_not_cosigned_is_refused(files: dict[str, bytes]) -> None:
    foreign = Signer(KEY.name, Ed25519PrivateKey.generate()).verifier
    witness = Signer("witness.test", Ed25519PrivateKey.generate(), COSIGNATURE_V1)
    for data in files.values():
        with pytest.raises(NoteUnverified):
            verify_proof_file(data, [foreign])
        with pytest.raises(NoteUnverified, match=r"witness\.test has not cosigned"):
            verify_proof_file(data, [KEY], [witness.verifier])
        head, _, signed = data.partition(b"\n\n")
        note = parse_note(signed)
        cosigned = head + b"\n\n" + note.signed(witness.sign(note.text, at=1_790_000_000)).encode()
        assert verify_proof_file(cosigned, [KEY], [witness.verifier]).checkpoint.size == SIZE


@pytest.mark.parametrize("kind", ["inclusion", "consistency", "range"])
def test_a_file_that_was_changed_anywhere_is_refused(files: dict[str, bytes], kind: str) -> None:
    data, chance = files[kind], random.Random(5)
    for _ in range(300):
        place = chance.randrange(len(data))
        other = data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]
        with pytest.raises(TenetError):
            verify_proof_file(other, [KEY])
        with pytest.raises(TenetError):
            verify_proof_file(data[:place], [KEY])


def test_tenet_verify_takes_such_a_file_and_no_network(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "entry.tlog-proof"
    path.write_bytes(files["inclusion"])
    valid = CliRunner().invoke(app, ["verify", str(path), "--key", KEY.encode()])
    assert valid.exit_code == 0, valid.output
    assert f"stands at position {POSITION}" in valid.output
    assert f"event-clinic-{POSITION}" in valid.output
    unnamed = CliRunner().invoke(app, ["verify", str(path)])
    assert unnamed.exit_code == 2
    other = Verifier(KEY.name, KEY.algorithm, bytes(32))
    assert CliRunner().invoke(app, ["verify", str(path), "--key", other.encode()]).exit_code == 1
