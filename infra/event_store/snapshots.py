"""Snapshots of long streams, in a table of the service's read database. They hold references to sealed values only."""

from dataclasses import dataclass

from contracts.ids import StreamName, TenantId
from infra.read_database.database import ReadDatabase


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state as of a stream version, encoded by its aggregate's codec."""

    version: int
    last_position: int
    state: bytes


class Snapshots:
    """The table `snapshots` of one service. Losing it costs time, never truth: streams fold without it."""

    def __init__(self, database: ReadDatabase) -> None:
        self._database = database

    async def find(self, tenant_id: TenantId, stream: StreamName, codec: int) -> Snapshot | None:
        """The latest snapshot that this version of the codec made. Raises ReadDatabaseUnavailable."""
        async with self._database.writing([tenant_id]) as connection:
            cursor = await connection.execute(
                "SELECT version, last_position, state FROM snapshots"
                " WHERE tenant_id = %s AND stream = %s AND codec = %s",
                (tenant_id, stream, codec),
            )
            row = await cursor.fetchone()
        return None if row is None else Snapshot(row[0], row[1], bytes(row[2]))

    async def put(self, tenant_id: TenantId, stream: StreamName, codec: int, snapshot: Snapshot) -> None:
        """Keeps this snapshot in place of an older one, or of one that another codec version made."""
        async with self._database.writing([tenant_id]) as connection:
            await connection.execute(
                "INSERT INTO snapshots AS s (tenant_id, stream, codec, version, last_position, state)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, stream) DO UPDATE SET codec = excluded.codec,"
                " version = excluded.version, last_position = excluded.last_position, state = excluded.state"
                " WHERE s.codec <> excluded.codec OR s.version < excluded.version",
                (tenant_id, stream, codec, snapshot.version, snapshot.last_position, snapshot.state),
            )

    async def forget_tenant(self, tenant_id: TenantId) -> None:
        """Deletes all snapshots of a tenant that was closed."""
        async with self._database.writing([tenant_id]) as connection:
            await connection.execute("DELETE FROM snapshots WHERE tenant_id = %s", (tenant_id,))
