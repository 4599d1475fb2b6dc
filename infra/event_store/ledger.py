"""Everything that one process needs of the ledger, opened and closed together."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, Self

from infra.event_store.cells import Cell, CellPools
from infra.event_store.feed import Feed
from infra.event_store.following import FollowedLedgers, PlacedTenants
from infra.event_store.handler import CommandHandler
from infra.event_store.limits import FEED_MAX_CONNECTIONS, POOL_MAX_CONNECTIONS
from infra.event_store.mapper import Mapper
from infra.event_store.openings import Openings
from infra.event_store.placements import CellPlacements, Placements
from infra.event_store.reads import GroupedReads
from infra.event_store.recorder import Recorder
from infra.event_store.repository import Repository
from infra.event_store.request_digests import RequestDigests
from infra.event_store.rows import StoredRows
from infra.event_store.snapshots import Snapshots
from infra.keys import KeyStore


class LedgerSettings(Protocol):
    """Connection strings by cell, as `infra.runtime.settings.Settings` has them."""

    @property
    def cells(self) -> Mapping[str, str]:
        """The ledger servers, as this service's login."""
        ...

    @property
    def feed_cells(self) -> Mapping[str, str]:
        """The same servers as the login that only reads entries; empty: the service's login reads them too."""
        ...


def system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Ledger:
    placements: Placements
    mapper: Mapper
    recorder: Recorder
    reads: GroupedReads
    repository: Repository
    feed: Feed
    openings: Openings
    rows: StoredRows
    handler: CommandHandler
    followed: FollowedLedgers
    """For `infra.read_database`'s runners, with `tenants`."""
    tenants: PlacedTenants

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: LedgerSettings,
        keys: KeyStore,
        *,
        clock: Callable[[], datetime] = system_clock,
        snapshots: Snapshots | None = None,
        max_connections: int = POOL_MAX_CONNECTIONS,
    ) -> AsyncIterator[Self]:
        """Opens the ledger over its servers. Raises StoreUnavailable, and SchemaOutOfRange for one not migrated."""
        async with AsyncExitStack() as stack:
            pools = await stack.enter_async_context(CellPools.open(_cells(settings.cells), max_connections))
            feed_pools = pools
            if settings.feed_cells:
                feed_pools = await stack.enter_async_context(
                    CellPools.open(_cells(settings.feed_cells), FEED_MAX_CONNECTIONS)
                )
            placements = CellPlacements(pools)
            mapper = Mapper(keys)
            feed = Feed(feed_pools, placements, mapper, as_tenant=feed_pools is pools)
            stack.push_async_callback(feed.close)
            reads = GroupedReads(feed_pools, placements, as_tenant=feed_pools is pools)
            stack.push_async_callback(reads.close)
            recorder = Recorder(pools, placements, clock)
            stack.push_async_callback(recorder.close)
            repository = Repository(reads, mapper, snapshots)
            yield cls(
                placements,
                mapper,
                recorder,
                reads,
                repository,
                feed,
                Openings(pools, placements, keys),
                StoredRows(pools, placements),
                CommandHandler(reads, repository, recorder, mapper, feed, RequestDigests(keys)),
                FollowedLedgers(feed, placements, mapper),
                PlacedTenants(placements),
            )


def _cells(dsns: Mapping[str, str]) -> list[Cell]:
    return [Cell(name, dsn) for name, dsn in dsns.items()]
