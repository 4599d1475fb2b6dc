"""Cuts a stream of bytes into records without ever holding more than one record's limit.

Lines are cut at line feeds. JSON that is not one object a line (an array of objects, or objects spread over several
lines) is cut at the level of its objects. What exceeds the limit is skipped to its end and reported with its first
bytes, so the records after it are read all the same.
"""

import re
from collections.abc import Iterable, Iterator

from services.detections.config import MAX_PUT_ASIDE_SAMPLE_BYTES, MAX_RECORD_BYTES
from services.detections.domain.formats.records import Piece, Reason

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MARK = re.compile(rb'["{}\[\]]')
_WITHIN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_BACKSLASH = 0x5C
_SPACE = b" \t\r\n"


def cut(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """The records of one file in order. Blank lines are not records."""
    stream = iter(chunks)
    head = _head(stream)
    head = head.removeprefix(_BYTE_ORDER_MARK)
    rest = _prepend(head, stream)
    yield from cut_values(rest) if _spans_lines(head) else cut_lines(rest)


def cut_lines(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One piece a line, without its line end."""
    pending = bytearray()
    overlong = False
    for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            if overlong or len(pending) + end - start > MAX_RECORD_BYTES:
                yield _too_long(pending or chunk[start:end])
            else:
                line = bytes(pending) + chunk[start:end] if pending else chunk[start:end]
                if line.strip(_SPACE):
                    yield Piece(line.rstrip(b"\r"))
            pending.clear()
            overlong = False
            start = end + 1
        if not overlong:
            pending += chunk[start:]
            if len(pending) > MAX_RECORD_BYTES:
                overlong = True
                del pending[MAX_PUT_ASIDE_SAMPLE_BYTES:]
    if overlong:
        yield _too_long(pending)
    elif pending.strip(_SPACE):
        yield Piece(bytes(pending).rstrip(b"\r"))


def cut_values(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One piece for each JSON object at the outermost level, or within the outermost array."""
    cutter = _ValueCutter()
    for chunk in chunks:
        yield from cutter.feed(chunk)
    yield from cutter.finish()


class _ValueCutter:
    """Follows strings and brackets; holds the object being read, never more than the limit of it."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._overlong = False

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        at = start = 0
        while at < len(chunk):
            if self._in_string:
                at = self._skip_string(chunk, at)
                continue
            mark = _MARK.search(chunk, at)
            if mark is None:
                break
            at = mark.end()
            symbol = mark.group()
            if symbol == b'"':
                self._in_string = True
            elif symbol in b"{[":
                if symbol == b"[" and self._depth == 0:
                    continue
                if self._depth == 0:
                    start = mark.start()
                self._depth += 1
            elif self._depth:
                self._depth -= 1
                if self._depth == 0:
                    self._hold(chunk[start:at])
                    yield self._take()
        if self._depth:
            self._hold(chunk[start:])

    def finish(self) -> Iterator[Piece]:
        if self._depth:
            yield self._take() if self._overlong else Piece(bytes(self._held), Reason.NOT_JSON)

    def _skip_string(self, chunk: bytes, at: int) -> int:
        if self._escaped:
            self._escaped = False
            at += 1
        skipped = _WITHIN_STRING.match(chunk, at)
        end = skipped.end() if skipped else at
        if end >= len(chunk):
            return end
        # What stops the match is the closing quote, or a backslash whose other half is in the next chunk.
        if chunk[end] == _BACKSLASH:
            self._escaped = True
        else:
            self._in_string = False
        return end + 1

    def _hold(self, data: bytes) -> None:
        if self._overlong:
            return
        self._held += data
        if len(self._held) > MAX_RECORD_BYTES:
            self._overlong = True
            del self._held[MAX_PUT_ASIDE_SAMPLE_BYTES:]

    def _take(self) -> Piece:
        piece = _too_long(self._held) if self._overlong else Piece(bytes(self._held))
        self._held.clear()
        self._overlong = False
        return piece


def _too_long(data: bytes | bytearray) -> Piece:
    return Piece(bytes(data[:MAX_PUT_ASIDE_SAMPLE_BYTES]), Reason.RECORD_TOO_LONG)


def _head(stream: Iterator[bytes]) -> bytes:
    """The first bytes up to something that shows the file's kind: a chunk with more than white space."""
    for chunk in stream:
        if chunk.strip(_SPACE + _BYTE_ORDER_MARK):
            return chunk
    return b""


def _prepend(head: bytes, stream: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from stream


def _spans_lines(head: bytes) -> bool:
    """Whether this begins a JSON array of objects, or an object whose first line is only its opening."""
    text = head.lstrip(_SPACE)
    if text.startswith(b"["):
        return text[1:].lstrip(_SPACE)[:1] in (b"{", b"]", b"")
    # Nothing cleverer: a broken first line must not make a file of lines be read as one value.
    return text.partition(b"\n")[0].strip(_SPACE) == b"{"
