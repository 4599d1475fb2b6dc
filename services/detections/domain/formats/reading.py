"""Reads a whole batch: unpacks it, cuts it into records, recognises and parses each, puts aside what it cannot read."""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

import orjson

from services.detections.config import (
    MAX_PUT_ASIDE_SAMPLE_BYTES,
    MAX_PUT_ASIDE_SAMPLES,
    MAX_RECORDS_PER_BATCH,
)
from services.detections.domain.formats import alert_csv, cloudtrail, suricata, wazuh, windows
from services.detections.domain.formats.archives import Unpacking, files
from services.detections.domain.formats.json_values import read_object
from services.detections.domain.formats.pieces import cut
from services.detections.domain.formats.records import Parsed, Piece, Reason, Record, Unreadable

KEY_BYTES = 16


class Format(StrEnum):
    AUTOMATIC = "automatic"
    WINDOWS_EVENT = "windows_event"
    WAZUH = "wazuh"
    SURICATA_EVE = "suricata_eve"
    ALERT_CSV = "alert_csv"


_Parser = tuple[Callable[[Any], bool], Callable[[Any], Parsed]]
_JSON_PARSERS: dict[Format, _Parser] = {
    Format.WINDOWS_EVENT: (windows.recognises, windows.parse),
    Format.WAZUH: (wazuh.recognises, wazuh.parse),
    Format.SURICATA_EVE: (suricata.recognises, suricata.parse),
}
_AUTOMATIC: tuple[_Parser, ...] = (*_JSON_PARSERS.values(), (cloudtrail.recognises, cloudtrail.parse))


class BatchReading:
    """One pass over a batch's content. Iterate `records()` once; then the counts are complete.

    It ends early, with `total` beyond MAX_RECORDS_PER_BATCH, when a batch holds more records than that.

    Memory is bounded by one record, the counts, and the samples of what was put aside.
    """

    def __init__(self, content: bytes, stated: Format) -> None:
        self._content = content
        self._stated = stated
        self._occurrences: Counter[bytes] = Counter()
        self._columns: tuple[str, ...] | None = None
        self._samples: list[dict[str, Any]] = []
        self.put_aside: Counter[Reason] = Counter()
        self.total = 0

    def records(self) -> Iterator[Record]:
        unpacking = Unpacking()
        for chunks in files(self._content, unpacking):
            self._columns = None
            for piece in cut(chunks):
                if self.total > MAX_RECORDS_PER_BATCH:
                    # The caller refuses the batch as a whole, so that nothing of it is lost.
                    return
                record = self._read(piece)
                if record is not None:
                    yield record
        for reason, sample in unpacking.put_aside:
            # What could not be unpacked counts as one record, since nobody can know how many it held.
            self._set_aside(self.total, reason, sample)
            self.total += 1

    def samples(self) -> bytes:
        """What was put aside, as JSON lines of offset, reason and the first bytes in base64; empty if nothing was."""
        return b"".join(orjson.dumps(sample) + b"\n" for sample in self._samples)

    def _read(self, piece: Piece) -> Record | None:
        offset = self.total
        try:
            parsed = self._parse(piece)
        except Unreadable as unreadable:
            self.total += 1
            self._set_aside(offset, unreadable.reason, piece.data)
            return None
        if parsed is None:
            return None
        self.total += 1
        return Record(
            offset,
            parsed.source,
            parsed.occurred_at,
            parsed.host,
            parsed.address,
            self._key(parsed, piece.data),
            parsed.fields,
            parsed.alert,
            parsed.text,
        )

    def _parse(self, piece: Piece) -> Parsed | None:
        """None for a header, which is not a record."""
        if piece.reason is not None:
            raise Unreadable(piece.reason)
        if self._stated in (Format.AUTOMATIC, Format.ALERT_CSV) and not piece.data.lstrip().startswith(b"{"):
            if self._columns is None and alert_csv.is_header(piece.data):
                self._columns = alert_csv.columns_of(piece.data)
                return None
            if self._columns or self._stated is Format.ALERT_CSV or alert_csv.recognises(piece.data):
                return alert_csv.parse(piece.data, self._columns or alert_csv.COLUMNS)
        return self._parse_json(piece.data)

    def _parse_json(self, data: bytes) -> Parsed:
        value = read_object(data)
        parsers = (_JSON_PARSERS[self._stated],) if self._stated in _JSON_PARSERS else _AUTOMATIC
        for recognises, parse in parsers:
            if recognises(value):
                return parse(value)
        raise Unreadable(Reason.FORMAT_UNKNOWN)

    def _key(self, parsed: Parsed, data: bytes) -> bytes:
        """The source's own identifier, else the content with how often this batch had it before.

        Two alerts may be equal to the second; counting them keeps both, and a batch that is cut anew and sent again
        still yields the same keys.
        """
        identity = f"{parsed.source}|{parsed.identity}".encode("utf-8", "replace") if parsed.identity else data
        key = hashlib.blake2b(identity, digest_size=KEY_BYTES).digest()
        if parsed.identity:
            return key
        self._occurrences[key] += 1
        occurrence = self._occurrences[key]
        return key if occurrence == 1 else hashlib.blake2b(key + b"%d" % occurrence, digest_size=KEY_BYTES).digest()

    def _set_aside(self, offset: int, reason: Reason, sample: bytes) -> None:
        self.put_aside[reason] += 1
        if len(self._samples) < MAX_PUT_ASIDE_SAMPLES:
            head = base64.b64encode(sample[:MAX_PUT_ASIDE_SAMPLE_BYTES]).decode()
            self._samples.append({"offset": offset, "reason": reason.value, "head": head})
