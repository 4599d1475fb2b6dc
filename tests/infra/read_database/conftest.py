"""A read database of its own, emptied before each test, and small ledgers in memory that the runners can follow."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from infra.read_database.database import ReadDatabase
from infra.read_database.migrate import database_of, login_of, migrate, provision
from tests.infra.read_database.board import BOARD_TABLE
from tests.infra.read_database.memory_ledgers import MemoryLedgers

SERVICE = "readingtests"
PASSWORD = "for-tests-only"
LIVES_TABLE = """
CREATE TABLE lives (
    tenant_id text NOT NULL, build integer NOT NULL, key text NOT NULL,
    from_position bigint NOT NULL, to_position bigint, doc jsonb NOT NULL, active boolean NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('lives');
"""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def read_dsns(postgres_server: str) -> dict[str, str]:
    """Connection strings of a provisioned and migrated read database: `admin` (a superuser) and `service`."""
    await provision(postgres_server, SERVICE, login_password=PASSWORD, migrator_password=PASSWORD)
    name = database_of(SERVICE)
    admin = make_conninfo(postgres_server, dbname=name)
    await migrate(make_conninfo(postgres_server, dbname=name, user="tenet_migrator", password=PASSWORD), SERVICE)
    async with await AsyncConnection.connect(admin, autocommit=True) as conn:
        await conn.execute("SET ROLE tenet_owner")
        await conn.execute(BOARD_TABLE.encode())
        await conn.execute(LIVES_TABLE.encode())
    return {
        "admin": admin,
        "migrator": make_conninfo(postgres_server, dbname=name, user="tenet_migrator", password=PASSWORD),
        "service": make_conninfo(postgres_server, dbname=name, user=login_of(SERVICE), password=PASSWORD),
    }


@pytest.fixture
async def admin(read_dsns: dict[str, str]) -> AsyncIterator[AsyncConnection[Any]]:
    """A superuser's connection, which no row level security binds, to a database that was just emptied."""
    async with await AsyncConnection.connect(read_dsns["admin"], autocommit=True) as conn:
        await conn.execute(
            "TRUNCATE board, lives, projection_builds, parked_events, policy_activations, policy_positions,"
            " policy_outcomes, timers"
        )
        yield conn


@pytest.fixture
async def database(read_dsns: dict[str, str], admin: AsyncConnection[Any]) -> AsyncIterator[ReadDatabase]:
    async with ReadDatabase.open(read_dsns["service"], SERVICE) as opened:
        yield opened


@pytest.fixture
def ledgers() -> MemoryLedgers:
    return MemoryLedgers()
