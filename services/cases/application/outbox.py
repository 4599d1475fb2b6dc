"""Carries out what is on record as intended: several at once, each alone among all replicas, tenants in fair turns.

A receiver can take its time, and a policy's turn must not wait for it. The ledger is the outbox's memory: a sweep over
the read model finds whatever was not finished, after a crash as well. A tenant whose receivers hang occupies its own
few places and nobody else's.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from contracts.errors import TenetError
from contracts.ids import TenantId
from infra.read_database.database import ReadDatabase
from infra.read_database.locks import Locks
from infra.read_database.sources import Tenants
from infra.read_database.verdicts import reason_of

MAX_UNDER_WAY = 32
"""Intents that one process carries out at the same time."""
MAX_UNDER_WAY_OF_ONE_TENANT = 4
SWEEP_SECONDS = 2.0
SWEEP_PAGE = 200
CARRY_OUT_SECONDS = 120.0
"""After this time an intent is let go and found again by the next sweep."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Intent:
    """Something recorded that is to be carried out, by its identifier."""

    tenant_id: TenantId
    id: str
    trace_parent: str = ""
    correlation_id: str = ""


CarryOut = Callable[[Intent], Awaitable[None]]
Unfinished = Callable[[Sequence[TenantId], int], Awaitable[Sequence[Intent]]]
"""Of these tenants, the oldest intents that are not finished, at most as many as the number says."""


class TakesIntents(Protocol):
    async def take(self, intent: Intent) -> None: ...


class Outbox:
    """`run` until cancelled. What is taken while there is no place for it is left to the sweep."""

    def __init__(
        self, name: str, carry_out: CarryOut, unfinished: Unfinished, database: ReadDatabase, tenants: Tenants
    ) -> None:
        self._name, self._carry_out, self._unfinished = name, carry_out, unfinished
        self._database, self._tenants = database, tenants
        self._under_way: dict[Intent, asyncio.Task[None]] = {}
        self._known: set[tuple[TenantId, str]] = set()
        self._locks: Locks | None = None

    async def take(self, intent: Intent) -> None:
        """Begins to carry an intent out, unless it is under way already or there is no place."""
        self._begin(intent)

    async def run(self) -> None:
        while True:
            try:
                async with Locks.open(self._database) as locks:
                    await self._work(locks)
            except Exception as error:  # noqa: BLE001  # Nothing may end the carrying out but its owner.
                log.warning("outbox_interrupted", outbox=self._name, reason=reason_of(error))
            await asyncio.sleep(SWEEP_SECONDS)

    async def _work(self, locks: Locks) -> None:
        """Until a failure of the locks' connection: without them, whatever is under way has to stop."""
        self._locks = locks
        try:
            while True:
                await locks.check()
                try:
                    await self.sweep()
                except TenetError as error:
                    log.warning("outbox_sweep_failed", outbox=self._name, reason=error.reason)
                await asyncio.sleep(SWEEP_SECONDS)
        finally:
            self._locks = None
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def sweep(self) -> None:
        """Takes what is unfinished, the oldest first; a tenant without a free place is passed over."""
        while len(self._under_way) < MAX_UNDER_WAY:
            occupied = self._occupied()
            tenants = [
                tenant_id
                for tenant_id in await self._tenants.list()
                if occupied[tenant_id] < MAX_UNDER_WAY_OF_ONE_TENANT
            ]
            found = await self._unfinished(tenants, SWEEP_PAGE) if tenants else ()
            begun = [self._begin(intent) for intent in found]
            if not any(begun):
                return

    def _occupied(self) -> Counter[TenantId]:
        return Counter(intent.tenant_id for intent in self._under_way)

    def _begin(self, intent: Intent) -> bool:
        locks = self._locks
        if locks is None or (intent.tenant_id, intent.id) in self._known or len(self._under_way) >= MAX_UNDER_WAY:
            return False
        if self._occupied()[intent.tenant_id] >= MAX_UNDER_WAY_OF_ONE_TENANT:
            return False
        task = asyncio.create_task(self._guarded(locks, intent), name=f"{self._name} {intent.id}")
        self._under_way[intent] = task
        self._known.add((intent.tenant_id, intent.id))
        task.add_done_callback(lambda done: self._end(intent, done))
        return True

    def _end(self, intent: Intent, done: asyncio.Task[None]) -> None:
        self._under_way.pop(intent, None)
        self._known.discard((intent.tenant_id, intent.id))
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("intent_failed_unexpectedly", outbox=self._name, id=intent.id, error=type(error).__name__)

    async def _guarded(self, locks: Locks, intent: Intent) -> None:
        """Carries one intent out, alone among all replicas. A failure is left to the next sweep."""
        name = f"{self._name}/{intent.tenant_id}/{intent.id}"
        try:
            if not await locks.take(name):
                return
            try:
                async with asyncio.timeout(CARRY_OUT_SECONDS):
                    await self._carry_out(intent)
            finally:
                await locks.give_back(name)
        except TimeoutError:
            log.warning("intent_took_too_long", outbox=self._name, tenant=intent.tenant_id, id=intent.id)
        except TenetError as error:
            log.warning("intent_not_carried_out", outbox=self._name, tenant=intent.tenant_id, reason=error.reason)
