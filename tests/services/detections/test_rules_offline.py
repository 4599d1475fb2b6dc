"""`tenet rules match` and `tenet rules test`: rules over files, without a server."""

import gzip
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from services.detections.domain.sigma.packs import pack_of
from tests.services.detections.records import harmless, shadow_copies_deleted

RULE = b"""
title: Shadow copies deleted
id: 11111111-2222-4333-8444-555555555555
logsource: {product: windows, category: process_creation}
detection:
    selection:
        CommandLine|contains|all: [delete, shadows]
    condition: selection
level: high
"""
RULE_ID = "11111111-2222-4333-8444-555555555555"
BROKEN = b"title: Broken\nlogsource: {product: windows}\ndetection: {condition: nothing}\n"


def tenet(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-P", "-m", "infra.cli", "rules", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=120)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.zip"
    path.write_bytes(pack_of({"a.yml": RULE, "b/broken.yml": BROKEN}))
    return path


def content(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


EVENTS = content(
    harmless("desk", 1), shadow_copies_deleted("desk", 2), harmless("desk", 3), shadow_copies_deleted("d", 4)
)
MATCHES = f"1 {RULE_ID}\n3 {RULE_ID}\n".encode()


@pytest.mark.parametrize("packed", ["plain", "gz", "zst", "zip", "standard input"])
def test_each_match_is_the_number_of_its_line_and_the_rule(tmp_path: Path, rules: Path, packed: str) -> None:
    path, given = tmp_path / "events.jsonl", b""
    match packed:
        case "plain":
            path.write_bytes(EVENTS)
        case "gz":
            path = path.with_suffix(".jsonl.gz")
            path.write_bytes(gzip.compress(EVENTS))
        case "zst":
            path = path.with_suffix(".jsonl.zst")
            path.write_bytes(zstandard.compress(EVENTS))
        case "zip":
            path = path.with_suffix(".zip")
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("events.jsonl", EVENTS)
        case _:
            path, given = Path("-"), EVENTS
    done = tenet("match", "--rules", rules, "--events", path, "--format", "jsonl", given=given)
    assert (done.returncode, done.stdout) == (0, MATCHES)
    assert b"broken.yml: " in done.stderr


def test_a_line_that_is_no_record_is_named_and_its_neighbours_are_read(tmp_path: Path, rules: Path) -> None:
    first, second, *_ = EVENTS.splitlines(keepends=True)
    path = tmp_path / "events.jsonl"
    path.write_bytes(first + b"\n{broken\n" + b'{"a": "' + b"x" * 3_000_000 + b'"}\n' + second)
    done = tenet("match", "--rules", rules, "--events", path)
    assert done.stdout == f"4 {RULE_ID}\n".encode()
    assert b"line 2: NOT_JSON" in done.stderr
    assert b"line 3: " in done.stderr


def test_rules_may_be_a_folder_or_one_file(tmp_path: Path) -> None:
    (tmp_path / "rules" / "deep").mkdir(parents=True)
    rule = tmp_path / "rules" / "deep" / "rule.yml"
    rule.write_bytes(RULE)
    events = tmp_path / "events.jsonl"
    events.write_bytes(EVENTS)
    for given in (rule, tmp_path / "rules"):
        assert tenet("match", "--rules", given, "--events", events).stdout == MATCHES


def test_the_tests_within_rules_are_run_and_what_fails_is_named(tmp_path: Path) -> None:
    tested = RULE + b"inline_tests:\n    - {name: it is, match: true, event: "
    path = tmp_path / "rule.yml"
    path.write_bytes(tested + json.dumps(shadow_copies_deleted("desk", 1)).encode() + b"}\n")
    holds = tenet("check", path)
    assert (holds.returncode, holds.stdout.startswith(b"ok   " + RULE_ID.encode())) == (0, True)
    path.write_bytes(tested + json.dumps(harmless("desk", 1)).encode() + b"}\n")
    fails = tenet("check", path)
    assert fails.returncode == 1
    assert b"it is: It does not match." in fails.stdout
    path.write_bytes(BROKEN)
    assert tenet("check", path).returncode == 1


@pytest.mark.parametrize("missing", ["rules", "events"])
def test_what_is_not_there_is_said_in_a_line(tmp_path: Path, rules: Path, missing: str) -> None:
    given = {"rules": rules, "events": rules} | {missing: tmp_path / "absent"}
    done = tenet("match", "--rules", given["rules"], "--events", given["events"])
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"absent" in done.stderr


def regression(folder: Path, *records: Any, count: int | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "r.json").write_text("\n".join(json.dumps(record, indent=1) for record in records))
    wanted = f"      match_count: {count}\n" if count is not None else ""
    (folder / "info.yml").write_text(
        f"rule_metadata:\n    - id: {RULE_ID}\nregression_tests_info:\n    - name: Positive Detection Test\n"
        f"      type: json\n{wanted}      path: some/where/r.json\n"
    )
    return folder


def test_pairs_that_hold_pass_and_one_that_does_not_fails_the_command(tmp_path: Path, rules: Path) -> None:
    regression(tmp_path / "r" / "good", harmless("d", 1), shadow_copies_deleted("d", 2), count=1)
    good = tenet("test", tmp_path / "r", "--rules", rules)
    assert good.returncode == 0, good.stderr
    assert b"1 of 1 pairs hold." in good.stdout
    regression(tmp_path / "r" / "bad", harmless("d", 1))
    bad = tenet("test", tmp_path / "r", "--rules", rules)
    assert bad.returncode == 1
    assert b"matches 0 of 1" in bad.stdout
    assert b"1 of 2 pairs hold." in bad.stdout


def test_too_few_matches_a_missing_recording_and_an_unknown_rule_fail(tmp_path: Path, rules: Path) -> None:
    regression(tmp_path / "r" / "few", shadow_copies_deleted("d", 2), count=2)
    (regression(tmp_path / "r" / "gone", shadow_copies_deleted("d", 2)) / "r.json").unlink()
    done = tenet("test", tmp_path / "r", "--rules", rules)
    assert b"must match 2" in done.stdout
    assert b"the recording is not there" in done.stdout
    other = tmp_path / "other.zip"
    other.write_bytes(pack_of({"b.yml": BROKEN}))
    assert b"not among those that compile" in tenet("test", tmp_path / "r", "--rules", other).stdout


def test_a_folder_without_any_pair_is_no_success(tmp_path: Path, rules: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert tenet("test", tmp_path / "empty", "--rules", rules).returncode == 1


def test_every_published_pair_holds(shared_data: Path) -> None:
    done = tenet("test", shared_data / "sigma" / "regression.zip", "--rules", shared_data / "sigma" / "rules.zip")
    assert done.returncode == 0, done.stdout[-2000:]
    assert done.stdout.count(b"\nok  ") > 200
