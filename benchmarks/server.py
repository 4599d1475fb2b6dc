"""The server that benchmarks run on: an embedded PostgreSQL of its own, durable, with a migrated ledger."""

import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.ids import TenantId
from infra.event_store.ledger import Ledger
from infra.event_store.migrate import migrate
from infra.event_store.roles import MIGRATOR, PROJECTOR, login_dsn, prepare_server
from infra.keys import LocalKeyStore
from infra.runtime.databases import LOGINS
from infra.runtime.postgres import EmbeddedPostgres


@dataclass(frozen=True)
class BenchmarkServer:
    """`admin_dsn` is the superuser's; `cells` and `feed_cells` are how the tenancy service reaches the ledger."""

    admin_dsn: str
    cells: dict[str, str]
    feed_cells: dict[str, str]
    keys: LocalKeyStore
    pid: int

    def cpu_seconds(self) -> float:
        """Processor time of the server so far: its first process, those that it runs, and those that have ended."""
        running = [
            self.pid,
            *(int(each) for each in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()),
        ]
        ticks = 0
        for pid in running:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # It ended just now.
            # proc(5): fields 14 to 17 of the line are utime, stime, cutime and cstime; the first two were cut off.
            ticks += sum(int(each) for each in fields[11 : 15 if pid == self.pid else 13])
        return ticks / os.sysconf("SC_CLK_TCK")

    @asynccontextmanager
    async def ledger(self, max_connections: int = 8) -> AsyncIterator[Ledger]:
        async with Ledger.open(self, self.keys, max_connections=max_connections) as ledger:
            yield ledger


@asynccontextmanager
async def benchmark_server() -> AsyncIterator[BenchmarkServer]:
    """Started anew in a temporary directory, with the settings that `./tenet up` uses; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tenet-benchmark-") as directory:
        state = Path(directory)
        state.chmod(0o711)
        (state / "keys").mkdir(mode=0o700)
        with EmbeddedPostgres(state) as server:
            passwords = {login: secrets.token_hex(8) for login in (MIGRATOR, PROJECTOR, *(x.login for x in LOGINS))}
            admin = server.dsn()
            await prepare_server(admin, passwords, LOGINS)
            await migrate(login_dsn(admin, MIGRATOR, passwords[MIGRATOR]), LOGINS)
            yield BenchmarkServer(
                admin,
                {"cell-1": login_dsn(admin, "tenet_tenancy", passwords["tenet_tenancy"])},
                {"cell-1": login_dsn(admin, PROJECTOR, passwords[PROJECTOR])},
                await LocalKeyStore.open(state / "keys"),
                server.pid or 0,
            )


async def new_tenant(ledger: Ledger) -> TenantId:
    tenant_id = TenantId(f"bench-{secrets.token_hex(6)}")
    await ledger.placements.create_tenant(tenant_id)
    return tenant_id
