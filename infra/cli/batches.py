"""Files of telemetry as batches: unpacked and cut here, so that any size can be sent with little memory.

A batch's identifier follows from its content and its place in its file. Sending the same files again therefore changes
nothing.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import IO

from tenet.detections.v1 import detections_pb2 as pb

from infra.cli.problems import Problem
from infra.cli.telemetry_files import Readable, opened, readable

MAX_BATCH_BYTES = 1024 * 1024
"""What one batch holds, unless a line is longer."""
MAX_PACKED_BYTES = 8 * 1024 * 1024
"""The most that Tenet takes as one batch, as sent."""
MAX_WHOLE_BYTES = 96 * 1024 * 1024
"""The most that is sent, packed, of what cannot be cut at line ends: a JSON array, or an object over many lines."""
LONGEST_LINE_BYTES = 1024 * 1024 + 4096
"""Of a longer line this much is sent, which is more than Tenet reads as one record: it puts it aside and counts it."""
SNIFFED_BYTES = 65_536
LONGEST_HEADER_BYTES = 1_024
_SPACE = b" \t\r\n"
_EVENT_LOG = b"ElfFile\x00"
_EVENT_LOG_HEADER_BYTES, _EVENT_LOG_CHUNK_BYTES = 4_096, 65_536
_EVENT_LOG_CHUNKS = MAX_BATCH_BYTES // _EVENT_LOG_CHUNK_BYTES
_ZEEK_HEADERS = (b"#separator", b"#set_sep", b"#empty", b"#unset", b"#path", b"#open", b"#fields", b"#types")
"""How a log of Zeek says before its rows how they are written."""
_WRAPPED = re.compile(rb'\s*\{\s*"(?:Records|records|value|Events|@odata\.[a-z]+|kind"\s*:\s*"EventList)"')
"""Begins an object that wraps an array of records, which is longer than a line may be."""

_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|Events?[\s>])")
"""Begins Windows events in XML."""
_ENDED = re.compile(rb"</Event>\s*$")
_EVENTS = re.compile(rb".*?</Event>\s*|.+", re.DOTALL)


class Format(StrEnum):
    """How telemetry is written, as people type it."""

    AUTOMATIC = "automatic"
    WINDOWS_EVENT = "windows_event"
    WAZUH = "wazuh"
    SURICATA_EVE = "suricata_eve"
    ALERT_CSV = "alert_csv"
    AUDITD = "auditd"
    SYSLOG = "syslog"
    ZEEK = "zeek"
    CLOUDTRAIL = "cloudtrail"
    OKTA = "okta"
    MICROSOFT_365 = "microsoft_365"
    ENTRA = "entra"
    KUBERNETES_AUDIT = "kubernetes_audit"
    CEF = "cef"
    OCSF = "ocsf"

    @property
    def wire(self) -> "pb.TelemetryFormat.ValueType":
        if self is Format.AUTOMATIC:
            return pb.TELEMETRY_FORMAT_UNSPECIFIED
        return pb.TelemetryFormat.Value(f"TELEMETRY_FORMAT_{self.name}")


@dataclass(frozen=True, slots=True)
class Batch:
    """`first_record` is how many records of the file come before; Tenet tells equal records apart by it.

    `header` is the part of the content that says how the lines after it are written. `file_bytes` is how far this batch
    has brought its file, as it lies on the disk: what a progress bar counts.
    """

    content: bytes
    path: Path
    file_bytes: int
    first_record: int = 0
    header: bytes = b""

    @property
    def batch_id(self) -> str:
        digest = hashlib.sha256(self.content)
        digest.update(b"@%d" % self.first_record)
        return f"cli-{digest.hexdigest()[:32]}"

    def halves(self) -> "tuple[Batch, Batch] | None":
        """Two batches of half the lines each, for a batch that raises too much at once; None for a single line."""
        content = self.content.removeprefix(self.header)
        body = _EVENTS.findall(content) if _XML.match(content) else content.splitlines(keepends=True)
        if len(body) < 2 or b"\0" in self.content[:LONGEST_HEADER_BYTES]:
            return None
        middle = len(body) // 2
        first, second = b"".join(body[:middle]), b"".join(body[middle:])
        before = self.first_record + _records(body[:middle])
        return (
            Batch(self.header + first, self.path, 0, self.first_record, self.header),
            Batch(self.header + second, self.path, self.file_bytes, before, self.header),
        )


def batches_of(
    paths: Iterable[Path], at_most: int = MAX_BATCH_BYTES, *, named_columns: bool = False
) -> Iterator[Batch]:
    """Raises Problem for a file that cannot be read on; what was yielded before it stands.

    `named_columns` says that the first line of each file names its columns, as a declared mapping for CSV has it.
    """
    for path in paths:
        with readable(path), path.open("rb") as raw:
            for name, stream in opened(path, raw):
                yield from _cut(_Source(name, stream, raw, path), at_most, named_columns=named_columns)


def format_of(path: Path) -> Format:
    """What a file looks like, by its first line; `AUTOMATIC` where that does not tell. Raises Problem."""
    with readable(path), path.open("rb") as raw:
        for name, stream in opened(path, raw):
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


@dataclass(frozen=True, slots=True)
class _Source:
    """One stream, the file that it is in, and how far that has been read."""

    name: str
    stream: Readable
    raw: IO[bytes]
    path: Path

    def batch(self, content: bytes, first_record: int = 0, header: bytes = b"") -> Batch:
        return Batch(content, self.path, self.raw.tell(), first_record, header)


def _cut(source: _Source, at_most: int, *, named_columns: bool) -> Iterator[Batch]:
    first = source.stream.readline(LONGEST_LINE_BYTES)
    if first.startswith(_EVENT_LOG):
        yield from _cut_event_log(source, first)
    elif not named_columns and _spans_lines(first):
        yield _whole(source, first)
    else:
        yield from _cut_lines(source, first, at_most, named_columns=named_columns)


def _cut_lines(source: _Source, first: bytes, at_most: int, *, named_columns: bool) -> Iterator[Batch]:
    """Whole lines; what the file's first lines say of the others is said again in every batch.

    An event in XML may take several lines, which stay together unless it is longer than any record may be.
    """
    held: list[bytes] = []
    header, size, before = b"", 0, 0
    in_xml = _XML.match(first) is not None
    for line in _lines(source.stream, first):
        if _is_header(line, is_first=not (header or held or before), named_columns=named_columns):
            if held:
                # Files of the same kind may lie one behind the other in one stream, each with its own header.
                yield source.batch(header + b"".join(held), before, header)
                before += _records(held)
                held, size = [], 0
            header = line if line.startswith(b"#separator") or not line.startswith(b"#") else header + line
            continue
        full = bool(held) and size + len(line) > at_most
        if full and (not in_xml or size > 2 * at_most or _ENDED.search(held[-1])):
            yield source.batch(header + b"".join(held), before, header)
            before += _records(held)
            held, size = [], 0
        held.append(line)
        size += len(line)
    if held:
        yield source.batch(header + b"".join(held), before, header)


def _records(lines: Iterable[bytes]) -> int:
    """Lines that are not blank, which is what Tenet counts; of XML, about: its events name themselves."""
    return sum(1 for line in lines if line.strip(_SPACE))


def _lines(stream: Readable, first: bytes) -> Iterator[bytes]:
    for line in chain((first,), iter(lambda: stream.readline(LONGEST_LINE_BYTES), b"")):
        if len(line) == LONGEST_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(LONGEST_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield line + b"\n"
        elif line:
            yield line


def _cut_event_log(source: _Source, first: bytes) -> Iterator[Batch]:
    """A Windows event log's chunks stand for themselves, so some of them after the file's header are a log too."""
    held = bytearray(first)
    while len(held) < _EVENT_LOG_HEADER_BYTES and (more := source.stream.read(_EVENT_LOG_HEADER_BYTES)):
        held += more
    header = bytes(held[:_EVENT_LOG_HEADER_BYTES])
    del held[:_EVENT_LOG_HEADER_BYTES]
    size = _EVENT_LOG_CHUNKS * _EVENT_LOG_CHUNK_BYTES
    while True:
        while len(held) < size and (more := source.stream.read(size - len(held))):
            held += more
        if held:
            yield source.batch(header + bytes(held[:size]))
        if len(held) < size:
            return
        del held[:size]


def _whole(source: _Source, first: bytes) -> Batch:
    content = first + source.stream.read(MAX_WHOLE_BYTES + 1 - len(first))
    packed = content if len(content) <= MAX_BATCH_BYTES else gzip.compress(content, 6, mtime=0)
    if len(content) > MAX_WHOLE_BYTES or len(packed) > MAX_PACKED_BYTES:
        raise Problem(
            "ARRAY_TOO_LARGE",
            f"{source.name} is one JSON array, or one object over many lines, of more than {MAX_WHOLE_BYTES} bytes.",
            hint="write it as lines of JSON, one record a line: jq -c '.[]'.",
        )
    return source.batch(packed)


def _spans_lines(first: bytes) -> bool:
    """Whether this begins a JSON array, an object whose first line is only its opening, or one that wraps records."""
    text = first.lstrip(_SPACE + b"\xef\xbb\xbf")
    long = len(first) == LONGEST_LINE_BYTES
    return text.startswith(b"[") or text.strip(_SPACE) == b"{" or (long and _WRAPPED.match(text) is not None)


def _is_header(line: bytes, *, is_first: bool, named_columns: bool) -> bool:
    if named_columns:
        return is_first
    return line.startswith(_ZEEK_HEADERS) or (is_first and _is_csv_header(line))


def _is_csv_header(start: bytes) -> bool:
    """Whether a first line names the columns of the alert CSV, in whatever order."""
    columns = {word.strip(b' "\r\xef\xbb\xbf') for word in start.split(b"\n", 1)[0][:LONGEST_HEADER_BYTES].split(b",")}
    return columns >= {b"time", b"name", b"ip", b"host"}
