"""Parquet files by DuckDB. Plain bytes lie in a scratch directory while they are written or read, and nowhere else."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import orjson

from infra.keys.files import make_directory
from services.detections.application.archive.rows import COLUMNS, source_of
from services.detections.config import ARCHIVE_MEMORY, MAX_RECORD_BYTES

_READ_AS = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
_JSON_ROOM = 4
"""How many times longer than its record a row's JSON may be."""


class Scratch:
    """A private directory for plain files, empty when the service starts and after each use."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def open(cls, directory: Path) -> "Scratch":
        """Removes what a process that was killed has left there."""
        shutil.rmtree(directory, ignore_errors=True)
        make_directory(directory)
        return cls(directory)

    @contextmanager
    def room(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self.directory) as room:
            yield Path(room)

    def database(self) -> duckdb.DuckDBPyConnection:
        """One in memory for all files; what does not fit there lies within this directory, too."""
        return _database(self.directory / "spilled")


@dataclass(frozen=True, slots=True)
class ParquetFile:
    content: bytes
    records: int


def write(scratch: Scratch, rows: Sequence[Mapping[str, Any]]) -> ParquetFile:
    """Rows of one hour as a Parquet file, in order of their time."""
    with scratch.room() as room:
        lines, target = room / "rows.ndjson", room / "rows.parquet"
        lines.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
        source = (
            f"read_json('{lines}', format='newline_delimited', columns={{{_READ_AS}}},"
            f" maximum_object_size={_JSON_ROOM * MAX_RECORD_BYTES})"
        )
        _copy(scratch, source, target)
        return ParquetFile(target.read_bytes(), len(rows))


def merge(scratch: Scratch, contents: Sequence[bytes]) -> ParquetFile:
    """Several files of one hour as one."""
    with scratch.room() as room:
        parts = [room / f"{number}.parquet" for number in range(len(contents))]
        for path, content in zip(parts, contents, strict=True):
            path.write_bytes(content)
        target = room / "merged.parquet"
        records = _copy(scratch, source_of([str(path) for path in parts]), target)
        return ParquetFile(target.read_bytes(), records)


def _copy(scratch: Scratch, source: str, target: Path) -> int:
    with scratch.database().cursor() as cursor:
        return copy(cursor, source, target)


def copy(cursor: duckdb.DuckDBPyConnection, source: str, target: Path) -> int:
    """Writes what a source gives to a file; how many rows it gave. The paths are this program's own."""
    cursor.execute(
        f"COPY (SELECT * FROM {source} ORDER BY occurred_at, batch_position, record)"  # noqa: S608  # See above.
        f" TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
    )
    row = cursor.fetchone()
    return int(row[0]) if row else 0


@lru_cache(maxsize=1)
def _database(spilled: Path) -> duckdb.DuckDBPyConnection:
    """Kept: to open one costs several times as much as writing a small file does."""
    return duckdb.connect(config={"threads": 1, "memory_limit": ARCHIVE_MEMORY, "temp_directory": str(spilled)})
