"""Ledgers as the read database's runners see them: `infra.read_database.sources.LedgerFeed` and `Tenants`."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from contracts.errors import TenantUnknown
from contracts.ids import TenantId
from infra.event_store.feed import Feed
from infra.event_store.mapper import Mapper
from infra.event_store.placements import Placements
from infra.read_database.sources import FeedEntry


class FollowedLedgers:
    """Entries whose events are decoded only when a runner cares for their topic."""

    def __init__(self, feed: Feed, placements: Placements, mapper: Mapper) -> None:
        self._feed = feed
        self._placements = placements
        self._mapper = mapper

    async def heads(self, tenant_ids: Sequence[TenantId]) -> Mapping[TenantId, int]:
        """The next position of each tenant's ledger; a tenant without a ledger is left out. Raises StoreUnavailable."""
        try:
            return await self._feed.heads(tenant_ids)
        except TenantUnknown:
            # The register is asked only when one is missing: the heads are asked for after every append.
            there = set(await self._placements.tenants())
            return await self._feed.heads([tenant_id for tenant_id in tenant_ids if tenant_id in there])

    async def entries(self, tenant_id: TenantId, from_position: int, limit: int) -> Sequence[FeedEntry]:
        """At most `limit` entries from a position on. Raises TenantUnknown, StoreUnavailable."""
        stored = await self._feed.read_entries(tenant_id, from_position, limit)
        return [
            FeedEntry(each.position, each.topic, each.leaf_hash, partial(self._mapper.decode, each)) for each in stored
        ]

    async def wait_for_news(self, known: Mapping[TenantId, int], timeout: float) -> Collection[TenantId]:
        """The tenants whose ledgers reach beyond the known next position; none after `timeout` seconds."""
        return await self._feed.wait_any({tenant_id: head - 1 for tenant_id, head in known.items()}, timeout)


class PlacedTenants:
    """Every tenant that has a ledger, including one that was created a moment ago."""

    def __init__(self, placements: Placements) -> None:
        self._placements = placements

    async def list(self) -> Sequence[TenantId]:
        return await self._placements.tenants()
