"""Cuts a stream of bytes into records without ever holding more than one record's limit.

Lines are cut at line feeds, Windows events in XML at their ends. JSON that is not one object a line (an array of
objects, or objects spread over several lines) is cut at the level of its objects. What exceeds the limit is skipped to
its end and reported with its first bytes, so the records after it are read all the same. JSON's strings hold no line
feed: a string that meets one was never ended, so its record is given up there, and the ones after it are read. Text in
UTF-16 is read as what it is in UTF-8.

Between chunks the cutters yield None, so that whoever reads can pause however little a stream turns out to hold.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from services.detections.config import MAX_PUT_ASIDE_SAMPLE_BYTES, MAX_RECORD_BYTES
from services.detections.domain.formats import evtx_files
from services.detections.domain.formats.records import Piece, Reason
from services.detections.domain.formats.windows_xml import END, START

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_WRAPPED = re.compile(
    rb'\s*\{\s*(?:"@odata\.[a-z]{1,32}"\s*:\s*"[^"]{0,400}"\s*,\s*)?"(?:Records|records|value|Events)"\s*:\s*\['
    rb'|\s*\{\s*"kind"\s*:\s*"EventList"[^\[]{0,400}"items"\s*:\s*\['
)
"""An object that only wraps an array of records: CloudTrail's files, Azure's exports, Graph's answers, Kubernetes."""
_XML = re.compile(rb"\s*<(?:\?xml|Events?[\s>])")
_OUTSIDE = re.compile(rb'["{]')
_MARK = re.compile(rb'["{}\[\]]')
_WITHIN_STRING = re.compile(rb'(?:[^"\\\n]++|\\.)*+', re.DOTALL)
_SEAM = re.compile(rb"(?<=\})\s*,\s*(?=\{)")
_MAX_JOINED_PARTS = 8
_BACKSLASH, _LINE_FEED = 0x5C, 0x0A
_SPACE = b" \t\r\n"


def cut(chunks: Iterable[bytes]) -> Iterator[Piece | None]:
    """The records of one file in order. Blank lines are not records."""
    stream = iter(chunks)
    head = _head(stream)
    if is_utf16(head):
        stream = _recoded(_prepend(head, stream))
        head = _head(stream)
    head = without_mark(head)
    if evtx_files.is_event_log(head):
        # Its parser wants the whole, which the allowance for unpacking bounds.
        yield from evtx_files.pieces(b"".join(_prepend(head, stream)))
        return
    wrapped = _WRAPPED.match(head)
    if wrapped:
        head = b"[" + head[wrapped.end() :]
    rest = _prepend(head, stream)
    if wrapped or _is_json_over_lines(head):
        yield from cut_values(rest)
    elif _begins_xml(head):
        yield from cut_events(rest)
    else:
        yield from cut_lines(rest)


def spans_lines(head: bytes) -> bool:
    """Whether a file that begins so is cut otherwise than at its lines. `head` is the first line, or more."""
    first = head.partition(b"\n")[0].strip(_SPACE)
    over_lines = _begins_xml(head) and not (START.match(first) and first.endswith(END))
    return _is_json_over_lines(head) or over_lines or evtx_files.is_event_log(head)


def is_wrapping(head: bytes) -> bool:
    return _WRAPPED.match(head) is not None


def is_utf16(head: bytes) -> bool:
    """Told by the mark that such files begin with."""
    return head.startswith(_UTF16_MARKS)


def without_mark(head: bytes) -> bytes:
    return head.removeprefix(_BYTE_ORDER_MARK)


def cut_lines(chunks: Iterable[bytes]) -> Iterator[Piece | None]:
    """One piece a line, without its line end."""
    pending = bytearray()
    overlong = False
    for chunk in chunks:
        yield None
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


def cut_events(chunks: Iterable[bytes]) -> Iterator[Piece | None]:
    """One piece for each XML element `Event`. One that is never ended is given up where the next begins.

    XML that holds no event at all is one piece, with that reason.
    """
    held = bytearray()
    overlong = found = False
    for chunk in chunks:
        yield None
        # An end may have begun in the chunk before.
        at = max(0, len(held) - len(END))
        held += chunk
        while (end := held.find(END, at)) >= 0:
            end += len(END)
            if overlong:
                yield _too_long(held)
            else:
                yield from _events(bytes(held[:end]))
            del held[:end]
            at, overlong, found = 0, False, True
        if len(held) > MAX_RECORD_BYTES:
            # The sample of what is too long, and as much as an end that has begun may take.
            del held[MAX_PUT_ASIDE_SAMPLE_BYTES : -len(END)]
            overlong = True
    if overlong:
        yield _too_long(held)
    elif START.search(held) or (held.strip(_SPACE) and not found):
        yield Piece(bytes(held), Reason.NOT_XML)
    else:
        yield from _between(bytes(held))


