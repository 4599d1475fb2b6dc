"""The offline verifier over bundles of the product's own writer: what is right passes, what was touched is named."""

import ast
import base64
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.ids import TenantId
from infra.transparency import verifier
from infra.transparency.merkle import leaf_hash
from infra.transparency.notes import COSIGNATURE_V1, Signer, parse_note
from infra.transparency.verifier import Bad, Key, Result, canonical_json, main, verify
from tests.fixtures.audit_bundles import MadeLedger, facts_of, mend_manifests, write_bundle, write_case_bundle
from tests.infra.transparency.damage import recorded_hash, undetected

CLINIC, PROVIDER = TenantId("clinic"), TenantId("provider")
SIZE = 700
LEDGER = MadeLedger(CLINIC, SIZE, facts=True)
ROOM = "data/ledgers/clinic"
ENTRIES = f"{ROOM}/entries/000000000000.bundle"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("made") / "bundle", LEDGER, MadeLedger(PROVIDER, 9))


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "bundle"))


def place_of(position: int) -> int:
    """Where the leaf data of an entry begins in the file of entries."""
    return sum(2 + 8 + len(each.entry) for each in LEDGER.entries[:position]) + 2


def change(path: Path, place: int, mask: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= mask
    path.write_bytes(data)


def problems(result: Result) -> str:
    return "\n".join(f"{where} {position} {what}" for where, position, what in result.problems)


def test_it_imports_the_standard_library_and_cryptography_only() -> None:
    tree = ast.parse(Path(verifier.__file__).read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_it_runs_alone_outside_of_the_project_and_sums_up_what_it_found(original: Path, tmp_path: Path) -> None:
    alone = tmp_path / "verifier.py"
    shutil.copy(verifier.__file__, alone)
    command = [sys.executable, "-I", str(alone), str(original), "--key", LEDGER.fingerprint]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={}, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "700 entries, 1 cases" in done.stdout
    assert "100 (34 opened, 33 erased, 33 withheld)" in done.stdout
    assert "ledger provider: 1 of 9 entries" in done.stdout


@pytest.mark.parametrize("mend", [False, True], ids=["manifests as they were", "manifests made right again"])
@pytest.mark.parametrize("position", [0, 1, 255, 256, 511, 699])
def test_one_altered_byte_of_an_entry_is_found_at_its_position(bundle: Path, position: int, mend: bool) -> None:
    change(bundle / ENTRIES, place_of(position) + 30)
    if mend:
        mend_manifests(bundle)
    assert verify(bundle).first_position == position


def test_an_entry_that_was_altered_with_its_leaf_hash_leads_to_another_root(bundle: Path) -> None:
    data = (bundle / ENTRIES).read_bytes()
    place = place_of(20)
    end = place + 8 + len(LEDGER.entries[20].entry)
    leaf = data[place:end].replace(b"plain", b"plein")
    (bundle / ENTRIES).write_bytes(data[:place] + leaf + data[end:])
    hashes = bytearray((bundle / ROOM / "leaf-hashes").read_bytes())
    hashes[20 * 32 : 21 * 32] = verifier.hashlib.sha256(b"\x00" + leaf).digest()
    (bundle / ROOM / "leaf-hashes").write_bytes(hashes)
    mend_manifests(bundle)
    assert "lead to the root" in problems(verify(bundle))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (f"{ROOM}/checkpoint", "signature"),
        (f"{ROOM}/leaf-hashes", "leaf hash"),
        ("data/ledgers/provider/other-hashes", "lead to the root"),
        ("data/openings.jsonl", "openings.jsonl"),
    ],
)
def test_a_changed_file_is_found_even_when_the_manifests_were_made_right_again(
    bundle: Path, name: str, what: str
) -> None:
    data = (bundle / name).read_bytes()
    change(bundle / name, data.index(b"secret") if b"secret" in data else 40, 2)
    mend_manifests(bundle)
    result = verify(bundle)
    assert result.problems
    assert what in problems(result) or "base64" in problems(result)


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (b'"path":"/note","position":0,', None, "1 sealed fields of this entry have no line"),
        (b'"path":"/note","position":7,', b'"path":"/note","position":0,', "tells twice"),
        (b'"path":"/note","position":7,', b'"path":"x/note","position":7,', "about no sealed field: x/note"),
        (b'"path":"/note","position":7,', b'"path":"/note/0","position":7,', "about no sealed field: /note/0"),
        (b'"path":"/note","position":7,', b'"path":"/text","position":7,', "about no sealed field: /text"),
        (b'"path":"/note","position":7,', b'"path":"/note","position":8,', "no line"),
        (b'"position":7,"subject":"subject-1"', b'"position":7,"subject":"subject-2"', "nothing that it tells"),
    ],
)
def test_each_sealed_field_has_one_line_about_it_and_no_other_place_has_one(
    bundle: Path, before: bytes, after: bytes | None, what: str
) -> None:
    lines = (bundle / "data/openings.jsonl").read_bytes().splitlines(keepends=True)
    assert sum(before in line for line in lines) == 1
    changed = [line.replace(before, after or before) for line in lines if after is not None or before not in line]
    (bundle / "data/openings.jsonl").write_bytes(b"".join(changed))
    mend_manifests(bundle)
    assert what in problems(verify(bundle))


