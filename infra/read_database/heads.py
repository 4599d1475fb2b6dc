"""How far the ledgers reach, for one runner: asked for once, then kept up by the feed's shared poll."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from contracts.ids import TenantId
from infra.read_database.sources import LedgerFeed, Tenants
from infra.read_database.turns import GATHERING_SECONDS, LATER_SECONDS

DISCOVER_SECONDS = 1.0
"""How often the list of tenants is asked for: how long a new tenant may wait for its first projection."""


class Heads:
    """`known` is the next position of every tenant that has a ledger."""

    def __init__(self, feed: LedgerFeed, tenants: Tenants) -> None:
        self._feed = feed
        self._tenants = tenants
        self._known: dict[TenantId, int] = {}
        self._discovered = float("-inf")

    @property
    def known(self) -> Mapping[TenantId, int]:
        return self._known

    async def refresh(self) -> None:
        """Asks for everything anew."""
        self._known = dict(await self._feed.heads(await self._tenants.list()))
        self._discovered = asyncio.get_running_loop().time()

    async def discover(self) -> None:
        """Takes in tenants that have come and lets go of those that are gone, every DISCOVER_SECONDS."""
        now = asyncio.get_running_loop().time()
        if now - self._discovered < DISCOVER_SECONDS:
            return
        listed = await self._tenants.list()
        for gone in self._known.keys() - set(listed):
            del self._known[gone]
        if new := [tenant_id for tenant_id in listed if tenant_id not in self._known]:
            self._known.update(await self._feed.heads(new))
        self._discovered = now

    async def wait(self, timeout: float, rest: Callable[[float], Awaitable[None]] | None = None) -> None:
        """Waits for a ledger to grow, at most `timeout` seconds, and takes in how far it reaches.

        `rest` is how the runner sleeps between the first news and its round, so that one round serves many appends.
        """
        moved = list(await self._feed.wait_for_news(self._known, timeout))
        if not moved:
            return
        if rest is not None:
            await rest(GATHERING_SECONDS)
            moved = list(await self._feed.wait_for_news(self._known, 0))
        heads = await self._feed.heads(moved)
        if all(heads.get(tenant_id) == self._known.get(tenant_id) for tenant_id in moved):
            # The news were none: a ledger was restored to before what this process had seen. Do not spin on it.
            await asyncio.sleep(min(timeout, LATER_SECONDS))
        for tenant_id in moved:
            self._known.pop(tenant_id, None)
        self._known.update(heads)
