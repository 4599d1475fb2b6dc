"""The parts that all services share, opened in their order and closed in the opposite one."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from contracts.errors import FailedPrecondition
from contracts.ids import PROVIDER, TenantId
from infra.auth.access_log import AccessLog
from infra.auth.authority import Authority
from infra.auth.directory import Directory
from infra.auth.jwks import HttpKeySource, IssuerKeys
from infra.auth.tokens import TokenVerifier
from infra.disclosure.opener import Opener
from infra.event_store.ledger import Ledger
from infra.event_store.snapshots import Snapshots
from infra.keys import KeyStore, LocalKeyStore
from infra.object_store import DirectoryStore, ObjectStore
from infra.read_database.database import ReadDatabase
from infra.runtime.settings import Settings

Clock = Callable[[], datetime]


class NotConfigured(FailedPrecondition):
    """A variable that the supervisor sets for each service is missing."""

    reason = "NOT_CONFIGURED"


def system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Foundation:
    """Everything is ready to use between `open` and its end."""

    service: str
    settings: Settings
    clock: Clock
    keys: KeyStore
    objects: ObjectStore
    ledger: Ledger
    database: ReadDatabase
    directory: Directory
    access_log: AccessLog
    authority: Authority
    opener: Opener

    @classmethod
    @asynccontextmanager
    async def open(cls, service: str, settings: Settings, *, clock: Clock = system_clock) -> AsyncIterator[Self]:
        """Raises NotConfigured, StoreUnavailable, SchemaOutOfRange, KeysInsecure; TenantUnknown before a migration."""
        if settings.read_database_url is None:
            raise NotConfigured("TENET_READ_DATABASE_URL is not set; `./tenet up` starts services with all they need.")
        async with AsyncExitStack() as stack:
            keys = await LocalKeyStore.open(settings.keys_dir)
            objects = await DirectoryStore.open(settings.objects_dir, keys)
            database = await stack.enter_async_context(ReadDatabase.open(settings.read_database_url, service))
            ledger = await stack.enter_async_context(
                Ledger.open(settings, keys, clock=clock, snapshots=Snapshots(database))
            )
            directory = await stack.enter_async_context(Directory(ledger.feed))
            access_log = await stack.enter_async_context(AccessLog.open(database, clock))
            tokens = TokenVerifier(directory, IssuerKeys(HttpKeySource(), time.monotonic), time.time)
            search_key = await keys.search_key(PROVIDER)

            def ancestors(tenant_id: TenantId) -> tuple[TenantId, ...]:
                return directory.state.ancestors(tenant_id)

            yield cls(
                service=service,
                settings=settings,
                clock=clock,
                keys=keys,
                objects=objects,
                ledger=ledger,
                database=database,
                directory=directory,
                access_log=access_log,
                authority=Authority(directory, tokens, access_log, search_key, clock),
                opener=Opener(ledger.openings, access_log, ancestors),
            )