def _events(data: bytes) -> Iterator[Piece]:
    """The event that ends here, behind those that began before it and did not end, and what lies before them."""
    starts = [start.start() for start in START.finditer(data)]
    if not starts:
        yield Piece(data[-MAX_RECORD_BYTES:], Reason.NOT_XML)
        return
    yield from _between(data[: starts[0]])
    for start, following in pairwise(starts):
        yield Piece(data[start:following], Reason.NOT_XML)
    event = data[starts[-1] :]
    yield Piece(event) if len(event) <= MAX_RECORD_BYTES else _too_long(event)


def _between(data: bytes) -> Iterator[Piece]:
    """Lines of other formats among events; not the tags around all of them, nor the XML declaration."""
    for line in data.splitlines():
        if line.strip(_SPACE) and not line.lstrip(_SPACE).startswith(b"<"):
            yield Piece(line)


def cut_values(chunks: Iterable[bytes]) -> Iterator[Piece | None]:
    """One piece for each JSON object at the outermost level, or within the outermost array."""
    cutter = _ValueCutter()
    for chunk in chunks:
        yield None
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

    @property
    def open(self) -> bool:
        """Whether an object or a string has begun and not ended."""
        return self._depth > 0 or self._in_string

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        at = start = 0
        while at < len(chunk):
            if self._in_string:
                at = self._skip_string(chunk, at)
                if self._unclosed(chunk, at):
                    yield from self._give_up(chunk[start:at])
                continue
            mark = (_MARK if self._depth else _OUTSIDE).search(chunk, at)
            if mark is None:
                break
            at = mark.end()
            symbol = mark.group()
            if symbol == b'"':
                self._in_string = True
            elif symbol in b"{[":
                if self._depth == 0:
                    start = mark.start()
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    self._hold(chunk[start:at])
                    yield self._take()
        if self._depth:
            self._hold(chunk[start:])

    def finish(self) -> Iterator[Piece]:
        if not self._depth:
            return
        if self._overlong:
            yield self._take()
        elif self._in_string:
            yield from _parts(bytes(self._held))
        else:
            yield Piece(bytes(self._held), Reason.NOT_JSON)

    def _unclosed(self, chunk: bytes, at: int) -> bool:
        """Whether the string being read has met a line feed here."""
        return self._in_string and at < len(chunk) and chunk[at] == _LINE_FEED

    def _give_up(self, data: bytes) -> Iterator[Piece]:
        """The string that a line feed ends was never closed; what follows the line feed is read as a new record."""
        self._in_string = False
        if self._depth:
            self._depth = 0
            self._hold(data)
            piece = self._take()
            yield Piece(piece.data, piece.reason or Reason.NOT_JSON)

    def _skip_string(self, chunk: bytes, at: int) -> int:
        """Where the string's end, its line feed or the chunk's end is; behind the closing quote when it was found."""
        if self._escaped:
            self._escaped = False
            at += 1
        skipped = _WITHIN_STRING.match(chunk, at)
        end = skipped.end() if skipped else at
        if end >= len(chunk) or chunk[end] == _LINE_FEED:
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


def _parts(data: bytes) -> Iterator[Piece]:
    """The records of an array whose end was never found, because a string in it was not closed.

    From the seams between objects on, parts are put together until their brackets are even; one whose brackets never
    are is the broken one. Linear, since only a few parts are ever put together.
    """
    parts = _SEAM.split(data.rstrip(_SPACE + b"]"))
    at = 0
    while at < len(parts):
        joined, count = parts[at], 1
        while not _even(joined) and count < _MAX_JOINED_PARTS and at + count < len(parts):
            joined += b"," + parts[at + count]
            count += 1
        if _even(joined):
            yield Piece(joined)
            at += count
        else:
            yield Piece(parts[at], Reason.NOT_JSON)
            at += 1


def _even(data: bytes) -> bool:
    """Whether this is one object with all its brackets and quotes, whatever else may be wrong with it."""
    cutter = _ValueCutter()
    return data.startswith(b"{") and sum(1 for _ in cutter.feed(data)) == 1 and not cutter.open


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


def _recoded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """UTF-16 as UTF-8; what is no character becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


def _begins_xml(head: bytes) -> bool:
    return _XML.match(head) is not None


def _is_json_over_lines(head: bytes) -> bool:
    """Whether this begins a JSON array of objects, or an object whose first line is only its opening."""
    text = head.lstrip(_SPACE)
    if text.startswith(b"["):
        return text[1:].lstrip(_SPACE)[:1] in (b"{", b"]", b"")
    # Nothing cleverer: a broken first line must not make a file of lines be read as one value.
    return text.partition(b"\n")[0].strip(_SPACE) == b"{"
