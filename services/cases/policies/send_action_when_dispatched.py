"""The intent is on record: now the order goes out, its effect is looked at, and both outcomes are recorded.

A receiver can take its time, and a policy's turn must not wait for it: what else reacts in the same tenant would wait
as well. So the policy hands the action to the outbox, which carries several out at once. The ledger is the outbox's
memory: a sweep over the read model finds whatever was not finished, after a crash as well.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from contracts.errors import TenetError
from contracts.events.base import Recorded
from contracts.events.cases import ActionDispatched
from contracts.ids import TenantId
from infra.read_database.database import ReadDatabase
from infra.read_database.policies import Activation, Origin, Policy
from infra.read_database.reader.conditions import ascending, equal
from infra.read_database.reader.pages import PageRequest
from infra.read_database.reader.queries import Reader
from infra.read_database.sources import Tenants
from services.cases.application.carrying_out import CarryingOut
from services.cases.projections import ACTIONS

MAX_UNDER_WAY = 5
"""Actions that one process carries out at the same time; each holds a connection of the read database."""
SWEEP_SECONDS = 2.0
SWEEP_PAGE = 200
CARRY_OUT_SECONDS = 120.0
"""After this time an action is let go and found again by the next sweep."""

log = structlog.get_logger()


class TakesActions(Protocol):
    async def take(self, tenant_id: TenantId, action_id: str, trace_parent: str, correlation: str) -> None: ...


class SendActionWhenDispatched(Policy):
    ID = "send_action_when_dispatched"
    TOPICS = frozenset({ActionDispatched})
    ACTIVATION = Activation.START

    def __init__(self, outbox: TakesActions) -> None:
        self._outbox = outbox

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: ActionDispatched = recorded.event
        call = origin.call()
        await self._outbox.take(recorded.tenant_id, event.action_id, call.trace_parent, call.correlation_id)


class Outbox:
    """`run` until cancelled. What is taken while all places are occupied is left to the sweep."""

    def __init__(self, carrying_out: CarryingOut, reader: Reader, database: ReadDatabase, tenants: Tenants) -> None:
        self._carrying_out, self._reader = carrying_out, reader
        self._database, self._tenants = database, tenants
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def take(self, tenant_id: TenantId, action_id: str, trace_parent: str = "", correlation: str = "") -> None:
        """Begins to carry an action out, unless it is under way already or there is no place."""
        if action_id in self._under_way or len(self._under_way) >= MAX_UNDER_WAY:
            return
        work = self._guarded(tenant_id, action_id, trace_parent, correlation)
        self._begin(action_id, work)

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(SWEEP_SECONDS)
                try:
                    await self.sweep()
                except TenetError as error:
                    log.warning("outbox_sweep_failed", reason=error.reason)
        finally:
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def sweep(self) -> None:
        """Takes what the read model shows as unfinished, the oldest first."""
        tenants = list(await self._tenants.list())
        page = await ACTIONS.list(
            self._reader, tenants, [equal("unfinished", True)], [ascending("first_position")], PageRequest(SWEEP_PAGE)
        )
        for item in page.items:
            trace = item.document.trace_parent
            await self.take(item.tenant_id, item.key, trace, item.document.correlation_id)

    def _begin(self, action_id: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"carry out {action_id}")
        self._under_way[action_id] = task
        task.add_done_callback(self._end(action_id))

    def _end(self, action_id: str) -> Callable[[asyncio.Task[None]], None]:
        def ended(task: asyncio.Task[None]) -> None:
            self._under_way.pop(action_id, None)
            if not task.cancelled() and task.exception() is not None:
                log.error("action_failed_unexpectedly", action_id=action_id, error=type(task.exception()).__name__)

        return ended

    async def _guarded(self, tenant_id: TenantId, action_id: str, trace_parent: str, correlation: str) -> None:
        """Carries one action out, alone among all replicas. A failure is left to the next sweep."""
        try:
            async with asyncio.timeout(CARRY_OUT_SECONDS), self._database.writing([tenant_id]) as connection:
                cursor = await connection.execute(
                    "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", (f"{tenant_id}/{action_id}",)
                )
                row = await cursor.fetchone()
                if row is not None and row[0]:
                    await self._carrying_out.carry_out(tenant_id, action_id, trace_parent, correlation)
        except TimeoutError:
            log.warning("action_took_too_long", tenant=tenant_id, action_id=action_id)
        except TenetError as error:
            log.warning("action_not_carried_out", tenant=tenant_id, action_id=action_id, reason=error.reason)
