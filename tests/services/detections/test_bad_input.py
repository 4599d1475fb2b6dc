"""Broken telemetry is put aside with its reason and counted; its neighbours are read; memory stays bounded."""

import base64
import gzip
import io
import json
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import zstandard

from services.detections.config import MAX_NESTING, MAX_RECORD_BYTES, READ_CHUNK_BYTES
from services.detections.domain.formats.clocks import believable
from services.detections.domain.formats.pieces import cut_lines, cut_values
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from services.detections.domain.formats.records import Piece, Reason, Record
from tests.services.detections.records import harmless, lines

GOOD = lines(harmless("A", 1)).rstrip(b"\n")
ALSO_GOOD = lines(harmless("A", 2)).rstrip(b"\n")

MANY = b",".join(b'"f%d": 1' % number for number in range(3000))


def read(content: bytes, stated: Format = Format.AUTOMATIC) -> tuple[list[Record], BatchReading]:
    reading = BatchReading(content, stated)
    return list(reading.records()), reading


def all_of(pieces: Iterator[Piece | None]) -> list[Piece]:
    return [piece for piece in pieces if piece is not None]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'{"EventID": 1, "Channel": "Security", "Caf\xe9": 1}', "NOT_UTF8"),
        (b'{"EventID": 1, "Channel": ', "NOT_JSON"),
        (b"neither a line of a known log nor JSON", "NOT_JSON"),
        (b'{"EventID": NaN, "Channel": "Security"}', "NOT_JSON"),
        (b'"just text"', "NOT_AN_OBJECT"),
        (b'{"hello": "world"}', "FORMAT_UNKNOWN"),
        (b'{"Event": {"System": {"Channel": "Security"}}}', "FIELDS_MISSING"),
        (b'{"EventID": 1, "Channel": "Security", "Text": "\\ud800 alone"}', "INVALID_UNICODE"),
        (b'{"EventID": 1, "Channel": "Security", "Deep": ' + b"[" * 100 + b"]" * 100 + b"}", "NESTED_TOO_DEEPLY"),
        (b'{"EventID": 1, "Channel": "Security", "Deep": ' + b"[" * 5000 + b"]" * 5000 + b"}", "NESTED_TOO_DEEPLY"),
        (
            b'{"EventID": 1, "Channel": "Security", ' + b",".join(b'"f%d": 1' % i for i in range(3000)) + b"}",
            "TOO_MANY_FIELDS",
        ),
        (b'{"EventID": 1, "Channel": "Security", "Long": "' + b"x" * MAX_RECORD_BYTES + b'"}', "RECORD_TOO_LONG"),
    ],
)
def test_a_broken_record_is_put_aside_with_its_reason_and_its_neighbours_are_kept(broken: bytes, reason: str) -> None:
    records, reading = read(b"\n".join((GOOD, broken, ALSO_GOOD)))
    assert [record.offset for record in records] == [0, 2]
    assert dict(reading.put_aside) == {reason: 1}
    assert reading.total == 3
    sample = json.loads(reading.samples())
    assert (sample["offset"], sample["reason"]) == (1, reason)
    assert broken.startswith(base64.b64decode(sample["head"]))


def test_nesting_up_to_the_limit_is_read() -> None:
    # The record itself is one level, so the list may have one less than the limit.
    levels = MAX_NESTING - 1
    records, _ = read(b'{"EventID": 1, "Channel": "Security", "Deep": ' + b"[" * levels + b"]" * levels + b"}")
    assert len(records) == 1


def test_text_in_the_wrong_encoding_is_counted_line_by_line() -> None:
    records, reading = read((GOOD + b"\n" + ALSO_GOOD).decode().encode("utf-16-le"))
    assert not records
    assert sum(reading.put_aside.values()) == reading.total > 0


