"""What the process that writes the archive is asked to do. Jobs and their answers go through a pipe, pickled."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.detections.application.archive.parquet import ParquetFile, Scratch, merge, write
from services.detections.application.archive.rows import BatchOrigin, hour_of, row_of
from services.detections.config import MAX_HOSTS_PER_BATCH, MAX_RECORDS_PER_BATCH
from services.detections.domain.discovery import NamedHost, named_in
from services.detections.domain.formats.clocks import believable
from services.detections.domain.formats.reading import BatchReading


class Job(Protocol):
    def done(self, scratch: Scratch) -> Any: ...


@dataclass(frozen=True, slots=True)
class WrittenBatch:
    """A batch's records as a file for each hour (its start, in UTC) that they happened in, and the hosts that they
    name, each with the source of the first record that does so; the first MAX_HOSTS_PER_BATCH of them."""

    files: Mapping[datetime, ParquetFile]
    hosts: Mapping[NamedHost, str]


@dataclass(frozen=True, slots=True)
class WriteBatch:
    """`reading` was not begun yet. Hosts are gathered here because here every record is read that nobody waits for."""

    reading: BatchReading
    origin: BatchOrigin

    def done(self, scratch: Scratch) -> WrittenBatch:
        hours: dict[datetime, list[dict[str, Any]]] = defaultdict(list)
        hosts: dict[NamedHost, str] = {}
        for record in self.reading.records():
            moment = record.occurred_at
            if moment is None or not believable(moment, self.origin.received_at):
                moment = self.origin.received_at
            hours[hour_of(moment)].append(row_of(record, self.origin, moment))
            if len(hosts) < MAX_HOSTS_PER_BATCH:
                for named in named_in(record):
                    hosts.setdefault(named, record.source.value)
        assert sum(map(len, hours.values())) <= MAX_RECORDS_PER_BATCH  # A larger batch was never received.
        return WrittenBatch({hour: write(scratch, rows) for hour, rows in sorted(hours.items())}, hosts)


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
