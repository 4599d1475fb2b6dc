"""Connections to the servers that hold ledgers ("cells"): one pool per server and process, never one per tenant."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from contracts.errors import StoreUnavailable
from infra.event_store.arrays import register_arrays
from infra.event_store.limits import (
    CONNECT_SECONDS,
    POOL_MAX_CONNECTIONS,
    POOL_MIN_CONNECTIONS,
    POOL_WAIT_SECONDS,
)
from infra.event_store.migrate import check_schema

Connection = AsyncConnection[Any]

# An index always fits the ledger's statements. Without this a statement that was planned while a table was small goes
# on reading all of it until the statistics are next refreshed; and one whose first values made a plan of their own look
# cheaper is planned at every call from then on.
_SESSION = (
    "-c enable_seqscan=off -c jit=off -c default_transaction_isolation=read\\ committed"
    " -c plan_cache_mode=force_generic_plan"
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One server that holds ledgers, and how this process's login reaches it."""

    name: str
    dsn: str


class CellPools:
    """The open pools of one process, by cell."""

    def __init__(self, pools: dict[str, AsyncConnectionPool[Connection]]) -> None:
        self._pools = pools
        self._at_hand: dict[str, list[Connection]] = {name: [] for name in pools}
        self._wanting = dict.fromkeys(pools, 0)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._pools)

    @classmethod
    @asynccontextmanager
    async def open(cls, cells: Iterable[Cell], max_connections: int = POOL_MAX_CONNECTIONS) -> AsyncIterator[Self]:
        """Opens a pool for each cell and checks its schema version. Raises StoreUnavailable, SchemaOutOfRange."""
        async with AsyncExitStack() as stack:
            pools = {}
            for cell in cells:
                pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
                    make_conninfo(cell.dsn, options=_SESSION, connect_timeout=CONNECT_SECONDS),
                    min_size=POOL_MIN_CONNECTIONS,
                    max_size=max_connections,
                    timeout=POOL_WAIT_SECONDS,
                    kwargs={"autocommit": True},
                    configure=_configure,
                    open=False,
                    name=f"ledger {cell.name}",
                )
                await stack.enter_async_context(_opened(pool))
                pools[cell.name] = pool
            opened = cls(pools)
            for name in pools:
                async with opened.connection(name) as connection:
                    await check_schema(connection)
            try:
                yield opened
            finally:
                for name in pools:
                    await opened._give_back(name)

    async def discard_broken(self, cell: str) -> None:
        """Looks at the idle connections and replaces those that the server has ended, as all are after its restart."""
        await self._give_back(cell)
        await self._pools[cell].check()

    @asynccontextmanager
    async def connection(self, cell: str) -> AsyncIterator[Connection]:
        """One connection in autocommit mode. Raises StoreUnavailable when none comes free or none can be made."""
        at_hand = self._at_hand[cell]
        connection = at_hand.pop() if at_hand else await self._from_pool(cell)
        try:
            yield connection
        except asyncio.CancelledError:
            # The statement under way may still be running; its connection cannot be used again.
            await connection.close()
            raise
        finally:
            # Kept at hand for the next caller, without the pool's bookkeeping on the way in and out, unless somebody
            # waits at the pool or it has to clear up what was left open.
            idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
            if self._wanting[cell] or not idle:
                await self._pools[cell].putconn(connection)
            else:
                at_hand.append(connection)

    async def _from_pool(self, cell: str) -> Connection:
        self._wanting[cell] += 1
        try:
            return await self._pools[cell].getconn()
        except (PoolTimeout, PoolClosed) as error:
            raise StoreUnavailable(f"No connection to the ledger server {cell}.", metadata={"cell": cell}) from error
        finally:
            self._wanting[cell] -= 1

    async def _give_back(self, cell: str) -> None:
        while self._at_hand[cell]:
            await self._pools[cell].putconn(self._at_hand[cell].pop())


@asynccontextmanager
async def _opened(pool: AsyncConnectionPool[Connection]) -> AsyncIterator[None]:
    try:
        await pool.open(wait=True, timeout=POOL_WAIT_SECONDS)
    except (PoolTimeout, psycopg.Error) as error:
        await pool.close()
        raise StoreUnavailable(f"{pool.name} does not answer.") from error
    try:
        yield
    finally:
        await pool.close()


async def _configure(connection: Connection) -> None:
    register_arrays(connection)
