"""Two tenants' ledgers of real events, sealed, cosigned and compared to heads elsewhere, for somebody to tamper with.

The tampering is done as the database's superuser, to whom no constraint is an obstacle: of the first tenant's tables
they are dropped. Copies of both tables and of the log's files bring everything back after each attempt.
"""

import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.conninfo import make_conninfo

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.commands import Command
from contracts.events.base import Event, Sealed
from contracts.events.ledger import ErasureBasis, HoldPlaced, LedgerExported
from contracts.ids import PROVIDER, TenantId, derive_id, new_id, schema_of
from infra.disclosure.copies import ServerCopies
from infra.event_store.handler import Unit
from infra.event_store.ledger import Ledger
from infra.event_store.migrate import migrate
from infra.event_store.repository import Aggregate
from infra.event_store.roles import LEDGER_DATABASE, MIGRATOR, PROJECTOR, login_dsn, prepare_server
from infra.event_store.rows import Snapshot
from infra.keys import LocalKeyStore
from infra.runtime.databases import LOGINS
from infra.transparency.ledger_check import HeldHead, LedgerCheck, LedgerChecked
from infra.transparency.notes import COSIGNATURE_V1, Signer, parse_note
from infra.transparency.sealer import Head, TenantSealer
from infra.transparency.storage import LogStorage
from services.ledger.application.custody import Erasing, Keeping
from services.ledger.domain.custody_commands import ApproveErasure, Erase, PlaceHold

PASSWORDS = dict.fromkeys((MIGRATOR, PROJECTOR, *(each.login for each in LOGINS)), "secret")
LOG_NAME = "tenet.example/log"
EXPORT: Aggregate[None] = Aggregate("export", lambda: None, lambda state, _recorded: state)
CUSTODY: Aggregate[None] = Aggregate("custody", lambda: None, lambda state, _recorded: state)
TABLES = ("events", "openings")


@dataclass(frozen=True)
class Access:
    cells: dict[str, str]
    feed_cells: dict[str, str] = field(default_factory=dict)


class Fill(Command):
    """Makes a few events of any kind; only these tests issue it."""


@dataclass(frozen=True)
class _Uncommitted:
    """Stands in for `StoredRows` within the superuser's transaction, which nobody else sees and a rollback undoes."""

    connection: psycopg.AsyncConnection
    tenant_id: TenantId

    @asynccontextmanager
    async def snapshot(self, _tenant_id: TenantId) -> AsyncIterator[Snapshot]:
        yield Snapshot(self.connection, schema_of(self.tenant_id))


