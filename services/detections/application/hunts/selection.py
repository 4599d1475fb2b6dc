"""The archive's files of a period, plain in a scratch room for as long as a hunt looks at them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contracts.ids import TenantId
from infra.object_store.errors import ObjectMissing
from infra.object_store.port import ObjectStore
from services.detections.application.archive.archiving import total_size
from services.detections.application.archive.index import ArchiveFile, ArchiveIndex
from services.detections.application.archive.parquet import Scratch
from services.detections.application.archive.rows import hour_of
from services.detections.config import MAX_HUNT_BYTES
from services.detections.domain.errors import HuntTooLarge, PeriodInvalid


@dataclass(frozen=True, slots=True)
class Period:
    """From one moment on and before another; whole hours that touch it are looked at."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise PeriodInvalid("The period ends before it begins.")


@dataclass(frozen=True, slots=True)
class Selected:
    """`gone` are hours whose files went while the hunt was on its way to them."""

    files: tuple[ArchiveFile, ...]
    paths: tuple[Path, ...]
    gone: tuple[datetime, ...]

    @property
    def records(self) -> int:
        return sum(file.records for file in self.files)


class Selecting:
    def __init__(self, archive: ObjectStore, index: ArchiveIndex, scratch: Scratch) -> None:
        self._archive, self._index, self._scratch = archive, index, scratch

    async def listed(self, tenant_id: TenantId, period: Period) -> list[ArchiveFile]:
        """The files that touch the period, without opening any. Raises HuntTooLarge."""
        files = await self._index.files(tenant_id, hour_of(period.start), period.end)
        if (size := total_size(files)) > MAX_HUNT_BYTES:
            raise HuntTooLarge(
                "The period holds more telemetry than one hunt looks at; take a shorter one.",
                metadata={"bytes": str(size), "limit": str(MAX_HUNT_BYTES)},
            )
        return files

    async def latest(self, tenant_id: TenantId, period: Period, max_bytes: int) -> Period | None:
        """The end of a period whose files are no more than that together, from an hour on, and at least one hour with
        files; the whole period where it holds no more. None where it holds nothing."""
        sizes: dict[datetime, int] = {}
        for file in await self._index.files(tenant_id, hour_of(period.start), period.end):
            sizes[file.hour] = sizes.get(file.hour, 0) + file.size
        start, taken = None, 0
        for hour in sorted(sizes, reverse=True):
            if start is not None and taken + sizes[hour] > max_bytes:
                return Period(start, period.end)
            start, taken = hour, taken + sizes[hour]
        return None if start is None else period

    @asynccontextmanager
    async def opened(self, tenant_id: TenantId, files: Sequence[ArchiveFile]) -> AsyncIterator[Selected]:
        """Plain copies of the files, which are gone with the block. Raises ObjectCorrupt, ObjectStoreUnavailable."""
        with self._scratch.room() as room:
            found: list[ArchiveFile] = []
            paths: list[Path] = []
            gone: list[datetime] = []
            for number, file in enumerate(files):
                try:
                    content = await self._archive.get(tenant_id, file.sha256)
                except ObjectMissing:
                    gone.append(file.hour)
                    continue
                path = room / f"{number}.parquet"
                await asyncio.to_thread(path.write_bytes, content)
                found.append(file)
                paths.append(path)
            yield Selected(tuple(found), tuple(paths), tuple(gone))
