"""Reads a whole batch: unpacks it, cuts it into records, recognises and parses each, puts aside what it cannot read."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from services.detections.config import (
    MAX_PUT_ASIDE_SAMPLE_BYTES,
    MAX_PUT_ASIDE_SAMPLES,
    MAX_RECORDS_PER_BATCH,
)
from services.detections.domain.formats import alert_csv, auditd, zeek
from services.detections.domain.formats.archives import Unpacking, files
from services.detections.domain.formats.json_values import read_object
from services.detections.domain.formats.mapping import Mapping
from services.detections.domain.formats.pieces import cut
from services.detections.domain.formats.recognition import Format, is_audit_line, members_of, read_json, read_line
from services.detections.domain.formats.records import Parsed, Piece, Reason, Record, Unreadable

KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a record that was put aside; `offset` is its number in the batch."""

    offset: int
    reason: str
    head: bytes


def samples_of(kept: bytes) -> tuple[Sample, ...]:
    """The first sample of each reason, from what `BatchReading.samples` gave."""
    first: dict[str, Sample] = {}
    for line in kept.splitlines():
        value = orjson.loads(line)
        reason = value["reason"]
        first.setdefault(reason, Sample(value["offset"], reason, base64.b64decode(value["head"])))
    return tuple(first.values())


