"""Keeps the archive within its limits: hours that are over become one file, and what is too old or too much goes.

A hunt that is under way when a file goes finds it missing, and says that its hour is not there any more.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby

import structlog

from contracts.errors import TenetError
from contracts.ids import TenantId
from infra.object_store.port import ObjectStore
from infra.read_database.sources import Tenants
from services.detections.application.archive.archiving import total_size
from services.detections.application.archive.index import ArchiveFile, ArchiveIndex
from services.detections.application.archive.rows import HOUR
from services.detections.application.archive.writer import ArchiveWriter
from services.detections.config import (
    ARCHIVE_RETENTION,
    KEEP_ARCHIVE_SECONDS,
    MAX_ARCHIVE_BYTES_PER_TENANT,
    MAX_FILES_MERGED_AT_ONCE,
    MIN_FILES_TO_MERGE,
)

log = structlog.get_logger()


class Keeping:
    def __init__(
        self,
        archive: ObjectStore,
        index: ArchiveIndex,
        writer: ArchiveWriter,
        tenants: Tenants,
        clock: Callable[[], datetime],
    ) -> None:
        self._archive, self._index, self._writer = archive, index, writer
        self._tenants, self._clock = tenants, clock

    async def run(self) -> None:
        """Until cancelled; a failure with one tenant is left to the next round."""
        while True:
            for tenant_id in await self._tenants.list():
                try:
                    await self.keep(tenant_id)
                except TenetError as error:
                    log.warning("archive_not_kept", tenant=tenant_id, reason=error.reason)
                except Exception as error:  # A fault of ours at one tenant must not end the archives of all others.
                    log.exception("archive_failed", alarm=True, tenant=tenant_id, error=type(error).__name__)
            await asyncio.sleep(KEEP_ARCHIVE_SECONDS)

    async def keep(self, tenant_id: TenantId) -> None:
        await self._expire(tenant_id)
        over = self._clock() - 2 * HOUR
        files = [file for file in await self._index.files(tenant_id) if max(file.hour, file.received_at) < over]
        for _, same_hour in groupby(files, key=lambda file: file.hour):
            members = list(same_hour)[:MAX_FILES_MERGED_AT_ONCE]
            if len(members) >= MIN_FILES_TO_MERGE:
                await self._merge(tenant_id, members)

    async def _expire(self, tenant_id: TenantId) -> None:
        """What came first goes first. An object is deleted before its row, so that none is left that no row names."""
        files = sorted(await self._index.files(tenant_id), key=lambda file: (file.received_at, file.hour))
        horizon = self._clock() - ARCHIVE_RETENTION
        size = total_size(files)
        for file in files:
            if file.received_at > horizon and size <= MAX_ARCHIVE_BYTES_PER_TENANT:
                return
            await self._archive.delete(tenant_id, file.sha256)
            await self._index.remove(tenant_id, [file])
            size -= file.size
            log.info("archived_hour_removed", tenant=tenant_id, hour=file.hour.isoformat(), records=file.records)

    async def _merge(self, tenant_id: TenantId, members: Sequence[ArchiveFile]) -> None:
        contents = [await self._archive.get(tenant_id, file.sha256) for file in members]
        merged = await self._writer.merged(contents)
        reference = await self._archive.put(tenant_id, merged.content)
        latest = max(file.position for file in members)
        received = max(file.received_at for file in members)
        one = ArchiveFile(members[0].hour, latest, reference.sha256, merged.records, len(merged.content), received)
        # Where something was erased from one of them meanwhile, the next round merges what there is then.
        gone = members if await self._index.replace(tenant_id, members, one) else [one]
        for file in gone:
            await self._archive.delete(tenant_id, file.sha256)
