"""The library's own recorder suites, run against the adapter over a real tenant's ledger."""

import asyncio
import secrets
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
    TrackingRecorderTestCase,
)
from psycopg import Connection

from contracts.ids import TenantId
from infra.event_store.adapter import (
    LedgerAggregateRecorder,
    LedgerApplicationRecorder,
    Pool,
    ReadDatabaseTrackingRecorder,
    open_pool,
)
from infra.event_store.migrate import migrate
from infra.event_store.roles import MIGRATOR, login_dsn, prepare_server
from infra.read_database import migrate as read_migrations
from infra.runtime.databases import LOGINS
from tests.infra.event_store.conftest import PASSWORDS, Servers

CATEGORY = "case"


@pytest.fixture(scope="module")
def ledger_pool(admin_dsns: dict[str, str]) -> Iterator[Pool]:
    asyncio.run(_prepare(admin_dsns["cell-1"]))
    with open_pool(Servers(admin_dsns).dsn("tenet_cases")) as pool:
        yield pool


@pytest.fixture(scope="module")
def read_pool(admin_dsns: dict[str, str], ledger_pool: Pool) -> Iterator[Pool]:
    admin = admin_dsns["cell-1"]
    asyncio.run(_prepare_read_database(admin))
    database = read_migrations.database_of("cases")
    with open_pool(login_dsn(admin, "tenet_cases", PASSWORDS["tenet_cases"], database)) as pool:
        yield pool


@pytest.fixture
def recorders(request: pytest.FixtureRequest, admin_dsns: dict[str, str], ledger_pool: Pool) -> None:
    """Hands each library test case a ledger of its own."""
    tenant_id = TenantId(f"test-{secrets.token_hex(6)}")
    with Connection.connect(Servers(admin_dsns).dsn("tenet_tenancy"), autocommit=True) as connection:
        connection.execute("SELECT tenet_meta.create_tenant_v1(%s)", (tenant_id,))
    request.cls.ledger = (ledger_pool, tenant_id, CATEGORY)


@pytest.fixture
def tracking(request: pytest.FixtureRequest, admin_dsns: dict[str, str], read_pool: Pool) -> None:
    database = read_migrations.database_of("cases")
    dsn = login_dsn(admin_dsns["cell-1"], MIGRATOR, PASSWORDS[MIGRATOR], database)
    with Connection.connect(dsn, autocommit=True) as connection:
        connection.execute("SET ROLE tenet_owner")
        connection.execute("TRUNCATE library_tracking")
    request.cls.read_pool = read_pool


@pytest.mark.usefixtures("recorders")
class TestAggregateRecorder(AggregateRecorderTestCase):
    ledger: Any

    def create_recorder(self) -> LedgerAggregateRecorder:
        return LedgerAggregateRecorder(*self.ledger)


@pytest.mark.usefixtures("recorders")
class TestApplicationRecorder(ApplicationRecorderTestCase[LedgerApplicationRecorder]):
    ledger: Any

    def create_recorder(self) -> LedgerApplicationRecorder:
        return LedgerApplicationRecorder(*self.ledger)

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


@pytest.mark.usefixtures("recorders")
class TestNonInterleavingNotificationIDs(NonInterleavingNotificationIDsBaseCase):
    ledger: Any
    insert_num = 1000

    def create_recorder(self) -> LedgerApplicationRecorder:
        return LedgerApplicationRecorder(*self.ledger)


@pytest.mark.usefixtures("tracking")
class TestTrackingRecorder(TrackingRecorderTestCase):
    read_pool: Any

    def create_recorder(self) -> ReadDatabaseTrackingRecorder:
        return ReadDatabaseTrackingRecorder(self.read_pool)


@pytest.mark.usefixtures("recorders")
class TestOriginators:
    ledger: Any

    def test_identifiers_come_back_as_what_they_were(self) -> None:
        recorder = LedgerApplicationRecorder(*self.ledger)
        for originator in (UUID(int=7), "a-name", str(UUID(int=8))):
            event = StoredEvent(originator, 5, "topic", bytes(range(256)))
            recorder.insert_events([event])
            assert recorder.select_events(originator) == [event]


async def _prepare(admin: str) -> None:
    await prepare_server(admin, PASSWORDS, LOGINS)
    await migrate(login_dsn(admin, MIGRATOR, PASSWORDS[MIGRATOR]), LOGINS)


async def _prepare_read_database(admin: str) -> None:
    await read_migrations.provision(
        admin, "cases", login_password=PASSWORDS["tenet_cases"], migrator_password=PASSWORDS[MIGRATOR]
    )
    migrator = login_dsn(admin, MIGRATOR, PASSWORDS[MIGRATOR], read_migrations.database_of("cases"))
    await read_migrations.migrate(migrator, "cases")
