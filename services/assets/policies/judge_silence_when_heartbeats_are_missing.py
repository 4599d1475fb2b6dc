"""One sweep over all tenants' sensors: starts the silence of those that missed their signs of life, ends it when heard.

There is no sleeping task per sensor. Several replicas may sweep at once: the request id follows from the sensor and its
last sign of life, so one silence is recorded once. Nothing is missed while no process runs; the next sweep finds it.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import structlog

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import TenetError
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.read_database.policies import Clock
from infra.read_database.sources import Tenants
from infra.telemetry import current_traceparent, span
from services.assets.application.assets import Assets
from services.assets.config import SWEEP_SECONDS
from services.assets.domain.commands import EndSensorSilence, StartSensorSilence

ACTOR = Actor("timer:sensor_silence", AuthenticatedBy.SERVICE, PROVIDER)

log = structlog.get_logger()


class SuspectSensor(Protocol):
    @property
    def tenant_id(self) -> TenantId: ...
    @property
    def sensor_id(self) -> str: ...
    @property
    def silent(self) -> bool: ...
    @property
    def last_heard_at(self) -> datetime | None: ...


class Suspects(Protocol):
    """Finds the sensors whose silence seems to have begun or ended."""

    async def suspects(self, tenant_ids: Sequence[TenantId], now: datetime) -> Sequence[SuspectSensor]: ...


class SilenceSweep:
    """`run` until cancelled, or `sweep` once."""

    def __init__(self, assets: Assets, suspects: Suspects, tenants: Tenants, clock: Clock) -> None:
        self._assets = assets
        self._suspects = suspects
        self._tenants = tenants
        self._clock = clock

    async def run(self) -> None:
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """How many sensors were judged, over all tenants by one query.

        What cannot be had now, of one tenant or of all, is left for the next sweep.
        """
        try:
            tenants = [tenant_id for tenant_id in await self._tenants.list() if tenant_id != PROVIDER]
            suspects = await self._suspects.suspects(tenants, self._clock())
        except TenetError as error:
            log.warning("sensors could not be looked over", reason=error.reason)
            return 0
        for suspect in suspects:
            try:
                await self._judge(suspect.tenant_id, suspect)
            except TenetError as error:
                log.warning("a sensor could not be judged", tenant=suspect.tenant_id, reason=error.reason)
        return len(suspects)

    async def _judge(self, tenant_id: TenantId, suspect: SuspectSensor) -> None:
        heard_at = suspect.last_heard_at
        with span("judge sensor silence", tenant=tenant_id):
            if not suspect.silent:
                call = self._call(tenant_id, "start", suspect.sensor_id, heard_at)
                await self._assets.start_sensor_silence(
                    call,
                    StartSensorSilence(
                        tenant_id=tenant_id,
                        request_id=call.request_id,
                        sensor_id=suspect.sensor_id,
                        last_heard_at=heard_at,
                    ),
                )
            elif heard_at is not None:
                call = self._call(tenant_id, "end", suspect.sensor_id, heard_at)
                await self._assets.end_sensor_silence(
                    call,
                    EndSensorSilence(
                        tenant_id=tenant_id, request_id=call.request_id, sensor_id=suspect.sensor_id, heard_at=heard_at
                    ),
                )

    def _call(self, tenant_id: TenantId, what: str, sensor_id: str, heard_at: datetime | None) -> Call:
        heard = heard_at.isoformat() if heard_at else "never"
        return Call(
            tenant_id=tenant_id,
            actor=ACTOR,
            rpc=ACTOR.id,
            request_id=derive_id("request", "sensor_silence", what, tenant_id, sensor_id, heard),
            now=self._clock(),
            roles=frozenset({Role.SERVICE}),
            trace_parent=current_traceparent() or "",
        )
