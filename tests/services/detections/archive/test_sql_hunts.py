"""A question in SQL reaches the tenant's files and nothing else, changes nothing, and ends."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psutil
import pytest

from services.detections.application.archive.parquet import Scratch, merge, write
from services.detections.application.archive.rows import BatchOrigin, record_of, row_of
from services.detections.application.hunts import sql_hunts
from services.detections.application.hunts.processes import ROOT
from services.detections.domain.errors import HuntFailed, HuntRefused, HuntTooSlow
from services.detections.domain.formats.records import Alert, LogSource, Record, Source

NOON = datetime(2026, 11, 24, 12, 5, tzinfo=UTC)
ORIGIN = BatchOrigin(7, "ab" * 32, "sensor-1", NOON)


def record(number: int, **fields: object) -> Record:
    return Record(number, Source.WINDOWS, NOON, "desk-1", "10.0.0.1", b"", {"EventID": "1", **fields})


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    scratch = Scratch.open(tmp_path / "scratch")
    rows = [row_of(record(number, Image=f"C:\\a{number}.exe"), ORIGIN, NOON) for number in range(50)]
    path = tmp_path / "hour.parquet"
    path.write_bytes(write(scratch, rows).content)
    return [path]


def test_a_record_comes_back_from_the_archive_as_it_went_in(tmp_path: Path) -> None:
    whole = Record(
        3, Source.SURICATA, NOON, "h", "a", b"", {"a.b": ["x", 1, None], "ü": "\u2028"},
        Alert("r", "t", 4, ("T1059",), "10.0.0.1", "10.0.0.2"), "text", LogSource("zeek", "", "dns"),
    )  # fmt: skip
    path = tmp_path / "hour.parquet"
    path.write_bytes(write(Scratch.open(tmp_path / "scratch"), [row_of(whole, ORIGIN, NOON)]).content)
    with duckdb.connect() as connection:
        result = connection.execute(f"FROM read_parquet('{path}')")
        names = [column[0] for column in result.description or ()]
        (row,) = result.fetchall()
    assert record_of(dict(zip(names, row, strict=True))) == whole


async def test_a_question_is_answered_from_the_fields_of_the_records(files: list[Path]) -> None:
    found = await sql_hunts.answer(
        "SELECT record, fields->>'Image' AS image FROM telemetry WHERE image LIKE '%a7.exe'", files
    )
    assert found == sql_hunts.Answer(("record", "image"), ((7, "C:\\a7.exe"),), False)


async def test_a_period_without_telemetry_is_an_empty_table(files: list[Path]) -> None:
    assert (await sql_hunts.answer("SELECT count(*) AS n FROM telemetry", [])).rows == ((0,),)


async def test_merged_files_hold_every_record_once_in_order(files: list[Path], tmp_path: Path) -> None:
    scratch = Scratch.open(tmp_path / "other")
    late = write(scratch, [row_of(record(number), BatchOrigin(3, "cd" * 32, "s", NOON), NOON) for number in range(5)])
    merged = merge(scratch, [files[0].read_bytes(), late.content])
    assert merged.records == 55
    (tmp_path / "merged.parquet").write_bytes(merged.content)
    found = await sql_hunts.answer("SELECT batch_position, record FROM telemetry", [tmp_path / "merged.parquet"])
    assert list(found.rows) == [(3, n) for n in range(5)] + [(7, n) for n in range(50)]
    assert not any((tmp_path / "other").iterdir())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('/**/*.parquet')",
        "SELECT * FROM glob('/*')",
        "COPY (SELECT 1) TO '/tmp/tenet-hunt.csv'",
        "COPY telemetry TO '/tmp/tenet-hunt.csv'",
        "ATTACH '/tmp/tenet-hunt.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '100GB'",
        "RESET lock_configuration",
        "DROP VIEW telemetry",
        "CREATE TABLE t AS SELECT 1",
        "PRAGMA database_list",
        "SELECT 1; SELECT 2",
        "",
        "SELEC 1",
        "SELECT * FROM nowhere",
        "EXPORT DATABASE '/tmp/tenet-hunt'",
        "CALL pragma_version()",
        "SELECT * FROM query('COPY telemetry TO ''/tmp/tenet-hunt.csv''')",
    ],
)
async def test_what_is_more_than_one_question_about_the_telemetry_is_refused(files: list[Path], sql: str) -> None:
    with pytest.raises(HuntRefused):
        await sql_hunts.answer(sql, files)
    assert not list(Path("/tmp").glob("tenet-hunt*"))


async def test_an_answer_that_is_too_long_says_so(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_hunts, "MAX_HUNT_ROWS", 10)
    found = await sql_hunts.answer("SELECT record FROM telemetry", files)
    assert (len(found.rows), found.truncated) == (10, True)


async def test_a_question_without_end_is_ended(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_hunts, "HUNT_SECONDS", 1)
    endless = "SELECT count(*) FROM range(1000000000000) a, range(1000000) b"
    with pytest.raises(HuntTooSlow):
        await sql_hunts.answer(endless, files)


async def test_a_question_that_wants_too_much_memory_harms_nobody(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_hunts, "HUNT_MEMORY", "20MB")
    greedy = "SELECT list(a.range || b.range) FROM range(100000) a, range(1000) b"
    with pytest.raises((HuntRefused, HuntFailed)):
        await sql_hunts.answer(greedy, files)


@pytest.mark.parametrize(
    "greedy",
    ["SELECT repeat('x', 500000000) FROM range(100)", "SELECT list(i) FROM range(30000000) t(i)"],
)
async def test_what_an_answer_takes_beyond_the_database_is_limited_as_well(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, greedy: str
) -> None:
    monkeypatch.setattr(sql_hunts, "HUNT_ADDRESS_SPACE", 1024**3)
    with pytest.raises((HuntRefused, HuntFailed)):
        await sql_hunts.answer(greedy, files)


async def test_no_question_puts_telemetry_into_a_file_where_the_next_one_finds_it(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_hunts, "HUNT_MEMORY", "100MB")
    sorted_by_nothing = "SELECT i, hash(i) AS h FROM range(20000000) t(i) ORDER BY h"
    with pytest.raises((HuntRefused, HuntFailed)):
        await sql_hunts.answer(sorted_by_nothing, files)
    settings = "SELECT current_setting('temp_directory'), current_setting('allowed_directories')"
    assert (await sql_hunts.answer(settings, files)).rows == (("", "[]"),)
    with pytest.raises(HuntRefused):
        await sql_hunts.answer(f"EXPLAIN ANALYZE COPY telemetry TO '{files[0].with_name('more')}'", files)


async def test_numbers_that_not_every_reader_of_json_knows_are_texts(files: list[Path]) -> None:
    found = await sql_hunts.answer(
        "SELECT 170141183460469231731687303715884105727, 'nan'::DOUBLE, '-inf'::DOUBLE, 9007199254740993, 0.5", files
    )
    assert found.rows == (("170141183460469231731687303715884105727", "nan", "-inf", 9007199254740993, "0.5"),)


async def test_a_question_ends_with_the_process_that_asked_it_even_when_that_is_killed(files: list[Path]) -> None:
    """Nobody else would end it: a question may run for ever without a word."""
    asking = (
        "import asyncio, sys; from pathlib import Path; from services.detections.application.hunts import sql_hunts;"
        "asyncio.run(sql_hunts.answer('SELECT count(*) FROM range(1000000000000) a, range(1000000) b',"
        " [Path(sys.argv[1])]))"
    )
    parent = psutil.Popen([sys.executable, "-c", asking, str(files[0])], cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while not (family := parent.children()) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        assert family
    finally:
        parent.kill()
        parent.wait()
    _, left = await asyncio.to_thread(psutil.wait_procs, family, 30)
    assert left == []
