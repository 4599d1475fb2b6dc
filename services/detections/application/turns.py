"""Turns of the analysis thread, given to the waiting tenant that took least lately.

So tenants that ask for as much as each other alternate, and however much one sends, another that sends little waits for
the turn that is under way and no more. A turn is short: see ANALYSIS_TURN_RECORDS and ANALYSIS_TURN_SECONDS.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from prometheus_client import Gauge

from contracts.ids import TenantId
from services.detections.application.shares import Shares

T = TypeVar("T")

WAITING = Gauge("tenet_analysis_waiting", "Turns of the analysis thread that are waited for, over all tenants.")


class FairTurns:
    """One turn at a time, charged to the tenant's share. Used from one event loop."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._thread = ThreadPoolExecutor(1, "analysis")
        self._waiting: dict[TenantId, deque[asyncio.Future[None]]] = {}
        self._busy = False

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def take(self, tenant_id: TenantId, work: Callable[[], T]) -> T:
        """Runs `work` in the thread when it is the tenant's turn. Raises what it raises."""
        await self._wait(tenant_id)
        spent: list[float] = []
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, _timed, work, spent)
        finally:
            self._shares.charge(tenant_id, sum(spent))
            self._pass_on()

    async def _wait(self, tenant_id: TenantId) -> None:
        if not self._busy:
            self._busy = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant_id, deque()).append(turn)
        WAITING.inc()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The turn came in the same moment as the cancellation; somebody else must get it.
                self._pass_on()
            raise
        finally:
            WAITING.dec()

    def _pass_on(self) -> None:
        """Wakes the first waiting turn of the tenant that took least."""
        while self._waiting:
            tenant_id = min(self._waiting, key=self._shares.took)
            turns = self._waiting[tenant_id]
            turn = turns.popleft()
            if not turns:
                del self._waiting[tenant_id]
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False


def _timed(work: Callable[[], T], spent: list[float]) -> T:
    """Notes the thread's processor time: on a busy machine every turn lasts long, whatever is done in it."""
    began = time.thread_time()
    try:
        return work()
    finally:
        spent.append(time.thread_time() - began)
