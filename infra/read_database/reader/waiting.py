"""Waiting for a read model: woken by this process's runner, and by looking again, for a replica may do the work."""

import asyncio

from contracts.ids import TenantId

MAX_POLL_SECONDS = 0.25
"""Longest pause between two looks at the tracking rows while somebody waits."""
FIRST_POLL_SECONDS = 0.02


class Applied:
    """Tells waiters in this process that something was applied to a tenant's views, and the runner that some wait."""

    def __init__(self) -> None:
        self._waiters: dict[TenantId, set[asyncio.Future[None]]] = {}
        self._wanted = asyncio.Event()

    async def rest(self, seconds: float) -> None:
        """Sleeps for `seconds`, or until somebody waits; not at all when somebody does already."""
        if self._waiters:
            return
        self._wanted.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            return

    def notify(self, tenant_id: TenantId) -> None:
        for waiter in self._waiters.pop(tenant_id, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, tenant_id: TenantId, timeout: float) -> None:
        """Returns at the next notification, or when `timeout` seconds have passed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(tenant_id, set()).add(waiter)
        self._wanted.set()
        try:
            await asyncio.wait((waiter,), timeout=timeout)
        finally:
            waiter.cancel()
            waiters = self._waiters.get(tenant_id)
            if waiters is not None:
                waiters.discard(waiter)
                if not waiters:
                    del self._waiters[tenant_id]
