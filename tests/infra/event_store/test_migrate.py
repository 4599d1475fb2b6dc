import shutil
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection

from contracts.errors import StoreUnavailable
from contracts.ids import TenantId
from infra.event_store.ledger import Ledger
from infra.event_store.migrate import (
    MIGRATIONS,
    SUPPORTED_SCHEMAS,
    MigrationAltered,
    SchemaOutOfRange,
    check_schema,
    migrate,
    read_migrations,
)
from infra.event_store.roles import MIGRATOR, login_dsn, prepare_server
from infra.keys import LocalKeyStore
from infra.runtime.databases import LOGINS
from tests.infra.event_store.conftest import PASSWORDS, Servers, ServerSettings, new_tenant_id

DATABASE = "tenet_migration_test"


@pytest.fixture
async def migrator(servers: Servers) -> str:
    """An empty database of its own on the first server."""
    async with await AsyncConnection.connect(servers.admin["cell-1"], autocommit=True) as connection:
        await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await prepare_server(servers.admin["cell-1"], PASSWORDS, LOGINS, DATABASE)
    return login_dsn(servers.admin["cell-1"], MIGRATOR, PASSWORDS[MIGRATOR], DATABASE)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


def test_the_newest_migration_is_one_that_this_program_supports() -> None:
    assert read_migrations(MIGRATIONS)[-1].number in SUPPORTED_SCHEMAS


async def test_a_second_run_changes_nothing(migrator: str) -> None:
    first = await migrate(migrator, LOGINS)
    assert len(first.shared) == len(read_migrations(MIGRATIONS))
    assert (await migrate(migrator, LOGINS)).shared == ()


async def test_a_run_that_was_cut_off_resumes_where_it_stopped(migrator: str, directory: Path) -> None:
    broken = directory / "9001_broken.sql"
    broken.write_text("CREATE TABLE tenet_meta.half (x int); SELECT 1/0;")
    with pytest.raises(psycopg.Error):
        await migrate(migrator, LOGINS, directory)
    broken.write_text("CREATE TABLE tenet_meta.half (x int);")
    assert (await migrate(migrator, LOGINS, directory)).shared == ("9001_broken",)


async def test_an_applied_migration_that_was_altered_stops_the_run(migrator: str, directory: Path) -> None:
    await migrate(migrator, LOGINS, directory)
    file = directory / "0001_tenants.sql"
    file.write_text(file.read_text() + "-- altered")
    with pytest.raises(MigrationAltered):
        await migrate(migrator, LOGINS, directory)


async def test_each_tenants_layout_is_brought_forward_once_and_a_broken_one_resumes(
    migrator: str, servers: Servers, directory: Path
) -> None:
    await migrate(migrator, LOGINS, directory)
    dsn = login_dsn(servers.admin["cell-1"], "tenet_tenancy", PASSWORDS["tenet_tenancy"], DATABASE)
    tenants: list[TenantId] = sorted(new_tenant_id() for _ in range(3))
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for tenant_id in tenants:
            await connection.execute("SELECT tenet_meta.create_tenant_v1(%s)", (tenant_id,))
    (directory / "tenant").mkdir()
    change = directory / "tenant" / "0002_note.sql"
    change.write_text(
        "ALTER TABLE {schema}.events ADD COLUMN note text; SELECT 1 / (CASE WHEN '{schema}' LIKE '%"
        + tenants[1].replace("-", "_")
        + "%' THEN 0 ELSE 1 END);"
    )
    with pytest.raises(psycopg.Error):
        await migrate(migrator, LOGINS, directory)
    change.write_text("ALTER TABLE {schema}.events ADD COLUMN note text;")
    report = await migrate(migrator, LOGINS, directory)
    assert report.tenants == ((tenants[1], "0002_note"), (tenants[2], "0002_note"))
    assert (await migrate(migrator, LOGINS, directory)).tenants == ()


async def test_a_service_refuses_a_server_outside_its_schema_range(
    migrator: str, servers: Servers, keys: LocalKeyStore
) -> None:
    dsn = login_dsn(servers.admin["cell-1"], "tenet_cases", PASSWORDS["tenet_cases"], DATABASE)
    with pytest.raises(SchemaOutOfRange):
        async with Ledger.open(ServerSettings({"cell-1": dsn}), keys):
            pass
    await migrate(migrator, LOGINS)
    async with Ledger.open(ServerSettings({"cell-1": dsn}), keys):
        pass
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        with pytest.raises(SchemaOutOfRange):
            await check_schema(connection, range(SUPPORTED_SCHEMAS.stop, SUPPORTED_SCHEMAS.stop + 1))


async def test_a_server_that_is_away_is_told_as_such(keys: LocalKeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.event_store.cells.POOL_WAIT_SECONDS", 0.5)
    with pytest.raises(StoreUnavailable):
        async with Ledger.open(ServerSettings({"cell-1": "host=127.0.0.1 port=9 dbname=x"}), keys):
            pass
