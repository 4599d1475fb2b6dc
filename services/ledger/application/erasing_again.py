"""Carries erasures out again that the restored backup of a key store has undone.

The ledger remembers every erasure, a key store only those up to its backup. A key that is older than its subject's
erasure, or a field that is not marked as erased, has come back: it is destroyed anew, which is logged and recorded.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from prometheus_client import Counter

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import TenetError
from contracts.events.base import Recorded
from contracts.events.ledger import ErasureCarriedOut, FieldErased, SubjectErased
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.event_store.mapper import Mapper
from infra.event_store.reads import GroupedReads
from infra.keys import KeyStore, field_mark
from services.ledger.application.custody import Erasing, custody_stream, field_at, younger_key
from services.ledger.config import COMPARE_ERASURES_SECONDS

_RPC = "timer:carry_out_erasure_again"
AGAIN = Counter("tenet_erasures_again_total", "Erasures that were carried out again, since their keys had come back.")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ErasingAgain:
    """Any number of processes may compare at the same time: every step may be repeated, and is recorded once."""

    erasing: Erasing
    reads: GroupedReads
    mapper: Mapper
    keys: KeyStore
    tenants: Callable[[], Awaitable[list[TenantId]]]
    clock: Callable[[], datetime]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["ErasingAgain"]:
        """Compares at once and then each interval, until the block ends."""
        task = asyncio.create_task(self._run(), name="erasing again")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.compare()
            except TenetError as error:
                log.error("erasures.not_compared", reason=error.reason, detail=error.message)  # noqa: TRY400  # The reason says it all.
            await asyncio.sleep(COMPARE_ERASURES_SECONDS)

    async def compare(self) -> int:
        """Looks at the erasures of all tenants; how many were carried out again. Raises StoreUnavailable."""
        again = 0
        for tenant_id in await self.tenants():
            try:
                again += await self.compare_tenant(tenant_id)
            except TenetError as error:
                # The others' erasures do not wait for this ledger, which may be closed.
                log.error("erasures.not_compared", tenant=tenant_id, reason=error.reason, detail=error.message)  # noqa: TRY400  # As above.
        return again

    async def compare_tenant(self, tenant_id: TenantId) -> int:
        """How many of the tenant's erasures were carried out again. Raises what the stores and the append raise."""
        decided, times = await self._erasures(tenant_id)
        again = 0
        for recorded in decided:
            erasure_id = recorded.event.erasure_id
            # Where it is not on record as carried out, the policy is still at it.
            if times.get(erasure_id) and await self._has_come_back(recorded):
                log.critical("erasures.undone", tenant=tenant_id, erasure=erasure_id, subject=recorded.event.subject)
                await self.erasing.carry_out(self._call(recorded, times[erasure_id]), recorded, times[erasure_id])
                AGAIN.inc()
                again += 1
        return again

    async def _erasures(self, tenant_id: TenantId) -> tuple[list[Recorded[Any]], dict[str, int]]:
        """What was erased, in order, and how often each was carried out."""
        decided: list[Recorded[Any]] = []
        times: dict[str, int] = {}
        version = 0
        while entries := await self.reads.read_stream(tenant_id, custody_stream(tenant_id), version):
            for recorded in self.mapper.decode_all(entries):
                version = recorded.envelope.version
                if isinstance(recorded.event, SubjectErased | FieldErased):
                    decided.append(recorded)
                elif isinstance(recorded.event, ErasureCarriedOut):
                    times[recorded.event.erasure_id] = times.get(recorded.event.erasure_id, 0) + 1
        return decided, times

    async def _has_come_back(self, recorded: Recorded[Any]) -> bool:
        event, tenant_id = recorded.event, recorded.tenant_id
        if isinstance(event, SubjectErased):
            there = await self.keys.present_key(tenant_id, event.subject) is not None
            return there and not await younger_key(self.keys, recorded)
        sealed = await field_at(self.erasing.feed, tenant_id, event.position, event.path)
        if sealed is None or await self.keys.present_key(tenant_id, event.subject) is None:
            return False
        return field_mark(sealed.event_id, sealed.path) not in await self.keys.erased_fields(tenant_id, event.subject)

    def _call(self, recorded: Recorded[Any], times: int) -> Call:
        """The request of one further time."""
        return Call(
            recorded.tenant_id,
            Actor(_RPC, AuthenticatedBy.SERVICE, PROVIDER),
            _RPC,
            derive_id("request", _RPC, recorded.tenant_id, recorded.event.erasure_id, times),
            self.clock(),
            roles=frozenset({Role.SERVICE}),
            correlation_id=recorded.envelope.correlation_id,
            causation=recorded.position,
        )
