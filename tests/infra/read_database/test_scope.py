"""Nobody sees a tenant that is not in the transaction's list, whatever SQL they send as the service's login."""

from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from contracts.ids import TenantId
from infra.read_database.database import ReadDatabase
from infra.read_database.migrate import SchemaOutOfRange, UnguardedTable, migrate, provision
from infra.read_database.reader.queries import Reader
from infra.read_database.runner import ProjectionRunner
from infra.read_database.scope import TenantListRefused
from tests.infra.read_database.board import Board, CardPromised, CardPutUp
from tests.infra.read_database.conftest import PASSWORD, SERVICE
from tests.infra.read_database.memory_ledgers import START, MemoryLedgers

CLINIC, RETAILER = TenantId("clinic"), TenantId("retailer")
BOARD = Board()
TENANT_TABLES = ("board", "projection_builds", "parked_events", "policy_positions", "policy_outcomes", "timers")


@pytest.fixture
async def both(database: ReadDatabase, ledgers: MemoryLedgers) -> ReadDatabase:
    for tenant_id in (CLINIC, RETAILER):
        ledgers.append(tenant_id, CardPutUp(card="a"), CardPromised(card="a", at=START))
    await ProjectionRunner(database, ledgers, ledgers, [BOARD]).catch_up()
    return database


async def login(read_dsns: dict[str, str]) -> AsyncConnection[Any]:
    return await AsyncConnection.connect(read_dsns["service"], autocommit=True)


async def test_without_a_list_there_are_no_rows(both: ReadDatabase) -> None:
    async with both.connection() as conn:
        for table in TENANT_TABLES:
            assert await (await conn.execute(f"SELECT * FROM {table}".encode())).fetchall() == []


async def test_a_list_shows_its_own_tenants_rows_only(both: ReadDatabase) -> None:
    async with both.reading([CLINIC]) as conn:
        for table in ("board", "projection_builds", "timers"):
            found = await (await conn.execute(f"SELECT DISTINCT tenant_id FROM {table}".encode())).fetchall()
            assert found == [("clinic",)], table


async def test_a_list_does_not_outlive_its_transaction(both: ReadDatabase, read_dsns: dict[str, str]) -> None:
    async with ReadDatabase.open(read_dsns["service"], SERVICE, max_connections=1) as one:
        async with one.reading([CLINIC]) as conn:
            assert await (await conn.execute("SELECT count(*) FROM board")).fetchone() == (2,)
        async with one.connection() as conn:
            assert await (await conn.execute("SELECT count(*) FROM board")).fetchone() == (0,)


async def test_a_reader_asked_about_a_foreign_tenant_by_key_finds_nothing_outside_its_list(both: ReadDatabase) -> None:
    reader = Reader(both, [BOARD])
    page = await BOARD.list(reader, [CLINIC])
    assert {item.tenant_id for item in page.items} == {CLINIC}
    async with both.reading([CLINIC]) as conn:
        cursor = await conn.execute("SELECT count(*) FROM board WHERE tenant_id = 'retailer' OR true")
        assert await cursor.fetchone() == (2,), "the clinic's two versions, and no row of the retailer"


@pytest.mark.parametrize(
    "injected",
    ["clinic,retailer", "clinic' OR true --", "*", "", "clinic\x00", "CLINIC", "clinic retailer", "{clinic,retailer}"],
)
async def test_a_list_cannot_smuggle_in_another_tenant(both: ReadDatabase, injected: str) -> None:
    with pytest.raises(TenantListRefused):
        async with both.reading([TenantId(injected)]):
            raise AssertionError("the list was accepted")
    with pytest.raises(TenantListRefused):
        await BOARD.list(Reader(both, [BOARD]), [TenantId(injected)])


