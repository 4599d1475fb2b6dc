"""Work that one process at a time may do, told apart by name, over all replicas of a service.

All of a process's locks lie on one connection. They end with it at once, also when the process is killed, and however
long the work takes it holds no other connection of the pool.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from infra.read_database.database import Connection, ReadDatabase, ReadDatabaseUnavailable


class Locks:
    """Session-level advisory locks. Methods raise ReadDatabaseUnavailable: then every lock is lost."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, database: ReadDatabase) -> AsyncIterator["Locks"]:
        async with database.connection() as connection:
            try:
                yield cls(connection)
            finally:
                # The connection goes back to the pool, and nothing may go with it.
                if not connection.closed:
                    await connection.execute("SELECT pg_advisory_unlock_all()")

    async def take(self, name: str) -> bool:
        """Whether the lock was free; it is held from now on."""
        return await self._ask("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", name)

    async def give_back(self, name: str) -> None:
        await self._ask("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", name)

    async def check(self) -> None:
        """Whether the connection, and with it every lock, is still there."""
        await self._ask("SELECT %s::text IS NOT NULL", "")

    async def _ask(self, query: str, name: str) -> bool:
        try:
            row = await (await self._connection.execute(query, (name,))).fetchone()
        except psycopg.OperationalError as error:
            raise ReadDatabaseUnavailable("The connection that holds the locks is gone.") from error
        return row is not None and bool(row[0])