def test_a_line_of_a_hundred_megabytes_is_skipped_in_bounded_memory() -> None:
    def chunks() -> Iterator[bytes]:
        yield GOOD + b'\n{"Long": "'
        for _ in range(1600):
            yield b"x" * 65536
        yield b'"}\n' + ALSO_GOOD + b"\n"

    tracemalloc.start()
    pieces = all_of(cut_lines(chunks()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [piece.reason for piece in pieces] == [None, "RECORD_TOO_LONG", None]
    assert pieces[2].data == ALSO_GOOD
    assert peak < 4 * MAX_RECORD_BYTES


def test_an_endless_value_within_an_array_is_skipped_in_bounded_memory() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"[" + GOOD + b', {"Long": "'
        for _ in range(400):
            yield b"}{][\\\\" * 10_000
        yield b'"}, ' + ALSO_GOOD + b"]"

    tracemalloc.start()
    pieces = all_of(cut_values(chunks()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [piece.reason for piece in pieces] == [None, "RECORD_TOO_LONG", None]
    assert pieces[2].data == ALSO_GOOD
    assert peak < 4 * MAX_RECORD_BYTES


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_where_a_stream_is_cut_into_chunks_does_not_matter(size: int) -> None:
    text = json.dumps([harmless("A", 1), {"EventID": 2, "Channel": 'quote " and \\ {[', "x": [1, {"y": "}"}]}]).encode()
    pieces = all_of(cut_values(text[start : start + size] for start in range(0, len(text), size)))
    assert [json.loads(piece.data) for piece in pieces] == json.loads(text)
    by_line = GOOD + b"\r\n\n" + ALSO_GOOD
    cut = all_of(cut_lines(by_line[start : start + size] for start in range(0, len(by_line), size)))
    assert [piece.data for piece in cut] == [GOOD, ALSO_GOOD]


def test_a_line_of_a_hundred_megabytes_within_an_archive_keeps_its_neighbours() -> None:
    long = b'{"Long": "' + b"x" * (100 * 1024 * 1024) + b'"}'
    content = gzip.compress(b"\n".join((GOOD, long, ALSO_GOOD)), compresslevel=1)
    del long
    tracemalloc.start()
    records, reading = read(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [record.offset for record in records] == [0, 2]
    assert dict(reading.put_aside) == {"RECORD_TOO_LONG": 1}
    assert peak < 8 * MAX_RECORD_BYTES


def test_a_truncated_gzip_keeps_what_came_before_the_break() -> None:
    content = lines(*(harmless("A", number) for number in range(3000)))
    records, reading = read(gzip.compress(content)[:-2000])
    assert 0 < len(records) < 3000
    assert reading.put_aside[Reason.ARCHIVE_TRUNCATED] == 1


def test_a_truncated_zip_is_put_aside() -> None:
    records, reading = read(zipped({"a.jsonl": GOOD})[:-10])
    assert not records
    assert dict(reading.put_aside) == {"ARCHIVE_TRUNCATED": 1}


def test_a_member_of_a_zip_that_is_corrupt_does_not_lose_the_next_one() -> None:
    archive = bytearray(zipped({"a.jsonl": GOOD * 1, "b.jsonl": ALSO_GOOD}, zipfile.ZIP_STORED))
    archive[archive.index(b"notepad")] ^= 0xFF
    records, reading = read(bytes(archive))
    assert [record.fields["EventID"] for record in records][-1] == "1"
    assert reading.put_aside[Reason.ARCHIVE_CORRUPT] == 1


def test_a_zip_bomb_is_stopped_at_the_limit() -> None:
    bomb = zipped({"bomb.jsonl": b"0" * (200 * 1024 * 1024)})
    assert len(bomb) < 1024 * 1024
    tracemalloc.start()
    records, reading = read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not records
    assert reading.put_aside[Reason.ARCHIVE_TOO_LARGE] == 1
    assert peak < 16 * 1024 * 1024


def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    records, reading = read(gzip.compress(b"0" * (200 * 1024 * 1024)))
    assert not records
    assert reading.put_aside[Reason.ARCHIVE_TOO_LARGE] == 1


@pytest.mark.parametrize("name", ["../../etc/passwd.json", "/etc/shadow.json", "C:\\windows\\x.json", "a/../../b.json"])
def test_a_member_whose_name_leads_out_of_the_archive_is_put_aside(name: str) -> None:
    records, reading = read(zipped({name: GOOD, "fine.json": ALSO_GOOD}))
    assert len(records) == 1
    assert dict(reading.put_aside) == {"ARCHIVE_NAME_UNSAFE": 1}


def test_an_archive_within_an_archive_is_put_aside_and_a_licence_is_no_telemetry() -> None:
    inner = zipped({"a.json": GOOD})
    records, reading = read(zipped({"inner.zip": inner, "LICENSE": b"text", "fine.json": ALSO_GOOD}))
    assert len(records) == 1
    assert dict(reading.put_aside) == {"ARCHIVE_NESTED": 1}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_cannot_be_unpacked_bit_by_bit_is_refused(method: int) -> None:
    records, reading = read(zipped({"bomb.json": b"0" * (64 * 1024 * 1024)}, method))
    assert not records
    assert dict(reading.put_aside) == {"ARCHIVE_METHOD_REFUSED": 1}


@pytest.mark.parametrize("first", [b'{"EventID": 1,', b'{"Event": {', b"{{{", b'["', b'{"a": [', b'"'])
def test_a_broken_first_line_loses_none_of_the_lines_after_it(first: bytes) -> None:
    records, reading = read(b"\n".join((first, GOOD, ALSO_GOOD)))
    assert len(records) == 2
    assert reading.total == 3


def test_several_gzip_members_are_one_file() -> None:
    records, reading = read(gzip.compress(GOOD + b"\n") + gzip.compress(ALSO_GOOD))
    assert len(records) == 2
    assert not reading.put_aside


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "2099-06-01T00:00:00Z"])
def test_a_clock_that_nobody_can_mean_is_not_believed(at: str) -> None:
    (record,), _ = read(lines(harmless("A", 1, at)))
    assert record.occurred_at == datetime.fromisoformat(at)
    assert not believable(record.occurred_at, datetime(2026, 11, 24, tzinfo=UTC))


def test_a_record_without_a_readable_clock_is_kept() -> None:
    (record,), _ = read(lines(harmless("A", 1, "yesterday")))
    assert record.occurred_at is None


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("spaced", [b",\n", b", ", b","])
def test_a_string_that_is_never_closed_costs_an_array_one_record(spaced: bytes) -> None:
    broken = b'{"EventID": 1, "Channel": "Security, "User": "eve"}'
    more = lines(harmless("A", 3)).rstrip(b"\n")
    records, reading = read(b"[" + spaced.join((GOOD, broken, ALSO_GOOD, more)) + b"]")
    assert [record.fields["Computer"] for record in records] == ["A", "A", "A"]
    assert len({record.key for record in records}) == 3
    assert dict(reading.put_aside) == {"NOT_JSON": 1}


def test_a_flood_of_brackets_can_be_paused_between_any_two_chunks() -> None:
    flood = b"[" + b"{}" * 200_000 + b'{"a":' + b"[" * 100_000
    reading = BatchReading(flood, Format.AUTOMATIC)
    pauses = 0
    for step in reading.steps():
        assert step is None, "there is no record in it"
        pauses += 1
    assert pauses >= len(flood) // READ_CHUNK_BYTES
    assert dict(reading.put_aside) == {"FORMAT_UNKNOWN": 200_000, "NOT_JSON": 1}


def test_a_line_of_brackets_is_judged_without_looking_at_them_all() -> None:
    began = time.process_time()
    _, reading = read(b"{}" * (MAX_RECORD_BYTES // 2) + b"\n" + GOOD)
    assert dict(reading.put_aside) == {"NOT_JSON": 1}
    assert time.process_time() - began < 1, "a million brackets would take longer if each were looked at"


def test_zstd_is_unpacked_within_the_limits_and_what_is_cut_off_is_said() -> None:
    packed = zstandard.compress(GOOD + b"\n" + ALSO_GOOD + b"\n")
    assert len(read(packed)[0]) == 2
    assert len(read(packed + packed)[0]) == 4, "several frames may follow one another"
    assert dict(read(packed[:-4])[1].put_aside) == {"ARCHIVE_TRUNCATED": 1}
    assert dict(read(packed + b"rest")[1].put_aside) == {"ARCHIVE_CORRUPT": 1}
    bomb = zstandard.compress(b" " * (200 * 1024 * 1024))
    tracemalloc.start()
    records, reading = read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (records, dict(reading.put_aside)) == ([], {"ARCHIVE_TOO_LARGE": 1})
    assert peak < 32 * 1024 * 1024
