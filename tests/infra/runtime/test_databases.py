"""One command makes every database, on one server or two, and gives each service its own way in."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from infra.event_store.migrate import check_schema
from infra.runtime.databases import LOGINS, Databases
from infra.runtime.postgres import EmbeddedPostgres
from infra.runtime.settings import SERVICES, Settings


@pytest.fixture(scope="module")
def servers(start_postgres: Callable[[], EmbeddedPostgres]) -> tuple[EmbeddedPostgres, EmbeddedPostgres]:
    """Not the shared server: passwords belong to the server, and others set their own there."""
    return start_postgres(), start_postgres()


@pytest.fixture
async def databases(servers: tuple[EmbeddedPostgres, EmbeddedPostgres], tmp_path: Path) -> Databases:
    first, second = servers
    made = Databases(Settings(state=tmp_path, cell_servers={"cell-2": second.dsn()}), first.dsn())
    await made.migrate()
    return made


def _settings(databases: Databases, service: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in databases.environment(service).items():
        monkeypatch.setenv(name, value)
    return Settings.from_env()


async def test_a_second_run_finds_nothing_to_do(databases: Databases) -> None:
    assert not any((await databases.migrate()).applied.values())


async def test_each_service_reaches_every_cell_and_its_own_read_database(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in SERVICES:
        settings = _settings(databases, service, monkeypatch)
        assert set(settings.cells) == set(settings.feed_cells) == {"cell-1", "cell-2"}
        for dsn in (*settings.cells.values(), *settings.feed_cells.values()):
            async with await psycopg.AsyncConnection.connect(dsn) as connection:
                await check_schema(connection)
        assert settings.read_database_url is not None
        async with await psycopg.AsyncConnection.connect(settings.read_database_url) as connection:
            cursor = await connection.execute("SELECT current_user, current_database()")
            assert await cursor.fetchone() == (f"tenet_{service}", f"tenet_{service}")


async def test_no_service_reaches_the_read_database_of_another(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = _settings(databases, "cases", monkeypatch).read_database_url
    assert own is not None
    for other in set(SERVICES) - {"cases"}:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(own, dbname=f"tenet_{other}")


def test_every_category_of_streams_belongs_to_one_service() -> None:
    categories = [category for login in LOGINS for category in login.categories]
    assert len(categories) == len(set(categories))
    assert all(login.categories for login in LOGINS)
    assert [login.login for login in LOGINS if login.may_create_tenants] == ["tenet_tenancy"]
    assert [login.login for login in LOGINS if login.may_erase] == ["tenet_ledger"]
