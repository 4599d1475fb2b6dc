"""Fills the archive from what the ledger says was received."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from contracts.events.detections import TelemetryReceived
from contracts.ids import TenantId
from infra.object_store.port import ObjectStore
from services.detections.application.archive.index import ArchiveFile, ArchiveIndex
from services.detections.application.archive.parquet import ParquetFile, Scratch, write
from services.detections.application.archive.rows import BatchOrigin, row_of
from services.detections.application.batch_readings import BatchReadings
from services.detections.config import ARCHIVE_RETENTION, MAX_RECORDS_PER_BATCH
from services.detections.domain.formats.clocks import believable
from services.detections.domain.formats.reading import BatchReading

HOUR = timedelta(hours=1)


class Archiving:
    """`batches` is the object store of what sensors sent, `archive` that of the archive's own files."""

    def __init__(
        self,
        batches: ObjectStore,
        archive: ObjectStore,
        index: ArchiveIndex,
        scratch: Scratch,
        clock: Callable[[], datetime],
    ) -> None:
        self._batches, self._archive = batches, archive
        self._index, self._scratch, self._clock = index, scratch, clock
        self._readings = BatchReadings(batches)

    async def archive(
        self, tenant_id: TenantId, position: int, received_at: datetime, received: TelemetryReceived
    ) -> None:
        """Adds a batch, once. One that was received before all that is kept is left out.

        Raises ObjectMissing, ObjectCorrupt, ObjectStoreFull, ReadDatabaseUnavailable.
        """
        if received_at < self._clock() - ARCHIVE_RETENTION or await self._index.has_batch(tenant_id, position):
            return
        content = await self._batches.get(tenant_id, received.sha256)
        reading = await self._readings.reading(tenant_id, content, received.format, received.first_record, received_at)
        origin = BatchOrigin(position, received.sha256, received.sensor_id, received_at)
        written = await asyncio.to_thread(_write, self._scratch, reading, origin)
        files = []
        for hour, file in written.items():
            reference = await self._archive.put(tenant_id, file.content)
            files.append(ArchiveFile(hour, position, reference.sha256, file.records, len(file.content), received_at))
        await self._index.add(tenant_id, position, files)


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _write(scratch: Scratch, reading: BatchReading, origin: BatchOrigin) -> Mapping[datetime, ParquetFile]:
    hours: dict[datetime, list[dict[str, Any]]] = defaultdict(list)
    for record in reading.records():
        moment = record.occurred_at
        if moment is None or not believable(moment, origin.received_at):
            moment = origin.received_at
        hours[hour_of(moment)].append(row_of(record, origin, moment))
    assert sum(map(len, hours.values())) <= MAX_RECORDS_PER_BATCH  # A larger batch was never received.
    return {hour: write(scratch, rows) for hour, rows in sorted(hours.items())}


def total_size(files: Sequence[ArchiveFile]) -> int:
    return sum(file.size for file in files)
