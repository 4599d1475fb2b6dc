"""Telemetry is a sign of life: whoever sends records is not silent, whether or not it sends heartbeats besides."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.detections import TelemetryReceived
from infra.read_database.policies import Origin, Policy
from services.assets.application.assets import Assets
from services.assets.domain.commands import RecordHeartbeat


class RecordHeartbeatWhenTelemetryReceived(Policy):
    ID = "record_heartbeat_when_telemetry_received"
    TOPICS = frozenset({TelemetryReceived})

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        """The sensor was heard when the batch was recorded, not when its records say that they were made."""
        call = origin.call()
        command = RecordHeartbeat(
            tenant_id=call.tenant_id, request_id=call.request_id, sensor_id=recorded.event.sensor_id
        )
        await self._assets.record_heartbeat(call, command, recorded.recorded_at)
