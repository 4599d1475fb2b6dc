"""Which files the archive of a tenant has: a table of the read database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.ids import TenantId
from infra.read_database.database import ReadDatabase


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of one hour (its start, in UTC). `position` is that of its batch, of the latest one in a merged file."""

    hour: datetime
    position: int
    sha256: str
    records: int
    size: int
    received_at: datetime
    """When the batch was received; the latest one's of a merged file. How long a file is kept counts from here."""


_COLUMNS = "hour, position, sha256, records, size, received_at"


class ArchiveIndex:
    """The tables `archive_files` and `archived_batches`. Methods raise ReadDatabaseUnavailable."""

    def __init__(self, database: ReadDatabase) -> None:
        self._database = database

    async def has_batch(self, tenant_id: TenantId, position: int) -> bool:
        async with self._database.writing([tenant_id]) as conn:
            cursor = await conn.execute(
                "SELECT 1 FROM archived_batches WHERE tenant_id = %s AND position = %s", (tenant_id, position)
            )
            return await cursor.fetchone() is not None

    async def add(self, tenant_id: TenantId, position: int, files: Sequence[ArchiveFile]) -> None:
        """Adds all files of a batch at once, and that the batch is archived."""
        async with self._database.writing([tenant_id]) as conn:
            await conn.execute(
                "INSERT INTO archived_batches (tenant_id, position) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (tenant_id, position),
            )
            for file in files:
                await conn.execute(
                    f"INSERT INTO archive_files (tenant_id, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)"  # noqa: S608  # Own names.
                    " ON CONFLICT DO NOTHING",
                    (tenant_id, file.hour, file.position, file.sha256, file.records, file.size, file.received_at),
                )

    async def replace(self, tenant_id: TenantId, old: Sequence[ArchiveFile], new: ArchiveFile) -> bool:
        """Puts one file in the place of several; False, and nothing changes, when one of them is not as it was."""
        async with self._database.writing([tenant_id]) as conn, conn.transaction() as transaction:
            cursor = await conn.execute(
                "DELETE FROM archive_files WHERE tenant_id = %s AND hour = %s AND (position, sha256) IN ("
                "SELECT * FROM unnest(%s::bigint[], %s::text[])) RETURNING 1",
                (tenant_id, new.hour, [file.position for file in old], [file.sha256 for file in old]),
            )
            if len(await cursor.fetchall()) != len(old):
                transaction.force_rollback = True
                return False
            await conn.execute(
                f"INSERT INTO archive_files (tenant_id, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)",  # noqa: S608  # Own names.
                (tenant_id, new.hour, new.position, new.sha256, new.records, new.size, new.received_at),
            )
        return True

    async def remove(self, tenant_id: TenantId, files: Sequence[ArchiveFile]) -> None:
        async with self._database.writing([tenant_id]) as conn:
            for file in files:
                await conn.execute(
                    "DELETE FROM archive_files WHERE tenant_id = %s AND hour = %s AND position = %s",
                    (tenant_id, file.hour, file.position),
                )

    async def files(
        self, tenant_id: TenantId, from_hour: datetime | None = None, before: datetime | None = None
    ) -> list[ArchiveFile]:
        """The files of hours from one on and before another, in order of time."""
        async with self._database.writing([tenant_id]) as conn:
            cursor = await conn.execute(
                f"SELECT {_COLUMNS} FROM archive_files WHERE tenant_id = %s"  # noqa: S608  # Own names.
                " AND (%s::timestamptz IS NULL OR hour >= %s) AND (%s::timestamptz IS NULL OR hour < %s)"
                " ORDER BY hour, position",
                (tenant_id, from_hour, from_hour, before, before),
            )
            return [ArchiveFile(*row) for row in await cursor.fetchall()]