async def test_the_login_itself_has_no_right_to_any_table(both: ReadDatabase, read_dsns: dict[str, str]) -> None:
    async with await login(read_dsns) as conn:
        for table in TENANT_TABLES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await conn.execute(f"SELECT * FROM {table}".encode())


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO board (tenant_id, build, key, from_position, doc) VALUES ('clinic', 1, 'x', 0, '{}')",
        "UPDATE board SET doc = '{}'",
        "DELETE FROM board",
        "TRUNCATE board",
        "ALTER TABLE board DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE board NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY in_scope ON board",
        "CREATE POLICY leak ON board USING (true)",
        "SET LOCAL ROLE tenet_owner",
        "SET LOCAL ROLE postgres",
        "SET LOCAL SESSION AUTHORIZATION tenet_owner",
        "CREATE TABLE mine AS SELECT * FROM board",
        "CREATE VIEW mine AS SELECT * FROM board",
        "SELECT guard_view('board')",
        "ALTER ROLE tenet_readingtests BYPASSRLS",
        "DELETE FROM applied_migrations",
    ],
)
async def test_a_reader_can_neither_write_nor_loosen_its_bonds(both: ReadDatabase, statement: str) -> None:
    with pytest.raises(psycopg.errors.Error) as refused:
        async with both.connection() as conn, conn.transaction():
            await conn.execute("SELECT set_config('tenet.tenants', 'clinic', true)")
            await conn.execute(statement.encode())
    assert isinstance(
        refused.value,
        psycopg.errors.InsufficientPrivilege | psycopg.errors.InvalidAuthorizationSpecification,
    ), refused.value


async def test_switching_row_level_security_off_is_an_error_and_not_a_leak(both: ReadDatabase) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with both.connection() as conn, conn.transaction():
            await conn.execute("SET LOCAL row_security = off")
            await conn.execute("SELECT * FROM board")


async def test_a_writer_cannot_write_a_view_row_of_a_tenant_outside_its_list(both: ReadDatabase) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with both.writing([CLINIC]) as conn:
            await conn.execute(
                "INSERT INTO board (tenant_id, build, key, from_position, doc) VALUES ('retailer', 1, 'x', 0, '{}')"
            )
    async with both.writing([CLINIC]) as conn:
        cursor = await conn.execute("UPDATE board SET lane = 'stolen' WHERE tenant_id = 'retailer'")
        assert cursor.rowcount == 0


async def test_a_service_cannot_connect_to_another_services_database(read_dsns: dict[str, str]) -> None:
    async with await AsyncConnection.connect(read_dsns["admin"], autocommit=True) as conn:
        await conn.execute("CREATE DATABASE tenet_other OWNER tenet_owner")
        await conn.execute("REVOKE ALL ON DATABASE tenet_other FROM PUBLIC")
    elsewhere = psycopg.conninfo.make_conninfo(read_dsns["service"], dbname="tenet_other")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        await AsyncConnection.connect(elsewhere)


async def test_migrating_again_changes_nothing_and_an_unguarded_table_is_refused(
    database: ReadDatabase, read_dsns: dict[str, str], postgres_server: str
) -> None:
    # Other tests provision the same server and may have given the migrator another password.
    await provision(postgres_server, SERVICE, login_password=PASSWORD, migrator_password=PASSWORD)
    assert await migrate(read_dsns["migrator"], SERVICE) == []
    async with await AsyncConnection.connect(read_dsns["admin"], autocommit=True) as conn:
        await conn.execute("CREATE TABLE bare (tenant_id text)")
        try:
            with pytest.raises(UnguardedTable, match="bare"):
                await migrate(read_dsns["migrator"], SERVICE)
        finally:
            await conn.execute("DROP TABLE bare")


async def test_a_service_refuses_to_start_on_a_schema_that_is_not_its_own(
    database: ReadDatabase, read_dsns: dict[str, str]
) -> None:
    async with await AsyncConnection.connect(read_dsns["admin"], autocommit=True) as conn:
        await conn.execute("INSERT INTO applied_migrations (name, digest) VALUES ('from-the-future', '')")
        try:
            with pytest.raises(SchemaOutOfRange) as refused:
                async with ReadDatabase.open(read_dsns["service"], SERVICE):
                    raise AssertionError("it started")
            assert refused.value.metadata["unknown"] == "from-the-future"
        finally:
            await conn.execute("DELETE FROM applied_migrations WHERE name = 'from-the-future'")
