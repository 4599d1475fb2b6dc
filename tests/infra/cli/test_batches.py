"""Files become batches that lose nothing, repeat nothing, and are the same each time."""

import gzip
import io
import json
import random
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard
from tenet.detections.v1 import detections_pb2 as pb

from infra.cli import batches
from infra.cli.batches import Format, batches_of, format_of
from infra.cli.problems import Problem, UsageProblem
from infra.cli.telemetry_files import MAX_ARCHIVES_WITHIN, expand

HEADER = b"time,name,ip,host,short,time_label,event_label\n"


def lines(count: int) -> bytes:
    return b"".join(json.dumps({"EventID": 1, "number": number}).encode() + b"\n" for number in range(count))


def contents(path: Path, at_most: int = 1_000) -> list[bytes]:
    return [batch.content for batch in batches_of([path], at_most)]


def test_a_file_is_cut_at_line_ends_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(lines(200))
    found = contents(path)
    assert len(found) > 3
    assert all(len(content) <= 1_000 and content.endswith(b"\n") for content in found)
    assert b"".join(found) == lines(200)


def test_the_same_file_gives_the_same_batch_ids_so_that_a_repeat_is_harmless(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(lines(100))
    first, second = ([batch.batch_id for batch in batches_of([path], 1_000)] for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("packing", ["gz", "zst", "zip", "tar.gz", "tar"])
def test_an_archive_is_unpacked_as_it_is_read(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"events.json.{packing}"
    if packing == "gz":
        path.write_bytes(gzip.compress(lines(200)))
    elif packing == "zst":
        path.write_bytes(zstandard.compress(lines(200)))
    elif packing.startswith("tar"):
        with tarfile.open(path, "w:gz" if packing == "tar.gz" else "w") as archive_of_tapes:
            for name, content in (
                ("LICENSE", b"x"),
                ("__MACOSX/._a.json", b"x"),
                ("a.json", lines(150)),
                ("b.json", lines(50)),
            ):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive_of_tapes.addfile(info, io.BytesIO(content))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("one/first.json", lines(150))
            archive.writestr("readme.md", b"not telemetry")
            archive.writestr("two.json.gz", gzip.compress(lines(50)))
    found = b"".join(contents(path))
    assert found == (lines(200) if packing in ("gz", "zst") else lines(150) + lines(50))


@pytest.mark.parametrize("header", [HEADER, b"\xef\xbb\xbf" + HEADER, b"short,name,ip,time,host\r\n"])
def test_every_batch_of_a_csv_file_begins_with_its_header(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "alerts.csv"
    path.write_bytes(header + b"".join(b"%d,Rule,10.0.0.1,host,R,-,-\n" % moment for moment in range(200)))
    found = contents(path)
    assert len(found) > 3
    assert all(content.startswith(header) for content in found)
    assert b"".join(content.removeprefix(header) for content in found).count(b"\n") == 200


def test_equal_records_are_told_apart_by_how_many_came_before_them(tmp_path: Path) -> None:
    path = tmp_path / "alerts.csv"
    path.write_bytes(HEADER + b"1700000000,Rule,10.0.0.1,host,R,-,-\n\n" * 100)
    found = list(batches_of([path], 1_000))
    assert len({batch.content for batch in found}) < len(found)
    assert len({batch.batch_id for batch in found}) == len(found)
    counts = [batch.content.count(b"Rule") for batch in found]
    assert [batch.first_record for batch in found] == [sum(counts[:at]) for at in range(len(found))]


ZEEK = b"#separator \\x09\n#path\tconn\n#fields\tts\tuid\n#types\ttime\tstring\n"


def test_every_batch_of_a_zeek_log_begins_with_what_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    rows = b"".join(b"%d.5\tC%d\n" % (at, at) for at in range(200))
    path.write_bytes(ZEEK + rows + ZEEK.replace(b"conn", b"dns") + b"1.5\tD\n")
    *most, last = contents(path)
    assert len(most) > 1
    assert all(content.startswith(ZEEK) for content in most)
    assert b"".join(content.removeprefix(ZEEK) for content in most) == rows
    assert last == ZEEK.replace(b"conn", b"dns") + b"1.5\tD\n"


def test_a_windows_event_log_is_cut_between_its_chunks(tmp_path: Path) -> None:
    path = tmp_path / "Security.evtx"
    header = (b"ElfFile\x00" + b"\n" * 4_096)[:4_096]
    chunks = [bytes([at]) * 65_536 for at in range(40)]
    path.write_bytes(header + b"".join(chunks) + b"rest")
    found = contents(path)
    assert all(content.startswith(header) for content in found)
    assert b"".join(content.removeprefix(header) for content in found) == b"".join(chunks) + b"rest"
    assert all(len(content) <= batches.MAX_BATCH_BYTES + 4_096 for content in found)


def test_events_in_xml_are_cut_between_events_also_where_one_takes_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.xml"
    event = b"<Event xmlns='x'><System><EventID>1</EventID></System>\n<EventData/>\n</Event>\n"
    path.write_bytes(event * 50)
    found = contents(path, 200)
    assert len(found) > 10
    assert all(content.endswith(b"</Event>\n") and content.startswith(b"<Event") for content in found)
    assert b"".join(found) == event * 50
    (whole,) = batches_of([path])
    halves = whole.halves()
    assert halves is not None
    assert [half.content for half in halves] == [event * 25] * 2


def test_a_file_in_utf16_is_sent_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(lines(100).decode().encode("utf-16"))
    assert b"".join(contents(path)) == lines(100)


def test_a_line_that_is_longer_than_any_record_is_shortened_so_that_it_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(b'{"EventID": 1, "x": "' + b"y" * 5_000_000 + b'"}\n' + lines(1))
    found = contents(path)
    assert len(found[0]) == batches.LONGEST_LINE_BYTES + 1
    assert b"".join(found[1:]) == lines(1)


def test_a_json_array_is_sent_whole_and_packed_where_it_is_large(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text(json.dumps([{"EventID": 1}] * 300, indent=1))
    assert contents(path) == [path.read_bytes()]
    path.write_bytes(b"[\n" + b'{"EventID": 1},\n' * 600_000 + b"{}]")
    (packed,) = contents(path)
    assert gzip.decompress(packed) == path.read_bytes()


def test_an_object_that_wraps_more_records_than_a_line_may_hold_is_sent_whole(tmp_path: Path) -> None:
    path = tmp_path / "trail.json"
    path.write_text(json.dumps({"Records": [{"eventID": str(at)} for at in range(100_000)]}))
    (packed,) = contents(path)
    assert gzip.decompress(packed) == path.read_bytes()


def test_a_json_array_that_no_batch_can_hold_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(b"[\n" + random.Random(7).randbytes(9 * 1024 * 1024))
    with pytest.raises(Problem, match="JSON array") as caught:
        contents(path)
    assert caught.value.reason == "ARRAY_TOO_LARGE"
    assert "lines of JSON" in caught.value.hint


@pytest.mark.parametrize("suffix", ["json.gz", "zip"])
def test_a_truncated_archive_is_named_after_what_could_be_read_of_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"events.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("events.json", lines(2_000))
    else:
        path.write_bytes(gzip.compress(lines(2_000), compresslevel=0))
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(Problem) as caught:
        contents(path)
    assert caught.value.reason == "FILE_UNREADABLE"
    assert str(path) in caught.value.message


def test_archives_within_each_other_are_opened_so_far_and_no_further(tmp_path: Path) -> None:
    """There are archives that hold themselves."""
    path, content = tmp_path / "events.zip", lines(10)
    for number in range(MAX_ARCHIVES_WITHIN):
        content = _zipped(f"events-{number}.json", content)
    path.write_bytes(content)
    assert b"".join(contents(path)) == lines(10)
    path.write_bytes(_zipped("more.zip", content))
    with pytest.raises(Problem) as caught:
        contents(path)
    assert caught.value.reason == "ARCHIVE_TOO_DEEP"


def _zipped(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, content)
    return made.getvalue()


def test_a_batch_that_raises_too_much_is_halved_and_keeps_its_header(tmp_path: Path) -> None:
    path = tmp_path / "alerts.csv"
    path.write_bytes(HEADER + b"".join(b"%d,Rule,10.0.0.1,host,R,-,-\n" % moment for moment in range(10)))
    (whole,) = batches_of([path])
    halves = whole.halves()
    assert halves is not None
    assert all(half.content.startswith(HEADER) for half in halves)
    assert sum(half.content.count(b"\n") - 1 for half in halves) == 10
    assert [half.first_record for half in halves] == [0, 5]
    single = batches.Batch(HEADER + b"1,Rule,10.0.0.1,host,R,-,-\n", path, 0, 0, HEADER)
    assert single.halves() is None


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", b'{"EventID": 1, "Channel": "Security"}\n', Format.WINDOWS_EVENT),
        ("a.json", b'{"winlog": {"event_id": 1}}\n', Format.WINDOWS_EVENT),
        ("a.json", b'{"event_type": "alert", "src_ip": "10.0.0.1"}\n', Format.SURICATA_EVE),
        ("a.json", b'{"rule": {"level": 3}, "decoder": {"name": "x"}}\n', Format.WAZUH),
        ("a.txt", HEADER, Format.ALERT_CSV),
        ("a.json", b"{}\n", Format.AUTOMATIC),
    ],
)
def test_a_format_is_told_by_the_first_bytes(tmp_path: Path, name: str, content: bytes, expected: Format) -> None:
    (tmp_path / name).write_bytes(content)
    assert format_of(tmp_path / name) is expected


def test_every_format_of_the_wire_has_a_word() -> None:
    assert {each.wire for each in Format} == set(pb.TelemetryFormat.values())


def test_a_directory_gives_its_telemetry_in_the_order_of_names_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.json", "a.csv.gz", "notes.txt", "sub/c.zip"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    assert [path.name for path in expand([tmp_path])] == ["a.csv.gz", "b.json", "c.zip"]
    assert expand([tmp_path / "notes.txt"]) == [tmp_path / "notes.txt"], "a file that is named is taken"
    with pytest.raises(UsageProblem, match="is not there"):
        expand([tmp_path / "nowhere"])
