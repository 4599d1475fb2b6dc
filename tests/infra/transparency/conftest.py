"""One migrated ledger server, a tenant on it, and what seals it: real files, real keys, a real database."""

import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from contracts.ids import StreamName, TenantId, schema_of
from infra.event_store.commands import PreparedCommand, PreparedEvent
from infra.event_store.ledger import Ledger
from infra.event_store.migrate import migrate
from infra.event_store.roles import LEDGER_DATABASE, MIGRATOR, PROJECTOR, login_dsn, prepare_server
from infra.keys import LocalKeyStore
from infra.runtime.databases import LOGINS
from infra.transparency.log_keys import open_keys
from infra.transparency.notes import Checkpoint, open_note
from infra.transparency.sealer import TenantSealer
from infra.transparency.sealing import Sealing
from infra.transparency.storage import LogStorage

PASSWORDS = dict.fromkeys((MIGRATOR, PROJECTOR, *(each.login for each in LOGINS)), "secret")
LOG_NAME = "tenet.example/log"


@dataclass(frozen=True)
class Access:
    cells: dict[str, str]
    feed_cells: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """`writer` appends as the tenancy service; `reader` is the ledger service's way in; `admin` the superuser's."""

    admin: str
    writer: Ledger
    reader: Ledger
    keys: LocalKeyStore
    storage: LogStorage

    async def tenant(self) -> TenantId:
        return (await self.writer.placements.create_tenant(TenantId(f"test-{secrets.token_hex(8)}"))).tenant_id

    async def append(self, tenant_id: TenantId, count: int, size: int = 40) -> None:
        while count > 0:
            batch = min(count, 1_000)
            stream = f"tenant-{secrets.token_hex(8)}"
            await self.writer.recorder.append(tenant_id, PreparedCommand(_events(stream, batch, size), None, None))
            count -= batch

    def sealer(self, tenant_id: TenantId) -> TenantSealer:
        return TenantSealer(
            tenant_id, f"{LOG_NAME}/{tenant_id}", self.storage.of(tenant_id), self.reader.feed, self.keys
        )

    def sealing(self) -> Sealing:
        return Sealing(self.storage, LOG_NAME, self.reader.feed, self.reader.placements, self.keys)

    async def seal(self, tenant_id: TenantId) -> Checkpoint:
        """Seals everything, as a process that has just started does."""
        sealer = self.sealer(tenant_id)
        await sealer.open()
        await sealer.seal(await self.reader.feed.head(tenant_id))
        return await self.checkpoint(tenant_id)

    async def checkpoint(self, tenant_id: TenantId) -> Checkpoint:
        """The newest checkpoint, its signature verified."""
        directory, origin = self.storage.of(tenant_id), f"{LOG_NAME}/{tenant_id}"
        keys = await open_keys(self.keys, tenant_id, origin, directory)
        data = directory.checkpoint()
        assert data is not None
        note, _ = open_note(data, keys.verifiers)
        return Checkpoint.parse(note.text)

    async def leaves(self, tenant_id: TenantId) -> list[bytes]:
        found: list[bytes] = []
        while entries := await self.reader.feed.read_entries(tenant_id, len(found)):
            found += [entry.leaf_hash for entry in entries]
        return found

    async def as_superuser(self, statement: str, tenant_id: TenantId, parameters: Sequence[object] = ()) -> None:
        """`{}` in the statement is the tenant's schema."""
        async with await psycopg.AsyncConnection.connect(
            psycopg.conninfo.make_conninfo(self.admin, dbname=LEDGER_DATABASE), autocommit=True
        ) as connection:
            await connection.execute(statement.format(schema_of(tenant_id)).encode(), parameters)


def _events(stream: str, count: int, size: int) -> tuple[PreparedEvent, ...]:
    return tuple(
        PreparedEvent(
            stream=StreamName(stream),
            version=version,
            topic="tenet.test.Happened",
            event_id=f"event-{secrets.token_hex(8)}",
            entry=b'{"n":"' + secrets.token_hex(size).encode() + b'"}',
        )
        for version in range(1, count + 1)
    )


@pytest.fixture
async def world(postgres_server: str, tmp_path: Path) -> AsyncIterator[World]:
    await prepare_server(postgres_server, PASSWORDS, LOGINS)
    await migrate(login_dsn(postgres_server, MIGRATOR, "secret"), LOGINS)
    feed = {"cell-1": login_dsn(postgres_server, PROJECTOR, "secret")}
    (tmp_path / "keys").mkdir(mode=0o700)
    keys = await LocalKeyStore.open(tmp_path / "keys")
    writer_access = Access({"cell-1": login_dsn(postgres_server, "tenet_tenancy", "secret")}, feed)
    reader_access = Access({"cell-1": login_dsn(postgres_server, "tenet_ledger", "secret")}, feed)
    async with Ledger.open(writer_access, keys) as writer, Ledger.open(reader_access, keys) as reader:
        yield World(postgres_server, writer, reader, keys, LogStorage(tmp_path / "log"))