def test_a_file_that_is_missing_extra_or_a_link_is_refused(bundle: Path) -> None:
    (bundle / "data/extra.txt").write_text("more")
    assert "extra.txt" in problems(verify(bundle))
    mend_manifests(bundle)
    assert "does not belong" in problems(verify(bundle))
    (bundle / "data/extra.txt").unlink()
    (bundle / "data/README.txt").unlink()
    assert "missing" in problems(verify(bundle))
    (bundle / "data/README.txt").symlink_to("/etc/passwd")
    assert "neither a file nor a directory" in problems(verify(bundle))


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "data/../../outside", "data//x", "data/./x", "data\\x"])
def test_a_path_that_leads_out_of_the_bag_is_refused(bundle: Path, name: str) -> None:
    with (bundle / "manifest-sha256.txt").open("a") as manifest:
        manifest.write(f"{'0' * 64}  {name}\n")
    found = problems(verify(bundle))
    assert "path within the bag" in found or "missing" in found


def test_a_file_that_is_listed_twice_and_a_wrong_size_are_refused(bundle: Path) -> None:
    lines = (bundle / "manifest-sha256.txt").read_text()
    (bundle / "manifest-sha256.txt").write_text(lines + lines.splitlines()[0] + "\n")
    assert "listed twice" in problems(verify(bundle))
    (bundle / "bag-info.txt").write_text("Payload-Oxum: 1.1\n")
    assert "Payload-Oxum" in problems(verify(bundle))


def test_a_file_larger_than_the_limit_is_refused_unread(bundle: Path) -> None:
    with (bundle / "data/bundle.json").open("r+b") as file:
        file.truncate(verifier.MAX_FILE_BYTES + 1)
    assert "larger than" in problems(verify(bundle))


def test_an_archive_is_not_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "bundle.zip"
    archive.write_bytes(b"PK\x03\x04")
    with pytest.raises(SystemExit) as end:
        main([str(archive)])
    assert end.value.code == 2
    assert "unpack it yourself" in capsys.readouterr().err


def test_a_log_that_was_signed_anew_with_another_key_is_refused_by_who_knows_the_key(tmp_path: Path) -> None:
    foreign = MadeLedger(CLINIC, 40, Ed25519PrivateKey.generate())
    forged = write_bundle(tmp_path / "forged", foreign)
    loud = verify(forged)
    assert loud.problems == []
    assert any(foreign.fingerprint in note and "NOT CONFIRMED" in note for note in loud.notes)
    assert "none that you named" in problems(verify(forged, {LEDGER.fingerprint}))


def test_a_ledger_that_was_cut_off_is_found_by_an_older_checkpoint(tmp_path: Path) -> None:
    short = write_bundle(tmp_path / "short", MadeLedger(CLINIC, 30))
    longer = MadeLedger(CLINIC, 40)
    result = verify(short, held=longer.checkpoint(40))
    assert (result.first_position, len(result.problems)) == (30, 1)
    whole = write_bundle(tmp_path / "whole", longer)
    assert verify(whole, held=longer.checkpoint(17)).problems == []
    other = [each.leaf_hash for each in reversed(longer.entries[:17])]
    assert "first 17 entries" in problems(verify(whole, held=longer.checkpoint(17, other)))


@pytest.mark.parametrize("order", ["swapped", "removed", "repeated"])
def test_entries_in_another_order_are_found_at_the_first_of_them(bundle: Path, order: str) -> None:
    data = (bundle / ENTRIES).read_bytes()
    starts = [place_of(position) - 2 for position in (50, 51, 52)]
    one, two = data[starts[0] : starts[1]], data[starts[1] : starts[2]]
    middle = {"swapped": two + one, "removed": two, "repeated": one + one}[order]
    (bundle / ENTRIES).write_bytes(data[: starts[0]] + middle + data[starts[2] :])
    mend_manifests(bundle)
    assert verify(bundle).first_position == {"swapped": 50, "removed": 50, "repeated": 51}[order]


def test_a_range_that_claims_to_be_more_than_it_is_is_refused(bundle: Path) -> None:
    facts = facts_of(bundle) | {"to_position": 800}
    (bundle / "data/bundle.json").write_bytes(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode())
    mend_manifests(bundle)
    assert "not all those from 0 up to 800" in problems(verify(bundle))


def test_chosen_entries_are_proved_without_the_others_and_a_range_in_the_middle_too(tmp_path: Path) -> None:
    ledger = MadeLedger(CLINIC, 333)
    chosen = write_case_bundle(tmp_path / "case", ledger, [0, 5, 10, 330])
    assert verify(chosen, {ledger.fingerprint}).problems == []
    assert b"event-clinic-7" not in b"".join(path.read_bytes() for path in chosen.rglob("*.bundle"))
    for begin, end in ((0, 1), (1, 2), (100, 257), (332, 333)):
        made = write_bundle(tmp_path / f"range-{begin}", ledger, begin=begin, end=end)
        assert verify(made).problems == []


