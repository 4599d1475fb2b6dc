"""Attempts, in plain SQL, to get around the ledger's rules as each login that a process of Tenet has."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, errors

from contracts.ids import TenantId
from infra.event_store.ledger import Ledger
from infra.event_store.placements import Placement
from infra.event_store.roles import PROJECTOR
from tests.infra.event_store.builders import a_stream, prepared
from tests.infra.event_store.conftest import Servers

APPEND = (
    "SELECT * FROM tenet_meta.append_v1((extract(epoch FROM clock_timestamp()) * 1000000)::bigint, '{0}', ARRAY[%s],"
    " '{1}', '{t}', '{e}', ARRAY['{}'::bytea], ARRAY[NULL::bytea], ARRAY[NULL::bytea], '{}', '{}', '{}', '{}', '{}',"
    " '{}', '{}', '{}', '{}', '{}')"
)


@pytest.fixture
async def placement(ledger: Ledger, other_tenant: TenantId) -> Placement:
    await ledger.recorder.append(other_tenant, prepared(a_stream()))
    return await ledger.placements.find(other_tenant)


@pytest.fixture
def connect(servers: Servers) -> Any:
    @asynccontextmanager
    async def opened(login: str) -> AsyncIterator[AsyncConnection[Any]]:
        async with await AsyncConnection.connect(servers.dsn(login), autocommit=True) as connection:
            yield connection

    return opened


ATTEMPTS = [
    "INSERT INTO {schema}.events (position) VALUES (7)",
    "UPDATE {schema}.events SET entry = 'x'",
    "DELETE FROM {schema}.events",
    "TRUNCATE {schema}.events",
    "DELETE FROM {schema}.openings",
    "INSERT INTO {schema}.openings (event_id) VALUES ('e')",
    "DROP TABLE {schema}.events",
    "DROP SCHEMA {schema} CASCADE",
    "ALTER TABLE {schema}.events DISABLE TRIGGER ALL",
    "CREATE TABLE {schema}.events2 (x int)",
    "CREATE FUNCTION {schema}.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA pg_temp_mine",
    "UPDATE tenet_meta.tenants SET schema_name = 'x'",
    "UPDATE tenet_meta.logins SET categories = '{{tenant}}'",
    "UPDATE tenet_meta.limits SET ledger_ahead_us = 1",
    "CREATE OR REPLACE FUNCTION tenet_meta.heads_v1(p text[]) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT * FROM tenet_meta.judge_v1(NULL, 0, {empties})",
    "CREATE ROLE intruder SUPERUSER",
    "SET ROLE tenet_owner",
    "SET SESSION AUTHORIZATION postgres",
    "COPY {schema}.events FROM PROGRAM 'true'",
]


@pytest.mark.parametrize("as_tenant", [True, False])
@pytest.mark.parametrize("login", ["tenet_tenancy", "tenet_cases", "tenet_ledger", PROJECTOR])
async def test_no_login_can_change_a_ledger_but_through_its_functions(
    connect: Any, placement: Placement, login: str, as_tenant: bool
) -> None:
    async with connect(login) as connection:
        if as_tenant and login != PROJECTOR:
            await connection.execute(f"SET ROLE {placement.role}")
        for attempt in ATTEMPTS:
            with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedFunction)):
                await connection.execute(attempt.format(schema=placement.schema, empties=", ".join(["'{}'"] * 10)))


async def test_a_login_sees_nothing_of_a_ledger_without_the_tenants_role(connect: Any, placement: Placement) -> None:
    async with connect("tenet_cases") as connection:
        for relation in ("events", "openings"):
            with pytest.raises(errors.InsufficientPrivilege):
                await connection.execute(f"SELECT * FROM {placement.schema}.{relation}")


async def test_one_tenants_role_opens_no_other_tenants_ledger(
    connect: Any, ledger: Ledger, placement: Placement
) -> None:
    other = await ledger.placements.create_tenant(TenantId(f"test-{secrets.token_hex(6)}"), "cell-1")
    async with connect("tenet_cases") as connection:
        await connection.execute(f"SET ROLE {other.role}")
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(f"SELECT * FROM {placement.schema}.events")


async def test_the_projector_reads_entries_but_no_openings_and_cannot_append(
    connect: Any, placement: Placement
) -> None:
    async with connect(PROJECTOR) as connection:
        cursor = await connection.execute(f"SELECT count(*) FROM {placement.schema}.events")
        assert await cursor.fetchone() == (1,)
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(f"SELECT * FROM {placement.schema}.openings")
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(APPEND, (a_stream(),))
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(f"SET ROLE {placement.role}")


async def _append_as(connection: AsyncConnection[Any], role: str, stream: str) -> None:
    async with connection.transaction():
        await connection.execute("SELECT set_config('role', %s, true)", (role,))
        await connection.execute(APPEND, (stream,))


async def test_a_service_appends_only_to_streams_of_its_own_categories(connect: Any, placement: Placement) -> None:
    async with connect("tenet_cases") as connection:
        for stream in ("tenant-1", "", "-case-1", "principal-1-case", "cases-1", "Case-1"):
            with pytest.raises(psycopg.Error) as refusal:
                await _append_as(connection, placement.role, stream)
            assert refusal.value.sqlstate == "TN004"
        await _append_as(connection, placement.role, "case-1")


APPEND_ONE = (
    "SELECT tenet_meta.append_one_v1(%s, %s, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, %s, 1, 't',"
    " 'e', '{}'::bytea, NULL, NULL)"
)


async def _appended_one(connection: AsyncConnection[Any], role: str, stream: str, *, again: bool = False) -> bool:
    cursor = await connection.execute(APPEND_ONE, (role, again, stream))
    row = await cursor.fetchone()
    return row is not None and row[0] is not None


@pytest.mark.parametrize("again", [False, True])
async def test_the_short_way_takes_nothing_that_the_long_one_refuses(
    connect: Any, placement: Placement, servers: Servers, again: bool
) -> None:
    async with connect("tenet_cases") as connection:
        for stream in ("tenant-1", "", "-case-1", "principal-1-case", "cases-1", "Case-1"):
            assert not await _appended_one(connection, placement.role, stream, again=again)
        for role in ("tenet_owner", "tenet_appender", "tenet_services", "no_such_role"):
            assert not await _appended_one(connection, role, "case-1", again=again)
        await connection.execute("SET synchronous_commit = off")
        assert not await _appended_one(connection, placement.role, "case-1", again=again)
        await connection.execute("RESET synchronous_commit")
        assert await _appended_one(connection, placement.role, "case-1", again=again)
        with pytest.raises(errors.UniqueViolation):
            await _appended_one(connection, placement.role, "case-1", again=again)
        async with await AsyncConnection.connect(servers.owner_dsn(), autocommit=True) as owner:
            await owner.execute("SET ROLE tenet_owner")
            await owner.execute(f"REVOKE tenet_appender FROM {placement.role}")
        assert not await _appended_one(connection, placement.role, "case-2", again=again)
    async with connect(PROJECTOR) as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            await _appended_one(connection, placement.role, "case-3", again=again)


async def test_append_needs_a_tenants_role(connect: Any, placement: Placement) -> None:
    async with connect("tenet_cases") as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(APPEND, ("case-1",))
        with pytest.raises((errors.InsufficientPrivilege, errors.InvalidParameterValue)):
            await _append_as(connection, "tenet_owner", "case-1")


async def test_a_group_role_is_no_tenants_role_and_holds_no_rights(connect: Any, placement: Placement) -> None:
    async with connect("tenet_cases") as connection:
        await connection.execute("SET ROLE tenet_services")
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(f"SELECT * FROM {placement.schema}.events")
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute(APPEND, ("case-1",))


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_appends_refuse_every_isolation_but_read_committed(
    connect: Any, placement: Placement, isolation: str
) -> None:
    async with connect("tenet_cases") as connection:
        await connection.execute(f"SET default_transaction_isolation = '{isolation}'")
        with pytest.raises(psycopg.Error) as refusal:
            await _append_as(connection, placement.role, "case-1")
        assert refusal.value.sqlstate == "TN001"


@pytest.mark.parametrize("level", ["off", "local", "remote_write"])
async def test_appends_refuse_less_than_durable_commits(connect: Any, placement: Placement, level: str) -> None:
    async with connect("tenet_cases") as connection:
        await connection.execute(f"SET synchronous_commit = {level}")
        with pytest.raises(psycopg.Error) as refusal:
            await _append_as(connection, placement.role, "case-1")
        assert refusal.value.sqlstate == "TN002"


async def test_a_function_of_the_callers_own_does_not_shadow_what_the_ledger_calls(
    connect: Any, servers: Servers, placement: Placement
) -> None:
    async with connect("tenet_cases") as connection:
        await connection.execute(f"SET search_path = {placement.schema}, public, pg_catalog")
        await _append_as(connection, placement.role, "case-shadow")
    async with await AsyncConnection.connect(servers.owner_dsn()) as connection:
        cursor = await connection.execute(
            "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE n.nspname = 'tenet_meta' AND p.prosecdef"
            " AND NOT p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp']"
        )
        assert await cursor.fetchall() == []
        cursor = await connection.execute(
            "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
            " CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
            " WHERE n.nspname = 'tenet_meta' AND a.grantee = 0"
        )
        assert await cursor.fetchall() == []


async def test_a_temporary_table_does_not_take_the_place_of_the_ledger(
    connect: Any, servers: Servers, placement: Placement
) -> None:
    async with connect("tenet_cases") as connection:
        # Temporary tables are refused to the service's login; an operator who grants them must not open a way either.
        async with await AsyncConnection.connect(servers.admin["cell-1"], autocommit=True) as admin:
            await admin.execute(f"GRANT TEMPORARY ON DATABASE {connection.info.dbname} TO tenet_cases")
        try:
            await connection.execute(
                "CREATE TEMPORARY TABLE events (position bigint, recorded_at bigint, version bigint, stream text, topic"
                " text, event_id text, leaf_hash bytea, request_key bytea, request_digest bytea, entry bytea)"
            )
            await connection.execute("GRANT ALL ON pg_temp.events TO PUBLIC")
            await _append_as(connection, placement.role, "case-diverted")
            cursor = await connection.execute("SELECT count(*) FROM pg_temp.events")
            assert await cursor.fetchone() == (0,)
        finally:
            async with await AsyncConnection.connect(servers.admin["cell-1"], autocommit=True) as admin:
                await admin.execute(f"REVOKE TEMPORARY ON DATABASE {connection.info.dbname} FROM tenet_cases")


async def test_only_the_tenancy_service_creates_tenants(connect: Any) -> None:
    async with connect("tenet_cases") as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            await connection.execute("SELECT tenet_meta.create_tenant_v1('intruder')")
    async with connect("tenet_tenancy") as connection:
        for identifier in ("Intruder", 'a"; DROP SCHEMA tenet_meta; --', "", "a" * 32, None):
            with pytest.raises(psycopg.Error) as refusal:
                await connection.execute("SELECT tenet_meta.create_tenant_v1(%s)", (identifier,))
            assert refusal.value.sqlstate == "TN006"


async def test_only_the_ledger_service_erases_openings(connect: Any, placement: Placement) -> None:
    async with connect("tenet_cases") as connection, connection.transaction():
        await connection.execute("SELECT set_config('role', %s, true)", (placement.role,))
        with pytest.raises(psycopg.Error) as refusal:
            await connection.execute("SELECT tenet_meta.erase_openings_v1('subject-1')")
        assert refusal.value.sqlstate == "TN008"
    async with connect("tenet_ledger") as connection, connection.transaction():
        await connection.execute("SELECT set_config('role', %s, true)", (placement.role,))
        cursor = await connection.execute("SELECT tenet_meta.erase_openings_v1('subject-1')")
        assert await cursor.fetchone() == (0,)
