"""One service's read database: connections that read views in scope, and write them under another role."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from contracts.errors import StoreUnavailable
from contracts.ids import TenantId
from infra.read_database.migrate import check_schema
from infra.read_database.scope import READER_ROLE, WRITER_ROLE, tenant_scope

MAX_CONNECTIONS = 12
"""Of one process: the runners take up to six, queries share the rest."""
CONNECT_TIMEOUT_SECONDS = 10.0
"""Longest wait for a connection, from the pool or at the start, before the caller is told that the store is away."""
STATEMENT_TIMEOUT_MS = 30_000

Connection = AsyncConnection[TupleRow]


class ReadDatabaseUnavailable(StoreUnavailable):
    """The read database does not answer. Commands are not affected; views catch up when it is back."""

    reason = "READ_DATABASE_UNAVAILABLE"


class ReadDatabase:
    """The pool. `reading` and `writing` each yield one connection inside one transaction."""

    def __init__(self, pool: AsyncConnectionPool[Connection], service: str) -> None:
        self._pool = pool
        self.service = service

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, service: str, *, max_connections: int = MAX_CONNECTIONS) -> AsyncIterator[Self]:
        """Connects as the service's login and refuses to start on a schema that is not this program's.

        Raises ReadDatabaseUnavailable, migrate.SchemaOutOfRange.
        """
        pool = AsyncConnectionPool(
            dsn,
            connection_class=AsyncConnection[TupleRow],
            min_size=1,
            max_size=max_connections,
            timeout=CONNECT_TIMEOUT_SECONDS,
            kwargs={"autocommit": True, "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"},
            configure=_become_reader,
            # One short round trip each time, so that a database that was restarted costs nobody a failed query.
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        async with pool:
            database = cls(pool, service)
            async with database.connection() as conn:
                await check_schema(conn, service)
            yield database

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction, as a reader without scope. Raises ReadDatabaseUnavailable."""
        try:
            async with self._pool.connection() as conn:
                yield conn
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise ReadDatabaseUnavailable(f"The read database of {self.service} does not answer.") from error

    @asynccontextmanager
    async def reading(self, tenant_ids: Sequence[TenantId]) -> AsyncIterator[Connection]:
        """One read-only snapshot that sees these tenants and nothing else: rows and positions in it belong together."""
        async with self.connection() as conn:
            await conn.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await conn.set_read_only(True)
            try:
                async with conn.transaction():
                    await tenant_scope(conn, tenant_ids)
                    yield conn
            finally:
                if not conn.closed:
                    await conn.set_isolation_level(None)
                    await conn.set_read_only(None)

    @asynccontextmanager
    async def writing(self, tenant_ids: Sequence[TenantId] = ()) -> AsyncIterator[Connection]:
        """One transaction as the writer of views: it sees all tracking rows, and view rows of the tenants in scope."""
        async with self.connection() as conn, conn.transaction():
            await conn.execute(f"SET LOCAL ROLE {WRITER_ROLE}")
            await tenant_scope(conn, tenant_ids)
            yield conn


async def _become_reader(conn: AsyncConnection[Any]) -> None:
    await conn.execute(f"SET ROLE {READER_ROLE}")