@dataclass
class Ledgers:
    """`tenant` is tampered with, `other` is its neighbour; `admin` is the superuser's connection."""

    ledger: Ledger
    keys: LocalKeyStore
    storage: LogStorage
    admin: psycopg.AsyncConnection
    witness: Signer
    copies: Path
    tenant: TenantId = field(init=False)
    other: TenantId = field(init=False)

    def origin(self, tenant_id: TenantId) -> str:
        return f"{LOG_NAME}/{tenant_id}"

    async def check(self, *elsewhere: HeldHead, uncommitted: bool = False) -> LedgerChecked:
        """`uncommitted` sees what the superuser's open transaction did; otherwise this is the service's own check."""
        rows = _Uncommitted(self.admin, self.tenant) if uncommitted else self.ledger.rows
        check = LedgerCheck(rows, self.keys, [self.witness.verifier])
        return await check.check(self.tenant, self.origin(self.tenant), self.storage.of(self.tenant), elsewhere)

    async def seal(self, tenant_id: TenantId) -> Head:
        sealer = TenantSealer(
            tenant_id, self.origin(tenant_id), self.storage.of(tenant_id), self.ledger.feed, self.keys
        )
        await sealer.open()
        head = await sealer.seal(await self.ledger.feed.head(tenant_id))
        assert head is not None
        return head

    def cosign(self, tenant_id: TenantId) -> None:
        directory = self.storage.of(tenant_id)
        data = directory.own_checkpoint()
        assert data is not None
        note = parse_note(data)
        directory.keep_cosigned(note.signed(self.witness.sign(note.text, at=1_790_000_000)).encode())

    async def sql(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """`{t}` is the tampered tenant's schema, `{o}` the other's."""
        text = statement.replace("{t}", schema_of(self.tenant)).replace("{o}", schema_of(self.other))
        cursor = await self.admin.execute(text.encode(), parameters)
        return await cursor.fetchall() if cursor.description else []

    async def keep(self) -> None:
        """Puts copies of everything by, and takes away what would hinder a superuser."""
        for table in TABLES:
            for (name,) in await self.sql(
                "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype <> 'n'",
                f"{schema_of(self.tenant)}.{table}",
            ):
                await self.sql(f'ALTER TABLE {{t}}.{table} DROP CONSTRAINT "{name}"')
            for (column,) in await self.sql(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attnotnull",
                f"{schema_of(self.tenant)}.{table}",
            ):
                await self.sql(f'ALTER TABLE {{t}}.{table} ALTER COLUMN "{column}" DROP NOT NULL')
            await self.sql(f"CREATE TABLE public.copy_{table} AS TABLE {{t}}.{table}")
        await self.sql("DROP INDEX {t}.events_request_key")
        shutil.copytree(self.storage.root, self.copies)

    def restore_files(self) -> None:
        shutil.rmtree(self.storage.root)
        shutil.copytree(self.copies, self.storage.root)

    async def changed(self, table: str) -> list[tuple[object, ...]]:
        """Rows that are there and should not be, and rows that should be there and are not."""
        return await self.sql(
            f"(TABLE {{t}}.{table} EXCEPT ALL TABLE public.copy_{table})"
            f" UNION ALL (TABLE public.copy_{table} EXCEPT ALL TABLE {{t}}.{table})"
        )

    async def fill(self, tenant_id: TenantId, commands: int) -> None:
        """Commands of one to three events, most of which seal something, and two erasures that were carried out."""
        for number in range(commands):
            await self._command(tenant_id, number)
        await self._erase(tenant_id)

    async def _command(self, tenant_id: TenantId, number: int) -> None:
        call = a_call(tenant_id, "principal-one")

        async def work(unit: Unit) -> None:
            if number % 3:
                loaded = await unit.load(CUSTODY, derive_id("custody", tenant_id, "filled"))
                unit.append(loaded, [_hold(f"{number} {each}") for each in range(number % 4)] or [_hold("one")])
            else:
                loaded = await unit.load(EXPORT, export_id := new_id("export"))
                purpose = Sealed.of("for the insurer", subject=f"subject-{number % 5}")
                unit.append(loaded, [_exported(export_id, number, purpose)])

        await self.ledger.handler.handle(call, Fill(tenant_id=tenant_id, request_id=call.request_id), work)

    async def _erase(self, tenant_id: TenantId) -> None:
        ledger = self.ledger
        keeping = Keeping(ledger.handler, ledger.repository, ledger.feed, ledger.openings)
        copies = ServerCopies(self.copies.parent)
        erasing = Erasing(ledger.handler, ledger.feed, ledger.mapper, ledger.openings, copies, self.keys)
        hold_id, _ = await keeping.place_hold(
            call := a_call(tenant_id, "principal-one"),
            PlaceHold(tenant_id=tenant_id, request_id=call.request_id, subjects=("nobody",), matter="one more"),
        )
        positions = await self.ledger.feed.head(tenant_id)
        for subject, position, path in (("subject-0", None, None), (hold_id, positions - 1, "/matter")):
            call = a_call(tenant_id, "principal-one")
            command = Erase(
                tenant_id=tenant_id,
                request_id=call.request_id,
                subject=subject,
                position=position,
                path=path,
                basis=ErasureBasis.PURPOSE_FULFILLED,
                reason="kept for long enough",
            )
            erasure_id, _ = await keeping.erase(call, command)
            second = a_call(tenant_id, "principal-two")
            committed = await keeping.approve_erasure(
                second, ApproveErasure(tenant_id=tenant_id, request_id=second.request_id, erasure_id=erasure_id)
            )
            await erasing.carry_out(a_call(tenant_id, "policy"), committed.recorded[0])


def _hold(name: str) -> Event:
    hold_id = new_id("hold")
    return HoldPlaced(hold_id=hold_id, subjects=("nobody",), matter=Sealed.of(f"Müller {name}", subject=hold_id))


def _exported(export_id: str, number: int, purpose: Sealed) -> Event:
    return LedgerExported(
        export_id=export_id, from_position=0, to_position=number + 1, sha256=f"{number:064x}", purpose=purpose
    )


def a_call(tenant_id: TenantId, principal: str) -> Call:
    return Call(
        tenant_id,
        Actor(principal, AuthenticatedBy.OIDC, PROVIDER),
        "test:fill",
        secrets.token_hex(16),
        datetime.now(UTC),
    )


@asynccontextmanager
async def made_ledgers(server: str, directory: Path, commands: int = 200) -> AsyncIterator[Ledgers]:
    """Some 300 entries a ledger, one tile and a bit more, all of them sealed. `server` is a superuser's DSN."""
    await prepare_server(server, PASSWORDS, LOGINS)
    await migrate(login_dsn(server, MIGRATOR, "secret"), LOGINS)
    (directory / "keys").mkdir(mode=0o700)
    keys = await LocalKeyStore.open(directory / "keys")
    feed = {"cell-1": login_dsn(server, PROJECTOR, "secret")}
    tenancy = Access({"cell-1": login_dsn(server, "tenet_tenancy", "secret")}, feed)
    access = Access({"cell-1": login_dsn(server, "tenet_ledger", "secret")}, feed)
    async with Ledger.open(tenancy, keys) as creator, Ledger.open(access, keys) as ledger:
        dsn = make_conninfo(server, dbname=LEDGER_DATABASE, options="-c synchronous_commit=off")
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as admin:
            witness = Signer("witness.example", Ed25519PrivateKey.generate(), COSIGNATURE_V1)
            made = Ledgers(ledger, keys, LogStorage(directory / "log"), admin, witness, directory / "copies")
            for name in ("tenant", "other"):
                tenant_id = (await creator.placements.create_tenant(TenantId(f"test-{secrets.token_hex(8)}"))).tenant_id
                setattr(made, name, tenant_id)
                await made.fill(tenant_id, commands)
                await made.seal(tenant_id)
                made.cosign(tenant_id)
            await made.keep()
            try:
                yield made
            finally:
                for table in TABLES:
                    await made.sql(f"DROP TABLE IF EXISTS public.copy_{table}")
