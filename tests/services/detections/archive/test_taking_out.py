"""What names a subject is found in a file of the archive by blind indexes alone, and taken out wherever it stands."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from contracts.ids import derive_id
from infra.keys.blind_index import address_index, name_index
from services.detections.application.archive.parquet import Scratch, write
from services.detections.application.archive.rows import BatchOrigin, row_of
from services.detections.application.archive.taking_out import FindNames, TakeOut
from services.detections.domain.formats.records import Record, Source

NOON = datetime(2026, 11, 24, 12, 5, tzinfo=UTC)
KEY = b"k" * 32
BATCH = "ab" * 32


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch.open(tmp_path / "scratch")


def file(scratch: Scratch, *records: dict[str, object], position: int = 7) -> bytes:
    rows = []
    for number, fields in enumerate(records):
        host = str(fields.pop("host", "desk-1"))
        record = Record(number, Source.WINDOWS, NOON, host, "10.0.0.1", b"k", fields)
        rows.append(row_of(record, BatchOrigin(position, BATCH, "sensor-1", NOON), NOON))
    return write(scratch, rows).content


def left(scratch: Scratch, content: bytes) -> list[int]:
    with scratch.room() as room, duckdb.connect() as connection:
        path = room / "left.parquet"
        path.write_bytes(content)
        return [row[0] for row in connection.execute(f"SELECT record FROM read_parquet('{path}')").fetchall()]


def names(scratch: Scratch, content: bytes, subject: str, known: frozenset[str] = frozenset()) -> set[str]:
    return FindNames(content, 10, subject, known, KEY).done(scratch)


def test_an_account_is_found_however_its_domain_is_written_and_only_by_its_own_subject(scratch: Scratch) -> None:
    content = file(
        scratch,
        {"User": "CLINIC\\Nurse7"},
        {"User": "nurse7@clinic.example"},
        {"Users": ["x", "NURSE7"]},
        {"User": "nurse77"},
    )
    subject = derive_id("subject", name_index(KEY, "nurse7"))
    assert names(scratch, content, subject) == {"Nurse7", "nurse7", "NURSE7"}
    assert names(scratch, content, derive_id("subject", name_index(b"x" * 32, "nurse7"))) == set()


def test_an_asset_is_found_by_each_of_its_names_and_addresses(scratch: Scratch) -> None:
    content = file(scratch, {"host": "ERP01.corp.example"}, {"DestinationIp": "10.0.0.9"}, {"Image": "erp01.exe"})
    known = frozenset({name_index(KEY, "erp01"), address_index(KEY, "10.0.0.9")})
    assert names(scratch, content, "asset-0", known) == {"ERP01", "10.0.0.9", "erp01"}


def test_records_go_that_hold_a_word_by_itself_anywhere_and_no_others(scratch: Scratch) -> None:
    content = file(
        scratch,
        {"User": "CLINIC\\Nurse7"},
        {"CommandLine": 'net user nurse7 "secret" /add'},
        {"User": "nurse77"},
        {"User": "anurse7"},
        {"CommandLine": "nothing"},
        {"Path": "C:\\Users\\NURSE7\\x"},
    )
    rest = TakeOut(content, 10, ("nurse7",), ()).done(scratch)
    assert rest is not None
    assert (left(scratch, rest.content), rest.records) == ([2, 3, 4], 3)
    assert TakeOut(rest.content, 10, ("nurse7",), ()).done(scratch) is None


@pytest.mark.parametrize("name", ["a.b", "x+y", "a(b", "CLINIC\\nurse7", 'quo"te', "größe", "[x]", "a|b", "$^", "日本"])
def test_a_name_is_a_text_and_no_expression(scratch: Scratch, name: str) -> None:
    content = file(scratch, {"User": name}, {"User": "axb"}, {"User": "a"}, {"CommandLine": f"run {name} now"})
    rest = TakeOut(content, 10, (name,), ()).done(scratch)
    assert rest is not None
    assert left(scratch, rest.content) == [1, 2]


def test_one_record_goes_by_its_place_and_later_batches_stay(scratch: Scratch) -> None:
    content = file(scratch, {"User": "a"}, {"User": "b"})
    rest = TakeOut(content, 10, (), ((BATCH, 1), ("cd" * 32, 0))).done(scratch)
    assert rest is not None
    assert left(scratch, rest.content) == [0]
    assert TakeOut(content, 7, ("a",), ((BATCH, 1),)).done(scratch) is None
    assert TakeOut(content, 10, (), ()).done(scratch) is None
