"""How long after it happened each source's telemetry comes, and how long until a detection is on record.

Ages are counted by the bounds of AGES. A batch is late when even its newest record is older than LATE_AFTER on receipt,
and out of order when that record is older than the newest of an earlier batch. Records whose own clock cannot be
believed are skewed: they are counted, and count for nothing else. What a hunt has raised does not
count: how old its activity is says nothing of how fast we were.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Value
from contracts.events.detections import DetectionFoundByHunt, DetectionRaised, TelemetryReceived
from infra.read_database.reader.conditions import Condition, equal
from infra.read_database.views import DocumentView

AGES = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 15, 30, 60, 120, 300, 900, 3_600, 21_600, 86_400))
"""Upper bounds of the classes that ages are counted in; one class more takes what is older than the last."""
LATE_AFTER = timedelta(minutes=5)


class Ages(Value):
    """How many fell into each class of AGES."""

    counts: tuple[int, ...] = (0,) * (len(AGES) + 1)

    def with_one(self, age: timedelta) -> "Ages":
        return self._changed(place_of(age), 1)

    def without_one(self, place: int) -> "Ages":
        return self._changed(place, -1)

    def _changed(self, place: int, by: int) -> "Ages":
        return Ages(counts=(*self.counts[:place], self.counts[place] + by, *self.counts[place + 1 :]))


def place_of(age: timedelta) -> int:
    """The class of an age among the counts."""
    return bisect_left(AGES, max(age, timedelta()))


class LastRaised(Value):
    """The latest detection of a source: its position, and the class that it was counted in."""

    position: int
    place: int


class SourceClocksRow(Value):
    batches: int = 0
    records: int = 0
    skewed: int = 0
    late: int = 0
    out_of_order: int = 0
    received: Ages = Ages()
    """Of a batch's newest record when the batch was received."""
    raised: Ages = Ages()
    """Of the newest activity of a detection when it was raised."""
    newest: Instant | None = None
    last_received: Instant | None = None
    last_raised: LastRaised | None = None


class SourceClocks(DocumentView[SourceClocksRow]):
    NAME = "source_clocks"
    VERSION = 2
    READABLE_VERSIONS = frozenset({1})
    TABLE = "source_clocks"
    TOPICS = frozenset({TelemetryReceived, DetectionRaised, DetectionFoundByHunt})
    COLUMNS: ClassVar[Mapping[str, str]] = {"late": "bigint", "raised_position": "bigint"}
    DOCUMENT = SourceClocksRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [] if isinstance(recorded.event, DetectionFoundByHunt) else [recorded.event.sensor_id]

    def lookups(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """The mark of a hunt directly follows what the hunt has raised, or added to."""
        if isinstance(recorded.event, DetectionFoundByHunt):
            return [equal("raised_position", recorded.position - 1)]
        return ()

    def fold(self, key: str, document: SourceClocksRow | None, recorded: Recorded[Any]) -> SourceClocksRow | None:
        row, event = document or SourceClocksRow(), recorded.event
        if isinstance(event, DetectionRaised):
            age = recorded.recorded_at - event.last_seen_at
            raised = LastRaised(position=recorded.position, place=place_of(age))
            return row.model_copy(update={"raised": row.raised.with_one(age), "last_raised": raised})
        if isinstance(event, DetectionFoundByHunt):
            last = row.last_raised
            if last is None or last.position != recorded.position - 1:
                return document
            return row.model_copy(update={"raised": row.raised.without_one(last.place), "last_raised": None})
        return _received(row, event, recorded.recorded_at)

    def columns(self, document: SourceClocksRow) -> Mapping[str, object]:
        return {
            "late": document.late + document.out_of_order,
            "raised_position": document.last_raised.position if document.last_raised else None,
        }


def _received(row: SourceClocksRow, event: TelemetryReceived, now: datetime) -> SourceClocksRow:
    update: dict[str, object] = {
        "batches": row.batches + 1,
        "records": row.records + event.records,
        "skewed": row.skewed + event.skewed,
        "last_received": now,
    }
    newest = event.last_occurred_at
    if newest is not None:
        update |= {
            "received": row.received.with_one(now - newest),
            "late": row.late + (now - newest > LATE_AFTER),
            "out_of_order": row.out_of_order + (row.newest is not None and newest < row.newest),
            "newest": newest if row.newest is None else max(newest, row.newest),
        }
    return row.model_copy(update=update)
