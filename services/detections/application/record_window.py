"""Which records a sensor has sent before: a table of record keys, derived from the sensor's stream.

The table only ever holds keys of batches that are in the ledger: `remember` runs after the append, and `catch_up` fills
what is missing (a crash between append and `remember`, another process's batches) by reading those batches' objects
again, before anything is decided. A batch is decided on the stream version up to which the table was filled, and the
append holds only at that version, so table and ledger cannot disagree (see `domain/telemetry.py`).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from contracts.ids import TenantId
from infra.object_store.port import ObjectStore
from infra.read_database.database import Connection, ReadDatabase, ReadDatabaseUnavailable
from services.detections.application.batch_readings import BatchReadings
from services.detections.domain.formats.reading import KEY_BYTES, BatchReading
from services.detections.domain.telemetry import SentBatch, Telemetry

KEYS_PER_STATEMENT = 10_000
MAX_SENSORS_KNOWN = 10_000
_SEEN = (
    "SELECT version, NULL::bytea FROM seen_batches WHERE tenant_id = %s AND sensor_id = %s UNION ALL "
    "SELECT 0, key FROM seen_records WHERE tenant_id = %s AND sensor_id = %s AND key IN ("
    "SELECT substring(%b::bytea FROM number * 16 + 1 FOR 16) FROM generate_series(0, %s::integer - 1) AS number)"
)
_REMEMBER = (
    "INSERT INTO seen_records (tenant_id, sensor_id, version, key) SELECT %s, %s, %s,"
    " substring(%b::bytea FROM number * 16 + 1 FOR 16) FROM generate_series(0, %s::integer - 1) AS number"
    " ON CONFLICT DO NOTHING"
)
if KEY_BYTES != 16:
    raise AssertionError("the statements above take keys of 16 bytes apart")


class RecordWindow:
    """The tables `seen_records` and `seen_batches`, one row of the latter per sensor."""

    def __init__(self, database: ReadDatabase, objects: ObjectStore) -> None:
        self._database, self._objects = database, objects
        self._readings = BatchReadings(objects)
        self._filled: OrderedDict[tuple[TenantId, str], int] = OrderedDict()
        """Up to which version of its stream the table is known to hold a sensor's keys; `seen` finds out if it is not
        so any more, because the database was put back to an earlier state."""

    async def catch_up(self, tenant_id: TenantId, sensor_id: str, state: Telemetry, version: int) -> None:
        """Brings the table to the stream's version. Raises ObjectMissing, ObjectCorrupt, ReadDatabaseUnavailable."""
        last = state.batches[-1].version if state.batches else 0
        if self._filled.get((tenant_id, sensor_id), -1) >= last:
            return
        filled = await self._read_filled(tenant_id, sensor_id)
        for batch in state.batches:
            if batch.version > filled:
                keys = await self._keys_of(tenant_id, batch)
                await self.remember(tenant_id, sensor_id, batch.version, keys, oldest=state.oldest)
        self._know(tenant_id, sensor_id, max(filled, last))
        if version > filled and not state.batches:
            raise ValueError("a stream with events has at least its last batch in the window")

    async def seen(self, tenant_id: TenantId, sensor_id: str, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the keys that an earlier batch brought, after `catch_up`. Raises ReadDatabaseUnavailable."""
        found: set[bytes] = set()
        filled = 0
        async with self._database.writing([tenant_id]) as conn:
            for packed, count in _packed(keys):
                cursor = await conn.execute(_SEEN, (tenant_id, sensor_id, tenant_id, sensor_id, packed, count))
                for version, key in await cursor.fetchall():
                    if key is None:
                        filled = version
                    else:
                        found.add(bytes(key))
        if keys and filled < self._filled.get((tenant_id, sensor_id), 0):
            del self._filled[tenant_id, sensor_id]
            raise ReadDatabaseUnavailable("The window of records seen before has to be filled again.")
        return found

    async def remember(
        self, tenant_id: TenantId, sensor_id: str, version: int, keys: Iterable[bytes], *, oldest: int
    ) -> None:
        """Adds the keys of the batch at this stream version and forgets those before `oldest`."""
        async with self._database.writing([tenant_id]) as conn:
            for packed, count in _packed(list(keys)):
                await conn.execute(_REMEMBER, (tenant_id, sensor_id, version, packed, count))
            await self._move(conn, tenant_id, sensor_id, version, oldest)
        self._know(tenant_id, sensor_id, version)

    def _know(self, tenant_id: TenantId, sensor_id: str, version: int) -> None:
        self._filled[tenant_id, sensor_id] = version
        self._filled.move_to_end((tenant_id, sensor_id))
        while len(self._filled) > MAX_SENSORS_KNOWN:
            self._filled.popitem(last=False)

    async def _move(self, conn: Connection, tenant_id: TenantId, sensor_id: str, version: int, oldest: int) -> None:
        await conn.execute(
            "DELETE FROM seen_records WHERE tenant_id = %s AND sensor_id = %s AND version < %s",
            (tenant_id, sensor_id, oldest),
        )
        await conn.execute(
            "INSERT INTO seen_batches AS b (tenant_id, sensor_id, version) VALUES (%s, %s, %s)"
            " ON CONFLICT (tenant_id, sensor_id) DO UPDATE SET version = greatest(b.version, excluded.version)",
            (tenant_id, sensor_id, version),
        )

    async def _read_filled(self, tenant_id: TenantId, sensor_id: str) -> int:
        async with self._database.writing([tenant_id]) as conn:
            cursor = await conn.execute(
                "SELECT version FROM seen_batches WHERE tenant_id = %s AND sensor_id = %s", (tenant_id, sensor_id)
            )
            row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def _keys_of(self, tenant_id: TenantId, batch: SentBatch) -> set[bytes]:
        content = await self._objects.get(tenant_id, batch.sha256)
        reading = await self._readings.reading(tenant_id, content, batch.format, batch.first_record)
        return await asyncio.to_thread(_read_keys, reading)


def _read_keys(reading: BatchReading) -> set[bytes]:
    return {record.key for record in reading.records()}


def _packed(keys: Sequence[bytes]) -> Iterable[tuple[bytes, int]]:
    """Keys one behind the other, and how many: an array of them would cost the driver far more than the query."""
    for start in range(0, len(keys), KEYS_PER_STATEMENT):
        chunk = keys[start : start + KEYS_PER_STATEMENT]
        yield b"".join(chunk), len(chunk)
