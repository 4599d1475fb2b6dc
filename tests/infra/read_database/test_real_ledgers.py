"""The read side over real ledgers, and the in-memory ledgers of the other tests held to the same port."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from psycopg import AsyncConnection

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.commands import Command
from contracts.events.base import Event, Recorded, Sealed, Value
from contracts.events.tenancy import TenantActivated, TenantOnboarded
from contracts.ids import PROVIDER, TenantId
from infra.event_store.ledger import Ledger
from infra.event_store.migrate import migrate
from infra.event_store.repository import Aggregate
from infra.event_store.roles import MIGRATOR, PROJECTOR, login_dsn, prepare_server
from infra.keys import LocalKeyStore
from infra.read_database.database import ReadDatabase
from infra.read_database.policies import Activation, Origin, Policy
from infra.read_database.policy_runner import PolicyRunner
from infra.read_database.read_side import ReadSide
from infra.read_database.sources import LedgerFeed
from infra.read_database.views import DocumentView
from infra.runtime.databases import LOGINS
from tests.infra.read_database.board import CardPutUp
from tests.infra.read_database.memory_ledgers import MemoryLedgers

LIVES: Aggregate[tuple[str, ...]] = Aggregate("tenant", tuple, lambda state, seen: (*state, type(seen.event).__name__))


class Begin(Command):
    """Onboards, or activates, whatever its caller's work does."""


class Life(Value):
    active: bool
    name: Sealed


class Lives(DocumentView[Life]):
    NAME = "lives"
    VERSION = 1
    TABLE = "lives"
    TOPICS = frozenset({TenantOnboarded, TenantActivated})
    COLUMNS: ClassVar[Mapping[str, str]] = {"active": "boolean"}
    DOCUMENT = Life

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.tenant_id]

    def fold(self, key: str, document: Life | None, recorded: Recorded[Any]) -> Life | None:
        if isinstance(recorded.event, TenantOnboarded):
            return Life(active=False, name=recorded.event.display_name)
        return document and document.model_copy(update={"active": True})

    def columns(self, document: Life) -> Mapping[str, object]:
        return {"active": document.active}


class ActivateWhenOnboarded(Policy):
    ID = "activate_when_onboarded"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset({TenantOnboarded})
    ACTIVATION = Activation.START

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.reactions = 0

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        self.reactions += 1
        await act(self._ledger, origin.call(), TenantActivated(tenant_id=recorded.tenant_id))


def now() -> datetime:
    return datetime.now(UTC)


async def act(ledger: Ledger, call: Call, *events: Event) -> int:
    """Appends the events to the tenant's stream as one command; answers its position."""

    async def work(unit: Any) -> None:
        unit.append(await unit.load(LIVES, "life"), events)

    command = Begin(tenant_id=call.tenant_id, request_id=call.request_id)
    return (await ledger.handler.handle(call, command, work)).position


async def onboard(ledger: Ledger, tenant_id: TenantId) -> int:
    call = Call(
        tenant_id=tenant_id,
        actor=Actor("principal-1", AuthenticatedBy.OIDC, PROVIDER),
        rpc="Onboard",
        request_id=secrets.token_hex(8),
        now=now(),
    )
    name = Sealed.of("Clinic", subject="subject-1")
    return await act(
        ledger,
        call,
        TenantOnboarded(
            tenant_id=tenant_id,
            parent_tenant_id=None,
            display_name=name,
            region="eu",
            retention_days=1,
            time_zone="UTC",
        ),
    )


@dataclass(frozen=True)
class LedgerAccess:
    """The tenancy service's way to the ledger server: its own login, and the projector's for following."""

    cells: dict[str, str]
    feed_cells: dict[str, str] = field(default_factory=dict)


@pytest.fixture
async def ledger(postgres_server: str, tmp_path: Path) -> AsyncIterator[Ledger]:
    passwords = dict.fromkeys((MIGRATOR, PROJECTOR, *(each.login for each in LOGINS)), "secret")
    await prepare_server(postgres_server, passwords, LOGINS)
    await migrate(login_dsn(postgres_server, MIGRATOR, "secret"), LOGINS)
    access = LedgerAccess(
        {"cell-1": login_dsn(postgres_server, "tenet_tenancy", "secret")},
        {"cell-1": login_dsn(postgres_server, PROJECTOR, "secret")},
    )
    (tmp_path / "keys").mkdir(mode=0o700)
    async with Ledger.open(access, await LocalKeyStore.open(tmp_path / "keys")) as opened:
        yield opened


