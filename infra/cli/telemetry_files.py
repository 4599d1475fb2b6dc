"""Opens files of telemetry as streams: plain, gzip, zstd, zip and tar, without unpacking anything to the disk."""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

import zstandard

from infra.cli.problems import Problem, UsageProblem

SUFFIXES = (
    *(".json", ".jsonl", ".ndjson", ".log", ".csv", ".cef", ".evtx"),
    *(".gz", ".zst", ".zip", ".tar", ".tgz"),
)
"""What is taken from a directory. A file that is named itself is taken whatever it is called."""
_NO_TELEMETRY = (".md", ".yml", ".yaml", ".html", ".pdf", ".png", ".jpg", ".py", ".ps1", ".pcap", ".pcapng", ".xml")
"""What archives of recordings hold besides; members of other names are taken."""
_NO_TELEMETRY_NAMES = frozenset({"license", "licence", "readme", ".ds_store"})
_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
"""The marks that files in UTF-16 begin with."""
_TAR_MAGIC_AT, _TAR_MAGIC = 257, b"ustar"
MAX_ARCHIVES_WITHIN = 3
"""Archives within each other that are opened; there are some that hold themselves."""


class Readable(Protocol):
    """What a plain file, an unpacked one and a member of an archive have in common."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...


def expand(paths: Iterable[Path]) -> list[Path]:
    """The files of all paths, those of directories in the order of their names. Raises UsageProblem."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(each for each in path.rglob("*") if each.is_file() and each.name.lower().endswith(SUFFIXES))
        elif path.is_file():
            found.append(path)
        else:
            raise UsageProblem(f"{path} is not there.")
    if not found:
        raise UsageProblem("There is no telemetry in these paths.", hint=f"files end in {', '.join(SUFFIXES)}.")
    return found


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Names the file in whatever reading it raises. Raises Problem."""
    try:
        yield
    except (
        OSError,
        EOFError,
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        zstandard.ZstdError,
        NotImplementedError,  # Of `zipfile`: a way of packing that it does not know.
        RuntimeError,  # Of `zipfile`: an archive under a password.
    ) as error:
        raise Problem(
            "FILE_UNREADABLE",
            f"{path} cannot be read on: {str(error) or type(error).__name__}.",
            hint="what was sent of it before stands; sending it again once it is whole repeats nothing.",
        ) from error


def opened(path: Path, raw: IO[bytes]) -> Iterator[tuple[str, Readable]]:
    """The streams in a file by name: itself, or what an archive holds; an archive in a zip is opened too.

    Raises Problem where archives lie deeper within each other than MAX_ARCHIVES_WITHIN.
    """
    yield from _opened(path.name, raw, 0)


def _opened(name: str, raw: IO[bytes], within: int) -> Iterator[tuple[str, Readable]]:
    start = raw.read(_TAR_MAGIC_AT + len(_TAR_MAGIC))
    raw.seek(0)
    if start.startswith(_GZIP):
        with gzip.GzipFile(fileobj=raw) as stream:
            yield from _perhaps_tar(name.removesuffix(".gz"), io.BufferedReader(cast("io.RawIOBase", stream)))
    elif start.startswith(_ZSTD):
        with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as unpacked:
            yield from _perhaps_tar(name.removesuffix(".zst"), io.BufferedReader(cast("io.RawIOBase", unpacked)))
    elif start.startswith(_ZIP):
        if within >= MAX_ARCHIVES_WITHIN:
            raise Problem("ARCHIVE_TOO_DEEP", f"{name} is an archive within {within} others.", hint="unpack it first.")
        with zipfile.ZipFile(raw) as archive:
            for member in archive.infolist():
                if not member.is_dir() and _may_be_telemetry(member.filename):
                    with archive.open(member) as inner:
                        yield from _opened(member.filename, inner, within + 1)
    elif start[_TAR_MAGIC_AT:] == _TAR_MAGIC:
        yield from _members(raw)
    elif start.startswith(_UTF16):
        yield name, _Recoded(io.TextIOWrapper(cast("io.BufferedReader", raw), "utf-16", errors="replace", newline=""))
    else:
        yield name, raw


class _Recoded:
    """Text as UTF-8, which is what Tenet reads. Sizes are of characters: of at most four times as many bytes."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def read(self, size: int, /) -> bytes:
        return self._text.read(size).encode()

    def readline(self, size: int, /) -> bytes:
        return self._text.readline(size).encode()


def _perhaps_tar(name: str, stream: io.BufferedReader) -> Iterator[tuple[str, Readable]]:
    if stream.peek(_TAR_MAGIC_AT + len(_TAR_MAGIC))[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC):
        yield from _members(stream)
    else:
        yield name, stream


def _members(stream: IO[bytes]) -> Iterator[tuple[str, Readable]]:
    """Members are read as they pass by; their names are only judged, never used as paths."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() and _may_be_telemetry(member.name) else None
            if content is not None:
                yield member.name, content


def _may_be_telemetry(name: str) -> bool:
    last = name.rpartition("/")[2].lower()
    if last.startswith("._"):
        return False  # What one system's archives keep beside a file to remember more of it.
    return not last.endswith(_NO_TELEMETRY) and last.partition(".")[0] not in _NO_TELEMETRY_NAMES
