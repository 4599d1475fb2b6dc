"""Files of telemetry as batches: unpacked and cut at line ends here, so that any size can be sent with little memory.

A batch's identifier follows from its content. Sending the same files again therefore changes nothing.
"""

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol

from tenet.detections.v1 import detections_pb2 as pb

from infra.cli.problems import Problem, UsageProblem

MAX_BATCH_BYTES = 1024 * 1024
"""What one batch holds, unless a line is longer, or equal lines have to stay together."""
MAX_WHOLE_BYTES = 8 * 1024 * 1024
"""The most that Tenet takes as one batch. A JSON array cannot be cut at line ends and is sent whole."""
LONGEST_LINE_BYTES = 1024 * 1024 + 4096
"""Of a longer line this much is sent, which is more than Tenet reads as one record: it puts it aside and counts it."""
SNIFFED_BYTES = 65_536
LONGEST_HEADER_BYTES = 1_024
SUFFIXES = (".json", ".jsonl", ".ndjson", ".log", ".csv", ".gz", ".zip")
"""What is taken from a directory. A file that is named itself is taken whatever it is called."""


class Readable(Protocol):
    """What a plain file, an unpacked one and a member of an archive have in common."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...


class Format(StrEnum):
    """How telemetry is written, as people type it."""

    AUTOMATIC = "automatic"
    WINDOWS_EVENT = "windows_event"
    WAZUH = "wazuh"
    SURICATA_EVE = "suricata_eve"
    ALERT_CSV = "alert_csv"

    @property
    def wire(self) -> "pb.TelemetryFormat.ValueType":
        if self is Format.AUTOMATIC:
            return pb.TELEMETRY_FORMAT_UNSPECIFIED
        return pb.TelemetryFormat.Value(f"TELEMETRY_FORMAT_{self.name}")


@dataclass(frozen=True, slots=True)
class Batch:
    """`file_bytes` is how far this batch has brought its file, as it lies on the disk: what a progress bar counts."""

    content: bytes
    path: Path
    file_bytes: int

    @property
    def batch_id(self) -> str:
        return f"cli-{hashlib.sha256(self.content).hexdigest()[:32]}"

    def halves(self) -> "tuple[Batch, Batch] | None":
        """Two batches of half the lines each, for a batch that raises too much at once; None for a single line."""
        lines = self.content.splitlines(keepends=True)
        header = lines[:1] if _is_csv_header(lines[0]) else []
        body = lines[len(header) :]
        if len(body) < 2:
            return None
        middle = len(body) // 2
        seen = {_mark(line) for line in body[:middle]}
        while middle < len(body) - 1 and _mark(body[middle]) in seen:
            middle += 1
        first, second = b"".join([*header, *body[:middle]]), b"".join([*header, *body[middle:]])
        return Batch(first, self.path, 0), Batch(second, self.path, self.file_bytes)


def expand(paths: Iterable[Path]) -> list[Path]:
    """The files of all paths, those of directories in the order of their names. Raises UsageProblem."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(each for each in path.rglob("*") if each.is_file() and each.name.endswith(SUFFIXES))
        elif path.is_file():
            found.append(path)
        else:
            raise UsageProblem(f"{path} is not there.")
    if not found:
        raise UsageProblem("There is no telemetry in these paths.", hint=f"files end in {', '.join(SUFFIXES)}.")
    return found


def batches_of(paths: Iterable[Path], at_most: int = MAX_BATCH_BYTES) -> Iterator[Batch]:
    """Raises Problem for a file that cannot be read on; what was yielded before it stands."""
    for path in paths:
        with _readable(path), path.open("rb") as raw:
            for name, stream in _opened(path, raw):
                yield from _cut(name, stream, raw, path, at_most)


def format_of(path: Path) -> Format:
    """What a file looks like, by its first line; `AUTOMATIC` where that does not tell. Raises Problem."""
    with _readable(path), path.open("rb") as raw:
        for name, stream in _opened(path, raw):
            start = stream.read(SNIFFED_BYTES)
            if name.endswith(".csv") or _is_csv_header(start):
                return Format.ALERT_CSV
            for sign, found in _SIGNS:
                if sign in start:
                    return found
    return Format.AUTOMATIC


_SIGNS = (
    (b'"winlog"', Format.WINDOWS_EVENT),
    (b'"EventID"', Format.WINDOWS_EVENT),
    (b'"event_type"', Format.SURICATA_EVE),
    (b'"decoder"', Format.WAZUH),
)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise Problem(
            "FILE_UNREADABLE",
            f"{path} cannot be read on: {str(error) or type(error).__name__}.",
            hint="what was sent of it before stands; sending it again once it is whole repeats nothing.",
        ) from error


def _opened(path: Path, raw: IO[bytes]) -> Iterator[tuple[str, Readable]]:
    """The streams in a file by name: itself, or what an archive holds."""
    start = raw.read(4)
    raw.seek(0)
    if start.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=raw) as stream:
            yield path.name.removesuffix(".gz"), stream
    elif start.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(raw) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    with archive.open(member) as stream:
                        yield member.filename, stream
    else:
        yield path.name, raw


def _cut(name: str, stream: Readable, raw: IO[bytes], path: Path, at_most: int) -> Iterator[Batch]:
    """Equal records stay in one batch: there Tenet counts them; in another it would take them for sent again."""
    held: list[bytes] = []
    seen: set[bytes] = set()
    header, size = b"", 0
    first = True
    for line in _lines(stream):
        if first:
            first = False
            if line.lstrip().startswith(b"["):
                yield _whole(name, line + stream.read(MAX_WHOLE_BYTES), raw, path)
                return
            if _is_csv_header(line):
                header = line
                continue
        full = size + len(line) > at_most and _mark(line) not in seen
        if held and (full or size + len(line) > MAX_WHOLE_BYTES - len(header)):
            yield Batch(header + b"".join(held), path, raw.tell())
            held, size = [], 0
            seen.clear()
        held.append(line)
        seen.add(_mark(line))
        size += len(line)
    if held:
        yield Batch(header + b"".join(held), path, raw.tell())


def _mark(line: bytes) -> bytes:
    """What equal records have in common: the whole line, and for CSV the time, by which such files are sorted."""
    return line if line.lstrip().startswith(b"{") else line.partition(b",")[0]


def _lines(stream: Readable) -> Iterator[bytes]:
    while line := stream.readline(LONGEST_LINE_BYTES):
        if len(line) == LONGEST_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(LONGEST_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            line += b"\n"
        yield line


def _whole(name: str, content: bytes, raw: IO[bytes], path: Path) -> Batch:
    if len(content) > MAX_WHOLE_BYTES:
        raise Problem(
            "ARRAY_TOO_LARGE",
            f"{name} is one JSON array of more than {MAX_WHOLE_BYTES} bytes.",
            hint="write it as lines of JSON, one record a line: jq -c '.[]'.",
        )
    return Batch(content, path, raw.tell())


def _is_csv_header(start: bytes) -> bool:
    """Whether a first line names the columns of the alert CSV, in whatever order."""
    columns = {word.strip(b' "') for word in start.split(b"\n", 1)[0][:LONGEST_HEADER_BYTES].split(b",")}
    return columns >= {b"time", b"name", b"ip", b"host"}
