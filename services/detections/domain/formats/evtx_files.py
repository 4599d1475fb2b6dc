"""Windows event log files (`.evtx`) as records of JSON, by the `evtx` package (Rust), within limits.

A file is a header of 4 KiB and chunks of 64 KiB. A broken chunk is put aside as one, the others are read.
"""

import io
from collections.abc import Iterator
from typing import Any

from evtx import PyEvtxParser

from services.detections.config import MAX_PUT_ASIDE_SAMPLE_BYTES, MAX_RECORD_BYTES
from services.detections.domain.formats.records import Piece, Reason

MAGIC = b"ElfFile\x00"
_HEADER_BYTES = 4_096
_CHUNK_BYTES = 65_536
_PANIC = "PanicException"
"""What a panic of the Rust code arrives as: no `Exception`, and in no module that could be imported."""


def is_event_log(content: bytes) -> bool:
    return content.startswith(MAGIC)


def pieces(content: bytes) -> Iterator[Piece]:
    """One piece a record, in the order of the file. Chunks that cannot be read are pieces with a reason."""
    parser = _Guarded(content)
    if not parser.opened:
        yield Piece(content[:MAX_PUT_ASIDE_SAMPLE_BYTES], Reason.ARCHIVE_CORRUPT)
        return
    # More breaks than there are chunks cannot be; the bound keeps a confused parser from going on for ever.
    breaks = len(content) // _CHUNK_BYTES + 1
    while breaks >= 0 and (found := parser.next()) is not None:
        breaks -= found.reason is Reason.ARCHIVE_CORRUPT
        yield found
    if (len(content) - _HEADER_BYTES) % _CHUNK_BYTES:
        yield Piece(b"", Reason.ARCHIVE_TRUNCATED)


class _Guarded:
    """The parser with all that it can raise turned into pieces."""

    def __init__(self, content: bytes) -> None:
        self._records: Iterator[Any] = iter(())
        self.opened = True
        try:
            self._records = PyEvtxParser(io.BytesIO(content), 1).records_json()
        except BaseException as error:  # noqa: BLE001  # A panic of Rust is no Exception; all others are raised again.
            _must_be_the_parsers(error)
            self.opened = False

    def next(self) -> Piece | None:
        try:
            record = next(self._records, None)
        except BaseException as error:  # noqa: BLE001  # A panic of Rust is no Exception; all others are raised again.
            _must_be_the_parsers(error)
            return Piece(str(error).encode("utf-8", "replace")[:MAX_PUT_ASIDE_SAMPLE_BYTES], Reason.ARCHIVE_CORRUPT)
        if record is None:
            return None
        data = record["data"].encode("utf-8", "replace")
        if len(data) > MAX_RECORD_BYTES:
            return Piece(data[:MAX_PUT_ASIDE_SAMPLE_BYTES], Reason.RECORD_TOO_LONG)
        return Piece(data)


def _must_be_the_parsers(error: BaseException) -> None:
    """Raises on what is not about the file: a cancellation, an interrupt, the end of memory."""
    if not isinstance(error, RuntimeError | OSError | ValueError) and type(error).__name__ != _PANIC:
        raise error