class BatchReading:
    """One pass over a batch's content. Iterate `records()` or `steps()` once; then the counts are complete.

    It ends early, with `total` beyond MAX_RECORDS_PER_BATCH, when a batch holds more records than that.

    `received_at` gives a year to clocks that name none. `first_record` is how many records of the same source (a file,
    a queue) the sensor has sent before this batch's first; with it equal records without an identifier of their own are
    told apart by their place, however the sensor cuts its batches. Without it they are told apart within a batch only.

    Memory is bounded by one record, the counts, and the samples of what was put aside.
    """

    def __init__(
        self,
        content: bytes,
        stated: Format,
        *,
        mapping: Mapping | None = None,
        first_record: int | None = None,
        received_at: datetime | None = None,
    ) -> None:
        self._content, self._stated, self._mapping = content, stated, mapping
        self._first_record, self._received_at = first_record, received_at
        self._occurrences: Counter[bytes] = Counter()
        self._columns: tuple[str, ...] | None = None
        self._zeek = zeek.Header()
        self._audit = auditd.Joiner()
        self._samples: list[dict[str, Any]] = []
        self.put_aside: Counter[Reason] = Counter()
        self.total = 0

    def records(self) -> Iterator[Record]:
        return (record for record in self.steps() if record is not None)

    def steps(self) -> Iterator[Record | None]:
        """The records, and None wherever the reader has worked without finding one, so that it can be paused there."""
        unpacking = Unpacking()
        for chunks in files(self._content, unpacking):
            self._columns, self._zeek = None, zeek.Header()
            for piece in cut(chunks):
                if self.total > MAX_RECORDS_PER_BATCH:
                    # The caller refuses the batch as a whole, so that nothing of it is lost.
                    return
                if piece is None:
                    yield None
                else:
                    yield from self._read(piece)
            for event in self._audit.finish():
                yield self._audited(event)
        for reason, sample in unpacking.put_aside:
            # What could not be unpacked counts as one record, since nobody can know how many it held.
            self._refused(sample, reason)

    def samples(self) -> bytes:
        """What was put aside, as JSON lines of offset, reason and the first bytes in base64; empty if nothing was."""
        return b"".join(orjson.dumps(sample) + b"\n" for sample in self._samples)

    def _read(self, piece: Piece) -> Iterator[Record | None]:
        """What comes of a piece: a record; none for a header; several for an object that wraps them."""
        data = piece.data
        if piece.reason is not None:
            self._refused(data, piece.reason)
            yield None
            return
        try:
            if self._mapping is not None:
                parsed = self._mapped(self._mapping, data)
            elif data.lstrip().startswith(b"{"):
                value = read_object(data)
                if members := members_of(value):
                    yield from map(self._member, members)
                    return
                parsed = read_json(value, self._stated, self._received_at)
            elif is_audit_line(data, self._stated):
                yield from map(self._audited, self._audit.add(data))
                return
            else:
                parsed = self._line(data)
        except Unreadable as unreadable:
            self._refused(data, unreadable.reason)
            yield None
            return
        if parsed is not None:
            yield self._taken(parsed, data)

    def _member(self, member: Any) -> Record | None:
        data = orjson.dumps(member)
        try:
            return self._taken(read_json(member, self._stated, self._received_at), data)
        except Unreadable as unreadable:
            self._refused(data, unreadable.reason)
            return None

    def _audited(self, event: Piece) -> Record | None:
        if event.reason is not None:
            self._refused(event.data, event.reason)
            return None
        try:
            return self._taken(auditd.parse(event.data), event.data)
        except Unreadable as unreadable:
            self._refused(event.data, unreadable.reason)
            return None

    def _mapped(self, mapping: Mapping, data: bytes) -> Parsed | None:
        if mapping.has_header and self._columns is None:
            self._columns = mapping.columns_of(data)
            return None
        return mapping.parse(data, self._columns)

    def _line(self, data: bytes) -> Parsed | None:
        """A line that is no object; None for a header."""
        stated = self._stated
        if (
            stated is Format.AUTOMATIC
            and data.startswith(b"<")
            and (found := read_line(data, stated, self._received_at))
        ):
            # XML and a priority of syslog are no row of a table, whatever a header before them has said.
            return found
        if stated in (Format.AUTOMATIC, Format.ZEEK):
            if zeek.is_comment(data):
                self._zeek.take(data)
                return None
            if self._zeek.complete and (stated is Format.ZEEK or b"\t" in data):
                return self._zeek.row(data)
        if stated in (Format.AUTOMATIC, Format.ALERT_CSV):
            if self._columns is None and alert_csv.is_header(data):
                self._columns = alert_csv.columns_of(data)
                return None
            if self._columns or stated is Format.ALERT_CSV or alert_csv.recognises(data):
                return alert_csv.parse(data, self._columns or alert_csv.COLUMNS)
        found = read_line(data, stated, self._received_at)
        if found is None:
            # It is meant to be an object, then; reading it says what is wrong with it.
            read_object(data)
            raise Unreadable(Reason.FORMAT_UNKNOWN)
        return found

    def _taken(self, parsed: Parsed, data: bytes) -> Record:
        offset = self.total
        self.total += 1
        return Record(
            offset,
            parsed.source,
            parsed.occurred_at,
            parsed.host,
            parsed.address,
            self._key(parsed, data, offset),
            parsed.fields,
            parsed.alert,
            parsed.text,
            parsed.logsource,
        )

    def _key(self, parsed: Parsed, data: bytes, offset: int) -> bytes:
        """The source's own identifier, else the content with its place.

        The place is the record's number in its source where the sensor tells it, else how often this batch had the
        content before. Two alerts may be equal to the second; either keeps both, and a batch that is cut anew and sent
        again still yields the same keys.
        """
        if parsed.identity:
            identity = f"{parsed.source}|{parsed.identity}".encode("utf-8", "replace")
            return hashlib.blake2b(identity, digest_size=KEY_BYTES).digest()
        key = hashlib.blake2b(data, digest_size=KEY_BYTES).digest()
        if self._first_record is not None:
            place = b"@%d" % (self._first_record + offset)
            return hashlib.blake2b(key + place, digest_size=KEY_BYTES).digest()
        self._occurrences[key] += 1
        occurrence = self._occurrences[key]
        return key if occurrence == 1 else hashlib.blake2b(key + b"%d" % occurrence, digest_size=KEY_BYTES).digest()

    def _refused(self, sample: bytes, reason: Reason) -> None:
        offset = self.total
        self.total += 1
        self.put_aside[reason] += 1
        if len(self._samples) < MAX_PUT_ASIDE_SAMPLES:
            head = base64.b64encode(sample[:MAX_PUT_ASIDE_SAMPLE_BYTES]).decode()
            self._samples.append({"offset": offset, "reason": reason.value, "head": head})