@pytest.fixture
async def tenant(ledger: Ledger) -> TenantId:
    return (await ledger.placements.create_tenant(TenantId(f"test-{secrets.token_hex(6)}"))).tenant_id


async def test_a_command_is_read_back_at_its_position_and_a_policy_answers_it_across_a_real_ledger(
    database: ReadDatabase, ledger: Ledger, tenant: TenantId
) -> None:
    view = Lives()
    side = ReadSide(
        database, ledger.followed, ledger.tenants,
        clock=now, views=[view], policies=[ActivateWhenOnboarded(ledger)],
    )  # fmt: skip
    async with side.running():
        position = await onboard(ledger, tenant)
        await side.reader.waited(tenant, position)
        await side.reader.waited(tenant, position + 1)
        before = await view.get(side.reader, tenant, tenant, at=position)
        after = await view.get(side.reader, tenant, tenant)
    assert before is not None
    assert after is not None
    assert (before.document.active, after.document.active) == (False, True)
    assert after.document.name.plaintext is None, "a read model holds the reference of a sealed value"
    opened = await ledger.openings.open(tenant, [after.document.name])
    assert list(opened.values()) == ["Clinic"]
    activated = (await ledger.feed.read(tenant, position + 1))[0]
    assert activated.envelope.causation == position
    assert activated.envelope.actor.id == "policy:activate_when_onboarded"


async def test_a_policy_that_crashes_after_its_command_has_one_effect_in_the_ledger(
    database: ReadDatabase, ledger: Ledger, tenant: TenantId, admin: AsyncConnection[Any]
) -> None:
    await onboard(ledger, tenant)
    policy = ActivateWhenOnboarded(ledger)

    def runner() -> PolicyRunner:
        return PolicyRunner(database, ledger.followed, ledger.tenants, [policy], now)

    await runner().catch_up()
    # As if the process had been killed after the ledger's acknowledgement and before its own position was written.
    await admin.execute("UPDATE policy_positions SET position = -1 WHERE tenant_id = %s", (tenant,))
    before = policy.reactions
    await runner().catch_up()
    assert policy.reactions > before
    topics = [recorded.envelope.topic for recorded in await ledger.feed.read(tenant, 0)]
    assert topics == [TenantOnboarded.TOPIC, TenantActivated.TOPIC]


Append = Callable[[TenantId], Awaitable[int]]


@pytest.fixture(params=["real", "memory"])
def port(request: pytest.FixtureRequest, ledger: Ledger) -> tuple[LedgerFeed, Append]:
    if request.param == "real":
        return ledger.followed, lambda tenant_id: onboard(ledger, tenant_id)
    memory = MemoryLedgers()

    async def append(tenant_id: TenantId) -> int:
        return memory.append(tenant_id, CardPutUp(card="a"))

    return memory, append


async def test_both_ledgers_behave_as_the_port_says(port: tuple[LedgerFeed, Append], tenant: TenantId) -> None:
    feed, append = port
    assert await append(tenant) == 0
    assert await append(tenant) == 1
    assert await feed.heads([tenant, TenantId("no-such-tenant")]) == {tenant: 2}
    entries = await feed.entries(tenant, 0, 10)
    assert [entry.position for entry in entries] == [0, 1]
    assert entries[0].leaf_hash != entries[1].leaf_hash
    assert {len(entry.leaf_hash) for entry in entries} == {32}
    for entry in entries:
        recorded = entry.decode()
        assert (recorded.position, recorded.envelope.topic) == (entry.position, entry.topic)
    assert [entry.position for entry in await feed.entries(tenant, 1, 1)] == [1]
    assert await feed.entries(tenant, 2, 10) == []
    assert set(await feed.wait_for_news({tenant: 1}, 5)) == {tenant}
    assert set(await feed.wait_for_news({tenant: 2}, 0.05)) == set()
    waiting = asyncio.create_task(feed.wait_for_news({tenant: 2}, 5))
    await asyncio.sleep(0.01)
    await append(tenant)
    assert set(await waiting) == {tenant}
