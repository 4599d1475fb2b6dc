"""Fills the archive from what the ledger says was received."""

from collections.abc import Callable, Sequence
from datetime import datetime

from contracts.events.detections import TelemetryReceived
from contracts.ids import TenantId
from infra.object_store.port import ObjectStore
from services.detections.application.archive.index import ArchiveFile, ArchiveIndex
from services.detections.application.archive.jobs import WrittenBatch
from services.detections.application.archive.rows import BatchOrigin
from services.detections.application.archive.writer import ArchiveWriter
from services.detections.application.batch_readings import BatchReadings
from services.detections.config import ARCHIVE_RETENTION


class Archiving:
    """`batches` is the object store of what sensors sent, `archive` that of the archive's own files."""

    def __init__(
        self,
        batches: ObjectStore,
        archive: ObjectStore,
        index: ArchiveIndex,
        writer: ArchiveWriter,
        clock: Callable[[], datetime],
    ) -> None:
        self._batches, self._archive = batches, archive
        self._index, self._writer, self._clock = index, writer, clock
        self._readings = BatchReadings(batches)

    async def written(
        self, tenant_id: TenantId, position: int, received_at: datetime, received: TelemetryReceived
    ) -> WrittenBatch | None:
        """What a batch comes to; None where it is archived already, or was received before all that is kept.

        Raises ObjectMissing, ObjectCorrupt, ArchiveNotWritten, ReadDatabaseUnavailable.
        """
        if received_at < self._clock() - ARCHIVE_RETENTION or await self._index.has_batch(tenant_id, position):
            return None
        content = await self._batches.get(tenant_id, received.sha256)
        reading = await self._readings.reading(tenant_id, content, received.format, received.first_record, received_at)
        origin = BatchOrigin(position, received.sha256, received.sensor_id, received_at)
        return await self._writer.batch(reading, origin)

    async def keep(self, tenant_id: TenantId, position: int, received_at: datetime, written: WrittenBatch) -> None:
        """Adds a batch to the archive. Raises ObjectStoreFull, ReadDatabaseUnavailable."""
        files = []
        for hour, file in written.files.items():
            reference = await self._archive.put(tenant_id, file.content)
            files.append(ArchiveFile(hour, position, reference.sha256, file.records, len(file.content), received_at))
        await self._index.add(tenant_id, position, files)


def total_size(files: Sequence[ArchiveFile]) -> int:
    return sum(file.size for file in files)
