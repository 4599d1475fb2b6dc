"""`tenet rules match` and `tenet rules test`: rules over files, without a server."""

import gzip
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from services.detections.application.rule_matching import PutAside, matches
from services.detections.domain.sigma.compiler import compile_rule
from services.detections.domain.sigma.databases import FORGETFUL
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


HIT, OTHER = EVENTS.splitlines()[1], EVENTS.splitlines()[0]
FOUND = [1, 3]


@pytest.mark.parametrize(
    ("name", "content", "numbers"),
    [
        ("with a mark", b"\xef\xbb\xbf" + EVENTS, FOUND),
        ("carriage returns", EVENTS.replace(b"\n", b"\r\n"), FOUND),
        ("UTF-16", EVENTS.decode().encode("utf-16"), FOUND),
        ("blank lines and no end", b"\n\n" + HIT + b"\n \n" + HIT, [2, 4]),
        ("an array", b"[" + b",".join(EVENTS.splitlines()) + b"]", FOUND),
        (
            "an array over lines",
            json.dumps([json.loads(line) for line in EVENTS.splitlines()], indent=1).encode(),
            FOUND,
        ),
        ("objects over lines", b"\n".join(json.dumps(json.loads(x), indent=1).encode() for x in (OTHER, HIT)), [1]),
        ("arrays, one a line", b"[" + OTHER + b"]\n[" + HIT + b",5," + HIT + b"]\n", [1]),
        ("members of gzip", gzip.compress(EVENTS) + gzip.compress(EVENTS), [1, 3, 5, 7]),
        ("frames of zstd", zstandard.compress(EVENTS) + zstandard.compress(EVENTS), [1, 3, 5, 7]),
        ("nothing", b"", []),
    ],
)
def test_lines_are_numbered_as_they_lie_in_the_file(
    tmp_path: Path, name: str, content: bytes, numbers: list[int]
) -> None:
    path = tmp_path / "events"  # What it is shows by its content.
    path.write_bytes(content)
    put_aside = PutAside()
    found = [number for number, _ in matches([compile_rule(RULE)], path, put_aside, FORGETFUL)]
    assert found == numbers
    assert put_aside.named == ([(1, "NOT_AN_OBJECT")] if "one a line" in name else [])


def test_the_members_of_an_archive_are_told_apart_and_only_telemetry_counts(tmp_path: Path) -> None:
    path = tmp_path / "events.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("a.json", EVENTS.rstrip()), ("README.md", b"x\n"), ("__MACOSX/._a.json", b"\0")):
            archive.writestr(name, content)
        archive.writestr("b.json", EVENTS)
    found = [number for number, _ in matches([compile_rule(RULE)], path, PutAside(), FORGETFUL)]
    assert found == [1, 3, 5, 7]


@pytest.mark.parametrize("packed", [False, True])
def test_the_telemetry_of_a_tar_archive_is_read(tmp_path: Path, *, packed: bool) -> None:
    path = tmp_path / "events.tar"
    with tarfile.open(path, "w:gz" if packed else "w") as archive:
        for name, content in (("a.json", EVENTS), ("LICENSE", b"x\n"), ("b.json", EVENTS)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    found = [number for number, _ in matches([compile_rule(RULE)], path, PutAside(), FORGETFUL)]
    assert found == [1, 3, 5, 7]


def test_what_is_read_before_a_file_breaks_stands_and_the_break_is_told(tmp_path: Path, rules: Path) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(EVENTS * 2_000)[:-200])
    done = tenet("match", "--rules", rules, "--events", path)
    assert (done.returncode, done.stdout.startswith(MATCHES)) == (2, True)
    assert b"cannot be read on" in done.stderr
    assert b"Traceback" not in done.stderr


def test_whoever_reads_may_stop_reading(tmp_path: Path, rules: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(EVENTS * 20_000)
    command = [sys.executable, "-P", "-m", "infra.cli", "rules", "match", "--rules", rules, "--events", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert b"Broken pipe" not in said
    assert b"Traceback" not in said


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


def test_a_recording_is_found_from_the_folder_that_its_path_starts_from(tmp_path: Path, rules: Path) -> None:
    folder = regression(tmp_path / "r" / "deep", shadow_copies_deleted("d", 2))
    (tmp_path / "r" / "some" / "where").mkdir(parents=True)
    (folder / "r.json").rename(tmp_path / "r" / "some" / "where" / "r.json")
    (folder / "info.yml").rename(folder / "info.yaml")
    done = tenet("test", tmp_path / "r", "--rules", rules)
    assert (done.returncode, b"1 of 1 pairs hold." in done.stdout) == (0, True), done.stdout
    outside = (folder / "info.yaml").read_text().replace("some/where", "../../..")
    (folder / "info.yaml").write_text(outside)
    assert b"the recording is not there" in tenet("test", tmp_path / "r", "--rules", rules).stdout


CORRELATION = f"""
title: Twice
id: 22222222-2222-4333-8444-555555555555
correlation: {{type: event_count, rules: [{RULE_ID}], group-by: [Computer], timespan: 5m, condition: {{gte: 2}}}}
level: high
""".encode()


def test_a_rule_that_correlates_is_tried_on_its_recording_and_named_where_lines_are_matched(tmp_path: Path) -> None:
    pack = tmp_path / "rules.zip"
    pack.write_bytes(pack_of({"a.yml": RULE, "c.yml": CORRELATION}))
    for name, count in (("good", 2), ("bad", 1)):
        folder = regression(tmp_path / "r" / name, *(shadow_copies_deleted("d", each) for each in range(count)))
        info = folder / "info.yml"
        info.write_text(info.read_text().replace(RULE_ID, "22222222-2222-4333-8444-555555555555"))
    done = tenet("test", tmp_path / "r", "--rules", pack)
    assert done.stdout.count(b"ok  ") == done.stdout.count(b"FAIL") == 1
    events = tmp_path / "events.jsonl"
    events.write_bytes(EVENTS)
    matched = tenet("match", "--rules", pack, "--events", events)
    assert matched.stdout == MATCHES
    assert b"c.yml: It correlates" in matched.stderr


def test_a_folder_without_any_pair_is_no_success(tmp_path: Path, rules: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert tenet("test", tmp_path / "empty", "--rules", rules).returncode == 1


def test_every_published_pair_holds(shared_data: Path) -> None:
    done = tenet("test", shared_data / "sigma" / "regression.zip", "--rules", shared_data / "sigma" / "rules.zip")
    assert done.returncode == 0, done.stdout[-2000:]
    assert done.stdout.count(b"\nok  ") > 200
