"""Opens what a sensor or a person packed: gzip, zstd and zip, bounded in size and number, never unpacked to a path.

A truncated or corrupt archive yields what could be read before the break, then the reason. Member names are only
judged, never used as paths. An archive within an archive is put aside.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import zstandard

from services.detections.config import (
    MAX_ARCHIVE_MEMBERS,
    MAX_UNPACKED_BYTES,
    MAX_ZSTD_WINDOW_BYTES,
    READ_CHUNK_BYTES,
)
from services.detections.domain.formats.records import Reason

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SLICE_BYTES = 256
"""What is fed at a time: a block of four bytes can stand for 128 KiB, so a slice comes to 8 MiB at most."""
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
BOUNDED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of these the standard library unpacks no more at a time than it is asked for; of the others it unpacks everything."""
_MEMBER_KINDS = (".json", ".jsonl", ".ndjson", ".csv", ".log", ".txt", ".evtx", ".cef")
_ABOUT_FILES = "__macosx/"
"""The folder in which one system's archives keep what they know of the other members."""


@dataclass(slots=True)
class Unpacking:
    """What is left of a batch's allowance, and what had to be put aside while unpacking."""

    allowance: int = MAX_UNPACKED_BYTES
    put_aside: list[tuple[Reason, bytes]] = field(default_factory=list)

    def spend(self, chunk: bytes) -> bool:
        """Takes the chunk off the allowance; False when there is not enough left."""
        self.allowance -= len(chunk)
        return self.allowance >= 0

    def set_aside(self, reason: Reason, sample: str | bytes = b"") -> None:
        self.put_aside.append((reason, sample.encode("utf-8", "replace") if isinstance(sample, str) else sample))


def files(content: bytes, unpacking: Unpacking) -> Iterator[Iterator[bytes]]:
    """Each file in the content as chunks; a plain content is one file."""
    if content.startswith(GZIP):
        yield _gunzip(content, unpacking)
    elif content.startswith(ZSTD):
        yield _unzstd(content, unpacking)
    elif content.startswith(ZIP):
        yield from _members(content, unpacking)
    else:
        yield _slices(content)


def _slices(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), READ_CHUNK_BYTES):
        yield content[start : start + READ_CHUNK_BYTES]


def _gunzip(content: bytes, unpacking: Unpacking) -> Iterator[bytes]:
    """All gzip members one after the other (RFC 1952 allows several)."""
    pending = content
    while pending.startswith(GZIP):
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        ended = False
        while not ended:
            try:
                chunk = inflater.decompress(pending, READ_CHUNK_BYTES)
            except zlib.error:
                unpacking.set_aside(Reason.ARCHIVE_CORRUPT)
                return
            pending, ended = inflater.unconsumed_tail, inflater.eof
            if not unpacking.spend(chunk):
                unpacking.set_aside(Reason.ARCHIVE_TOO_LARGE)
                return
            if chunk:
                yield chunk
            elif not pending and not ended:
                unpacking.set_aside(Reason.ARCHIVE_TRUNCATED)
                return
        pending = inflater.unused_data.lstrip(b"\0")
    if pending:
        unpacking.set_aside(Reason.ARCHIVE_CORRUPT)


def _unzstd(content: bytes, unpacking: Unpacking) -> Iterator[bytes]:
    """All frames one after the other (RFC 8878)."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES)
    frame, at = decompressor.decompressobj(), 0
    while at < len(content):
        slice_ = content[at : at + _ZSTD_SLICE_BYTES]
        try:
            chunk = frame.decompress(slice_)
        except zstandard.ZstdError:
            unpacking.set_aside(Reason.ARCHIVE_CORRUPT)
            return
        at += len(slice_)
        if not unpacking.spend(chunk):
            unpacking.set_aside(Reason.ARCHIVE_TOO_LARGE)
            return
        if chunk:
            yield chunk
        if frame.eof:
            at -= len(frame.unused_data)
            if not content.startswith(ZSTD, at):
                break
            frame = decompressor.decompressobj()
    if not frame.eof:
        unpacking.set_aside(Reason.ARCHIVE_TRUNCATED)
    elif at < len(content):
        unpacking.set_aside(Reason.ARCHIVE_CORRUPT)


def is_telemetry(name: str) -> bool:
    """Whether a member of an archive is called like telemetry."""
    return name.lower().endswith(_MEMBER_KINDS) and not _about_files(name)


def telemetry_in(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members that are called like telemetry; all, where none is."""
    members = [info for info in archive.infolist() if not info.is_dir() and not _about_files(info.filename)]
    return [info for info in members if is_telemetry(info.filename)] or members


def _about_files(name: str) -> bool:
    return name.lower().startswith(_ABOUT_FILES) or name.rpartition("/")[2].startswith("._")


def _members(content: bytes, unpacking: Unpacking) -> Iterator[Iterator[bytes]]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        # The directory of a zip lies at its end, so without it there is nothing that could be trusted.
        unpacking.set_aside(Reason.ARCHIVE_TRUNCATED)
        return
    with archive:
        members = [info for info in archive.infolist() if not info.is_dir() and not _about_files(info.filename)]
        for info in members[:MAX_ARCHIVE_MEMBERS]:
            reason = _refused(info)
            if reason is not None:
                unpacking.set_aside(reason, info.filename[:256])
            elif info.filename.lower().endswith(_MEMBER_KINDS):
                yield _inflate(archive, info, unpacking)
            elif info.filename.lower().endswith((".zip", ".gz", ".tgz", ".tar", ".7z", ".zst")):
                unpacking.set_aside(Reason.ARCHIVE_NESTED, info.filename[:256])
            # Anything else (a licence, a picture) is not telemetry and not counted as such.
        for info in members[MAX_ARCHIVE_MEMBERS:]:
            unpacking.set_aside(Reason.ARCHIVE_TOO_LARGE, info.filename[:256])


def _inflate(archive: zipfile.ZipFile, info: zipfile.ZipInfo, unpacking: Unpacking) -> Iterator[bytes]:
    try:
        with archive.open(info) as member:
            while chunk := member.read(READ_CHUNK_BYTES):
                if not unpacking.spend(chunk):
                    unpacking.set_aside(Reason.ARCHIVE_TOO_LARGE, info.filename[:256])
                    return
                yield chunk
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError):
        unpacking.set_aside(Reason.ARCHIVE_CORRUPT, info.filename[:256])
    except EOFError:
        unpacking.set_aside(Reason.ARCHIVE_TRUNCATED, info.filename[:256])


def _refused(info: zipfile.ZipInfo) -> Reason | None:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or ":" in name[:3] or "\0" in name:
        return Reason.ARCHIVE_NAME_UNSAFE
    if info.flag_bits & 0x1:
        return Reason.ARCHIVE_ENCRYPTED
    return None if info.compress_type in BOUNDED_METHODS else Reason.ARCHIVE_METHOD_REFUSED
