"""How long after it happened each source's telemetry comes, and how long it takes from there to its being matched.

Ages are counted by the bounds of AGES. A batch is late when even its newest record is older than LATE_AFTER on receipt,
and out of order when that record is older than the newest of an earlier batch. Records whose own clock cannot be
believed are skewed: they are counted, and count for nothing else. What became of detections is in `triage_clocks.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Value
from contracts.events.detections import TelemetryReceived
from infra.read_database.views import DocumentView
from services.detections.projections.ages import Ages

LATE_AFTER = timedelta(minutes=5)


class SourceClocksRow(Value):
    batches: int = 0
    records: int = 0
    skewed: int = 0
    late: int = 0
    out_of_order: int = 0
    received: Ages = Ages()
    """Of a batch's newest record when the batch had come."""
    normalised: Ages = Ages()
    """From a batch's coming until its last record was normalised."""
    matched: Ages = Ages()
    """From a batch's coming until its last record was matched."""
    newest: Instant | None = None
    last_received: Instant | None = None


class SourceClocks(DocumentView[SourceClocksRow]):
    NAME = "source_clocks"
    VERSION = 3
    TABLE = "source_clocks"
    TOPICS = frozenset({TelemetryReceived})
    COLUMNS: ClassVar[Mapping[str, str]] = {"late": "bigint"}
    DOCUMENT = SourceClocksRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.sensor_id]

    def fold(self, key: str, document: SourceClocksRow | None, recorded: Recorded[Any]) -> SourceClocksRow | None:
        return _received(document or SourceClocksRow(), recorded.event, recorded.recorded_at)

    def columns(self, document: SourceClocksRow) -> Mapping[str, object]:
        return {"late": document.late + document.out_of_order}


def _received(row: SourceClocksRow, event: TelemetryReceived, recorded_at: datetime) -> SourceClocksRow:
    """A batch from before its stages had clocks came when it was recorded, as far as anybody knows."""
    came = event.times.arrived_at if event.times is not None else recorded_at
    update: dict[str, object] = {
        "batches": row.batches + 1,
        "records": row.records + event.records,
        "skewed": row.skewed + event.skewed,
        "last_received": came,
    }
    if event.times is not None:
        update |= {
            "normalised": row.normalised.with_one(timedelta(milliseconds=event.times.normalised_ms)),
            "matched": row.matched.with_one(timedelta(milliseconds=event.times.matched_ms)),
        }
    newest = event.last_occurred_at
    if newest is not None:
        update |= {
            "received": row.received.with_one(came - newest),
            "late": row.late + (came - newest > LATE_AFTER),
            "out_of_order": row.out_of_order + (row.newest is not None and newest < row.newest),
            "newest": newest if row.newest is None else max(newest, row.newest),
        }
    return row.model_copy(update=update)
