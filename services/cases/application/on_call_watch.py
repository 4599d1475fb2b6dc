"""Looks from time to time whether somebody is on call everywhere, and says loudly where nobody is."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog
from prometheus_client import Gauge

from contracts.ids import TenantId
from infra.read_database.verdicts import reason_of

LOOK_SECONDS = 30.0
UNCOVERED = Gauge("tenet_on_call_uncovered_tenants", "Active tenants for whom nobody is on call now.", ("reason",))
UNANSWERED = Gauge("tenet_pages_unanswered", "Pages that everybody was called for and nobody took up.")

log = structlog.get_logger()


class Looks(Protocol):
    async def uncovered(self, tenants: Sequence[TenantId]) -> Mapping[TenantId, str]:
        """Why, for each of the tenants for whom nobody is on call."""
        ...

    async def unanswered(self, tenants: Sequence[TenantId]) -> int: ...


class OnCallWatch:
    """`run` until cancelled. Every process looks for itself: an alarm that is told twice is better than none."""

    def __init__(
        self,
        looks: Looks,
        served: Callable[[], Sequence[TenantId]],
        followed: Callable[[], Awaitable[Sequence[TenantId]]],
    ) -> None:
        """`served` are the tenants that somebody has to be on call for, `followed` those whose pages can be read."""
        self._looks, self._served, self._followed = looks, served, followed
        self._told: dict[TenantId, str] = {}

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001  # A watch that ended at a surprise would be missed by nobody.
                log.warning("on_call_not_looked_at", reason=reason_of(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Once now: sets the figures, and logs what was not so at the look before."""
        found = await self._looks.uncovered(self._served())
        counts = Counter(found.values())
        for reason in {*self._told.values(), *counts}:
            UNCOVERED.labels(reason).set(counts[reason])
        for tenant_id, reason in found.items():
            if self._told.get(tenant_id) != reason:
                log.error("nobody_on_call", tenant=tenant_id, reason=reason)
        for tenant_id in self._told.keys() - found.keys():
            log.info("somebody_on_call_again", tenant=tenant_id)
        self._told = dict(found)
        UNANSWERED.set(await self._looks.unanswered(await self._followed()))
