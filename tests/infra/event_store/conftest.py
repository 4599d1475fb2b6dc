"""Two real ledger servers, migrated, and ledgers opened over them as services' logins."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contracts.ids import TenantId
from infra.event_store.ledger import Ledger
from infra.event_store.migrate import migrate
from infra.event_store.roles import MIGRATOR, PROJECTOR, login_dsn, prepare_server
from infra.keys import LocalKeyStore
from infra.runtime.databases import LOGINS
from infra.runtime.postgres import EmbeddedPostgres

PASSWORDS = dict.fromkeys((MIGRATOR, PROJECTOR, *(each.login for each in LOGINS)), "secret")


@dataclass(frozen=True)
class Servers:
    """Ledger servers by cell, as their administrator reaches them; `settings` gives one service's way into them."""

    admin: dict[str, str]

    def dsn(self, login: str, cell: str = "cell-1") -> str:
        return login_dsn(self.admin[cell], login, PASSWORDS[login])

    def owner_dsn(self, cell: str = "cell-1") -> str:
        return self.dsn(MIGRATOR, cell)

    def settings(self, login: str = "tenet_tenancy", *, with_feed: bool = True) -> "ServerSettings":
        return ServerSettings(
            {cell: self.dsn(login, cell) for cell in self.admin},
            {cell: self.dsn(PROJECTOR, cell) for cell in self.admin} if with_feed else {},
        )


@dataclass(frozen=True)
class ServerSettings:
    cells: dict[str, str]
    feed_cells: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="session")
def second_server() -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="tenet-tests-") as directory:
        Path(directory).chmod(0o711)
        server = EmbeddedPostgres(Path(directory), sync_initdb=False)
        server.start()
        try:
            yield server
        finally:
            server.destroy()


@pytest.fixture(scope="session")
def admin_dsns(embedded_server: EmbeddedPostgres, second_server: EmbeddedPostgres) -> dict[str, str]:
    return {"cell-1": embedded_server.dsn(), "cell-2": second_server.dsn()}


@pytest.fixture
async def servers(admin_dsns: dict[str, str]) -> Servers:
    servers = Servers(admin_dsns)
    for cell, dsn in admin_dsns.items():
        await prepare_server(dsn, PASSWORDS, LOGINS)
        await migrate(servers.owner_dsn(cell), LOGINS)
    return servers


@pytest.fixture
async def keys(tmp_path: Path) -> LocalKeyStore:
    (tmp_path / "keys").mkdir(mode=0o700)
    return await LocalKeyStore.open(tmp_path / "keys")


@pytest.fixture
async def ledger(servers: Servers, keys: LocalKeyStore) -> AsyncIterator[Ledger]:
    """As the tenancy service, which may create tenants."""
    async with Ledger.open(servers.settings(), keys) as opened:
        yield opened


@pytest.fixture
def open_ledger(servers: Servers, keys: LocalKeyStore) -> Callable[[str], AbstractAsyncContextManager[Ledger]]:
    return lambda login: Ledger.open(servers.settings(login), keys)


@pytest.fixture(params=["cell-1", "cell-2"])
async def tenant(request: pytest.FixtureRequest, ledger: Ledger) -> TenantId:
    """A new tenant on the first server, then on the second: every test that asks for it runs on both."""
    return (await ledger.placements.create_tenant(new_tenant_id(), str(request.param))).tenant_id


@pytest.fixture
async def other_tenant(ledger: Ledger) -> TenantId:
    """A second tenant, on the first server."""
    return (await ledger.placements.create_tenant(new_tenant_id(), "cell-1")).tenant_id


def new_tenant_id() -> TenantId:
    return TenantId(f"test-{secrets.token_hex(8)}")
