"""A tenant's ledger in order of position, and knowing when there is more of it.

What this process appends wakes its waiters at once. What others append is found by one poll that asks each server for
the heads of all tenants that somebody waits for: every 250 ms for those that moved lately, and for the others as often
as their number allows, every 5 s at least.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import psycopg
import structlog
from psycopg.sql import SQL, Identifier

from contracts.errors import InvalidArgument, StoreUnavailable
from contracts.events.base import Recorded
from contracts.ids import TenantId
from infra.event_store.cells import CellPools
from infra.event_store.limits import (
    ACTIVE_FOR_SECONDS,
    MAX_CACHED_QUERIES,
    MAX_FEED_BATCH,
    POLL_ACTIVE_SECONDS,
    POLL_EACH_SECONDS,
    POLL_SECONDS,
)
from infra.event_store.mapper import Mapper
from infra.event_store.placements import Placements
from infra.event_store.reads import NO_UPPER_BOUND, StoredEntry, fetch_all

NOT_YET = "TN009"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger(__name__)


class TimeInFuture(InvalidArgument):
    """A ledger cannot be read as of a moment that is still to come."""

    reason = "TIME_IN_FUTURE"


class Feed:
    """Reads and follows ledgers for one process."""

    def __init__(self, pools: CellPools, placements: Placements, mapper: Mapper, *, as_tenant: bool = True) -> None:
        """`as_tenant`: `pools` log in as a service, which reads under a tenant's role; otherwise as the projector,
        which may read the entries of all tenants and nothing else."""
        self._pools = pools
        self._as_tenant = as_tenant
        self._placements = placements
        self._mapper = mapper
        self._heads: dict[TenantId, int] = {}
        self._moved_at: dict[TenantId, float] = {}
        self._waiters: dict[TenantId, set[asyncio.Future[None]]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    async def read(self, tenant_id: TenantId, from_position: int, limit: int = MAX_FEED_BATCH) -> list[Recorded[Any]]:
        """Up to `limit` events from a position on. Raises TenantUnknown, StoreUnavailable, DataLoss."""
        return self._mapper.decode_all(await self.read_entries(tenant_id, from_position, limit))

    async def read_entries(
        self, tenant_id: TenantId, from_position: int, limit: int = MAX_FEED_BATCH, to_position: int | None = None
    ) -> list[StoredEntry]:
        """Up to `limit` entries as stored, from a position on and at or before another."""
        placement = await self._placements.find(tenant_id)
        upto = NO_UPPER_BOUND if to_position is None else to_position
        try:
            async with self._pools.connection(placement.cell) as connection:
                query = (_entries_query(placement.schema), [from_position, upto, min(limit, MAX_FEED_BATCH)])
                (rows,) = await fetch_all(connection, placement.role if self._as_tenant else None, [query])
        except (psycopg.OperationalError, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedTable) as error:
            self._placements.forget(tenant_id)
            raise StoreUnavailable("The ledger's database does not answer.") from error
        entries = [StoredEntry(*row) for row in rows]
        if entries:
            self.saw(tenant_id, entries[-1].position + 1)
        return entries

    async def head(self, tenant_id: TenantId) -> int:
        """The next position of the tenant's ledger, which is its number of entries. Raises TenantUnknown."""
        await self._placements.find(tenant_id)
        return (await self.heads([tenant_id])).get(tenant_id, 0)

    async def heads(self, tenant_ids: Iterable[TenantId]) -> dict[TenantId, int]:
        """The next position of each of these tenants' ledgers. Raises TenantUnknown, StoreUnavailable."""
        by_cell: dict[str, list[TenantId]] = {}
        for tenant_id in tenant_ids:
            by_cell.setdefault((await self._placements.find(tenant_id)).cell, []).append(tenant_id)
        heads: dict[TenantId, int] = {}
        for cell, members in by_cell.items():
            try:
                async with self._pools.connection(cell) as connection:
                    cursor = await connection.execute("SELECT * FROM tenet_meta.heads_v1(%s)", (members,))
                    rows = await cursor.fetchall()
            except psycopg.OperationalError as error:
                raise StoreUnavailable("The ledger's database does not answer.", metadata={"cell": cell}) from error
            heads.update((TenantId(str(tenant_id)), head) for tenant_id, head in rows)
        for tenant_id, head in heads.items():
            self.saw(tenant_id, head)
        return heads

    async def position_at(self, tenant_id: TenantId, moment: datetime) -> int:
        """The position of the last entry recorded at or before a moment, for good; -1 when there is none.

        Raises TimeInFuture, TenantUnknown, StoreUnavailable.
        """
        placement = await self._placements.find(tenant_id)
        at = (moment - _EPOCH) // timedelta(microseconds=1)
        try:
            async with self._pools.connection(placement.cell) as connection:
                cursor = await connection.execute("SELECT tenet_meta.position_at_v1(%s, %s)", (tenant_id, at))
                row = await cursor.fetchone()
        except psycopg.OperationalError as error:
            raise StoreUnavailable("The ledger's database does not answer.") from error
        except psycopg.DatabaseError as error:
            if error.sqlstate == NOT_YET:
                raise TimeInFuture("What will be recorded until then is not known.") from None
            raise
        assert row is not None  # A function's value.
        return int(row[0])

    def saw(self, tenant_id: TenantId, next_position: int) -> None:
        """Tells the feed that the ledger reaches up to here, and wakes those who wait for it."""
        known = self._heads.get(tenant_id)
        if known is not None and next_position <= known:
            return
        self._heads[tenant_id] = next_position
        self._moved_at[tenant_id] = time.monotonic()
        for waiter in self._waiters.get(tenant_id, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait_beyond(self, tenant_id: TenantId, position: int, timeout: float) -> bool:
        """Waits until the ledger has an entry after `position`; False when it has none within `timeout` seconds."""
        return bool(await self.wait_any({tenant_id: position}, timeout))

    async def wait_any(self, positions: Mapping[TenantId, int], timeout: float) -> set[TenantId]:
        """Waits until one of these ledgers has an entry after its position; those that do, none after `timeout`."""
        deadline = time.monotonic() + timeout
        while True:
            ready = {tenant for tenant, position in positions.items() if self._heads.get(tenant, 0) > position + 1}
            remaining = deadline - time.monotonic()
            if ready or remaining <= 0 or self._closed:
                return ready
            await self._wait(positions, remaining)

    async def _wait(self, tenant_ids: Iterable[TenantId], seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watched = list(tenant_ids)
        for tenant_id in watched:
            if tenant_id not in self._waiters:
                self._waiters[tenant_id] = set()
                self._moved_at.setdefault(tenant_id, time.monotonic())
            self._waiters[tenant_id].add(waiter)
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        try:
            await asyncio.wait([waiter], timeout=seconds)
        finally:
            waiter.cancel()
            for tenant_id in watched:
                self._waiters[tenant_id].discard(waiter)
                if not self._waiters[tenant_id]:
                    del self._waiters[tenant_id]

    async def close(self) -> None:
        """Ends the poll and lets every waiter go."""
        self._closed = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)

    async def _poll(self) -> None:
        polled_all_at = 0.0
        while True:
            now = time.monotonic()
            everybody = now - polled_all_at >= min(POLL_SECONDS, len(self._waiters) * POLL_EACH_SECONDS)
            if everybody:
                polled_all_at = now
            due = [
                tenant_id
                for tenant_id in self._waiters
                if everybody or now - self._moved_at.get(tenant_id, 0.0) < ACTIVE_FOR_SECONDS
            ]
            try:
                if due:
                    await self.heads(await self._placed(due))
            except StoreUnavailable as error:
                log.warning("ledger.poll_failed", reason=error.message)
            await asyncio.sleep(POLL_ACTIVE_SECONDS)

    async def _placed(self, tenant_ids: Iterable[TenantId]) -> list[TenantId]:
        """Those that still have a ledger: a waiter for a tenant that was closed must not stop the poll for others."""
        return sorted(set(tenant_ids) & set(await self._placements.tenants()))


@lru_cache(maxsize=MAX_CACHED_QUERIES)
def _entries_query(schema: str) -> bytes:
    query = SQL(
        "SELECT position, recorded_at, entry, topic, leaf_hash FROM {}.events"
        " WHERE position >= %s AND position <= %s ORDER BY position LIMIT %s"
    )
    return query.format(Identifier(schema)).as_bytes(None)
