"""Reads that every command makes: was this request recorded before, and what did these streams see since a version.

Those that wait for the same tenant go out together, as appends do, in one round trip: as the login that only reads
entries, or else in a transaction under the tenant's role. Each query sees at least everything that was committed before
it was asked for.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg
from psycopg import AsyncCursor
from psycopg.sql import SQL, Identifier

from contracts.errors import StoreUnavailable
from contracts.ids import StreamName, TenantId
from infra.event_store.arrays import ByteaArray, Int8Array, TextArray
from infra.event_store.cells import CellPools, Connection
from infra.event_store.limits import MAX_CACHED_QUERIES, MAX_GROUP_READS, MAX_WAITING_READS, STREAM_PAGE
from infra.event_store.lines import Ask, Lines
from infra.event_store.placements import Placement, Placements

NO_UPPER_BOUND = 2**63 - 1


class StoredEntry(NamedTuple):
    """One entry as stored. `recorded_at_us` is in microseconds since 1970 in UTC; `leaf_hash` is SHA-256, 32 bytes.

    A command's own result is built from what was sent, with an empty `leaf_hash`: only the store computes it.
    """

    position: int
    recorded_at_us: int
    entry: bytes
    topic: str
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """A request that was recorded before: the position of its command's first event, and the command's digest."""

    first_position: int
    digest: bytes


class _FindRequest(Ask[RequestSeen | None]):
    __slots__ = ("key",)

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self.key = key


class _ReadStream(Ask[list[StoredEntry]]):
    __slots__ = ("after", "at", "stream")

    def __init__(self, stream: StreamName, after: int, at: int) -> None:
        super().__init__()
        self.stream, self.after, self.at = stream, after, at


class GroupedReads:
    """The grouped reads of one process."""

    def __init__(self, pools: CellPools, placements: Placements, *, as_tenant: bool = True) -> None:
        """`as_tenant`: as for `feed.Feed`."""
        self._pools = pools
        self._as_tenant = as_tenant
        self._placements = placements
        self._lines: Lines[_FindRequest | _ReadStream] = Lines(
            self._serve, max_waiting=MAX_WAITING_READS, max_group=MAX_GROUP_READS, max_weight=0
        )

    async def find_request(self, tenant_id: TenantId, key: bytes) -> RequestSeen | None:
        """The request with this key, when a command of it was recorded. Raises TenantUnknown, StoreUnavailable."""
        ask = _FindRequest(key)
        self._lines.put(tenant_id, ask)
        return await ask.future

    async def read_stream(
        self, tenant_id: TenantId, stream: StreamName, after_version: int = 0, at: int | None = None
    ) -> list[StoredEntry]:
        """Up to STREAM_PAGE entries of the stream after a version, in order, and at or before position `at`."""
        ask = _ReadStream(stream, after_version, NO_UPPER_BOUND if at is None else at)
        self._lines.put(tenant_id, ask)
        return await ask.future

    async def close(self) -> None:
        await self._lines.close()

    async def _serve(self, tenant_id: TenantId, group: list[_FindRequest | _ReadStream]) -> None:
        placement = await self._placements.find(tenant_id)
        requests = [ask for ask in group if isinstance(ask, _FindRequest)]
        streams = [ask for ask in group if isinstance(ask, _ReadStream)]
        try:
            async with self._pools.connection(placement.cell) as connection:
                await _answer(connection, placement, requests, streams, as_tenant=self._as_tenant)
        except (psycopg.OperationalError, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedTable) as error:
            self._placements.forget(tenant_id)
            raise StoreUnavailable("The ledger's database does not answer.") from error


async def _answer(
    connection: Connection,
    placement: Placement,
    requests: Sequence[_FindRequest],
    streams: Sequence[_ReadStream],
    *,
    as_tenant: bool,
) -> None:
    queries: list[tuple[bytes, list[Any]]] = []
    if requests:
        queries.append((_requests_query(placement.schema), [ByteaArray.of([ask.key for ask in requests])]))
    if streams:
        queries.append(
            (
                _streams_query(placement.schema),
                [
                    TextArray.of([ask.stream for ask in streams]),
                    Int8Array.of([ask.after for ask in streams]),
                    Int8Array.of([ask.at for ask in streams]),
                ],
            )
        )
    answers = await fetch_all(connection, placement.role if as_tenant else None, queries)
    if requests:
        seen = {bytes(key): RequestSeen(position, bytes(digest)) for key, position, digest in answers.pop(0)}
        for request in requests:
            request.answer(seen.get(request.key))
    if streams:
        rows: dict[int, list[StoredEntry]] = defaultdict(list)
        for place, *entry in answers.pop(0):
            rows[place].append(StoredEntry(*entry))
        for place, ask in enumerate(streams, start=1):
            ask.answer(rows[place])


async def fetch_all(
    connection: Connection, role: str | None, queries: Sequence[tuple[bytes, list[Any]]]
) -> list[list[tuple[Any, ...]]]:
    """The rows of each query. A single one without a role needs no transaction around it, which is three statements."""
    cursors: list[AsyncCursor[tuple[Any, ...]]] = [connection.cursor(binary=True) for _ in queries]
    if role is None and len(queries) == 1:
        await cursors[0].execute(*queries[0])
        return [await cursors[0].fetchall()]
    try:
        async with connection.pipeline():
            await begin_reading(connection, role)
            for cursor, query in zip(cursors, queries, strict=True):
                await cursor.execute(*query)
            await connection.execute("COMMIT")
    except psycopg.Error:
        await end_reading(connection)
        raise
    return [await cursor.fetchall() for cursor in cursors]


async def begin_reading(connection: Connection, role: str | None) -> None:
    """Opens a read-only transaction, under a tenant's role if one is named; to be called within a pipeline."""
    await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")
    if role is not None:
        await connection.execute("SELECT set_config('role', %s, true)", (role,))


async def end_reading(connection: Connection) -> None:
    """Ends a transaction that an error left open. A connection that cannot even do that is closed for good."""
    try:
        await connection.rollback()
    except psycopg.Error:
        await connection.close()


@lru_cache(maxsize=MAX_CACHED_QUERIES)
def _requests_query(schema: str) -> bytes:
    return (
        SQL("SELECT e.request_key, e.position, e.request_digest FROM {}.events e WHERE e.request_key = ANY (%s)")
        .format(Identifier(schema))
        .as_bytes(None)
    )


@lru_cache(maxsize=MAX_CACHED_QUERIES)
def _streams_query(schema: str) -> bytes:
    return (
        SQL(
            "SELECT q.place, e.position, e.recorded_at, e.entry, e.topic, e.leaf_hash"
            " FROM unnest(%s, %s, %s) WITH ORDINALITY AS q(stream, after, at, place)"
            " CROSS JOIN LATERAL (SELECT i.version, i.position, i.recorded_at, i.entry, i.topic, i.leaf_hash"
            " FROM {}.events i"
            " WHERE i.stream = q.stream AND i.version > q.after AND i.position <= q.at"
            " ORDER BY i.version LIMIT {}) AS e"
            " ORDER BY q.place, e.version"
        )
        .format(Identifier(schema), SQL(str(STREAM_PAGE)))
        .as_bytes(None)
    )
