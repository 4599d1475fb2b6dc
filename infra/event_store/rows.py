"""The rows of a ledger's two tables as they lie, every column of them, for whoever checks them against each other.

Everything of one snapshot is read in one read-only transaction: what is appended meanwhile is not seen by any part of
it. Rows come through a cursor, in order of position, so that rows that no append could have made (a position twice,
where somebody dropped the key) are seen too.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from contracts.errors import StoreUnavailable
from contracts.ids import TenantId
from infra.event_store.cells import CellPools, Connection
from infra.event_store.commands import Opening
from infra.event_store.placements import Placements

BATCH_ROWS = 500
MAX_ODD_ROWS = 100
"""Of rows that should not be there at all, so many are named."""


class EventRow(NamedTuple):
    position: int
    recorded_at_us: int
    version: int
    stream: str
    topic: str
    event_id: str
    leaf_hash: bytes
    request_key: bytes | None
    request_digest: bytes | None
    entry: bytes


class Snapshot:
    """One tenant's rows at one moment."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection, self._schema = connection, schema

    async def events(self) -> AsyncIterator[list[EventRow]]:
        """All rows in order of position, in batches."""
        query = self._query(
            "SELECT position, recorded_at, version, stream, topic, event_id, leaf_hash, request_key, request_digest,"
            " entry FROM {}.events ORDER BY position, ctid"
        )
        async with self._connection.cursor("ledger_rows") as cursor:
            cursor.format = psycopg.pq.Format.BINARY
            await cursor.execute(query, binary=True)
            while rows := await cursor.fetchmany(BATCH_ROWS):
                yield [EventRow(*row) for row in rows]

    async def entries_of(self, topics: Sequence[str]) -> list[tuple[int, bytes]]:
        """Position and entry of each event of these topics, in order of position."""
        query = self._query("SELECT position, entry FROM {}.events WHERE topic = ANY (%s) ORDER BY position")
        return [(position, bytes(entry)) for position, entry in await self._rows(query, list(topics))]

    async def openings(self, event_ids: Sequence[str]) -> list[Opening]:
        """The openings of these events."""
        query = self._query(
            "SELECT event_id, path, subject, key_id, nonce, ciphertext FROM {}.openings WHERE event_id = ANY (%s)"
        )
        return [Opening(*row) for row in await self._rows(query, list(event_ids))]

    async def count_openings(self) -> int:
        return int((await self._rows(self._query("SELECT count(*) FROM {}.openings")))[0][0])

    async def openings_of_no_event(self) -> list[tuple[str, str]]:
        """Event identifier and path of openings whose event is not in the ledger; the first MAX_ODD_ROWS."""
        query = self._query(
            "SELECT o.event_id, o.path FROM {0}.openings o"
            " WHERE NOT EXISTS (SELECT FROM {0}.events e WHERE e.event_id = o.event_id)"
            " ORDER BY o.event_id, o.path LIMIT %s"
        )
        return [(event_id, path) for event_id, path in await self._rows(query, MAX_ODD_ROWS)]

    async def broken_streams(self) -> list[tuple[int, str]]:
        """Streams whose versions are not 1, 2, 3 and so on: the position of the last event, and the stream."""
        query = self._query(
            "SELECT max(position), stream FROM {}.events GROUP BY stream"
            " HAVING count(*) <> max(version) OR count(*) <> count(DISTINCT version)"
            " ORDER BY 1 LIMIT %s"
        )
        return [(position, stream) for position, stream in await self._rows(query, MAX_ODD_ROWS)]

    async def repeated_events(self) -> list[tuple[int, str]]:
        """Event identifiers that several rows have: the second row's position, and the identifier."""
        query = self._query(
            "SELECT (array_agg(position ORDER BY position))[2], event_id FROM {}.events GROUP BY event_id"
            " HAVING count(*) > 1 ORDER BY 1 LIMIT %s"
        )
        return [(position, event_id) for position, event_id in await self._rows(query, MAX_ODD_ROWS)]

    async def _rows(self, query: Composed, *parameters: object) -> list[TupleRow]:
        return await (await self._connection.execute(query, parameters, binary=True)).fetchall()

    def _query(self, text: str) -> Composed:
        return SQL(text).format(Identifier(self._schema))


class StoredRows:
    """Opens snapshots for one process, under the tenants' roles."""

    def __init__(self, pools: CellPools, placements: Placements) -> None:
        self._pools, self._placements = pools, placements

    @asynccontextmanager
    async def snapshot(self, tenant_id: TenantId) -> AsyncIterator[Snapshot]:
        """Holds a connection and a database snapshot until the block ends. Raises TenantUnknown, StoreUnavailable."""
        placement = await self._placements.find(tenant_id)
        try:
            async with self._pools.connection(placement.cell) as connection, connection.transaction():
                settings: tuple[Any, ...] = (placement.role,)
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                await connection.execute("SELECT set_config('role', %s, true)", settings)
                yield Snapshot(connection, placement.schema)
        except (psycopg.OperationalError, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedTable) as error:
            self._placements.forget(tenant_id)
            raise StoreUnavailable("The ledger's database does not answer.") from error
