"""Repository, feed and placements over two servers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from contracts.errors import TenantUnknown
from contracts.events.base import Event, Recorded
from contracts.ids import TenantId
from infra.event_store.ledger import Ledger
from infra.event_store.limits import SNAPSHOT_EVERY, STREAM_PAGE
from infra.event_store.repository import Aggregate
from infra.event_store.roles import MIGRATOR, login_dsn
from infra.event_store.snapshots import Snapshots
from infra.keys import LocalKeyStore
from infra.read_database import migrate as read_migrations
from infra.read_database.database import ReadDatabase
from tests.infra.event_store.builders import THINGS, a_call, a_command, a_stream, activated, prepared
from tests.infra.event_store.conftest import PASSWORDS, Servers, new_tenant_id

OpenLedger = Callable[[str], AbstractAsyncContextManager[Ledger]]


def _count(state: int, _recorded: Recorded[Event]) -> int:
    return state + 1


class CountCodec:
    version = 1

    def __init__(self) -> None:
        self.decoded = 0

    def encode(self, state: int) -> bytes:
        return str(state).encode()

    def decode(self, data: bytes) -> int:
        self.decoded += 1
        return int(data)


async def record(ledger: Ledger, tenant: TenantId, identifier: str, events: int = 1) -> None:
    async def work(unit: object) -> None:
        thing = await unit.load(THINGS, identifier)  # type: ignore[attr-defined]  # A Unit.
        unit.append(thing, [activated(tenant)] * events)  # type: ignore[attr-defined]  # A Unit.

    call = a_call(tenant)
    await ledger.handler.handle(call, a_command(call), work)


async def test_a_state_is_known_as_of_every_position(ledger: Ledger, tenant: TenantId) -> None:
    for identifier in ("a", "b", "a", "b", "a"):
        await record(ledger, tenant, identifier)
    versions = [(await ledger.repository.load(tenant, THINGS, "a", at=position)).version for position in range(5)]
    assert versions == [1, 1, 2, 2, 3]
    assert (await ledger.repository.load(tenant, THINGS, "a", at=-1)).version == 0


async def test_what_is_remembered_of_a_stream_follows_what_others_append(
    ledger: Ledger, tenant: TenantId, open_ledger: OpenLedger
) -> None:
    await record(ledger, tenant, "a")
    async with open_ledger("tenet_tenancy") as other:
        await record(other, tenant, "a")
        await record(ledger, tenant, "a")
        assert (await other.repository.load(tenant, THINGS, "a")).version == 3


async def test_a_stream_longer_than_a_page_folds_whole(ledger: Ledger, other_tenant: TenantId) -> None:
    counted: Aggregate[int] = Aggregate("tenant", int, _count)
    for _ in range(STREAM_PAGE // 1000 + 1):
        await record(ledger, other_tenant, "long", 1000)
    loaded = await ledger.repository.load(other_tenant, counted, "long")
    assert loaded.state == loaded.version == STREAM_PAGE + 1000


@pytest.fixture
async def snapshots(servers: Servers) -> AsyncIterator[Snapshots]:
    admin = servers.admin["cell-1"]
    password = PASSWORDS["tenet_tenancy"]
    await read_migrations.provision(admin, "tenancy", login_password=password, migrator_password=PASSWORDS[MIGRATOR])
    database = read_migrations.database_of("tenancy")
    await read_migrations.migrate(login_dsn(admin, MIGRATOR, PASSWORDS[MIGRATOR], database), "tenancy")
    async with ReadDatabase.open(login_dsn(admin, "tenet_tenancy", password, database), "tenancy") as opened:
        yield Snapshots(opened)


async def test_a_long_stream_begins_from_its_snapshot_and_another_codec_version_does_not_use_it(
    servers: Servers, keys: LocalKeyStore, other_tenant: TenantId, ledger: Ledger, snapshots: Snapshots
) -> None:
    await record(ledger, other_tenant, "long", SNAPSHOT_EVERY + 10)
    codec = CountCodec()
    counted: Aggregate[int] = Aggregate("tenant", int, _count, codec)
    for _ in range(2):
        async with Ledger.open(servers.settings(), keys, snapshots=snapshots) as opened:
            loaded = await opened.repository.load(other_tenant, counted, "long")
            assert loaded.state == loaded.version == SNAPSHOT_EVERY + 10
    assert codec.decoded == 1
    codec.version = 2
    async with Ledger.open(servers.settings(), keys, snapshots=snapshots) as opened:
        assert (await opened.repository.load(other_tenant, counted, "long")).state == SNAPSHOT_EVERY + 10
    assert codec.decoded == 1
    await snapshots.forget_tenant(other_tenant)
    assert await snapshots.find(other_tenant, loaded.stream, 2) is None


async def test_a_tail_reader_sees_every_position_in_order_while_others_append(
    ledger: Ledger, tenant: TenantId, open_ledger: OpenLedger
) -> None:
    async def tail(reader: Ledger) -> list[int]:
        seen: list[int] = []
        while len(seen) < 300:
            assert await reader.feed.wait_beyond(tenant, len(seen) - 1, 10)
            seen += [entry.position for entry in await reader.feed.read_entries(tenant, len(seen), 50)]
        return seen

    async with open_ledger("tenet_cases") as reader:
        reading = [asyncio.create_task(tail(each)) for each in (reader, ledger)]
        for _ in range(10):
            await asyncio.gather(*(ledger.recorder.append(tenant, prepared(a_stream(), (1, 2, 3))) for _ in range(10)))
        for seen in await asyncio.gather(*reading):
            assert seen == list(range(300))


@pytest.mark.parametrize("active_for_seconds", [60.0, 0.0], ids=["a ledger that moved lately", "a quiet one"])
async def test_another_process_hears_of_an_append_within_a_second(
    ledger: Ledger,
    tenant: TenantId,
    open_ledger: OpenLedger,
    monkeypatch: pytest.MonkeyPatch,
    active_for_seconds: float,
) -> None:
    monkeypatch.setattr("infra.event_store.feed.ACTIVE_FOR_SECONDS", active_for_seconds)
    async with open_ledger("tenet_cases") as other:
        waiting = asyncio.create_task(other.feed.wait_any({tenant: -1}, 10))
        await asyncio.sleep(0.1)
        started = time.monotonic()
        await record(ledger, tenant, "a")
        assert await waiting == {tenant}
        assert time.monotonic() - started < 1.0


async def test_waiting_for_what_does_not_come_ends_in_time(ledger: Ledger, tenant: TenantId) -> None:
    await record(ledger, tenant, "a")
    assert await ledger.feed.wait_beyond(tenant, -1, 0.1)
    started = time.monotonic()
    assert not await ledger.feed.wait_beyond(tenant, 0, 0.3)
    assert 0.25 < time.monotonic() - started < 2


async def test_the_feed_reads_as_a_service_where_there_is_no_login_for_it(
    servers: Servers, keys: LocalKeyStore, ledger: Ledger, tenant: TenantId
) -> None:
    await record(ledger, tenant, "a", 5)
    async with Ledger.open(servers.settings("tenet_cases", with_feed=False), keys) as other:
        assert [each.position for each in await other.feed.read(tenant, 1, 3)] == [1, 2, 3]
        assert [each.position for each in await other.feed.read_entries(tenant, 1, to_position=2)] == [1, 2]
        assert await other.feed.head(tenant) == 5


async def test_heads_are_told_for_tenants_of_both_servers_at_once(ledger: Ledger) -> None:
    tenants = [(await ledger.placements.create_tenant(new_tenant_id(), f"cell-{cell}")).tenant_id for cell in (1, 2)]
    await record(ledger, tenants[1], "a", 2)
    assert await ledger.feed.heads(tenants) == {tenants[0]: 0, tenants[1]: 2}
    assert set(tenants) <= set(await ledger.tenants.list())
    followed = await ledger.followed.heads([*tenants, TenantId("nobody-there")])
    assert followed == {tenants[0]: 0, tenants[1]: 2}
    (entry, _) = await ledger.followed.entries(tenants[1], 0, 10)
    assert (entry.topic, entry.decode().position) == ("tenet.tenancy.TenantActivated", 0)


async def test_creating_a_tenant_twice_gives_one_ledger_and_the_emptiest_server_takes_the_next(
    ledger: Ledger, servers: Servers, keys: LocalKeyStore
) -> None:
    tenant_id = new_tenant_id()
    made = await asyncio.gather(*(ledger.placements.create_tenant(tenant_id, "cell-2") for _ in range(4)))
    assert {each.cell for each in made} == {"cell-2"}
    async with Ledger.open(servers.settings(), keys) as other:
        assert (await other.placements.create_tenant(tenant_id, "cell-1")).cell == "cell-2"
        cells = {(await other.placements.create_tenant(new_tenant_id())).cell for _ in range(60)}
    assert cells == {"cell-1", "cell-2"} or len(cells) == 1


async def test_a_tenant_that_nobody_knows_becomes_known_once_it_is_created_elsewhere(
    ledger: Ledger, servers: Servers, keys: LocalKeyStore
) -> None:
    tenant_id = new_tenant_id()
    with pytest.raises(TenantUnknown):
        await ledger.feed.head(tenant_id)
    async with Ledger.open(servers.settings(), keys) as other:
        await other.placements.create_tenant(tenant_id)
    await asyncio.sleep(1.1)
    assert await ledger.feed.head(tenant_id) == 0