def test_a_cosignature_of_a_witness_counts_and_its_absence_is_a_failure(bundle: Path) -> None:
    witness = Signer("witness.test", Ed25519PrivateKey.generate(), COSIGNATURE_V1)
    key = Key.parse(witness.verifier.encode())
    assert "has not cosigned" in problems(verify(bundle, witnesses=[key]))
    note = parse_note((bundle / ROOM / "checkpoint").read_bytes())
    (bundle / ROOM / "checkpoint").write_bytes(note.signed(witness.sign(note.text, at=1_790_000_000)).encode())
    mend_manifests(bundle)
    result = verify(bundle, witnesses=[key])
    assert result.problems == []
    assert any("cosigned by witness.test, 2026-09-21" in line for line in result.summary)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1.0}',
        '{"b":1,"a":2}',
        '{"a":1,"a":1}',
        '{ "a":1}',
        '{"a":9007199254740992}',
        '{"é":1}',
        '{"a":"\\ud800"}',
        '{"a":NaN}',
        '{"a":-0}',
        '{"a":"\\u0041"}',
        "[" * 100000,
        "",
        "ÿ",
        '{"a":1}\n',
        '{"a":1e3}',
    ],
)
def test_what_is_not_canonical_json_is_refused(text: str) -> None:
    with pytest.raises(Bad):
        canonical_json(text.encode("latin-1" if text == "\xff" else "utf-8"))


def test_with_the_recorded_hash_every_byte_of_every_file_counts(original: Path, tmp_path: Path) -> None:
    recorded = recorded_hash(original)
    assert verify(original, recorded=recorded).problems == []
    for path in sorted(path for path in original.rglob("*") if path.is_file()):
        copy = Path(shutil.copytree(original, tmp_path / "copy", dirs_exist_ok=True))
        changed = copy / path.relative_to(original)
        changed.write_bytes(changed.read_bytes() + b"\n")
        mend_manifests(copy)
        assert verify(copy, recorded=recorded).problems, path
        shutil.rmtree(copy)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), mend=st.booleans())
def test_no_damage_to_any_file_crashes_it_or_passes_for_valid(
    original: Path, tmp_path: Path, seed: int, mend: bool
) -> None:
    assert undetected(original, tmp_path / "damaged", random.Random(seed), LEDGER.fingerprint, mend=mend) == set()


def test_facts_and_grants_that_an_entry_rests_on_must_be_there_and_be_the_ones(tmp_path: Path) -> None:
    bare = write_bundle(tmp_path / "bare", LEDGER)
    assert "the fact at 3 of ledger provider, which this entry cites, is not here" in problems(verify(bare))
    other = MadeLedger(PROVIDER, 9)
    other.entries[3] = other.entries[3]._replace(entry=other.entries[3].entry.replace(b"0000", b"1111"))
    data = other.entries[3].recorded_at_us.to_bytes(8, "big") + other.entries[3].entry
    other.entries[3] = other.entries[3]._replace(leaf_hash=leaf_hash(data))
    wrong = write_bundle(tmp_path / "wrong", LEDGER, other)
    assert "the fact at 3 of ledger provider is not the one that this entry cites" in problems(verify(wrong))
    granted = write_bundle(tmp_path / "granted", MadeLedger(CLINIC, 20, grant="grant-1"), MadeLedger(PROVIDER, 9))
    assert "the grant grant-1, under which this was done, is not here" in problems(verify(granted))


def test_a_second_origin_needs_the_record_of_its_beginning(tmp_path: Path) -> None:
    reopened = write_bundle(tmp_path / "reopened", MadeLedger(CLINIC, 20, origin="log.test/clinic/2"))
    assert "nothing here says that the log was begun anew as log.test/clinic/2" in problems(verify(reopened))
    foreign = write_bundle(tmp_path / "foreign", MadeLedger(CLINIC, 20, origin="log.test/clinic/x"))
    assert "the checkpoint is of the log log.test/clinic/x" in problems(verify(foreign))


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("schemas/tenet.cases.Other.v1.json", b"{}", "no schema of an event that is here"),
        ("reports/report-other.json", b"{}", "no entry publishes this report"),
        ("bundle.json", b'{"audience":"all"}', "cannot be read"),
    ],
)
def test_a_schema_a_report_or_a_statement_that_nothing_stands_behind_is_refused(
    bundle: Path, name: str, content: bytes, what: str
) -> None:
    path = bundle / "data" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    mend_manifests(bundle)
    assert what in problems(verify(bundle))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=400))
def test_notes_of_random_bytes_are_refused_and_nothing_worse(data: bytes) -> None:
    for text in (data, b"log\n1\n" + base64.b64encode(data[:32]) + b"\n\n" + data):
        try:
            verifier.parse_checkpoint(verifier.parse_note(text)[0])
        except Bad:
            continue
