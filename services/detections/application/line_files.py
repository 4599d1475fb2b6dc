"""The lines of a file of telemetry by their numbers: plain or packed, with little memory whatever its size."""

import codecs
import gzip
import io
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import cast

import zstandard

from services.detections.config import MAX_RECORD_BYTES, READ_CHUNK_BYTES
from services.detections.domain.formats.archives import GZIP, ZIP, ZSTD, is_telemetry, telemetry_in
from services.detections.domain.formats.pieces import cut, is_utf16, is_wrapping, spans_lines, without_mark
from services.detections.domain.formats.records import Reason

STANDARD_INPUT = "-"
BROKEN = (
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    zstandard.ZstdError,
    tarfile.TarError,
    NotImplementedError,  # Of `zipfile`: a way of packing that it does not know.
    RuntimeError,  # Of `zipfile`: an archive under a password.
)
"""What reading on raises, beside OSError, where a packed file is broken."""
_TAR_MAGIC_AT, _TAR_MAGIC = 257, b"ustar"
_SPACE = b" \t\r\n"

Line = tuple[int, bytes, Reason | None]
"""Number from 0, content without its end, and why it is unreadable where that shows before it is read."""


def numbered(path: Path) -> Iterator[Line]:
    """Every line, blank ones too. What is one value over many lines, such as an array, counts by its records.

    The telemetry of an archive counts on from member to member, in their order. Raises OSError, and what `BROKEN`
    names.
    """
    number = 0
    with ExitStack() as stack:
        for stream in _streams(path, stack):
            for data, reason in _parts(stream):
                yield number, data, reason
                number += 1


def _parts(stream: io.BufferedReader) -> Iterator[tuple[bytes, Reason | None]]:
    if is_utf16(stream.peek(2)[:2]):
        stream = io.BufferedReader(_Recoded(stream))
    first = without_mark(stream.readline(MAX_RECORD_BYTES + 1))
    if not _counts_by_records(first, stream):
        yield from _lines(first, stream)
        return
    for piece in cut(chain((first,), iter(lambda: stream.read(READ_CHUNK_BYTES), b""))):
        if piece is not None:
            yield piece.data, piece.reason


def _counts_by_records(first: bytes, stream: io.BufferedReader) -> bool:
    """Whether the first line does not stand for itself. Arrays may, if each of several lines is one."""
    text = first.strip(_SPACE)
    if text.startswith(b"[") and text.endswith(b"]"):
        return not stream.peek(1)
    return spans_lines(first) or (len(first) > MAX_RECORD_BYTES and is_wrapping(first))


def _lines(first: bytes, stream: io.BufferedReader) -> Iterator[tuple[bytes, Reason | None]]:
    """One that exceeds the limit comes cut, and is then unreadable as what it is."""
    line = first
    while line:
        whole = line
        while not whole.endswith(b"\n") and (whole := stream.readline(MAX_RECORD_BYTES)):
            pass  # The rest of an overlong line is passed over.
        yield line.rstrip(b"\r\n"), Reason.RECORD_TOO_LONG if len(line) > MAX_RECORD_BYTES else None
        line = stream.readline(MAX_RECORD_BYTES + 1)


def _streams(path: Path, stack: ExitStack) -> Iterator[io.BufferedReader]:
    if str(path) == STANDARD_INPUT:
        # Its class is not the one that is declared for it.
        yield from _unpacked(cast("io.BufferedReader", sys.stdin.buffer), stack)
    else:
        yield from _unpacked(stack.enter_context(path.open("rb")), stack)


def _unpacked(stream: io.BufferedReader, stack: ExitStack) -> Iterator[io.BufferedReader]:
    """What is packed shows by its first bytes, whatever the file is called."""
    start = stream.peek(4)[:4]
    if start.startswith(GZIP):
        plain = stack.enter_context(gzip.GzipFile(fileobj=stream))
        yield from _perhaps_tar(io.BufferedReader(cast("io.RawIOBase", plain)))
    elif start.startswith(ZSTD):
        unpacked = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        yield from _perhaps_tar(io.BufferedReader(cast("io.RawIOBase", unpacked)))
    elif start.startswith(ZIP):
        if not stream.seekable():
            raise NotImplementedError("a zip archive is read from a file only, since its directory is at its end")
        archive = stack.enter_context(zipfile.ZipFile(stream))
        for member in telemetry_in(archive):
            with archive.open(member) as inner:
                yield io.BufferedReader(cast("io.RawIOBase", inner))
    else:
        yield from _perhaps_tar(stream)


def _perhaps_tar(stream: io.BufferedReader) -> Iterator[io.BufferedReader]:
    """Members are read as they pass by; their names are only judged, never used as paths."""
    if not stream.peek(_TAR_MAGIC_AT + len(_TAR_MAGIC))[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC):
        yield stream
        return
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() and is_telemetry(member.name) else None
            if content is not None:
                yield io.BufferedReader(cast("io.RawIOBase", content))


class _Recoded(io.RawIOBase):
    """A stream of UTF-16, which begins with its mark, as UTF-8. What is no character becomes U+FFFD."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than any buffer
        data, ended = b"", False
        while not data and not ended:
            # Two bytes of UTF-16 are three of UTF-8 at most, and a half of a pair may have been kept from before.
            content = self._stream.read(max(2, len(buffer) // 2 - 4))
            ended = not content
            data = self._decoder.decode(content, final=ended).encode()
        buffer[: len(data)] = data
        return len(data)
