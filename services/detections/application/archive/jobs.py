"""What the process that writes the archive is asked to do. Jobs and their answers go through a pipe, pickled."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.detections.application.archive.parquet import ParquetFile, Scratch, merge, write
from services.detections.application.archive.rows import BatchOrigin, hour_of, row_of
from services.detections.config import MAX_RECORDS_PER_BATCH
from services.detections.domain.formats.clocks import believable
from services.detections.domain.formats.reading import BatchReading


class Job(Protocol):
    def done(self, scratch: Scratch) -> Any: ...


@dataclass(frozen=True, slots=True)
class WriteBatch:
    """A batch's records as a file for each hour that they happened in. `reading` was not begun yet."""

    reading: BatchReading
    origin: BatchOrigin

    def done(self, scratch: Scratch) -> Mapping[datetime, ParquetFile]:
        hours: dict[datetime, list[dict[str, Any]]] = defaultdict(list)
        for record in self.reading.records():
            moment = record.occurred_at
            if moment is None or not believable(moment, self.origin.received_at):
                moment = self.origin.received_at
            hours[hour_of(moment)].append(row_of(record, self.origin, moment))
        assert sum(map(len, hours.values())) <= MAX_RECORDS_PER_BATCH  # A larger batch was never received.
        return {hour: write(scratch, rows) for hour, rows in sorted(hours.items())}


@dataclass(frozen=True, slots=True)
class MergeFiles:
    """Several files of one hour as one."""

    contents: Sequence[bytes]

    def done(self, scratch: Scratch) -> ParquetFile:
        return merge(scratch, self.contents)


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a job could not be done: the kind of error, and what it said."""

    error: str
    message: str
