"""Follows the provider's ledger, so that every call is judged by what stands there now.

The state lives in memory: a process reads it once at its start and then every new entry. Before a call is refused the
ledger is asked once more; if it cannot be asked for too long, nobody is let in.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, Self

import structlog

from contracts.errors import TenetError
from contracts.events.base import Recorded
from contracts.ids import PROVIDER, TenantId
from infra.auth.directory_state import DirectoryState
from infra.auth.errors import DirectoryStale

READ_BATCH = 1_000
WAIT_SECONDS = 5.0
RETRY_SECONDS = 1.0
MAX_STALE_SECONDS = 60.0
"""How long calls are judged by what was last read while the ledger cannot be read: a revocation is no later."""

log = structlog.get_logger()


class ProviderFeed(Protocol):
    """What the directory needs of `infra.event_store.feed.Feed`."""

    async def read(self, tenant_id: TenantId, from_position: int, limit: int) -> Sequence[Recorded[Any]]:
        """Entries from a position on, in order; none when there is nothing yet."""

    async def wait_beyond(self, tenant_id: TenantId, position: int, timeout: float) -> Any:
        """Returns when the ledger may hold more than `position`, or after `timeout` seconds."""


class Directory:
    """`async with Directory(feed) as directory` reads up to the head, then follows until the block ends."""

    def __init__(self, feed: ProviderFeed) -> None:
        self._feed = feed
        self._state = DirectoryState()
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._follower: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._catch_up()
        self._follower = asyncio.create_task(self._follow(), name="directory")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.wait([self._follower])

    @property
    def state(self) -> DirectoryState:
        """What stands in the provider's ledger. Raises DirectoryStale when that is not known well enough."""
        if self._now() - self._read_at > MAX_STALE_SECONDS:
            raise DirectoryStale("The provider's ledger cannot be followed right now; nobody is let in meanwhile.")
        return self._state

    async def refresh(self) -> None:
        """Reads what was appended before this call. Callers that wait at the same time share one reading."""
        asked_at = self._now()
        async with self._lock:
            if self._read_at < asked_at:
                try:
                    await self._read_to_head()
                except TenetError as error:
                    log.warning("directory_not_refreshed", reason=error.reason)

    async def _catch_up(self) -> None:
        async with self._lock:
            await self._read_to_head()

    async def _read_to_head(self) -> None:
        started = self._now()
        while True:
            batch = await self._feed.read(PROVIDER, self._state.next_position, READ_BATCH)
            for recorded in batch:
                self._state.apply(recorded)
            if len(batch) < READ_BATCH:
                break
        self._read_at = started

    async def _follow(self) -> None:
        """Never ends by itself: what goes wrong is logged and tried again, and staleness closes the gate meanwhile."""
        while True:
            try:
                await self._feed.wait_beyond(PROVIDER, self._state.next_position - 1, WAIT_SECONDS)
                await self._catch_up()
            except Exception as error:
                # Following must survive whatever the ledger's database does.
                log.warning("directory_not_followed", exc_info=error)
                await asyncio.sleep(RETRY_SECONDS)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
