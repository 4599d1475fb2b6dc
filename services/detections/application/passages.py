"""The way of a batch through the intake, on which greedy tenants stand aside for the others.

Turns of the analysis thread alone do not keep a flood from slowing others: a batch is also stored, looked up, appended
and remembered, and what that costs on the event loop and the database server is nobody's turn. So the batches of a
tenant that took several times as much as another come in a few at a time and a moment later than they could, so that
what arrives together with them is ahead of them, and between two steps they wait while a batch of the other is under
way. They do not wait for ever: where others are never done, such a batch is late by STAND_ASIDE_SECONDS. A tenant that
is alone never waits.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from prometheus_client import Counter as Metric

from contracts.ids import TenantId
from services.detections.application.shares import Shares
from services.detections.application.turns import FairTurns
from services.detections.config import (
    GREEDY_BATCHES_AT_ONCE,
    GREEDY_PAUSE_SECONDS,
    SHARE_OF_A_BATCH_SECONDS,
    STAND_ASIDE_SECONDS,
)

T = TypeVar("T")

STOOD_ASIDE = Metric("tenet_intake_stood_aside_seconds", "Seconds that batches waited for those of smaller tenants.")


class Passages:
    """All batches that are under way in this process. Used from one event loop."""

    def __init__(self, shares: Shares | None = None) -> None:
        self._shares = shares or Shares()
        self._turns = FairTurns(self._shares)
        self._inside: Counter[TenantId] = Counter()
        self._left = asyncio.Event()

    def close(self) -> None:
        self._turns.close()

    @asynccontextmanager
    async def passage(self, tenant_id: TenantId) -> AsyncIterator["Passage"]:
        """One batch's passage, which begins when its tenant may have one more under way."""
        while self._inside[tenant_id] >= GREEDY_BATCHES_AT_ONCE and self._is_greedy(tenant_id):
            await self._left.wait()
        self._inside[tenant_id] += 1
        self._shares.charge(tenant_id, SHARE_OF_A_BATCH_SECONDS)
        try:
            if self._is_greedy(tenant_id):
                await asyncio.sleep(GREEDY_PAUSE_SECONDS)
            yield Passage(self, tenant_id)
        finally:
            self._inside[tenant_id] -= 1
            if not self._inside[tenant_id]:
                del self._inside[tenant_id]
            left, self._left = self._left, asyncio.Event()
            left.set()

    def _is_greedy(self, tenant_id: TenantId) -> bool:
        return self._shares.is_greedy(tenant_id, self._shares.lately())

    async def stand_aside(self, tenant_id: TenantId, most: float) -> float:
        """Waits while a batch of a tenant is under way beside which this one is greedy; the seconds that it waited.

        `most` is about how many seconds it waits at the longest.
        """
        began = time.perf_counter()
        waited = 0.0
        while waited < most and self._shares.is_greedy(tenant_id, self._inside):
            left = self._left
            try:
                async with asyncio.timeout(most - waited):
                    await left.wait()
            except TimeoutError:
                pass
            waited = time.perf_counter() - began
        STOOD_ASIDE.inc(waited)
        return waited

    async def turn(self, tenant_id: TenantId, work: Callable[[], T]) -> T:
        return await self._turns.take(tenant_id, work)


class Passage:
    """One batch under way."""

    def __init__(self, passages: Passages, tenant_id: TenantId) -> None:
        self._passages, self._tenant_id = passages, tenant_id
        self._patience = STAND_ASIDE_SECONDS

    async def stand_aside(self) -> None:
        """To be called before each step. All waiting of one batch together has the limit."""
        self._patience -= await self._passages.stand_aside(self._tenant_id, self._patience)

    async def turn(self, work: Callable[[], T]) -> T:
        """Runs `work` in the analysis thread. Raises what it raises."""
        await self.stand_aside()
        return await self._passages.turn(self._tenant_id, work)
