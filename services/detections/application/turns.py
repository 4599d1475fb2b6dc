"""Turns of the analysis thread, given to the tenants that wait in rotation.

However much one tenant sends, another waits for at most one turn of each tenant that has work. A turn is short: see
ANALYSIS_TURN_RECORDS and ANALYSIS_TURN_SECONDS.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from prometheus_client import Gauge

from contracts.ids import TenantId

T = TypeVar("T")

WAITING = Gauge("tenet_analysis_waiting", "Turns of the analysis thread that are waited for, over all tenants.")


class FairTurns:
    """One turn at a time. Used from one event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "analysis")
        self._waiting: OrderedDict[TenantId, deque[asyncio.Future[None]]] = OrderedDict()
        self._busy = False

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def take(self, tenant_id: TenantId, work: Callable[[], T]) -> T:
        """Runs `work` in the thread when it is the tenant's turn. Raises what it raises."""
        await self._wait(tenant_id)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
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
        """Wakes the first waiting turn of the tenant that had its last one longest ago."""
        while self._waiting:
            tenant_id, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[tenant_id] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False
